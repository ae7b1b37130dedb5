//! Gateway to probe, at one or more URLs.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ureq::tls::RootCerts;

use crate::config::UpstreamConfig;
use crate::probe::endpoint_probe::EndpointProbe;
use crate::probe::http;
use crate::probe::parallel::ParallelProbes;
use crate::probe::peer::PeerRule;
use crate::probe::readyz_request::ReadyzRequest;
use crate::probe::result::ProbeResult;
use crate::probe::target_error::TargetError;

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

    /// Returns the addresses that the last probe could connect to; empty for a target with several URLs.
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
