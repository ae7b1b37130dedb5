//! Health probe of a gateway, with a verdict as its result.
//!
//! The JSON contract decides, never the status code alone: OpenClaw answers unknown paths with 200 and an HTML page.
//! One deadline covers lookup, connection, TLS, headers and body of all requested paths and URLs. Every size is
//! bounded. Every probe opens new connections: an old connection that still works does not prove that new ones do.

mod connect;
mod contract;
mod endpoint_probe;
mod error;
mod error_text;
mod http;
mod parallel;
mod peer;
mod resolve;
mod verdict;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fmt, io};

use ureq::tls::RootCerts;

use crate::config::UpstreamConfig;
use crate::probe::endpoint_probe::EndpointProbe;
pub(crate) use crate::probe::error::ProbeError;
pub(crate) use crate::probe::http::{build_agent, read_roots};
use crate::probe::parallel::ParallelProbes;
pub(crate) use crate::probe::peer::PeerRule;
pub(crate) use crate::probe::resolve::HostResolver;
pub use crate::probe::verdict::{Channels, ProbeFailure, Verdict};
use crate::text::to_printable;

/// Maximum timeout of a probe, so that time arithmetic cannot overflow.
const MAX_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Gateway to probe; built once, probed often.
pub struct ProbeTarget {
    urls: Vec<String>,
    probes: EndpointProbes,
}

/// Probes of the target's URLs. A single URL is probed on the caller's thread.
enum EndpointProbes {
    Single(Box<EndpointProbe>),
    Parallel(ParallelProbes),
}

/// Request of the gateway's channels from `/readyz`.
#[derive(Clone)]
pub enum ReadyzRequest {
    /// No request: without authentication a remote caller gets nothing but `ready`.
    Skip,
    /// Request without a token, to the gateway of this host, which shows the channels to local callers.
    Anonymous,
    /// Request with the gateway's token, which is sent only to the target's URLs.
    Token(String),
}

/// Result of one probe.
#[derive(Clone, Debug)]
pub struct ProbeResult {
    /// Verdict.
    pub verdict: Verdict,
    /// Channels listed by `/readyz`; empty if it was not requested or listed none.
    pub channels: Channels,
    /// Short description for people, without control characters.
    pub detail: String,
    /// Time from the first request to the verdict.
    pub latency: Duration,
    /// URL that the verdict is based on.
    pub url: String,
}

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

impl ProbeTarget {
    /// Creates a target from one or more URLs of the same gateway: `http://` or `https://`, host, port, no path.
    /// `ca_file` holds PEM certificates to trust instead of the public authorities.
    ///
    /// # Errors
    /// If a URL, the token or the certificates cannot be used.
    pub fn new(urls: &[String], ca_file: Option<&Path>, readyz: &ReadyzRequest) -> Result<Self, TargetError> {
        Self::build_target(urls, ca_file, readyz, (PeerRule::Any, false))
    }

    /// Creates a target that is probed only with `/healthz`, to see if it is up at all.
    ///
    /// # Errors
    /// As [`ProbeTarget::new`].
    pub fn healthz_only(urls: &[String], ca_file: Option<&Path>) -> Result<Self, TargetError> {
        Self::build_target(urls, ca_file, &ReadyzRequest::Skip, (PeerRule::Any, true))
    }

    /// Creates a target for an upstream. `token` is the content of the upstream's `credential`. Addresses of this host
    /// are never probed: the answer would come from this host's own gateway.
    ///
    /// # Errors
    /// As [`ProbeTarget::new`].
    pub fn for_upstream(upstream: &UpstreamConfig, token: Option<String>) -> Result<Self, TargetError> {
        let readyz = token.map_or(ReadyzRequest::Skip, ReadyzRequest::Token);
        Self::build_target(&upstream.urls, upstream.ca_file.as_deref(), &readyz, (PeerRule::OtherHosts, false))
    }

    /// Creates a target for an upstream that is probed only with `/healthz`.
    ///
    /// # Errors
    /// As [`ProbeTarget::new`].
    pub fn for_upstream_healthz(upstream: &UpstreamConfig) -> Result<Self, TargetError> {
        Self::build_target(
            &upstream.urls,
            upstream.ca_file.as_deref(),
            &ReadyzRequest::Skip,
            (PeerRule::OtherHosts, true),
        )
    }

    /// Creates a target for a server on another host that need not be a gateway; any answer counts.
    ///
    /// # Errors
    /// As [`ProbeTarget::new`].
    pub fn for_witness(url: &str) -> Result<Self, TargetError> {
        Self::build_target(&[url.to_owned()], None, &ReadyzRequest::Skip, (PeerRule::OtherHosts, true))
    }

    /// Creates a target for the gateway of this host, which shows its channels to local callers.
    ///
    /// # Errors
    /// As [`ProbeTarget::new`].
    pub fn for_local_gateway(url: &str, ca_file: Option<&Path>) -> Result<Self, TargetError> {
        Self::new(&[url.to_owned()], ca_file, &ReadyzRequest::Anonymous)
    }

    fn build_target(
        urls: &[String],
        ca_file: Option<&Path>,
        readyz: &ReadyzRequest,
        (rule, live_only): (PeerRule, bool),
    ) -> Result<Self, TargetError> {
        let roots = ca_file.map_or(Ok(RootCerts::WebPki), http::read_roots)?;
        let mut probes = Vec::new();
        for url in urls {
            let mut probe = EndpointProbe::new(url, roots.clone(), readyz, rule)?;
            if live_only {
                probe.limit_to_healthz();
            }
            probes.push((url.clone(), probe));
        }
        let endpoint_probes = match (probes.pop(), probes.is_empty()) {
            (None, _) => return Err(TargetError::NoUrl),
            (Some((_, only)), true) => EndpointProbes::Single(Box::new(only)),
            (Some(last), false) => {
                probes.push(last);
                EndpointProbes::Parallel(ParallelProbes::new(probes)?)
            }
        };
        let urls = urls.to_vec();
        Ok(Self { urls, probes: endpoint_probes })
    }

    /// Returns the URLs as configured.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Returns the addresses that the last probe could connect to; empty for a target with several URLs.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match &self.probes {
            EndpointProbes::Single(endpoint_probe) => endpoint_probe.addresses(),
            EndpointProbes::Parallel(_) => Vec::new(),
        }
    }

    /// Probes once and returns within `timeout`, plus scheduling delays. With several URLs it returns as soon as one is
    /// healthy. If all fail, the result is that of the URL whose probe got furthest.
    pub fn probe(&mut self, timeout: Duration) -> ProbeResult {
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        match &mut self.probes {
            EndpointProbes::Single(endpoint_probe) => endpoint_probe.run(deadline),
            EndpointProbes::Parallel(parallel_probes) => parallel_probes.run(deadline),
        }
    }
}

/// Omits the token.
impl fmt::Debug for ProbeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeTarget").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Omits the token.
impl fmt::Debug for ReadyzRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skip => "Skip",
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl ProbeResult {
    const MAX_DETAIL_CHARS: usize = 200;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_can_be_handed_to_a_prober_thread() {
        fn is_send<T: Send>() {}
        is_send::<ProbeTarget>();
        is_send::<ProbeResult>();
    }

    #[test]
    fn nothing_to_ask_is_an_error() {
        let no_urls = ProbeTarget::new(&[], None, &ReadyzRequest::Skip);
        assert!(matches!(no_urls, Err(TargetError::NoUrl)));
    }

    #[test]
    fn an_endless_timeout_is_no_panic() {
        let refused = ["http://127.0.0.1:1".to_owned()];
        let mut target = ProbeTarget::new(&refused, None, &ReadyzRequest::Skip).unwrap();
        assert!(!target.probe(Duration::MAX).verdict.is_healthy());
    }
}
