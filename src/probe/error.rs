//! Classified errors of one request.
//!
//! ureq has one global timeout, and its I/O errors do not name the stage of the request. So the stages themselves
//! (lookup, connect, handshake) return a [`ProbeError`], wrapped in [`ureq::Error::Other`].

use std::io::{self, ErrorKind};

use crate::probe::error_text::{describe_network_error, describe_tls_error};
use crate::probe::verdict::ProbeFailure;

/// Description of a server that accepts a connection and closes it.
const DROPPED_TEXT: &str = "the connection was accepted and dropped without an answer";

/// Description of an answer that is not HTTP.
const NOT_HTTP_TEXT: &str = "the answer is not HTTP";

/// Failure with a reason for people.
#[derive(Debug)]
pub(crate) struct ProbeError {
    pub(crate) failure: ProbeFailure,
    pub(crate) reason: String,
}

impl ProbeError {
    pub(super) fn new(failure: ProbeFailure, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { failure, reason: why }
    }

    /// Classifies an error of the TCP connection.
    pub(super) fn from_connect_error(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::new(ProbeFailure::ConnectTimeout, "no connection in time"),
            ureq::Error::Io(error) => {
                Self::new(network_failure(&error).unwrap_or(ProbeFailure::Unreachable), describe_network_error(&error))
            }
            other => Self::from(other),
        }
    }

    /// Classifies an error of the TLS handshake.
    pub(super) fn from_handshake_error(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Io(error) => match network_failure(&error) {
                Some(failure) => Self::new(failure, describe_network_error(&error)),
                None => Self::new(ProbeFailure::Tls, describe_tls_error(&error.to_string())),
            },
            other => Self::from(other),
        }
    }

    /// Returns the error for a connection that was closed before the first byte.
    pub(super) fn dropped_connection() -> Self {
        Self::new(ProbeFailure::Refused, DROPPED_TEXT)
    }

    /// True if the server closed the connection before the first byte, as a TLS server does with plain HTTP.
    pub(super) fn is_dropped(&self) -> bool {
        self.failure == ProbeFailure::Refused && self.reason == DROPPED_TEXT
    }

    /// Returns the error for a plain HTTP request to a TLS server.
    pub(super) fn unexpected_tls() -> Self {
        Self::new(ProbeFailure::Tls, "the server speaks TLS; write https:// instead of http://")
    }
}

/// Classifies errors after the connection was made.
impl From<ureq::Error> for ProbeError {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error as E;
        match error {
            E::Other(inner) => match inner.downcast::<Self>() {
                Ok(fault) => *fault,
                Err(_) => Self::new(ProbeFailure::NotOpenClaw, NOT_HTTP_TEXT),
            },
            E::Timeout(_) => Self::new(ProbeFailure::ResponseTimeout, "no complete answer in time"),
            E::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Self::new(ProbeFailure::Tls, describe_tls_error(&error.to_string()))
            }
            E::Io(error) => match network_failure(&error) {
                Some(failure) => Self::new(failure, describe_network_error(&error)),
                None => Self::new(
                    ProbeFailure::NotOpenClaw,
                    format!("the answer broke off: {}", describe_network_error(&error)),
                ),
            },
            E::Rustls(error) => Self::new(ProbeFailure::Tls, describe_tls_error(&error.to_string())),
            E::Tls(_) | E::Pem(_) | E::TlsRequired => Self::new(ProbeFailure::Tls, "a TLS connection is not possible"),
            E::LargeResponseHeader(..) => Self::new(ProbeFailure::NotOpenClaw, "the header of the answer is too large"),
            _ => Self::new(ProbeFailure::NotOpenClaw, NOT_HTTP_TEXT),
        }
    }
}

impl From<ProbeError> for ureq::Error {
    fn from(fault: ProbeError) -> Self {
        Self::Other(Box::new(fault))
    }
}

impl std::fmt::Display for ProbeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.failure, self.reason)
    }
}

impl std::error::Error for ProbeError {}

/// Classifies errors of the network; `None` for other errors.
fn network_failure(error: &io::Error) -> Option<ProbeFailure> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(ProbeFailure::Refused),
        ErrorKind::TimedOut => Some(ProbeFailure::ConnectTimeout),
        // A local firewall that rejects outgoing packets causes "permission denied".
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => Some(ProbeFailure::Unreachable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_keeps_its_own_word() {
        let io = |kind: ErrorKind| ureq::Error::Io(kind.into());
        let timeout = || ureq::Error::Timeout(ureq::Timeout::Global);
        assert_eq!(ProbeError::from_connect_error(timeout()).failure, ProbeFailure::ConnectTimeout);
        assert_eq!(ProbeError::from_connect_error(io(ErrorKind::ConnectionRefused)).failure, ProbeFailure::Refused);
        for kind in [
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
            ErrorKind::PermissionDenied,
        ] {
            assert_eq!(ProbeError::from_connect_error(io(kind)).failure, ProbeFailure::Unreachable);
        }
        assert_eq!(ProbeError::from_handshake_error(timeout()).failure, ProbeFailure::ResponseTimeout);
        assert_eq!(ProbeError::from_handshake_error(io(ErrorKind::UnexpectedEof)).failure, ProbeFailure::Tls);
        assert_eq!(ProbeError::from(timeout()).failure, ProbeFailure::ResponseTimeout);
        assert_eq!(ProbeError::from(io(ErrorKind::ConnectionReset)).failure, ProbeFailure::NotOpenClaw);
        assert_eq!(ProbeError::from(io(ErrorKind::HostUnreachable)).failure, ProbeFailure::Unreachable);
        let wrapped: ureq::Error = ProbeError::new(ProbeFailure::Dns, "no such name").into();
        assert_eq!(ProbeError::from(wrapped).failure, ProbeFailure::Dns);
    }
}
