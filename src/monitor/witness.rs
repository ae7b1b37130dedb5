//! Witnesses: hosts and services whose answer proves that this host is not cut off.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::config::address::Host;
use crate::config::endpoint::Endpoint;
use crate::config::{Config, WitnessConfig};
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::os::tailscale::{TailscaleStatus, is_tailnet_address};
use crate::os::{ChildCommand, spawn};
use crate::probe::{PeerRule, ProbeFailure, ProbeTarget, Verdict};

/// Returns the witnesses of a configuration: those that it names, else the Tailscale daemon if an upstream is in a
/// tailnet (100.64.0.0/10, RFC 6598) and the `tailscale` command exists.
pub(super) fn applicable_witnesses(config: &Config) -> Vec<WitnessConfig> {
    if let Some(named) = &config.promote.witnesses {
        return named.clone();
    }
    let is_tailnet = |url: &String| match Endpoint::from_url(url).as_ref().map(|url| &url.address().host) {
        Ok(Host::Ip(ip)) => is_tailnet_address(*ip),
        _ => false,
    };
    let on_tailnet = config.upstreams.iter().flat_map(|upstream| &upstream.urls).any(is_tailnet);
    if on_tailnet && has_tailscale() { vec![WitnessConfig::Tailscale] } else { Vec::new() }
}

/// True if the `tailscale` command exists. A command that hangs or fails exists too, and its missing answer counts.
fn has_tailscale() -> bool {
    let asked = ChildCommand::new("tailscale").arg("version").deadline(Duration::from_secs(3)).run();
    !asked.is_err_and(|why| why.is_missing_program())
}

/// Starts the thread that queries the witnesses on each message. It ends when the returned sender is dropped.
pub(super) fn start_witness_thread(
    witnesses: Vec<WitnessConfig>,
    limit: Duration,
    message_sender: MessageSender,
) -> io::Result<SyncSender<()>> {
    let asked =
        witnesses.into_iter().map(|witness| WitnessThread::start(witness, limit)).collect::<io::Result<Vec<_>>>()?;
    let (sender, asks) = mpsc::sync_channel(1);
    spawn("witness", move || {
        for () in asks {
            let alive = query_witnesses(&asked, limit);
            if !message_sender.send(MonitorMessage::Witnessed { alive }) {
                return;
            }
        }
    })?;
    Ok(sender)
}

/// Witness with its thread. A witness that hangs, in a DNS lookup for instance, gets no further query meanwhile.
struct WitnessThread(SyncSender<Sender<bool>>);

impl WitnessThread {
    fn start(witness: WitnessConfig, limit: Duration) -> io::Result<Self> {
        let (sender, asks) = mpsc::sync_channel::<Sender<bool>>(1);
        spawn("witness-ask", move || {
            for answer in asks {
                // The query may have ended with another witness's answer.
                let _ = answer.send(query_witness(&witness, limit));
            }
        })?;
        Ok(Self(sender))
    }
}

/// Queries all witnesses in parallel. True as soon as one answers; a silent witness delays no other.
fn query_witnesses(witnesses: &[WitnessThread], limit: Duration) -> bool {
    let (sender, answers) = mpsc::channel();
    for witness in witnesses {
        if witness.0.try_send(sender.clone()).is_err() {
            log::debug!("a witness has not finished the previous query");
        }
    }
    drop(sender);
    await_answer(&answers, Instant::now() + limit)
}

fn await_answer(answers: &Receiver<bool>, deadline: Instant) -> bool {
    loop {
        match answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn query_witness(witness: &WitnessConfig, limit: Duration) -> bool {
    match witness {
        WitnessConfig::Tailscale => {
            // The daemon's own verdict on its key is used, because this host's wall clock may be wrong.
            let status = TailscaleStatus::query(ChildCommand::new("tailscale").deadline(limit)).ok().flatten();
            status.is_some_and(|status| status.is_running() && !status.is_key_expired)
        }
        WitnessConfig::Tcp(address) => address
            .to_socket_addrs()
            .is_ok_and(|addresses| accepts_on_other_host(host_part(address), addresses.collect(), limit)),
        WitnessConfig::Https(url) => ProbeTarget::for_witness(url_origin(url))
            .is_ok_and(|mut target| is_http_answer(target.probe(limit).verdict)),
    }
}

/// True if one of the addresses accepts a connection and is not this host's own.
fn accepts_on_other_host(host: &str, addresses: Vec<SocketAddr>, limit: Duration) -> bool {
    let Ok(addresses) = PeerRule::OtherHosts.filter_addresses(host, addresses) else { return false };
    addresses.iter().any(|address| TcpStream::connect_timeout(address, limit).is_ok())
}

/// Returns the host of `host:port`.
fn host_part(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// Returns a URL without its path. Only the answer of the server counts.
fn url_origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| host + at);
    url.get(..end).unwrap_or(url)
}

/// True if any kind of HTTP server answered.
fn is_http_answer(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Healthy { .. } => true,
        Verdict::Failing(failure) => {
            matches!(
                failure,
                ProbeFailure::Status(_) | ProbeFailure::NotOpenClaw | ProbeFailure::Starting | ProbeFailure::Draining
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn queries_a_url_without_its_path() {
        for url in ["https://example.org/up", "https://example.org", "https://example.org?x"] {
            assert_eq!(url_origin(url), "https://example.org");
        }
        let mut refused = ProbeTarget::healthz_only(&[url_origin("https://127.0.0.1:1/up").to_owned()], None).unwrap();
        assert!(!is_http_answer(refused.probe(SOON).verdict));
    }

    #[test]
    fn one_witness_that_answers_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = WitnessConfig::Tcp(listener.local_addr().unwrap().to_string());
        let silent = WitnessConfig::Tcp("127.0.0.1:1".to_owned());
        let asked = |witnesses: &[&WitnessConfig]| {
            let asked: Vec<_> =
                witnesses.iter().map(|&witness| WitnessThread::start(witness.clone(), SOON).unwrap()).collect();
            query_witnesses(&asked, SOON)
        };
        assert!(asked(&[&silent, &alive]));
        assert!(!asked(&[&silent]));
        assert!(!asked(&[]));
    }
}
