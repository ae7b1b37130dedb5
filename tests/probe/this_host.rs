//! Upstreams that resolve to this host: they are never probed.

use std::net::{IpAddr, SocketAddr, TcpListener};

use openclaw_failover::config::UpstreamConfig;
use openclaw_failover::os::local_address_for;
use openclaw_failover::probe::{ProbeFailure, ProbeTarget, Verdict};

use super::server::{Server, send_response};
use super::{HEALTHY, STARTED, needs, probe_in_time};

fn upstream_target(url: &str) -> ProbeTarget {
    let upstream = UpstreamConfig {
        name: "primary".to_owned(),
        urls: vec![url.to_owned()],
        channels: Vec::new(),
        credential: None,
        ca_file: None,
    };
    ProbeTarget::for_upstream(&upstream, None).unwrap()
}

/// Returns an address of an interface of this host; `None` without a route to another host.
fn own_address() -> Option<IpAddr> {
    // A documentation address (RFC 5737).
    local_address_for("192.0.2.1:9".parse::<SocketAddr>().unwrap())
}

#[test]
fn an_upstream_at_an_address_of_this_host_is_never_connected_to() {
    let Some(own) = own_address() else {
        needs::report_skipped(module_path!(), "an interface beside loopback");
        return;
    };
    let listener = TcpListener::bind((own, 0)).unwrap();
    let answer = probe_in_time(&mut upstream_target(&format!("http://{}", listener.local_addr().unwrap())));
    assert_eq!(answer.verdict, Verdict::Failing(ProbeFailure::ThisHost));
    assert!(answer.detail.contains("an address of this host itself"), "{}", answer.detail);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it was connected to");
}

#[test]
fn an_upstream_at_the_unspecified_address_is_this_host() {
    let server = Server::start(|_, stream| send_response(stream, 200, STARTED));
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    for host in ["0.0.0.0", "[::]", "[::ffff:0.0.0.0]"] {
        let verdict = probe_in_time(&mut upstream_target(&format!("http://{host}:{port}"))).verdict;
        assert_eq!(verdict, Verdict::Failing(ProbeFailure::ThisHost), "{host}");
    }
}

#[test]
fn an_upstream_at_a_loopback_address_is_the_end_of_a_tunnel() {
    let server = Server::start(|_, stream| send_response(stream, 200, STARTED));
    assert_eq!(probe_in_time(&mut upstream_target(&server.url())).verdict, HEALTHY);
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    assert_eq!(probe_in_time(&mut upstream_target(&format!("http://localhost:{port}"))).verdict, HEALTHY);
}

#[test]
fn the_gateway_of_this_host_may_answer_at_any_address_of_its_own() {
    let server = Server::start(|_, stream| send_response(stream, 200, STARTED));
    let mut target = ProbeTarget::for_local_gateway(&server.url(), None).unwrap();
    assert_eq!(probe_in_time(&mut target).verdict, HEALTHY);
    assert_eq!(target.addresses().len(), 1, "the address that it was asked at is known");
}
