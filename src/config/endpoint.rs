//! Gateway endpoint: `http://` or `https://`, a host and a port.
//!
//! URLs are normalised, so that one server has one spelling: records keyed by URL survive an added trailing slash.
//! Messages never quote the text: people paste URLs that contain passwords and tokens.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::address::{Address, Host, split_authority};
use crate::config::diagnostics::ValueError;
use crate::os::is_own_address;

/// Port of an OpenClaw gateway, used where only a host is given.
pub const DEFAULT_GATEWAY_PORT: u16 = 18789;

/// HTTP server. Displayed as a URL without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    is_https: bool,
    address: Address,
}

impl Endpoint {
    /// Reads a URL such as `http://100.64.0.1:18789` or `https://[fd7a::1]`. A trailing `/` is dropped.
    ///
    /// # Errors
    /// With the problem and the expected form.
    pub fn from_url(text: &str) -> Result<Self, ValueError> {
        let (scheme, rest) = split_scheme(text)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            "ws" => {
                return Err("must begin with http://, not ws:// (the gateway answers HTTP on the same port)".into());
            }
            "wss" => {
                return Err("must begin with https://, not wss:// (the gateway answers HTTPS on the same port)".into());
            }
            _ => return Err("must begin with http:// or https://".into()),
        };
        let (authority, tail) = split_authority(rest)?;
        if !matches!(tail, "" | "/") {
            return Err("must end after the host and port: no path, query or token".into());
        }
        let default = if secure { 443 } else { 80 };
        let address = Address::parse(authority, Some(default))?;
        Ok(Self { is_https: secure, address })
    }

    /// Reads a gateway as typed on a command line: a URL, `host:port`, or a host with [`DEFAULT_GATEWAY_PORT`]. An IPv6
    /// address without a port needs no brackets.
    ///
    /// # Errors
    /// With the problem and the expected form.
    pub fn from_shorthand(text: &str) -> Result<Self, ValueError> {
        if text.contains("://") {
            return Self::from_url(text);
        }
        let address = match text.parse::<Ipv6Addr>() {
            Ok(_) => Address { host: Host::parse_ipv6(text)?, port: DEFAULT_GATEWAY_PORT },
            Err(_) => {
                let (authority, tail) = split_authority(text)?;
                if !tail.is_empty() {
                    return Err("must be a URL, host:port or a host, without a path".into());
                }
                Address::parse(authority, Some(DEFAULT_GATEWAY_PORT))?
            }
        };
        Ok(Self { is_https: false, address })
    }

    /// Creates an endpoint from a port and a host: a name or an address, IPv6 with or without brackets.
    pub(crate) fn from_host(host: &str, port: u16) -> Result<Self, ValueError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let host = match bare.parse::<Ipv6Addr>() {
            Ok(_) => Host::parse_ipv6(bare)?,
            Err(_) => Host::parse(host)?,
        };
        let address = Address { host, port };
        Ok(Self { is_https: false, address })
    }

    /// Returns a documentation address (RFC 5737), the stand-in for a bad one while the rest is checked.
    pub(crate) fn placeholder() -> Self {
        let host = Host::Ip(Ipv4Addr::new(192, 0, 2, 1).into());
        let address = Address { host, port: DEFAULT_GATEWAY_PORT };
        Self { is_https: false, address }
    }

    /// True for loopback and unspecified addresses and `localhost`.
    pub fn is_this_host(&self) -> bool {
        self.address.is_this_host()
    }

    /// True for `https://`.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// True if the host is an address of one of this host's interfaces. False for loopback, which may be the local end
    /// of a tunnel, and for names, which are not looked up.
    pub fn is_own_interface(&self) -> bool {
        !self.is_this_host() && self.address.socket_address().is_some_and(is_own_address)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }
}

/// Splits `scheme://rest`.
fn split_scheme(text: &str) -> Result<(&str, &str), ValueError> {
    text.split_once("://").ok_or_else(|| match Endpoint::from_shorthand(text) {
        Ok(_) => "has no scheme; put http:// or https:// before it".into(),
        Err(_) => "is not a URL; write one such as \"http://100.64.0.1:18789\"".into(),
    })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_https, self.address.port) {
            (false, 80) => write!(f, "http://{}", self.address.host),
            (true, 443) => write!(f, "https://{}", self.address.host),
            (false, _) => write!(f, "http://{}", self.address),
            (true, _) => write!(f, "https://{}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_spelling() {
        let cases = [
            ("http://100.64.0.1:18789", "http://100.64.0.1:18789"),
            ("HTTP://Claw.Example.org:80/", "http://claw.example.org"),
            ("https://claw.example.org:443", "https://claw.example.org"),
            ("https://claw.example.org:80", "https://claw.example.org:80"),
            ("http://[FD7A:0::1]:18789/", "http://[fd7a::1]:18789"),
        ];
        for (text, shown) in cases {
            assert_eq!(Endpoint::from_url(text).unwrap().to_string(), shown, "{text}");
            assert_eq!(Endpoint::from_url(shown).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_person_may_type_less() {
        let cases = [
            ("claw", "http://claw:18789"),
            ("claw:80", "http://claw"),
            ("100.64.0.1", "http://100.64.0.1:18789"),
            ("::1", "http://[::1]:18789"),
            ("[::1]", "http://[::1]:18789"),
            ("[::1]:99", "http://[::1]:99"),
            ("https://claw", "https://claw"),
        ];
        for (text, shown) in cases {
            assert_eq!(Endpoint::from_shorthand(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_repeats_no_password() {
        let cases = [
            ("100.64.0.1:18789", "no scheme"),
            ("ws://claw:18789", "http://"),
            ("ftp://claw", "http:// or https://"),
            ("http://", "no host"),
            ("http://:80", "no host"),
            ("http://claw:0", "port"),
            ("http://claw:65536", "port"),
            ("http://claw:+80", "port"),
            ("http://claw:", "port"),
            ("http://claw:18789/healthz", "no path"),
            ("http://claw:18789?token=hunter2", "no path, query or token"),
            ("http://claw:18789/#token=hunter2", "no path, query or token"),
            ("http://me:hunter2@claw", "password"),
            ("http://::1:80", "brackets"),
            ("http://[::1", "bracket"),
            ("http://[::1]80", "between"),
            ("http://[claw]:80", "IPv6"),
            ("http://[fe80::1%eth0]:80", "zones"),
            ("http://1.2.3:80", "IPv4"),
            ("http://1.2.3.4.5:80", "IPv4"),
            ("http://256.1.1.1:80", "IPv4"),
            ("http://cl aw:80", "a space"),
            ("http://claw\n:80", "control character"),
            ("http://-claw:80", "read as an option"),
            ("http://cläw:80", "xn--"),
            ("http://claw..org:80", "valid name"),
            ("", "not a URL"),
        ];
        for (text, hint) in cases {
            let problem = Endpoint::from_url(text).unwrap_err().to_string();
            assert!(problem.contains(hint), "{text}: {problem}");
            assert!(!problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn knows_this_host_by_all_its_names() {
        let address = |text| Endpoint::from_url(text).unwrap().address().clone();
        let here = address("http://127.0.0.1:18789");
        for same in ["http://localhost:18789", "https://[::1]:18789", "http://0.0.0.0:18789", "http://127.9.9.9:18789"]
        {
            assert!(here.is_same_socket(&address(same)), "{same}");
        }
        for other in ["http://localhost:18790", "http://100.64.0.1:18789"] {
            assert!(!here.is_same_socket(&address(other)), "{other}");
        }
    }
}
