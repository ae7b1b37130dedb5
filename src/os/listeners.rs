//! Listening TCP sockets of this host, from `/proc/net/tcp` and `/proc/net/tcp6`, which every user can read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Socket tables of the network namespace of this process.
const SOCKET_TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// Read limit of one table, in bytes. Listening sockets come first.
const MAX_TABLE_BYTES: u64 = 1 << 20;

/// State of a listening socket, `TCP_LISTEN`.
const LISTEN_STATE: &str = "0A";

/// Listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListeningSocket {
    /// Local address.
    pub address: SocketAddr,
    /// User that created the socket; 65534 for users outside the reader's user namespace.
    pub uid: u32,
    /// Inode of the socket, unique while it exists.
    pub inode: u64,
}

/// Lists the sockets that listen on `port`.
///
/// # Errors
/// If a table cannot be read. A missing IPv6 table is no error: the host has no IPv6.
pub fn listening_sockets(port: u16) -> io::Result<Vec<ListeningSocket>> {
    let mut found = Vec::new();
    for (index, table) in SOCKET_TABLES.into_iter().enumerate() {
        let file = match File::open(table) {
            Ok(file) => file,
            Err(why) if index > 0 && why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(why),
        };
        // A truncated last line is not parsed as a socket.
        let lines = BufReader::new(file.take(MAX_TABLE_BYTES)).lines().skip(1).map_while(Result::ok);
        let listening = lines.map_while(|line| parse_listener(&line));
        found.extend(listening.filter(|listener| listener.address.port() == port));
    }
    found.sort_unstable_by_key(|listener| listener.inode);
    Ok(found)
}

/// Parses one line of a table; `None` if it is not a listening socket.
fn parse_listener(line: &str) -> Option<ListeningSocket> {
    let address = parse_listening_address(line)?;
    let mut fields = line.split_whitespace().skip(7);
    let uid = fields.next()?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(ListeningSocket { address, uid, inode })
}

/// Parses the local address of one line of a table; `None` if it is not a listening socket.
pub fn parse_listening_address(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace().skip(1);
    let address = parse_address(fields.next()?)?;
    (fields.nth(1)? == LISTEN_STATE).then_some(address)
}

/// Parses `0100007F:4965`: 32-bit words in host byte order, and the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = words.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match words.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Selects the sockets that can receive a connection to `address`: those bound to exactly this address if there are
/// any, else those bound to the unspecified address of its family, else those bound to `::`, which also accept IPv4.
pub fn accepting_sockets(listeners: &[ListeningSocket], address: SocketAddr) -> Vec<ListeningSocket> {
    let ip = address.ip().to_canonical();
    let is_exact = |own: IpAddr| own.to_canonical() == ip;
    let is_any = |own: IpAddr| own.is_unspecified() && own.is_ipv4() == ip.is_ipv4();
    let is_any_family = |own: IpAddr| own.is_unspecified() && own.is_ipv6();
    let tiers: [&dyn Fn(IpAddr) -> bool; 3] = [&is_exact, &is_any, &is_any_family];
    let at = |is_it: &dyn Fn(IpAddr) -> bool| {
        let here = listeners.iter().filter(|listener| listener.address.port() == address.port());
        here.filter(|listener| is_it(listener.address.ip())).copied().collect::<Vec<_>>()
    };
    // A connection to the unspecified address goes to loopback, so any of these sockets can receive it.
    if ip.is_unspecified() {
        return at(&|own| own.is_unspecified() || own.to_canonical().is_loopback());
    }
    tiers.into_iter().map(at).find(|found| !found.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernel_s_lines_are_understood() {
        let v4 =
            "   0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 98765 1 0 100";
        let listener = ListeningSocket { address: "127.0.0.1:18789".parse().unwrap(), uid: 1001, inode: 98765 };
        assert_eq!(parse_listener(v4), Some(listener));
        let v6 =
            "1: 00000000000000000000000001000000:4965 00000000000000000000000000000000:0000 0A 0:0 00:0 0  65534 0 7";
        let listener = ListeningSocket { address: "[::1]:18789".parse().unwrap(), uid: 65534, inode: 7 };
        assert_eq!(parse_listener(v6), Some(listener));
        for other in [&v4.replace(" 0A ", " 01 "), "", "  sl  local_address rem_address   st tx_queue", "0: 7F:1 x 0A"]
        {
            assert_eq!(parse_listener(other), None, "{other}");
        }
    }

    #[test]
    fn a_listening_socket_of_this_process_is_found_on_its_port_alone() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = listening_sockets(address.port()).unwrap();
        assert!(found.iter().any(|listener| listener.address == address && listener.inode > 0), "{found:?}");
        assert_eq!(accepting_sockets(&found, address).len(), 1);
    }

    #[test]
    fn the_most_special_address_takes_a_connection() {
        let at = |address: &str, inode| ListeningSocket { address: address.parse().unwrap(), uid: 0, inode };
        let all = [at("127.0.0.1:9", 1), at("0.0.0.0:9", 2), at("[::]:9", 3), at("[::1]:9", 4), at("127.0.0.1:8", 5)];
        let inodes = |listeners: &[ListeningSocket], address: &str| {
            accepting_sockets(listeners, address.parse().unwrap()).iter().map(|taker| taker.inode).collect::<Vec<_>>()
        };
        assert_eq!(inodes(&all, "127.0.0.1:9"), [1]);
        assert_eq!(inodes(&all, "10.0.0.1:9"), [2]);
        assert_eq!(inodes(&all, "[::1]:9"), [4]);
        assert_eq!(inodes(&all, "[fd7a::1]:9"), [3]);
        assert_eq!(inodes(&all[2..], "10.0.0.1:9"), [3]);
        assert_eq!(inodes(&all, "0.0.0.0:9"), [1, 2, 3, 4]);
        assert_eq!(inodes(&all[3..], "10.0.0.1:9"), [0; 0]);
        let shared = [at("0.0.0.0:9", 1), at("0.0.0.0:9", 2)];
        assert_eq!(inodes(&shared, "127.0.0.1:9"), [1, 2], "with SO_REUSEPORT either may take it");
    }
}
