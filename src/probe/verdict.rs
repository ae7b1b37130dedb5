//! What a probe can find.

use std::fmt;

/// The answer of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The gateway said so itself, in its own JSON.
    Healthy {
        /// False when it said that one of its channels is suppressed: alive, but nobody is reached through it.
        ready: bool,
    },
    /// No proof of life.
    Failing(Failure),
}

/// Why a probe found no proof of life. [`Display`](fmt::Display) names it for people, [`Failure::name`] for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address, or nobody told us in time.
    Dns,
    /// The address is one of this host's own, so what answers there is not the upstream.
    ThisHost,
    /// The host answered, and nothing listens on the port. Also: the connection was accepted and dropped without a
    /// word, which is what a forwarder says when nothing listens behind it, and a process that is being killed.
    Refused,
    /// The network says that there is no way to the host.
    Unreachable,
    /// No connection within the deadline.
    ConnectTimeout,
    /// A connection, but no whole answer within the deadline. A TLS handshake that hangs counts here: the host
    /// accepted, the program is silent.
    ResponseTimeout,
    /// Something answers, but not over verified TLS: an unknown or expired certificate, no TLS where the URL says https,
    /// TLS where it says http. This is no proof of life, for whatever holds the address could answer so. It is no silence
    /// either: a gateway of this host that answers so is never stopped as dead.
    Tls,
    /// An HTTP status that a gateway does not answer with here.
    Status(u16),
    /// Something answered, but not OpenClaw: HTML, other JSON, too much of anything, an answer cut short.
    NotOpenClaw,
    /// The gateway says that it is still starting.
    Starting,
    /// The gateway says that it is draining before it stops.
    Draining,
}

/// What `/readyz` says of a gateway's chat channels, where it may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Channels that are configured and broken.
    pub failing: Vec<String>,
    /// Channels that OpenClaw's crash-loop breaker has muted.
    pub suppressed: Vec<String>,
}

impl Verdict {
    /// Whether the gateway showed life.
    #[must_use]
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy { .. })
    }
}

impl Failure {
    /// A stable name for machines; [`Failure::status`] holds the number that goes with `http-status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::ThisHost => "this-host",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect-timeout",
            Self::ResponseTimeout => "response-timeout",
            Self::Tls => "tls",
            Self::Status(_) => "http-status",
            Self::NotOpenClaw => "not-openclaw",
            Self::Starting => "starting",
            Self::Draining => "draining",
        }
    }

    /// The HTTP status, where it is one.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(code) => Some(code),
            _ => None,
        }
    }

    /// How far towards the gateway a probe came that failed so. Of several paths to one gateway, the one that came
    /// furthest knows most: what the gateway says itself beats what its program does, that beats what its host does,
    /// and that beats what the network does.
    pub(super) fn reached(self) -> u8 {
        match self {
            Self::Dns => 0,
            Self::ThisHost => 1,
            Self::Unreachable => 2,
            Self::ConnectTimeout => 3,
            Self::Refused => 4,
            Self::Tls => 5,
            Self::ResponseTimeout => 6,
            Self::NotOpenClaw => 7,
            Self::Status(_) => 8,
            Self::Starting => 9,
            Self::Draining => 10,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectTimeout => f.write_str("connect timeout"),
            Self::ResponseTimeout => f.write_str("response timeout"),
            Self::Tls => f.write_str("TLS"),
            Self::Dns => f.write_str("DNS"),
            Self::ThisHost => f.write_str("this host itself"),
            Self::Status(code) => write!(f, "HTTP {code}"),
            Self::NotOpenClaw => f.write_str("not OpenClaw"),
            Self::Refused | Self::Unreachable | Self::Starting | Self::Draining => f.write_str(self.name()),
        }
    }
}

/// `healthy`, `healthy, not ready`, or the failure.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy { ready: true } => f.write_str("healthy"),
            Self::Healthy { ready: false } => f.write_str("healthy, not ready"),
            Self::Failing(failure) => failure.fmt(f),
        }
    }
}
