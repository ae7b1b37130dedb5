//! Notifications: webhooks for transitions and conditions, and a heartbeat for a dead man's switch.
//!
//! Each webhook has a [`Courier`], a thread with a bounded queue, so a dead or slow webhook delays neither the others
//! nor a failover. Transitions are delivered at least once, also across restarts, without a spool: the history has
//! them, and a cursor on disk marks the last one delivered. URLs and tokens are read from a credential for each
//! delivery, and are never kept, logged or shown.
//!
//! - [`Message`]: an entry of the history, formatted for a webhook.
//! - [`Courier`]: delivers messages to one webhook, with retries.
//! - [`Heartbeat`]: requests the URL of the dead man's switch.
//! - [`test()`]: delivers one test message.

mod credential;
mod delivery_cursor;
mod format;
mod heartbeat;
mod message;
mod post;
mod receipt;
mod redact;
mod routing;
mod title;
mod webhook_worker;

use crate::config::Notify;
pub use crate::notify::credential::{Credential, Vault};
pub use crate::notify::heartbeat::Heartbeat;
pub use crate::notify::message::{Message, Sieve};
pub use crate::notify::webhook_worker::{Courier, Pace, Told, Way};

/// Delivers one test message, at once.
///
/// # Errors
/// Returns the reason why it was not accepted, without any part of the URL.
pub fn test(webhook: &Notify, vault: &Vault, host: &str) -> Result<(), String> {
    let message = Message::test(host);
    post::deliver(webhook, vault, &message, Pace::default().attempt).map_err(|refused| refused.why)
}
