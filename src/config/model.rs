//! The valid configuration: what the rest of the program may rely on.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::notify::{Heartbeat, Notify};

/// A configuration in which every value makes sense, alone and beside the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Gateways that outrank this standby, at least one.
    pub upstreams: Vec<Upstream>,
    /// How upstreams are probed.
    pub probe: Probe,
    /// When this host takes over.
    pub promote: Promote,
    /// When this host steps aside.
    pub demote: Demote,
    /// The gateway of this host.
    pub gateway: Gateway,
    /// The git checkout the agent works in.
    pub workspace: Workspace,
    /// Small files copied in before a promotion; none by default.
    pub secrets: Vec<Secret>,
    /// Webhooks that are told what happens; none by default.
    pub notify: Vec<Notify>,
    /// The dead man's switch; none by default.
    pub heartbeat: Option<Heartbeat>,
    /// Rehearsals.
    pub drill: Drill,
}

impl Config {
    /// A host's that watches nobody: a primary.
    #[must_use]
    pub fn of_primary(workspace: Workspace) -> Self {
        Self {
            upstreams: Vec::new(),
            probe: Probe::default(),
            promote: Promote::default(),
            demote: Demote::default(),
            gateway: Gateway::default(),
            workspace,
            secrets: Vec::new(),
            notify: Vec::new(),
            heartbeat: None,
            drill: Drill::default(),
        }
    }
}

/// One gateway that outranks this standby.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// A short name, unique among the upstreams.
    pub name: String,
    /// Paths to the same gateway, `http://` or `https://`, without a path; at least one, no two the same.
    pub urls: Vec<String>,
    /// The chat channels it owns. This host's gateway must own none of them.
    pub channels: Vec<String>,
    /// The name of the credential that holds its gateway token; with it `/readyz` is asked too.
    pub credential: Option<String>,
    /// PEM certificates that sign this upstream's certificate, instead of the public authorities.
    pub ca_file: Option<PathBuf>,
}

/// How upstreams are probed.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// From one probe's start to the next while healthy.
    pub interval: Duration,
    /// The same after a failure.
    pub retry_interval: Duration,
    /// The one deadline over everything a probe does.
    pub timeout: Duration,
}

/// When this host takes over.
#[derive(Clone, Debug, PartialEq)]
pub struct Promote {
    /// How long no upstream may have shown life.
    pub after: Duration,
    /// How many verdicts in a row must have failed, at least.
    pub failures: u32,
    /// Added to `after` while the upstream looks as if it were restarting.
    pub restart_grace: Duration,
    /// How long a promotion waits, at most, for a pull that still runs.
    pub sync_wait: Duration,
    /// What else must be reached before the primary is believed dead. `None`: decided at start (`tailscale` where
    /// an upstream lies in 100.64.0.0/10 and its command exists, else nothing).
    pub witnesses: Option<Vec<Witness>>,
}

/// Something else this host must reach before it believes that the primary, and not itself, is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The local Tailscale daemon says that it runs and that our key is valid.
    Tailscale,
    /// `host:port` accepts a TCP connection.
    Tcp(String),
    /// The URL answers with any HTTP status.
    Https(String),
}

/// When this host steps aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Demote {
    /// The shortest hold-down.
    pub after: Duration,
    /// The longest hold-down.
    pub max_after: Duration,
    /// Automatic promotions within this time of each other double the hold-down.
    pub flap_window: Duration,
}

/// The gateway of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// Its systemd unit.
    pub unit: String,
    /// Where it answers, without a path.
    pub url: String,
    /// PEM certificates to trust for an `https://` URL, instead of the public authorities.
    pub ca_file: Option<PathBuf>,
    /// How long it may take from start to its first answer before somebody is told.
    pub start_timeout: Duration,
    /// How long it may drain.
    pub stop_timeout: Duration,
    /// Whether messages and turns that were under way when it stopped go on at its next start, however late that is.
    pub keep_queue: bool,
}

/// The git checkout the agent works in.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    /// Where it lies.
    pub path: PathBuf,
    /// The git remote's name.
    pub remote: String,
    /// Where that remote is, for a workspace that is no checkout yet.
    pub url: Option<String>,
    /// The branch that only the primary writes.
    pub branch: String,
    /// The deadline of a pull's network phase.
    pub timeout: Duration,
    /// How often a standby pulls.
    pub refresh: Duration,
    /// How often a primary pushes.
    pub push_interval: Duration,
    /// Whether the primary merges what standbys have pushed.
    pub merge: bool,
    /// The largest file, in bytes, that is committed without anybody having asked for it.
    pub max_file: u64,
}

/// Rehearsals of a failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// How long after one that passed the next is due; zero: never.
    pub interval: Duration,
}

/// One set of small files that rsync copies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// `user@host:path`.
    pub source: String,
    /// An existing directory on this host.
    pub target: PathBuf,
}
