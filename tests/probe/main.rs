//! Probes of faulty servers over real sockets.
//!
//! Each case states the verdict, which must arrive at most 0.5 s after the deadline.

// Clippy allows unwraps in tests, but not in the helpers of an integration test.
#![allow(clippy::unwrap_used)]

#[path = "../support/address.rs"]
mod address;
mod channels;
mod faults;
mod names;
#[path = "../support/needs.rs"]
mod needs;
mod paths;
mod process;
mod server;
mod this_host;
mod tls;

use std::time::{Duration, Instant};

use openclaw_failover::probe::{ProbeResult, ProbeTarget, ReadyzRequest, Verdict};

/// Timeout of every probe in these tests.
const DEADLINE: Duration = Duration::from_secs(2);
/// Allowed delay of an answer after its deadline.
const ALLOWED_DELAY: Duration = Duration::from_millis(500);

const STARTED: &str = r#"{"ok":true,"status":"started"}"#;
const LIVE: &str = r#"{"ok":true,"status":"live"}"#;
const HTML: &str = "<!doctype html><html><body>Control UI</body></html>";
const HEALTHY: Verdict = Verdict::Healthy { ready: true };

/// Creates a target for `urls` that does not request `/readyz`.
fn healthz_target(urls: &[&str]) -> ProbeTarget {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    ProbeTarget::new(&urls, None, &ReadyzRequest::Skip).unwrap()
}

/// Probes once and checks that the answer arrived in time.
fn probe_in_time(target: &mut ProbeTarget) -> ProbeResult {
    let asked = Instant::now();
    let answer = target.probe(DEADLINE);
    let took = asked.elapsed();
    assert!(took < DEADLINE + ALLOWED_DELAY, "{target:?} took {took:?}: {answer:?}");
    assert!(answer.latency <= took);
    assert!(!answer.detail.is_empty() && !answer.detail.contains(char::is_control));
    answer
}

/// Probes one URL once.
fn probe_verdict(url: &str) -> Verdict {
    probe_in_time(&mut healthz_target(&[url])).verdict
}
