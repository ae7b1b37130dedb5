//! Notifications: webhooks for transitions and conditions, and a heartbeat for a dead man's switch.
//!
//! Each webhook has a [`WebhookWorker`], a thread with a bounded queue, so a dead or slow webhook delays neither the
//! others nor a failover. Transitions are delivered at least once, also across restarts, without a spool: the history
//! has them, and a cursor on disk marks the last one delivered. URLs and tokens are read from a credential for each
//! delivery, and are never kept, logged or shown.
//!
//! - [`Message`]: an entry of the history, formatted for a webhook.
//! - [`WebhookWorker`]: delivers messages to one webhook, with retries.
//! - [`Heartbeat`]: requests the URL of the dead man's switch.
//! - [`send_test`]: delivers one test message.

mod credential;
mod delivery_cursor;
mod format;
mod heartbeat;
mod http_post;
mod message;
mod redact;
mod response_check;
mod routing;
mod webhook_worker;

use crate::config::NotifyConfig;
pub use crate::notify::credential::{Credential, CredentialError, CredentialStore};
pub use crate::notify::heartbeat::Heartbeat;
pub use crate::notify::http_post::DeliveryError;
pub use crate::notify::message::{Message, RateLimiter};
pub use crate::notify::webhook_worker::{DeliveryCallback, DeliveryTiming, WebhookConfig, WebhookWorker};

/// Delivers one test message, at once.
///
/// # Errors
/// Returns the reason why it was not accepted, without any part of the URL.
pub fn send_test(webhook: &NotifyConfig, credentials: &CredentialStore, host: &str) -> Result<(), DeliveryError> {
    let message = Message::new_test(host);
    http_post::deliver_message(webhook, credentials, &message, DeliveryTiming::default().attempt_timeout)
}
