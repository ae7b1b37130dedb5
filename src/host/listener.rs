//! Who listens on a TCP port of this host, asked of the kernel without a fork.
//!
//! It tells "our gateway answers" from "something else holds its port".

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// The lists of IPv4 and IPv6 sockets. Below `self`, because a sandbox that hides the rest of `/proc` leaves these.
const LISTS: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// How much of a list is read, in bytes. The kernel lists listeners first, 150 bytes each.
const LIMIT: u64 = 1024 * 1024;

/// A socket that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The user whose process opened it, by number.
    pub uid: u32,
    /// The kernel's own name for the socket: another one means that somebody else listens now.
    pub inode: u64,
}

/// All sockets that listen on `port`, on whatever address.
///
/// # Errors
/// When the kernel's list of IPv4 sockets cannot be read.
pub fn listeners(port: u16) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for list in LISTS {
        match File::open(list) {
            Ok(file) => found.extend(parse(BufReader::new(file.take(LIMIT)), port)?),
            // A kernel without IPv6 has no list of it.
            Err(why) if list.ends_with('6') && why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
    }
    Ok(found)
}

fn parse(list: impl BufRead, port: u16) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for line in list.lines() {
        found.extend(parse_line(&line?, port));
    }
    Ok(found)
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`
/// (Linux, Documentation/networking/proc_net_tcp.rst).
fn parse_line(line: &str, port: u16) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let (_, local_port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    let listens_here = state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port);
    listens_here.then_some(Listener { uid, inode })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_is_seen_and_a_connection_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let before = listeners(port).unwrap();
        assert_eq!(before.len(), 1);
        let connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(listeners(port).unwrap(), before);
        assert!(listeners(connection.local_addr().unwrap().port()).unwrap().is_empty());
        drop(listener);
        assert!(listeners(port).unwrap().is_empty());
    }

    #[test]
    fn ipv6_counts_too() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            return;
        };
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listeners(port).unwrap().len(), 1);
    }

    #[test]
    fn lines_of_the_kernel_are_understood_and_others_skipped() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 43210 1 0 100 0 0 10 0\n\
            \x20  1: 0100007F:4965 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000  1000        0 43211 1 0 20 4 30 10 -1\n\
            nonsense\n";
        let found = parse(list.as_bytes(), 18789).unwrap();
        assert_eq!(found, [Listener { uid: 1000, inode: 43210 }]);
    }
}
