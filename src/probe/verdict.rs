//! What a probe can find.

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

/// Why a probe found no proof of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address.
    Dns,
    /// The host answered, and nothing listens on the port.
    Refused,
    /// The network says that there is no way to the host.
    Unreachable,
    /// No connection within the deadline.
    ConnectTimeout,
    /// A connection, but no whole answer within the deadline.
    ResponseTimeout,
    /// No trusted TLS connection.
    Tls,
    /// An HTTP status that a gateway does not answer with here.
    Status(u16),
    /// Something answered, but not OpenClaw: HTML, other JSON, too much of anything.
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
