//! Host names, addresses, and gateways with several URLs.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use openclaw_failover::probe::ProbeFailure::{Dns, Draining, Refused, ResponseTimeout, Status, Unreachable};
use openclaw_failover::probe::Verdict;

use crate::address::unused_address;
use crate::server::{Server, send_response, stay_silent};
use crate::{HEALTHY, STARTED, healthz_target, probe_in_time, probe_verdict};

fn start_healthy(address: &str) -> Server {
    Server::start_at(address, |_, stream| send_response(stream, 200, STARTED))
}

fn start_silent() -> Server {
    Server::with_raw_handler(|mut stream| drop(stay_silent(&mut stream)))
}

fn refusing_url() -> String {
    let address = unused_address();
    format!("http://{address}")
}

#[test]
fn a_name_without_an_address() {
    let answer = probe_in_time(&mut healthz_target(&["http://gateway.invalid:18789"]));
    assert_eq!(answer.verdict, Verdict::Failing(Dns));
    assert!(answer.detail.starts_with("the name cannot be resolved: "), "{}", answer.detail);
    assert!(!answer.detail.contains("failed to lookup"), "{}", answer.detail);
}

#[test]
fn a_name_with_an_address() {
    let server = start_healthy("127.0.0.1:0");
    let url = format!("http://localhost:{}", server.address.port());
    assert_eq!(probe_verdict(&url), HEALTHY);
}

#[test]
fn a_name_that_refuses() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(probe_verdict(&format!("http://localhost:{port}")), Verdict::Failing(Refused));
}

#[test]
fn an_ipv6_literal() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let server = start_healthy("[::1]:0");
    assert!(server.url().starts_with("http://[::1]:"));
    assert_eq!(probe_verdict(&server.url()), HEALTHY);
}

#[test]
fn no_way_to_the_host() {
    assert_eq!(probe_verdict("http://255.255.255.255:18789"), Verdict::Failing(Unreachable));
}

#[test]
fn one_good_url_is_enough_and_the_others_are_not_waited_for() {
    let (good, slow) = (start_healthy("127.0.0.1:0"), start_silent());
    let mut target = healthz_target(&[&slow.url(), &refusing_url(), &good.url()]);
    // The thread of the silent URL is still busy when the later probes start.
    for _ in 0..4 {
        let asked = Instant::now();
        let answer = probe_in_time(&mut target);
        assert_eq!(answer.verdict, HEALTHY);
        assert_eq!(answer.url, format!("{}/startupz", good.url()));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
}

#[test]
fn when_all_urls_fail_the_one_that_came_furthest_tells_why() {
    let draining = Server::with_paths(&[("/startupz", 503, r#"{"ok":false,"status":"draining"}"#)]);
    let broken = Server::with_paths(&[("/startupz", 500, "")]);
    let slow = start_silent();
    let cases: [(&[&str], _); 4] = [
        (&[&refusing_url(), "http://gateway.invalid:1"], Refused),
        (&[&refusing_url(), &slow.url()], ResponseTimeout),
        (&[&slow.url(), &broken.url()], Status(500)),
        (&[&broken.url(), &draining.url(), &refusing_url()], Draining),
    ];
    for (urls, failure) in cases {
        assert_eq!(probe_in_time(&mut healthz_target(urls)).verdict, Verdict::Failing(failure), "{urls:?}");
    }
}

#[test]
fn dropping_a_target_waits_for_nobody() {
    let (good, slow) = (start_healthy("127.0.0.1:0"), start_silent());
    let mut target = healthz_target(&[&slow.url(), &good.url()]);
    assert_eq!(probe_in_time(&mut target).verdict, HEALTHY);
    let dropped = Instant::now();
    drop(target);
    assert!(dropped.elapsed() < Duration::from_secs(1));
}
