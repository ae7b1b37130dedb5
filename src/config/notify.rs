//! Notification settings: webhooks and the dead man's switch.

use std::path::PathBuf;
use std::time::Duration;

/// Webhook. Its URL and tokens are in a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyConfig {
    /// Name of the credential: its first line is the URL, each further line a header.
    pub credential: String,
    /// Format of the messages.
    pub format: WebhookFormat,
    /// Topics to send.
    pub topics: Vec<NotificationTopic>,
    /// PEM certificates to trust instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// Dead man's switch: a URL requested regularly while the monitor works and this host is ready for a failover. The
/// service behind the URL raises the alarm when the requests stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// Name of the credential with the URL.
    pub credential: String,
    /// Interval between requests.
    pub interval: Duration,
    /// PEM certificates to trust instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// Message format of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// All fields of the event, as one JSON object.
    Json,
    /// <https://docs.ntfy.sh/publish/#publish-as-json>
    Ntfy,
    /// <https://discord.com/developers/docs/resources/webhook#execute-webhook>
    Discord,
    /// <https://core.telegram.org/bots/api#sendmessage>
    Telegram,
    /// <https://api.slack.com/messaging/webhooks>
    Slack,
}

/// Topic of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationTopic {
    /// Promotion of this host.
    Promoted,
    /// Demotion of this host.
    Demoted,
    /// Gateway that does not start or stop as requested.
    Failed,
    /// Neither an upstream nor a witness answers: this host may be offline.
    Isolated,
    /// Condition that would prevent a failover or make it incomplete.
    Degraded,
    /// Unstable upstream: the hold-down was lengthened.
    Flapping,
    /// Local changes of this host's agent that are not pushed yet.
    Unreturned,
    /// Result of a drill.
    Drill,
    /// Hold that ends, lasts too long, or prevents a promotion.
    Hold,
    /// No upstream answers, and none was ever seen healthy.
    NeverSeenHealthy,
}

impl WebhookFormat {
    /// All formats with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("json", Self::Json),
        ("ntfy", Self::Ntfy),
        ("discord", Self::Discord),
        ("telegram", Self::Telegram),
        ("slack", Self::Slack),
    ];

    /// Returns the name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        find_name(&Self::ALL, self)
    }
}

impl NotificationTopic {
    /// All topics with their names.
    pub const ALL: [(&'static str, Self); 10] = [
        ("promoted", Self::Promoted),
        ("demoted", Self::Demoted),
        ("failed", Self::Failed),
        ("isolated", Self::Isolated),
        ("degraded", Self::Degraded),
        ("flapping", Self::Flapping),
        ("unreturned", Self::Unreturned),
        ("drill", Self::Drill),
        ("hold", Self::Hold),
        ("never_seen_healthy", Self::NeverSeenHealthy),
    ];

    /// Returns the name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        find_name(&Self::ALL, self)
    }
}

fn find_name<T: PartialEq>(all: &[(&'static str, T)], wanted: T) -> &'static str {
    all.iter().find(|(_, known)| *known == wanted).map_or("", |(name, _)| name)
}
