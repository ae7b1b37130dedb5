//! Host and port, as written in URLs, witnesses and sources of secrets.
//!
//! Messages never quote the text: people paste URLs that contain passwords and tokens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::diagnostics::ValueError;

/// Maximum length of a host name in DNS (RFC 1035), in bytes.
const MAX_HOST_NAME_BYTES: usize = 253;
/// Maximum length of one label of a host name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// Host and port. Displayed as `host:port`, an IPv6 literal in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// Host, given as an address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Address {
    /// Reads `host:port`. The port is required unless there is a `default`.
    pub(crate) fn parse(text: &str, default: Option<u16>) -> Result<Self, ValueError> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (literal, port) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
            (Host::parse_ipv6(literal)?, port)
        } else {
            let colon = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(colon);
            if port.bytes().filter(|byte| *byte == b':').count() > 1 {
                return Err("has several colons; write an IPv6 address in brackets, such as [fd7a::1]:18789".into());
            }
            (Host::parse(host)?, port)
        };
        let port = match (port.strip_prefix(':'), default) {
            (Some(digits), _) => parse_port(digits)?,
            (None, _) if !port.is_empty() => {
                return Err("has something between the brackets and the port".into());
            }
            (None, Some(default)) => default,
            (None, None) => return Err("has no port; write host:port".into()),
        };
        Ok(Self { host, port })
    }

    /// Returns the socket address; `None` for a host name, which is not looked up.
    pub(crate) fn socket_address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            Host::Name(_) => None,
        }
    }

    /// True if both name the same listening socket. Names are not looked up.
    pub(crate) fn is_same_socket(&self, other: &Self) -> bool {
        self.port == other.port && (self.host == other.host || (self.is_this_host() && other.is_this_host()))
    }

    /// True if both name the same host. Names are not looked up.
    pub(crate) fn is_same_host(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// True if a public authority could sign a certificate for the host's address or name.
    pub(crate) fn may_have_public_certificate(&self) -> bool {
        match &self.host {
            Host::Ip(IpAddr::V4(ip)) => {
                let is_shared = matches!(ip.octets(), [100, 64..=127, ..]);
                !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || is_shared)
            }
            Host::Ip(IpAddr::V6(ip)) => {
                !(ip.is_loopback() || ip.is_unspecified() || ip.segments()[0] & 0xfe00 == 0xfc00)
            }
            Host::Name(name) => {
                let private = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
                name.contains('.') && !private.iter().any(|end| name.ends_with(end))
            }
        }
    }

    /// True for the unspecified addresses, 0.0.0.0 and `::`.
    pub(crate) fn is_unspecified(&self) -> bool {
        matches!(self.host, Host::Ip(ip) if ip.to_canonical().is_unspecified())
    }

    /// True for loopback and unspecified addresses and `localhost`.
    pub(crate) fn is_this_host(&self) -> bool {
        match &self.host {
            Host::Ip(ip) => ip.to_canonical().is_loopback() || ip.to_canonical().is_unspecified(),
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl Host {
    /// Reads an IPv4 address or a name.
    pub(crate) fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err("has no host".into());
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Self::require_unicast(ip.into());
        }
        if !text.is_ascii() {
            return Err("has a host with letters beyond ASCII; write its ASCII form, which begins with \"xn--\"".into());
        }
        if text.starts_with('-') {
            return Err("has a host that begins with '-', which programs would read as an option".into());
        }
        if text.ends_with('.') {
            return Err("has a host that ends with a dot; leave the dot out".into());
        }
        let label_is_sound = |label: &str| {
            (1..=MAX_LABEL_BYTES).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() > MAX_HOST_NAME_BYTES || !text.split('.').all(label_is_sound) {
            return Err("has a host that is not a valid name (letters, digits, '-' and '.')".into());
        }
        // The system's resolver reads a numeric name as an IPv4 address: 0x7f000001 as 127.0.0.1.
        if text.rsplit('.').next().is_some_and(is_inet_aton_number) {
            return Err("has a host that is neither a name nor a whole IPv4 address".into());
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    /// Reads an IPv6 address without its brackets.
    pub(crate) fn parse_ipv6(text: &str) -> Result<Self, ValueError> {
        let ip: Ipv6Addr = text.parse().map_err(
            |_| "has something in brackets that is not an IPv6 address (zones such as %eth0 are not supported)",
        )?;
        if ip.segments()[0] & 0xffc0 == 0xfe80 {
            return Err("has a link-local address, which needs a zone (not supported); write another address".into());
        }
        // An IPv4-mapped IPv6 address is the same host as the IPv4 address, so both get one spelling.
        Self::require_unicast(IpAddr::V6(ip).to_canonical())
    }

    fn require_unicast(ip: IpAddr) -> Result<Self, ValueError> {
        let is_in_net_0 = matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 0 && !ip.is_unspecified());
        if ip.is_multicast() || is_in_net_0 {
            return Err("has a multicast address or one of 0.0.0.0/8; no host has such an address".into());
        }
        Ok(Self::Ip(ip))
    }
}

/// True if `inet_aton` reads the label as a number.
fn is_inet_aton_number(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Splits a URL's `host:port` from the rest. Refuses user names, passwords, blanks and control characters.
pub(crate) fn split_authority(rest: &str) -> Result<(&str, &str), ValueError> {
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains a space or a control character".into());
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if authority.contains('@') {
        return Err(
            "contains a user name or password, and secrets do not belong here; remove everything before the @".into()
        );
    }
    Ok((authority, tail))
}

fn parse_port(digits: &str) -> Result<u16, ValueError> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if is_number && port > 0 => Ok(port),
        _ => Err("has a port that is not a number from 1 to 65535".into()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
