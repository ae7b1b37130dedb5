//! Addresses on which nothing listens until a test does.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};

/// An address of which connections are refused. Its loopback address is this call's own, so no server of another test,
/// which gets a free port of 127.0.0.1, ever takes it.
pub fn unused_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, high, low.max(1), NEXT.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}
