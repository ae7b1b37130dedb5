//! Classified errors of one request.
//!
//! ureq has one global timeout, and its I/O errors do not name the stage of the request. So the stages themselves
//! (lookup, connect, handshake) return a [`Fault`], wrapped in [`ureq::Error::Other`].

use std::io::{
    ErrorKind, {self},
};

use crate::probe::verdict::Failure;
use crate::probe::words::{network_words, tls_words};

/// Description of a server that accepts a connection and closes it.
const DROPPED: &str = "the connection was accepted and dropped without an answer";

/// Description of an answer that is not HTTP.
const NO_HTTP: &str = "the answer is not HTTP";

/// Failure with a reason for people.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    pub(crate) why: String,
}

impl Fault {
    pub(super) fn new(failure: Failure, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { failure, why }
    }

    /// Classifies an error of the TCP connection.
    pub(super) fn connecting(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::new(Failure::ConnectTimeout, "no connection in time"),
            ureq::Error::Io(error) => Self::new(network(&error).unwrap_or(Failure::Unreachable), network_words(&error)),
            other => Self::from(other),
        }
    }

    /// Classifies an error of the TLS handshake.
    pub(super) fn shaking_hands(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Io(error) => match network(&error) {
                Some(failure) => Self::new(failure, network_words(&error)),
                None => Self::new(Failure::Tls, tls_words(&error.to_string())),
            },
            other => Self::from(other),
        }
    }

    /// Returns the error for a connection that was closed before the first byte.
    pub(super) fn dropped() -> Self {
        Self::new(Failure::Refused, DROPPED)
    }

    /// True if the server closed the connection before the first byte, as a TLS server does with plain HTTP.
    pub(super) fn is_dropped(&self) -> bool {
        self.failure == Failure::Refused && self.why == DROPPED
    }

    /// Returns the error for a plain HTTP request to a TLS server.
    pub(super) fn speaks_tls() -> Self {
        Self::new(Failure::Tls, "the server speaks TLS; write https:// instead of http://")
    }
}

/// Classifies errors after the connection was made.
impl From<ureq::Error> for Fault {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error as E;
        match error {
            E::Other(inner) => match inner.downcast::<Self>() {
                Ok(fault) => *fault,
                Err(_) => Self::new(Failure::NotOpenClaw, NO_HTTP),
            },
            E::Timeout(_) => Self::new(Failure::ResponseTimeout, "no complete answer in time"),
            E::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Self::new(Failure::Tls, tls_words(&error.to_string()))
            }
            E::Io(error) => match network(&error) {
                Some(failure) => Self::new(failure, network_words(&error)),
                None => Self::new(Failure::NotOpenClaw, format!("the answer broke off: {}", network_words(&error))),
            },
            E::Rustls(error) => Self::new(Failure::Tls, tls_words(&error.to_string())),
            E::Tls(_) | E::Pem(_) | E::TlsRequired => Self::new(Failure::Tls, "a TLS connection is not possible"),
            E::LargeResponseHeader(..) => Self::new(Failure::NotOpenClaw, "the header of the answer is too large"),
            _ => Self::new(Failure::NotOpenClaw, NO_HTTP),
        }
    }
}

impl From<Fault> for ureq::Error {
    fn from(fault: Fault) -> Self {
        Self::Other(Box::new(fault))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.failure, self.why)
    }
}

impl std::error::Error for Fault {}

/// Classifies errors of the network; `None` for other errors.
fn network(error: &io::Error) -> Option<Failure> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(Failure::Refused),
        ErrorKind::TimedOut => Some(Failure::ConnectTimeout),
        // A local firewall that rejects outgoing packets causes "permission denied".
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => Some(Failure::Unreachable),
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
        assert_eq!(Fault::connecting(timeout()).failure, Failure::ConnectTimeout);
        assert_eq!(Fault::connecting(io(ErrorKind::ConnectionRefused)).failure, Failure::Refused);
        for kind in [
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
            ErrorKind::PermissionDenied,
        ] {
            assert_eq!(Fault::connecting(io(kind)).failure, Failure::Unreachable);
        }
        assert_eq!(Fault::shaking_hands(timeout()).failure, Failure::ResponseTimeout);
        assert_eq!(Fault::shaking_hands(io(ErrorKind::UnexpectedEof)).failure, Failure::Tls);
        assert_eq!(Fault::from(timeout()).failure, Failure::ResponseTimeout);
        assert_eq!(Fault::from(io(ErrorKind::ConnectionReset)).failure, Failure::NotOpenClaw);
        assert_eq!(Fault::from(io(ErrorKind::HostUnreachable)).failure, Failure::Unreachable);
        let wrapped: ureq::Error = Fault::new(Failure::Dns, "no such name").into();
        assert_eq!(Fault::from(wrapped).failure, Failure::Dns);
    }
}
