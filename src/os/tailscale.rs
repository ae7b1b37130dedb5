//! Client of the Tailscale daemon, through `tailscale status`.

use std::net::{IpAddr, Ipv4Addr};

use crate::os::{ChildCommand, CommandError};
use crate::text::Time;
use crate::text::json::{self, Value};
use crate::text::utc::parse_rfc3339;

/// State of the daemon and of this host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailscaleStatus {
    /// State of the daemon: `Running`, `Stopped`, `NeedsLogin`, …; `unknown` if it gives none.
    pub backend_state: String,
    /// True if the daemon says that the key has expired. This host's wall clock may be wrong.
    pub is_key_expired: bool,
    /// Time at which the key expires; `None` if it does not.
    pub key_expiry: Option<Time>,
}

impl TailscaleStatus {
    /// Asks the daemon; `tailscale` is a command without arguments. `None` if its answer cannot be parsed.
    ///
    /// # Errors
    /// If the command is not installed or fails.
    pub fn query(tailscale: ChildCommand) -> Result<Option<Self>, CommandError> {
        tailscale.args(["status", "--json", "--peers=false"]).run().map(|output| Self::parse(&output.stdout))
    }

    fn parse(status: &str) -> Option<Self> {
        let status = json::parse(status).ok()?;
        let own = |key: &str| status.get("Self")?.get(key).map(|node| &node.value);
        Some(Self {
            backend_state: status.get("BackendState").and_then(|state| state.as_str()).unwrap_or("unknown").to_owned(),
            is_key_expired: own("Expired").and_then(Value::as_bool) == Some(true),
            key_expiry: own("KeyExpiry").and_then(|expiry| parse_rfc3339(expiry.as_str()?)),
        })
    }

    /// True if the daemon runs.
    pub fn is_running(&self) -> bool {
        self.backend_state == "Running"
    }
}

/// True for an address in 100.64.0.0/10 (RFC 6598), which Tailscale uses.
pub fn is_tailnet_address(ip: IpAddr) -> bool {
    const SHARED: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
    matches!(ip, IpAddr::V4(ip) if (u32::from(ip) ^ u32::from(SHARED)) >> 22 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_running_daemon_with_a_valid_key() {
        let is_well =
            |status: &str| TailscaleStatus::parse(status).is_some_and(|s| s.is_running() && !s.is_key_expired);
        assert!(is_well(r#"{"BackendState":"Running","Self":{"KeyExpiry":"2020-01-01T00:00:00Z"}}"#));
        assert!(is_well(r#"{"BackendState":"Running","Self":{}}"#));
        for ill in [
            r#"{"BackendState":"Stopped","Self":{}}"#,
            r#"{"BackendState":"NeedsLogin"}"#,
            r#"{"BackendState":"Running","Self":{"Expired":true}}"#,
            "[]",
            "",
        ] {
            assert!(!is_well(ill), "{ill}");
        }
    }

    #[test]
    fn recognises_100_64_0_0_10() {
        for (ip, is) in [("100.64.0.0", true), ("100.127.255.255", true), ("100.128.0.0", false), ("100.63.0.1", false)]
        {
            assert_eq!(is_tailnet_address(ip.parse().unwrap()), is, "{ip}");
        }
        assert!(!is_tailnet_address("fd7a:115c:a1e0::1".parse().unwrap()));
    }
}
