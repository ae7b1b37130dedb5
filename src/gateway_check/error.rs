//! Errors of the check.

use std::{fmt, io};

use crate::os::systemd::SystemdError;

/// Unit that runs the check.
pub const CHECK_UNIT: &str = "openclaw-failover-check.service";

/// Reason why the holders of the gateway's sockets are unknown.
#[derive(Debug)]
pub enum GatewayCheckError {
    /// The kernel does not list the listening sockets.
    Sockets(io::Error),
    /// `/proc` cannot be read.
    Proc(io::Error),
    /// systemd does not show the gateway's unit, or does not run the check's.
    Systemd(SystemdError),
    /// The report of the check cannot be read.
    Report(io::Error),
    /// The last run of the check left no report.
    NoReport,
}

impl fmt::Display for GatewayCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sockets(why) => write!(f, "cannot read which sockets listen: {why}"),
            Self::Proc(why) => write!(f, "cannot read /proc: {why}"),
            Self::Systemd(why) => why.fmt(f),
            Self::Report(why) => {
                write!(f, "cannot read the report of {CHECK_UNIT}: {why}; see `journalctl -u {CHECK_UNIT}`")
            }
            Self::NoReport => write!(f, "{CHECK_UNIT} left no report of this run; see `journalctl -u {CHECK_UNIT}`"),
        }
    }
}

impl std::error::Error for GatewayCheckError {}
