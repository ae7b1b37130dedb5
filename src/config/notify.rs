//! Who is told what, and how: webhooks, and the dead man's switch.

use std::path::PathBuf;
use std::time::Duration;

/// A webhook that is told what happens. Its URL and tokens are in its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The name of the credential: its first line is the URL, each further line a header.
    pub credential: String,
    /// What it understands.
    pub format: Format,
    /// What it is told.
    pub topics: Vec<Topic>,
    /// PEM certificates to trust instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// A URL that is asked for regularly while the monitor is well and this host could take over. Whoever waits there raises
/// the alarm when nothing comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The name of the credential that holds the URL.
    pub credential: String,
    /// How often.
    pub interval: Duration,
    /// PEM certificates to trust instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// The language of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Everything there is to know, as one JSON object.
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

/// What somebody may want to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// This host takes over.
    Promoted,
    /// This host has stepped aside.
    Demoted,
    /// A gateway that does not come up, or go down, as it should.
    Failed,
    /// Neither an upstream nor a witness answers.
    Isolated,
    /// Something stands in the way of a failover, or of a whole one.
    Degraded,
    /// The upstream comes and goes, so the hold-down has grown.
    Flapping,
    /// What this host's agent wrote is not back at the git remote.
    Unreturned,
    /// What became of a drill.
    Drill,
    /// A hold that ends, stands too long, or forbids a promotion.
    Hold,
    /// No upstream shows life, and none was ever seen healthy.
    NeverSeenHealthy,
}

impl Format {
    /// Every format by its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("json", Self::Json),
        ("ntfy", Self::Ntfy),
        ("discord", Self::Discord),
        ("telegram", Self::Telegram),
        ("slack", Self::Slack),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }
}

impl Topic {
    /// Every topic by its name.
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

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        name(&Self::ALL, self)
    }
}

fn name<T: PartialEq>(all: &[(&'static str, T)], wanted: T) -> &'static str {
    all.iter().find(|(_, known)| *known == wanted).map_or("", |(name, _)| name)
}
