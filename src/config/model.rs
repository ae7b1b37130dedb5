//! Model of a checked configuration, which the rest of the program relies on.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::decode::ConfigValue;
use crate::config::notify::{HeartbeatConfig, NotifyConfig};
use crate::config::section::section;
use crate::config::witness::WitnessConfig;
use crate::text::json::Value;

section! {
    /// Checked configuration: every value is valid alone and together with the others.
    pub struct Config {
        /// Gateways with priority over this standby's; at least one.
        pub upstreams: Vec<UpstreamConfig>[8] = Vec::new(),
        /// Timing of the probes.
        pub probe: ProbeConfig = ProbeConfig::default(),
        /// Conditions for a promotion of this host.
        pub promote: PromotionConfig = PromotionConfig::default(),
        /// Conditions for a demotion of this host.
        pub demote: DemotionConfig = DemotionConfig::default(),
        /// Gateway of this host.
        pub gateway: GatewayConfig = GatewayConfig::default(),
        /// Git checkout that the agent works in.
        pub workspace: WorkspaceConfig = WorkspaceConfig::default(),
        /// Small files copied to this host before a promotion; none by default.
        pub secrets: Vec<SecretConfig>[16] = Vec::new(),
        /// Webhooks for notifications; none by default.
        pub notify: Vec<NotifyConfig>[8] = Vec::new(),
        /// Dead man's switch; none by default.
        pub heartbeat: Option<HeartbeatConfig> = None,
        /// Failover drills.
        pub drill: DrillConfig = DrillConfig::default(),
    }
}

impl Config {
    /// Returns the configuration of a primary: a workspace and no upstreams.
    pub fn for_primary(workspace: WorkspaceConfig) -> Self {
        Self { workspace, ..Self::default() }
    }

    /// Returns the configuration in the form of the configuration file, defaults included. Reading it gives the same
    /// configuration. `null` marks an unset value without a fixed default.
    pub fn to_json(&self) -> Value {
        self.encode()
    }
}

section! {
    /// Gateway with priority over this standby's.
    pub struct UpstreamConfig {
        /// Short name, unique among the upstreams.
        pub name: String = String::new(),
        /// URLs of the same gateway, `http://` or `https://`, without a path; at least one, all different.
        pub urls: Vec<String>[8] = Vec::new(),
        /// Chat channels that belong to this upstream. This host's gateway must use none of them.
        pub channels: Vec<String>[32] = Vec::new(),
        /// Name of the credential with the gateway token. With it, probes also request `/readyz`.
        pub credential: Option<String> = None,
        /// PEM certificates to trust for this upstream, instead of the public authorities.
        pub ca_file: Option<PathBuf> = None,
    }
}

section! {
    /// Timing of the probes.
    pub struct ProbeConfig {
        /// Time from the start of one probe to the start of the next while healthy.
        pub interval: Duration = Duration::from_secs(10),
        /// The same time after a failed probe.
        pub retry_interval: Duration = Duration::from_secs(3),
        /// Time limit of a whole probe: lookup, connection, TLS and all requests.
        pub timeout: Duration = Duration::from_secs(5),
    }
}

section! {
    /// Conditions for a promotion of this host.
    pub struct PromotionConfig {
        /// Time without a successful probe of any upstream.
        pub after: Duration = Duration::from_secs(30),
        /// Minimum number of consecutive failed probes.
        pub failures: u32 = 3,
        /// Time added to `after` while the upstream seems to be restarting.
        pub restart_grace: Duration = Duration::ZERO,
        /// Maximum time that a promotion waits for a running pull.
        pub sync_wait: Duration = Duration::from_secs(5),
        /// Other services that must be reachable before the primary counts as down. `None`: chosen at start
        /// (`tailscale` if an upstream is in 100.64.0.0/10 and the command exists, else no witness).
        pub witnesses: Option<Vec<WitnessConfig>>[8] = None,
    }
}

section! {
    /// Conditions for a demotion of this host.
    pub struct DemotionConfig {
        /// Minimum hold-down.
        pub after: Duration = Duration::from_secs(30),
        /// Maximum hold-down.
        pub max_after: Duration = Duration::from_secs(30 * 60),
        /// Time within which a repeated automatic promotion doubles the hold-down.
        pub flap_window: Duration = Duration::from_secs(3 * 60 * 60),
    }
}

section! {
    /// Gateway of this host.
    pub struct GatewayConfig {
        /// Systemd unit.
        pub unit: String = "openclaw.service".into(),
        /// URL, without a path.
        pub url: String = "http://127.0.0.1:18789".into(),
        /// PEM certificates to trust for an `https://` URL, instead of the public authorities.
        pub ca_file: Option<PathBuf> = None,
        /// Time from start to the first answer after which a notification is sent.
        pub start_timeout: Duration = Duration::from_secs(5 * 60),
        /// Time limit for draining and stopping. OpenClaw drains for at most 315 s; systemd kills it after 330 s.
        pub stop_timeout: Duration = Duration::from_secs(345),
        /// True if the gateway resumes interrupted messages and turns at its next start, however late that is.
        pub keep_queue: bool = false,
    }
}

section! {
    /// Git checkout that the agent works in.
    pub struct WorkspaceConfig {
        /// Path of the checkout.
        pub path: PathBuf = PathBuf::from("/home/openclaw/.openclaw/workspace"),
        /// Name of the git remote.
        pub remote: String = "origin".into(),
        /// URL of the remote, needed to create the checkout.
        pub url: Option<String> = None,
        /// Branch that only the primary writes.
        pub branch: String = "main".into(),
        /// Time limit for the network phase of a pull.
        pub timeout: Duration = Duration::from_secs(5 * 60),
        /// Interval between pulls of a standby.
        pub refresh: Duration = Duration::from_secs(5 * 60),
        /// Interval between pushes of a primary.
        pub push_interval: Duration = Duration::from_secs(5 * 60),
        /// True if the primary merges the branches that standbys pushed.
        pub merge: bool = true,
        /// Maximum size of a file that is committed automatically, in bytes.
        pub max_file: u64 = 20 * 1024 * 1024,
    }
}

section! {
    /// Schedule of failover drills.
    pub struct DrillConfig {
        /// Time from a passed drill to the next one; zero: never due.
        pub interval: Duration = Duration::from_secs(30 * 24 * 60 * 60),
    }
}

section! {
    /// Set of small files that rsync copies to this host.
    pub struct SecretConfig {
        /// Source, as `user@host:path`.
        pub source: String = String::new(),
        /// Target, an existing directory on this host.
        pub target: PathBuf = PathBuf::from("/home/openclaw/.openclaw/secrets/"),
    }
}
