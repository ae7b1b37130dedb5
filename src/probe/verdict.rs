//! Verdicts of a probe.

use std::fmt;

use crate::text::named_enum::named_enum;

/// Verdict of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The gateway reports in its JSON that it is up.
    Healthy {
        /// False if a channel is suppressed: the gateway is up, but users of that channel get no answers.
        ready: bool,
    },
    /// The probe failed.
    Failing(ProbeFailure),
}

/// Failure of a probe. [`Display`](fmt::Display) names it for people, [`ProbeFailure::name`] for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeFailure {
    /// The name has no address, or its lookup timed out.
    Dns,
    /// The address belongs to this host, so the upstream cannot answer there.
    ThisHost,
    /// No listener on the port of a reachable host. Also: the connection was accepted and closed without an answer, as
    /// by a forwarder without a server behind it, or by a process that is being killed.
    Refused,
    /// The network reports no route to the host.
    Unreachable,
    /// No connection within the deadline.
    ConnectTimeout,
    /// A connection, but no complete answer within the deadline. Includes a TLS handshake that hangs: the host accepts,
    /// but the program does not answer.
    ResponseTimeout,
    /// An answer, but without verified TLS: an unknown or expired certificate, no TLS for an https URL, TLS for an http
    /// URL. Not healthy, because any server could answer so. Not down either: a gateway of this host that answers so is
    /// never stopped.
    Tls,
    /// HTTP status that a gateway does not send here.
    Status(u16),
    /// An answer that is not OpenClaw's: HTML, other JSON, too large or incomplete.
    NotOpenClaw,
    /// The gateway reports that it is starting.
    Starting,
    /// The gateway reports that it is draining before it stops.
    Draining,
}

named_enum! {
    /// Verdicts, without their data. Readiness of a healthy gateway is stored separately.
    #[expect(missing_docs, reason = "the variants of the verdict and of the failure say it")]
    pub enum VerdictKind {
        Healthy = "healthy",
        Dns = "dns",
        ThisHost = "this-host",
        Refused = "refused",
        Unreachable = "unreachable",
        ConnectTimeout = "connect-timeout",
        ResponseTimeout = "response-timeout",
        Tls = "tls",
        HttpStatus = "http-status",
        NotOpenClaw = "not-openclaw",
        Starting = "starting",
        Draining = "draining",
    }
}

/// State of a gateway's chat channels, from `/readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Channels that are configured but broken.
    pub failing: Vec<String>,
    /// Channels that OpenClaw's crash-loop breaker has muted.
    pub suppressed: Vec<String>,
}

impl Verdict {
    /// True if the gateway is up.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy { .. })
    }

    /// Returns the verdict without its data.
    #[must_use]
    pub fn kind(self) -> VerdictKind {
        match self {
            Self::Healthy { .. } => VerdictKind::Healthy,
            Self::Failing(ProbeFailure::Dns) => VerdictKind::Dns,
            Self::Failing(ProbeFailure::ThisHost) => VerdictKind::ThisHost,
            Self::Failing(ProbeFailure::Refused) => VerdictKind::Refused,
            Self::Failing(ProbeFailure::Unreachable) => VerdictKind::Unreachable,
            Self::Failing(ProbeFailure::ConnectTimeout) => VerdictKind::ConnectTimeout,
            Self::Failing(ProbeFailure::ResponseTimeout) => VerdictKind::ResponseTimeout,
            Self::Failing(ProbeFailure::Tls) => VerdictKind::Tls,
            Self::Failing(ProbeFailure::Status(_)) => VerdictKind::HttpStatus,
            Self::Failing(ProbeFailure::NotOpenClaw) => VerdictKind::NotOpenClaw,
            Self::Failing(ProbeFailure::Starting) => VerdictKind::Starting,
            Self::Failing(ProbeFailure::Draining) => VerdictKind::Draining,
        }
    }
}

impl ProbeFailure {
    /// Every failure; [`ProbeFailure::Status`] with one of its numbers.
    pub const ALL: [Self; 11] = [
        Self::Dns,
        Self::ThisHost,
        Self::Refused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::ResponseTimeout,
        Self::Tls,
        Self::Status(500),
        Self::NotOpenClaw,
        Self::Starting,
        Self::Draining,
    ];

    /// Returns a stable name for programs; [`ProbeFailure::http_status`] returns the number for `http-status`.
    pub fn name(self) -> &'static str {
        Verdict::Failing(self).kind().name()
    }

    /// Returns the HTTP status of [`ProbeFailure::Status`].
    pub fn http_status(self) -> Option<u16> {
        match self {
            Self::Status(code) => Some(code),
            _ => None,
        }
    }

    /// Returns how far the probe got. Of several URLs, the one that got furthest tells the most: an answer of the
    /// gateway ranks above an answer of another program, that above an answer of the host, and that above an error of
    /// the network.
    pub(super) fn progress_rank(self) -> u8 {
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

impl fmt::Display for ProbeFailure {
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

/// Shows `healthy`, `healthy, not ready`, or the failure.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy { ready: true } => f.write_str("healthy"),
            Self::Healthy { ready: false } => f.write_str("healthy, not ready"),
            Self::Failing(failure) => failure.fmt(f),
        }
    }
}
