//! Recognition of addresses of this host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Port of the discard service (RFC 863), for a routing table lookup. Nothing is sent.
const DISCARD_PORT: u16 = 9;

/// True if `address` is this host: loopback, the unspecified address, or an address of an interface. For the last kind
/// the kernel would use the same address for both ends of a connection.
pub fn is_own_address(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified() || local_address_for(address).is_some_and(|own| own.to_canonical() == ip)
}

/// Returns the local address of a connection to `address`; `None` without a route.
pub fn local_address_for(address: SocketAddr) -> Option<IpAddr> {
    let mut peer = match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(_), IpAddr::V4(mapped)) => SocketAddr::new(mapped.into(), DISCARD_PORT),
        _ => address,
    };
    peer.set_port(DISCARD_PORT);
    let any: IpAddr = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Connecting a UDP socket only looks up the route.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(address: &str) -> bool {
        is_own_address(address.parse().unwrap())
    }

    #[test]
    fn loopback_and_unspecified_addresses_are_of_this_host_in_every_spelling() {
        let spellings = ["127.0.0.1:1", "127.0.1.1:1", "0.0.0.0:1", "[::1]:1", "[::]:1", "[::ffff:127.0.0.1]:1"];
        for own in spellings {
            assert!(is_own(own), "{own}");
        }
    }

    #[test]
    fn an_interface_s_address_is_of_this_host_and_its_neighbour_s_is_not() {
        // RFC 5737: no host has it.
        let elsewhere: SocketAddr = "192.0.2.1:80".parse().unwrap();
        assert!(!is_own_address(elsewhere));
        // Without a route there is no interface to try.
        if let Some(own) = local_address_for(elsewhere) {
            assert!(is_own_address(SocketAddr::new(own, 80)), "{own}");
        }
    }
}
