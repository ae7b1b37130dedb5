//! Peers of probes: allowed addresses, and the addresses of the last request.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use crate::os::is_own_address;
use crate::probe::error::ProbeError;
use crate::probe::verdict::ProbeFailure;

/// Allowed hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PeerRule {
    /// All hosts, this one included.
    #[default]
    Any,
    /// Other hosts only. A loopback address in the URL is allowed: it is the local end of a tunnel to another host. The
    /// configuration checks that its port is not the gateway's.
    OtherHosts,
}

impl PeerRule {
    /// Removes the addresses of `host` that are not allowed.
    ///
    /// Addresses are checked before every connection: hosts file, DNS and interfaces can change at any time, and the
    /// primary's address may have moved to this host.
    pub(crate) fn filter_addresses(
        self,
        host: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, ProbeError> {
        let Some(first) = addresses.first().copied() else { return Ok(addresses) };
        if self == Self::Any {
            return Ok(addresses);
        }
        let is_tunnel = is_loopback_literal(host);
        let is_allowed = |address: &SocketAddr| (is_tunnel && is_loopback(address.ip())) || !is_own_address(*address);
        let allowed: Vec<_> = addresses.into_iter().filter(is_allowed).collect();
        if allowed.is_empty() {
            let why = format!("{host} resolves to {}, an address of this host itself", first.ip());
            return Err(ProbeError::new(ProbeFailure::ThisHost, why));
        }
        Ok(allowed)
    }
}

/// True if `host`, as written in a URL, is a loopback address or `localhost`, which is always loopback (RFC 6761).
fn is_loopback_literal(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => is_loopback(ip),
        Err(_) => {
            let name = bare.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Addresses that the last request of one URL could connect to.
#[derive(Debug, Default)]
pub(super) struct ResolvedAddresses(Mutex<Vec<SocketAddr>>);

impl ResolvedAddresses {
    pub(super) fn replace(&self, addresses: Vec<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    pub(super) fn get(&self) -> Vec<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(host: &str, addresses: &[&str]) -> Result<Vec<String>, ProbeFailure> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let allowed = PeerRule::OtherHosts.filter_addresses(host, addresses).map_err(|fault| fault.failure)?;
        Ok(allowed.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_name_that_leads_to_this_host_is_no_other_host() {
        for own in ["127.0.0.1:9", "127.0.1.1:9", "0.0.0.0:9", "[::1]:9", "[::ffff:127.0.0.1]:9", "[::]:9"] {
            assert_eq!(filtered("primary", &[own]), Err(ProbeFailure::ThisHost), "{own}");
        }
        assert_eq!(filtered("0.0.0.0", &["0.0.0.0:9"]), Err(ProbeFailure::ThisHost));
        assert_eq!(filtered("primary", &["127.0.0.1:9", "192.0.2.1:9"]), Ok(vec!["192.0.2.1:9".to_owned()]));
        assert_eq!(filtered("primary", &[]), Ok(Vec::new()));
    }

    #[test]
    fn a_loopback_address_in_the_url_itself_is_a_tunnel() {
        for (host, address) in
            [("127.0.0.1", "127.0.0.1:9"), ("[::1]", "[::1]:9"), ("localhost", "127.0.0.1:9"), ("LocalHost", "[::1]:9")]
        {
            assert_eq!(filtered(host, &[address]), Ok(vec![address.to_owned()]), "{host}");
        }
        // The unspecified address of `localhost` is not a loopback address.
        assert_eq!(filtered("localhost", &["0.0.0.0:9"]), Err(ProbeFailure::ThisHost));
    }
}
