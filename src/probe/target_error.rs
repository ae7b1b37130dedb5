//! Errors of a target's configuration.

use std::path::PathBuf;
use std::{fmt, io};

/// Configuration error that makes a target impossible to probe.
#[derive(Debug)]
pub enum TargetError {
    /// No URL is given.
    NoUrl,
    /// The URL cannot be used.
    InvalidUrl {
        /// URL as configured, without a password.
        url: String,
        /// Problem.
        why: String,
    },
    /// The token cannot be sent.
    InvalidToken,
    /// The certificates cannot be read.
    CaFile {
        /// File.
        path: PathBuf,
        /// Problem.
        why: String,
    },
    /// The system cannot create a thread.
    Thread(io::Error),
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => write!(f, "cannot probe: no URL is given"),
            Self::InvalidUrl { url, why } => {
                write!(f, "cannot probe {url:?}: {why}; write http://host:port")
            }
            Self::InvalidToken => write!(
                f,
                "cannot use the gateway's token: it is empty, too long, or not printable ASCII; \
                 put only the token into the credential's file"
            ),
            Self::CaFile { path, why } => {
                write!(f, "cannot read certificates from {}: {why}", path.display())
            }
            Self::Thread(error) => write!(f, "cannot start a thread for probes: {error}"),
        }
    }
}

impl std::error::Error for TargetError {}
