//! Name lookup under the probe's deadline.
//!
//! The system's resolver cannot be cancelled, so it runs on a separate thread, which is abandoned at the deadline.
//! While such a thread hangs, later probes wait for its result instead of starting another.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::os::{local_address_for, spawn};
use crate::probe::error::ProbeError;
use crate::probe::error_text::lookup_words;
use crate::probe::peer::{PeerRule, ResolvedAddresses};
use crate::probe::verdict::ProbeFailure;

/// Maximum number of addresses to try, the capacity of ureq's list.
const MAX_ADDRESSES: usize = 16;

/// Resolver for the host of one URL.
#[derive(Debug, Default)]
pub(crate) struct HostResolver {
    rule: PeerRule,
    /// Addresses that the last request could connect to.
    resolved: Arc<ResolvedAddresses>,
    running_lookup: Mutex<Option<Receiver<io::Result<Vec<SocketAddr>>>>>,
}

impl Resolver for HostResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = match (uri.host(), url_port(uri)) {
            (Some(host), Some(port)) => match parse_literal(host) {
                Some(ip) => vec![SocketAddr::new(ip, port)],
                None => filter_routable(self.look_up(host, port, timeout)?),
            },
            _ => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(ProbeError::new(ProbeFailure::Dns, "the name has no address").into());
        }
        let addresses = self.rule.filter_addresses(uri.host().unwrap_or_default(), addresses)?;
        let mut resolved = self.empty();
        for address in addresses.iter().take(MAX_ADDRESSES) {
            resolved.push(*address);
        }
        self.resolved.replace(addresses);
        Ok(resolved)
    }
}

impl HostResolver {
    /// Creates a resolver that returns the addresses allowed by `rule` and stores them in `resolved`.
    pub(super) fn new(rule: PeerRule, resolved: Arc<ResolvedAddresses>) -> Self {
        Self { rule, resolved, running_lookup: Mutex::default() }
    }

    /// Returns the addresses of a host; none if the lookup fails or takes longer than `limit`.
    pub(crate) fn addresses_within(&self, host: &str, port: u16, limit: Duration) -> Vec<SocketAddr> {
        if let Some(ip) = parse_literal(host) {
            return vec![SocketAddr::new(ip, port)];
        }
        let timeout = NextTimeout { after: limit.into(), ..NextTimeout::default() };
        self.look_up(host, port, timeout).unwrap_or_default()
    }

    fn look_up(&self, host: &str, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
        let mut running = self.running_lookup.lock().unwrap_or_else(PoisonError::into_inner);
        // A result that arrived after its probe's deadline is outdated; a running lookup is as good as a new one.
        let hanging = running.take().filter(|answer| matches!(answer.try_recv(), Err(TryRecvError::Empty)));
        let answer = match hanging {
            Some(answer) => answer,
            None => spawn_lookup(host.to_owned(), port).map_err(|error| dns_error(&error))?,
        };
        match answer.recv_timeout(*timeout.after) {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(dns_error(&error)),
            Err(RecvTimeoutError::Timeout) => {
                *running = Some(answer);
                Err(ProbeError::new(ProbeFailure::Dns, "the name lookup timed out").into())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(ProbeError::new(ProbeFailure::Dns, "the name lookup ended without a result").into())
            }
        }
    }
}

fn spawn_lookup(host: String, port: u16) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
    let (sender, answer) = mpsc::sync_channel(1);
    let look_up = move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        // The receiver is gone if no probe waits for the result any more.
        let _ = sender.send(addresses.map(|all| all.take(MAX_ADDRESSES).collect()));
    };
    spawn("lookup", look_up)?;
    Ok(answer)
}

fn dns_error(error: &io::Error) -> ureq::Error {
    ProbeError::new(ProbeFailure::Dns, format!("the name cannot be resolved: {}", lookup_words(error))).into()
}

fn parse_literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

fn url_port(uri: &Uri) -> Option<u16> {
    match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => Some(port),
        (None, Some("https")) => Some(443),
        (None, Some("http")) => Some(80),
        _ => None,
    }
}

/// Removes addresses without a route, unless all are. Otherwise, on a host without IPv6, the name's IPv6 address would
/// turn a refused connection into `unreachable`, because the error of the last address is reported.
fn filter_routable(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.len() < 2 {
        return addresses;
    }
    let (near, far): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| local_address_for(*address).is_some());
    if near.is_empty() { far } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_need_no_lookup() {
        assert_eq!(parse_literal("100.64.0.1"), Some(IpAddr::from([100, 64, 0, 1])));
        assert_eq!(parse_literal("[::1]"), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])));
        assert_eq!(parse_literal("primary.example"), None);
        assert_eq!(parse_literal("[::1"), None);
    }

    #[test]
    fn the_port_is_the_schemes_unless_it_is_given() {
        let port_of = |url: &str| url_port(&url.parse().unwrap());
        assert_eq!(port_of("http://a/"), Some(80));
        assert_eq!(port_of("https://a/"), Some(443));
        assert_eq!(port_of("https://[::1]:8443/"), Some(8443));
    }

    #[test]
    fn a_lookup_that_hangs_is_waited_for_and_not_repeated() {
        let (sender, answer) = mpsc::sync_channel(1);
        let lookup = HostResolver { running_lookup: Mutex::new(Some(answer)), ..HostResolver::default() };
        let brief = NextTimeout { after: Duration::from_millis(10).into(), ..NextTimeout::default() };
        for _ in 0..3 {
            let fault = ProbeError::from(lookup.look_up("localhost", 1, brief).unwrap_err());
            assert_eq!(fault.failure, ProbeFailure::Dns);
        }
        // The receiver of the first lookup still exists, so no second lookup was started.
        assert!(sender.send(Ok(Vec::new())).is_ok());
    }

    #[test]
    fn what_a_lookup_found_after_its_probe_had_gone_is_not_used() {
        let (sender, answer) = mpsc::sync_channel(1);
        sender.send(Err(io::ErrorKind::Other.into())).unwrap();
        let lookup = HostResolver { running_lookup: Mutex::new(Some(answer)), ..HostResolver::default() };
        let long = NextTimeout { after: Duration::from_secs(60).into(), ..NextTimeout::default() };
        let found = lookup.look_up("localhost", 1, long).unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn one_address_is_kept_even_without_a_route() {
        let far: SocketAddr = "[2001:db8::1]:1".parse().unwrap();
        let near: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(filter_routable(vec![far]), [far]);
        assert!(filter_routable(vec![far, near]).contains(&near));
    }
}
