//! Addresses of this host.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

/// True if no interface of this host has this address now. Where the system cannot say, it is false.
#[must_use]
pub fn is_foreign_address(ip: IpAddr) -> bool {
    // Nothing is sent: the system binds a socket to addresses of its own only.
    UdpSocket::bind((ip, 0)).is_err_and(|why| why.kind() == ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours_and_documentation_is_not() {
        assert!(!is_foreign_address("127.0.0.1".parse().unwrap()));
        assert!(!is_foreign_address("0.0.0.0".parse().unwrap()));
        assert!(is_foreign_address("192.0.2.1".parse().unwrap()));
    }
}
