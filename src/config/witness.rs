//! Witnesses: their forms in the configuration.

use std::fmt;

use crate::config::address::{Address, split_authority};
use crate::config::decode::{ConfigValue, Untyped};
use crate::config::diagnostics::{ValueError, quote};
use crate::text::json::Value;
use crate::text::suggestion::suggest_name;

/// Witness: another service whose answer shows that this host is online, so that the primary is down, not this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WitnessConfig {
    /// The local Tailscale daemon reports that it runs and that this node's key is valid.
    #[default]
    Tailscale,
    /// `host:port` accepts a TCP connection.
    Tcp(String),
    /// The URL answers with any HTTP status.
    Https(String),
}

impl WitnessConfig {
    fn parse(text: &str) -> Result<Self, ValueError> {
        if text == "tailscale" {
            return Ok(Self::Tailscale);
        }
        match text.split_once("://") {
            Some(("tcp", rest)) => {
                let (authority, tail) = split_authority(rest)?;
                if !tail.is_empty() {
                    return Err("must end after the port, such as \"tcp://1.1.1.1:443\"".into());
                }
                Ok(Self::Tcp(Address::parse(authority, None)?.to_string()))
            }
            Some(("https", rest)) => {
                let (authority, path) = split_authority(rest)?;
                if path.contains(['?', '#']) {
                    return Err(
                        "must end with its path; a query could contain a token, and this file is world-readable".into(),
                    );
                }
                if !Address::parse(authority, Some(443))?.may_have_public_certificate() {
                    return Err("cannot be verified: no public authority signs certificates for such a host; write \
                         \"tcp://host:port\""
                        .into());
                }
                Ok(Self::Https(text.to_owned()))
            }
            Some(_) => Err("must begin with https:// or tcp://".into()),
            None => {
                let near = suggest_name(text, ["tailscale"]);
                let hint = near.map_or_else(
                    || "write \"tailscale\", \"tcp://host:port\" or \"https://…\"".to_owned(),
                    |near| format!("did you mean \"{near}\"?"),
                );
                Err(format!("{} is not a witness; {hint}", quote(text)).into())
            }
        }
    }

    /// Returns host and port of the service; `None` for the local daemon.
    pub(super) fn address(&self) -> Option<Address> {
        match self {
            Self::Tailscale => None,
            Self::Tcp(address) => Address::parse(address, None).ok(),
            Self::Https(url) => Address::parse(split_authority(url.strip_prefix("https://")?).ok()?.0, Some(443)).ok(),
        }
    }
}

impl fmt::Display for WitnessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tailscale => f.write_str("tailscale"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Https(url) => f.write_str(url),
        }
    }
}

impl ConfigValue for WitnessConfig {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        let text = untyped.decode_text()?;
        Self::parse(text).map_err(|what| untyped.report(what.to_string())).ok()
    }

    fn encode(&self) -> Value {
        self.to_string().into()
    }
}
