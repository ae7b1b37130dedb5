//! Model of a checked configuration, which the rest of the program relies on.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::notify::{HeartbeatConfig, NotifyConfig};

/// Checked configuration: every value is valid alone and together with the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Gateways with priority over this standby's; at least one.
    pub upstreams: Vec<UpstreamConfig>,
    /// Timing of the probes.
    pub probe: ProbeConfig,
    /// Conditions for a promotion of this host.
    pub promote: PromotionConfig,
    /// Conditions for a demotion of this host.
    pub demote: DemotionConfig,
    /// Gateway of this host.
    pub gateway: GatewayConfig,
    /// Git checkout that the agent works in.
    pub workspace: WorkspaceConfig,
    /// Small files copied to this host before a promotion; none by default.
    pub secrets: Vec<SecretConfig>,
    /// Webhooks for notifications; none by default.
    pub notify: Vec<NotifyConfig>,
    /// Dead man's switch; none by default.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Failover drills.
    pub drill: DrillConfig,
}

impl Config {
    /// Returns the configuration of a primary: a workspace and no upstreams.
    #[must_use]
    pub fn for_primary(workspace: WorkspaceConfig) -> Self {
        Self {
            upstreams: Vec::new(),
            probe: ProbeConfig::default(),
            promote: PromotionConfig::default(),
            demote: DemotionConfig::default(),
            gateway: GatewayConfig::default(),
            workspace,
            secrets: Vec::new(),
            notify: Vec::new(),
            heartbeat: None,
            drill: DrillConfig::default(),
        }
    }
}

/// Gateway with priority over this standby's.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamConfig {
    /// Short name, unique among the upstreams.
    pub name: String,
    /// URLs of the same gateway, `http://` or `https://`, without a path; at least one, all different.
    pub urls: Vec<String>,
    /// Chat channels that belong to this upstream. This host's gateway must use none of them.
    pub channels: Vec<String>,
    /// Name of the credential with the gateway token. With it, probes also request `/readyz`.
    pub credential: Option<String>,
    /// PEM certificates to trust for this upstream, instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// Timing of the probes.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeConfig {
    /// Time from the start of one probe to the start of the next while healthy.
    pub interval: Duration,
    /// The same time after a failed probe.
    pub retry_interval: Duration,
    /// Time limit of a whole probe: lookup, connection, TLS and all requests.
    pub timeout: Duration,
}

/// Conditions for a promotion of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct PromotionConfig {
    /// Time without a successful probe of any upstream.
    pub after: Duration,
    /// Minimum number of consecutive failed probes.
    pub failures: u32,
    /// Time added to `after` while the upstream seems to be restarting.
    pub restart_grace: Duration,
    /// Maximum time that a promotion waits for a running pull.
    pub sync_wait: Duration,
    /// Other services that must be reachable before the primary counts as down. `None`: chosen at start (`tailscale` if
    /// an upstream is in 100.64.0.0/10 and the command exists, else no witness).
    pub witnesses: Option<Vec<WitnessConfig>>,
}

/// Witness: another service whose answer shows that this host is online, so that the primary is down, not this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessConfig {
    /// The local Tailscale daemon reports that it runs and that this node's key is valid.
    Tailscale,
    /// `host:port` accepts a TCP connection.
    Tcp(String),
    /// The URL answers with any HTTP status.
    Https(String),
}

/// Conditions for a demotion of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct DemotionConfig {
    /// Minimum hold-down.
    pub after: Duration,
    /// Maximum hold-down.
    pub max_after: Duration,
    /// Time within which a repeated automatic promotion doubles the hold-down.
    pub flap_window: Duration,
}

/// Gateway of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayConfig {
    /// Systemd unit.
    pub unit: String,
    /// URL, without a path.
    pub url: String,
    /// PEM certificates to trust for an `https://` URL, instead of the public authorities.
    pub ca_file: Option<PathBuf>,
    /// Time from start to the first answer after which a notification is sent.
    pub start_timeout: Duration,
    /// Time limit for draining and stopping.
    pub stop_timeout: Duration,
    /// True if the gateway resumes interrupted messages and turns at its next start, however late that is.
    pub keep_queue: bool,
}

/// Git checkout that the agent works in.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkspaceConfig {
    /// Path of the checkout.
    pub path: PathBuf,
    /// Name of the git remote.
    pub remote: String,
    /// URL of the remote, needed to create the checkout.
    pub url: Option<String>,
    /// Branch that only the primary writes.
    pub branch: String,
    /// Time limit for the network phase of a pull.
    pub timeout: Duration,
    /// Interval between pulls of a standby.
    pub refresh: Duration,
    /// Interval between pushes of a primary.
    pub push_interval: Duration,
    /// True if the primary merges the branches that standbys pushed.
    pub merge: bool,
    /// Maximum size of a file that is committed automatically, in bytes.
    pub max_file: u64,
}

/// Schedule of failover drills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillConfig {
    /// Time from a passed drill to the next one; zero: never due.
    pub interval: Duration,
}

/// Set of small files that rsync copies to this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretConfig {
    /// Source, as `user@host:path`.
    pub source: String,
    /// Target, an existing directory on this host.
    pub target: PathBuf,
}
