//! Errors of the monitor's start and of a reload.

use std::path::PathBuf;
use std::{fmt, io};

use crate::config::ConfigErrors;
use crate::probe;

/// Error that keeps the monitor from starting, or from reloading.
#[derive(Debug)]
pub(crate) enum MonitorError {
    /// An upstream or the local gateway cannot be probed at all.
    Probe(probe::TargetError),
    /// A thread or the signal handlers could not be created.
    System(io::Error),
    /// Another monitor uses the same state directory.
    AlreadyRunning {
        /// State directory.
        folder: PathBuf,
        /// Process of the other monitor.
        holder: String,
    },
}

impl fmt::Display for MonitorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe(why) => why.fmt(f),
            Self::System(why) => write!(f, "cannot start a thread of the monitor: {why}"),
            Self::AlreadyRunning { folder, holder } => write!(
                f,
                "another monitor already uses {}: {holder}. Two monitors would both drive the gateway, so this one \
                 exits; to run this one, stop the other first (`systemctl stop openclaw-failover.service`)",
                folder.display()
            ),
        }
    }
}

impl From<probe::TargetError> for MonitorError {
    fn from(why: probe::TargetError) -> Self {
        Self::Probe(why)
    }
}

impl From<io::Error> for MonitorError {
    fn from(why: io::Error) -> Self {
        Self::System(why)
    }
}

/// Error that keeps a new configuration from taking effect.
#[derive(Debug)]
pub(super) enum ReloadError {
    /// The configuration has errors.
    Config(ConfigErrors),
    /// Another unit would take the place of a gateway that may be up.
    UnitChange,
    /// The new configuration cannot run.
    Monitor(MonitorError),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => problems.fmt(f),
            Self::UnitChange => {
                f.write_str("gateway.unit cannot change while this host is not in standby; demote first")
            }
            Self::Monitor(why) => why.fmt(f),
        }
    }
}

impl<E: Into<MonitorError>> From<E> for ReloadError {
    fn from(why: E) -> Self {
        Self::Monitor(why.into())
    }
}
