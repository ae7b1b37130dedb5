//! Witnesses: what else must be reached before the primary, and not this host, is believed to be cut off.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::wall_clock;
use super::inbox::{Fact, Outlet};
use crate::config::address::Host;
use crate::config::endpoint::Endpoint;
use crate::config::{Config, Witness};
use crate::failover::Time;
use crate::host::Command;
use crate::json;
use crate::probe::{Failure, Target, Verdict};
use crate::report::clock::parse_rfc3339;

/// The witnesses that apply to this configuration: those it names, else the tailnet's daemon if an upstream is on a
/// tailnet (100.64.0.0/10, RFC 6598) and the daemon's command is there.
pub(super) fn of(config: &Config) -> Vec<Witness> {
    if let Some(named) = &config.promote.witnesses {
        return named.clone();
    }
    let is_tailnet = |url: &String| match Endpoint::from_url(url).as_ref().map(|url| &url.address().host) {
        Ok(Host::Ip(ip)) => is_shared_space(*ip),
        _ => false,
    };
    let on_tailnet = config.upstreams.iter().flat_map(|upstream| &upstream.urls).any(is_tailnet);
    let has_command = || Command::new("tailscale").arg("version").run().is_ok();
    if on_tailnet && has_command() { vec![Witness::Tailscale] } else { Vec::new() }
}

fn is_shared_space(ip: IpAddr) -> bool {
    const SHARED: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
    matches!(ip, IpAddr::V4(ip) if (u32::from(ip) ^ u32::from(SHARED)) >> 22 == 0)
}

/// Asks the witnesses each time it is told to; ends when nobody can tell it any more.
pub(super) fn start(witnesses: Vec<Witness>, limit: Duration, outlet: Outlet) -> io::Result<SyncSender<()>> {
    let (sender, asks) = mpsc::sync_channel(1);
    thread::Builder::new().name("witness".into()).spawn(move || {
        for () in asks {
            let alive = one_answers(&witnesses, limit);
            if !outlet.send(Fact::Witnessed { alive }) {
                return;
            }
        }
    })?;
    Ok(sender)
}

/// Asks all at once, so that a silent one does not use up another's time; the first that answers is enough.
fn one_answers(witnesses: &[Witness], limit: Duration) -> bool {
    let (sender, answers) = mpsc::channel();
    for witness in witnesses {
        let (witness, sender) = (witness.clone(), sender.clone());
        let asked = thread::Builder::new().name("witness-ask".into()).spawn(move || {
            // Whoever asked may have its answer already.
            let _ = sender.send(answers_within(&witness, limit));
        });
        if let Err(why) = asked {
            log::warn!("cannot ask a witness: {why}");
        }
    }
    drop(sender);
    first_yes(&answers, Instant::now() + limit)
}

fn first_yes(answers: &Receiver<bool>, deadline: Instant) -> bool {
    loop {
        match answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn answers_within(witness: &Witness, limit: Duration) -> bool {
    match witness {
        Witness::Tailscale => {
            let command = Command::new("tailscale").args(["status", "--json", "--peers=false"]).deadline(limit);
            command.run().is_ok_and(|output| tailscale_is_well(&output.stdout, wall_clock()))
        }
        Witness::Tcp(address) => address
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.any(|address| TcpStream::connect_timeout(&address, limit).is_ok())),
        Witness::Https(url) => Target::live_only(std::slice::from_ref(url), None)
            .is_ok_and(|mut target| spoke_http(target.probe(limit).verdict)),
    }
}

/// Whether a server of any kind answered.
fn spoke_http(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Healthy { .. } => true,
        Verdict::Failing(failure) => {
            matches!(failure, Failure::Status(_) | Failure::NotOpenClaw | Failure::Starting | Failure::Draining)
        }
    }
}

/// What `tailscale status --json` says: the daemon runs, and the key of this host is valid.
fn tailscale_is_well(status: &str, now: Time) -> bool {
    let Ok(status) = json::parse(status) else { return false };
    let runs = status.get("BackendState").and_then(|state| state.as_str()) == Some("Running");
    let own = status.get("Self");
    let expired = own.and_then(|own| own.get("Expired")).and_then(|expired| expired.as_bool()) == Some(true);
    let expiry = own.and_then(|own| own.get("KeyExpiry")).and_then(|expiry| expiry.as_str());
    runs && !expired && expiry.and_then(parse_rfc3339).is_none_or(|expiry| expiry > now)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const NOW: Time = Time::from_millis(1_795_300_000_000);
    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_daemon_that_runs_with_a_valid_key_is_well() {
        assert!(tailscale_is_well(r#"{"BackendState":"Running","Self":{"KeyExpiry":"2027-01-01T00:00:00Z"}}"#, NOW));
        assert!(tailscale_is_well(r#"{"BackendState":"Running","Self":{}}"#, NOW));
        for ill in [
            r#"{"BackendState":"Stopped","Self":{}}"#,
            r#"{"BackendState":"NeedsLogin"}"#,
            r#"{"BackendState":"Running","Self":{"KeyExpiry":"2026-01-01T00:00:00Z"}}"#,
            r#"{"BackendState":"Running","Self":{"Expired":true}}"#,
            "[]",
            "",
        ] {
            assert!(!tailscale_is_well(ill, NOW), "{ill}");
        }
    }

    #[test]
    fn the_tailnet_is_one_sixteenth_of_its_neighbourhood() {
        for (ip, is) in [("100.64.0.0", true), ("100.127.255.255", true), ("100.128.0.0", false), ("100.63.0.1", false)]
        {
            assert_eq!(is_shared_space(ip.parse().unwrap()), is, "{ip}");
        }
    }

    #[test]
    fn one_witness_that_answers_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = Witness::Tcp(listener.local_addr().unwrap().to_string());
        let silent = Witness::Tcp("127.0.0.1:1".to_owned());
        assert!(one_answers(&[silent.clone(), alive], SOON));
        assert!(!one_answers(&[silent], SOON));
        assert!(!one_answers(&[], SOON));
    }
}
