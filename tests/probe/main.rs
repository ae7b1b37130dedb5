//! The probe against servers that break in every way we could think of, over real sockets.
//!
//! Each case states the verdict, and none may come later than its deadline and half a second.

// Clippy allows unwraps in tests, but does not take the helpers of an integration test for one.
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

use openclaw_failover::probe::{Answer, Readyz, Target, Verdict};

/// What every probe here is given.
const DEADLINE: Duration = Duration::from_secs(2);
/// How much later than its deadline an answer may come.
const LATE: Duration = Duration::from_millis(500);

const STARTED: &str = r#"{"ok":true,"status":"started"}"#;
const LIVE: &str = r#"{"ok":true,"status":"live"}"#;
const HTML: &str = "<!doctype html><html><body>Control UI</body></html>";
const HEALTHY: Verdict = Verdict::Healthy { ready: true };

/// A target of `urls` that is asked for its life only.
fn target(urls: &[&str]) -> Target {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    Target::new(&urls, None, &Readyz::Skip).unwrap()
}

/// Probes once and checks that the answer was in time.
fn probe(target: &mut Target) -> Answer {
    let asked = Instant::now();
    let answer = target.probe(DEADLINE);
    let took = asked.elapsed();
    assert!(took < DEADLINE + LATE, "{target:?} took {took:?}: {answer:?}");
    assert!(answer.latency <= took);
    assert!(!answer.detail.is_empty() && !answer.detail.contains(char::is_control));
    answer
}

/// Probes one URL once.
fn verdict(url: &str) -> Verdict {
    probe(&mut target(&[url])).verdict
}
