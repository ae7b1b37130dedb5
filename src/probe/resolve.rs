//! Host → addresses, under the probe's deadline.
//!
//! The system's resolver cannot be told to stop, so a name is looked up on a thread of its own that the deadline can
//! walk away from. While such a thread hangs, later probes wait for it instead of starting another.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::fault::Fault;
use super::peer::{Addresses, PeerRule};
use super::verdict::Failure;
use super::words::lookup_words;
use crate::host::{local_end, spawn};

/// More addresses than this are not tried; it is what ureq has room for.
const MAX_ADDRESSES: usize = 16;

/// Resolves the one host of one URL.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    rule: PeerRule,
    /// The addresses that the last request could connect to.
    resolved: Arc<Addresses>,
    running: Mutex<Option<Receiver<io::Result<Vec<SocketAddr>>>>>,
}

impl Resolver for Lookup {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = match (uri.host(), port(uri)) {
            (Some(host), Some(port)) => match literal(host) {
                Some(ip) => vec![SocketAddr::new(ip, port)],
                None => with_a_route(self.look_up(host, port, timeout)?),
            },
            _ => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(Fault::new(Failure::Dns, "the name has no address").into());
        }
        let addresses = self.rule.filter(uri.host().unwrap_or_default(), addresses)?;
        let mut resolved = self.empty();
        for address in addresses.iter().take(MAX_ADDRESSES) {
            resolved.push(*address);
        }
        self.resolved.replace(addresses);
        Ok(resolved)
    }
}

impl Lookup {
    /// Makes a resolver that connects as `rule` allows and leaves what it finds in `resolved`.
    pub(super) fn new(rule: PeerRule, resolved: Arc<Addresses>) -> Self {
        Self { rule, resolved, running: Mutex::default() }
    }

    /// The addresses of a host, or none when they are not known within `limit`.
    pub(crate) fn addresses_within(&self, host: &str, port: u16, limit: Duration) -> Vec<SocketAddr> {
        if let Some(ip) = literal(host) {
            return vec![SocketAddr::new(ip, port)];
        }
        let timeout = NextTimeout { after: limit.into(), ..NextTimeout::default() };
        self.look_up(host, port, timeout).unwrap_or_default()
    }

    fn look_up(&self, host: &str, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // What ended after its probe had gone is old news; what still runs is as good as a new one.
        let hanging = running.take().filter(|answer| matches!(answer.try_recv(), Err(TryRecvError::Empty)));
        let answer = match hanging {
            Some(answer) => answer,
            None => start(host.to_owned(), port).map_err(|error| fault(&error))?,
        };
        match answer.recv_timeout(*timeout.after) {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(fault(&error)),
            Err(RecvTimeoutError::Timeout) => {
                *running = Some(answer);
                Err(Fault::new(Failure::Dns, "no answer about the name in time").into())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Fault::new(Failure::Dns, "the lookup ended without an answer").into())
            }
        }
    }
}

fn start(host: String, port: u16) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
    let (sender, answer) = mpsc::sync_channel(1);
    let look_up = move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        // Nobody listens any more when the deadline has passed for good.
        let _ = sender.send(addresses.map(|all| all.take(MAX_ADDRESSES).collect()));
    };
    spawn("lookup", look_up)?;
    Ok(answer)
}

fn fault(error: &io::Error) -> ureq::Error {
    Fault::new(Failure::Dns, format!("the name cannot be resolved: {}", lookup_words(error))).into()
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

fn port(uri: &Uri) -> Option<u16> {
    match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => Some(port),
        (None, Some("https")) => Some(443),
        (None, Some("http")) => Some(80),
        _ => None,
    }
}

/// Leaves out what this host has no route to, as long as something remains. On a host without IPv6 the name's IPv6
/// address would otherwise turn a refused connection into `unreachable`, since the last address tried has the word.
fn with_a_route(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.len() < 2 {
        return addresses;
    }
    let (near, far): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| local_end(*address).is_some());
    if near.is_empty() { far } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_need_no_lookup() {
        assert_eq!(literal("100.64.0.1"), Some(IpAddr::from([100, 64, 0, 1])));
        assert_eq!(literal("[::1]"), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])));
        assert_eq!(literal("primary.example"), None);
        assert_eq!(literal("[::1"), None);
    }

    #[test]
    fn the_port_is_the_schemes_unless_it_is_given() {
        let port_of = |url: &str| port(&url.parse().unwrap());
        assert_eq!(port_of("http://a/"), Some(80));
        assert_eq!(port_of("https://a/"), Some(443));
        assert_eq!(port_of("https://[::1]:8443/"), Some(8443));
    }

    #[test]
    fn a_lookup_that_hangs_is_waited_for_and_not_repeated() {
        let (sender, answer) = mpsc::sync_channel(1);
        let lookup = Lookup { running: Mutex::new(Some(answer)), ..Lookup::default() };
        let brief = NextTimeout { after: Duration::from_millis(10).into(), ..NextTimeout::default() };
        for _ in 0..3 {
            let fault = Fault::from(lookup.look_up("localhost", 1, brief).unwrap_err());
            assert_eq!(fault.failure, Failure::Dns);
        }
        // Somebody still listens to the first lookup, so none of the three was dropped for another.
        assert!(sender.send(Ok(Vec::new())).is_ok());
    }

    #[test]
    fn what_a_lookup_found_after_its_probe_had_gone_is_not_used() {
        let (sender, answer) = mpsc::sync_channel(1);
        sender.send(Err(io::ErrorKind::Other.into())).unwrap();
        let lookup = Lookup { running: Mutex::new(Some(answer)), ..Lookup::default() };
        let long = NextTimeout { after: Duration::from_secs(60).into(), ..NextTimeout::default() };
        let found = lookup.look_up("localhost", 1, long).unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn one_address_is_kept_even_without_a_route() {
        let far: SocketAddr = "[2001:db8::1]:1".parse().unwrap();
        let near: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(with_a_route(vec![far]), [far]);
        assert!(with_a_route(vec![far, near]).contains(&near));
    }
}
