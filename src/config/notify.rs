//! Notification settings: webhooks and the dead man's switch.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::decode::{ConfigValue, Untyped};
use crate::config::section::{decode_name, section};
use crate::text::json::Value;
use crate::text::named_enum::named_enum;

section! {
    /// Webhook. Its URL and tokens are in a credential.
    pub struct NotifyConfig {
        /// Name of the credential: its first line is the URL, each further line a header.
        pub credential: String = String::new(),
        /// Format of the messages.
        pub format: WebhookFormat = WebhookFormat::default(),
        /// Topics to send.
        pub events: Vec<NotificationTopic>[16] = NotificationTopic::ALL.to_vec(),
        /// PEM certificates to trust instead of the public authorities.
        pub ca_file: Option<PathBuf> = None,
    }
}

section! {
    /// Dead man's switch: a URL requested regularly while the monitor works and this host is ready for a failover. The
    /// service behind the URL raises the alarm when the requests stop.
    pub struct HeartbeatConfig {
        /// Name of the credential with the URL.
        pub credential: String = String::new(),
        /// Interval between requests.
        pub interval: Duration = Duration::from_secs(60),
        /// PEM certificates to trust instead of the public authorities.
        pub ca_file: Option<PathBuf> = None,
    }
}

named_enum! {
    /// Message format of a webhook.
    #[derive(Default)]
    pub enum WebhookFormat {
        /// All fields of the event, as one JSON object.
        #[default]
        Json = "json",
        /// <https://docs.ntfy.sh/publish/#publish-as-json>
        Ntfy = "ntfy",
        /// <https://discord.com/developers/docs/resources/webhook#execute-webhook>
        Discord = "discord",
        /// <https://core.telegram.org/bots/api#sendmessage>
        Telegram = "telegram",
        /// <https://api.slack.com/messaging/webhooks>
        Slack = "slack",
    }
}

named_enum! {
    /// Topic of a notification.
    #[derive(Default)]
    pub enum NotificationTopic {
        /// Promotion of this host.
        #[default]
        Promoted = "promoted",
        /// Demotion of this host.
        Demoted = "demoted",
        /// Gateway that does not start or stop as requested.
        Failed = "failed",
        /// Neither an upstream nor a witness answers: this host may be offline.
        Isolated = "isolated",
        /// Condition that would prevent a failover or make it incomplete.
        Degraded = "degraded",
        /// Unstable upstream: the hold-down was lengthened.
        Flapping = "flapping",
        /// Local changes of this host's agent that are not pushed yet.
        Unpushed = "unpushed",
        /// Result of a drill.
        Drill = "drill",
        /// Hold that ends, lasts too long, or prevents a promotion.
        Hold = "hold",
        /// No upstream answers, and none was ever seen healthy.
        NeverSeenHealthy = "never_seen_healthy",
    }
}

impl ConfigValue for WebhookFormat {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        decode_name(untyped, &Self::ALL.map(Self::name), Self::from_name)
    }

    fn encode(&self) -> Value {
        self.name().into()
    }
}

impl ConfigValue for NotificationTopic {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        decode_name(untyped, &Self::ALL.map(Self::name), Self::from_name)
    }

    fn encode(&self) -> Value {
        self.name().into()
    }
}
