//! An upstream whose address is one of this host's own is not the upstream, whatever answers there.

use std::net::{IpAddr, SocketAddr, TcpListener};

use openclaw_failover::config::Upstream;
use openclaw_failover::host::local_end;
use openclaw_failover::probe::{Failure, Target, Verdict};

use super::needs;
use super::server::{Server, respond};
use super::{HEALTHY, STARTED, probe};

fn upstream(url: &str) -> Target {
    let upstream = Upstream {
        name: "primary".to_owned(),
        urls: vec![url.to_owned()],
        channels: Vec::new(),
        credential: None,
        ca_file: None,
    };
    Target::upstream(&upstream, None).unwrap()
}

/// An address of one of this host's interfaces, where there is a route to elsewhere.
fn own_address() -> Option<IpAddr> {
    // RFC 5737: no host has it.
    local_end("192.0.2.1:9".parse::<SocketAddr>().unwrap())
}

#[test]
fn an_upstream_at_an_address_of_this_host_is_never_connected_to() {
    let Some(own) = own_address() else {
        needs::skip(module_path!(), "an interface beside loopback");
        return;
    };
    let listener = TcpListener::bind((own, 0)).unwrap();
    let answer = probe(&mut upstream(&format!("http://{}", listener.local_addr().unwrap())));
    assert_eq!(answer.verdict, Verdict::Failing(Failure::ThisHost));
    assert!(answer.detail.contains("an address of this host itself"), "{}", answer.detail);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it was connected to");
}

#[test]
fn an_upstream_at_the_unspecified_address_is_this_host() {
    let server = Server::start(|_, stream| respond(stream, 200, STARTED));
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    for host in ["0.0.0.0", "[::]", "[::ffff:0.0.0.0]"] {
        let verdict = probe(&mut upstream(&format!("http://{host}:{port}"))).verdict;
        assert_eq!(verdict, Verdict::Failing(Failure::ThisHost), "{host}");
    }
}

#[test]
fn an_upstream_at_a_loopback_address_is_the_end_of_a_tunnel() {
    let server = Server::start(|_, stream| respond(stream, 200, STARTED));
    assert_eq!(probe(&mut upstream(&server.url())).verdict, HEALTHY);
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    assert_eq!(probe(&mut upstream(&format!("http://localhost:{port}"))).verdict, HEALTHY);
}

#[test]
fn the_gateway_of_this_host_may_answer_at_any_address_of_its_own() {
    let server = Server::start(|_, stream| respond(stream, 200, STARTED));
    let mut target = Target::local(&server.url(), None).unwrap();
    assert_eq!(probe(&mut target).verdict, HEALTHY);
    assert_eq!(target.addresses().len(), 1, "the address that it was asked at is known");
}
