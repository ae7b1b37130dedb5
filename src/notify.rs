//! Tells people elsewhere what happens here, by webhooks, and lets a dead man's switch know that all is well.
//!
//! Every webhook has a [`Courier`], a thread of its own with a bounded queue: one that is dead or slow holds up neither
//! the others nor a failover. What is a transition is delivered at least once, across restarts too, without a spool: the
//! history has it already, and a courier remembers how far it has come. URLs and tokens are read from a credential when
//! they are needed, and are never kept, logged or shown.
//!
//! - [`Message`]: an entry of the history that is for people elsewhere, in the words of each format.
//! - [`Courier`]: brings messages to one webhook, again and again if need be.
//! - [`Heartbeat`]: the dead man's switch.
//! - [`test()`]: one message, now.

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

/// Delivers one message that says it is a test, at once.
///
/// # Errors
/// Why it was not taken, without anything of the URL.
pub fn test(webhook: &Notify, vault: &Vault, host: &str) -> Result<(), String> {
    let message = Message::test(host);
    post::deliver(webhook, vault, &message, Pace::default().attempt).map_err(|refused| refused.why)
}
