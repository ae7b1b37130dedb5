//! Plan of a world: the states of each upstream, drawn before the world begins.

use openclaw_failover::probe::ProbeFailure;

use crate::rng::Rng;

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// State of an upstream, as a probe finds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    Up { ready: bool },
    Fails(ProbeFailure),
}

pub const UP: State = State::Up { ready: true };

/// State from a time on, until the next span begins.
pub type Span = (u64, State);

/// Plan of one upstream for a month.
pub fn upstream(rng: &mut Rng, length: u64) -> Vec<Span> {
    let mut spans = vec![(0, if rng.chance(40) { State::Fails(ProbeFailure::Refused) } else { UP })];
    let calm = rng.pick(&[12 * HOUR, 5 * DAY, 5 * DAY, 20 * DAY]);
    let mut at = rng.log_range(10 * SECOND, calm);
    while at < length {
        at = incident(rng, &mut spans, at) + rng.log_range(20 * MINUTE, calm);
    }
    spans
}

/// Times at which this host is cut off from everything: from, until.
pub fn partitions(rng: &mut Rng, length: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut at = rng.log_range(HOUR, 40 * DAY);
    while at < length {
        let until = at + rng.log_range(SECOND, 3 * HOUR);
        found.push((at, until));
        at = until + rng.log_range(MINUTE, 20 * DAY);
    }
    found
}

fn incident(rng: &mut Rng, spans: &mut Vec<Span>, at: u64) -> u64 {
    let dead = State::Fails(rng.pick(&[
        ProbeFailure::Refused,
        ProbeFailure::ResponseTimeout,
        ProbeFailure::ConnectTimeout,
        ProbeFailure::Unreachable,
        ProbeFailure::Status(500),
        ProbeFailure::NotOpenClaw,
        ProbeFailure::Dns,
    ]));
    match rng.range(0, 8) {
        0 => outage(rng, spans, at, dead, HOUR),
        1 => outage(rng, spans, at, dead, 2 * DAY),
        2 => flap(rng, spans, at, dead),
        3 => crash_loop(rng, spans, at),
        4 => restart(rng, spans, at),
        5 => partial_outage(rng, spans, at, dead),
        _ => {
            spans.push((at, dead));
            let back = at + rng.log_range(SECOND, MINUTE);
            spans.push((back, UP));
            back
        }
    }
}

fn outage(rng: &mut Rng, spans: &mut Vec<Span>, at: u64, dead: State, longest: u64) -> u64 {
    spans.push((at, dead));
    let starts = at + rng.log_range(SECOND, longest);
    spans.push((starts, State::Fails(rng.pick(&[ProbeFailure::Starting, ProbeFailure::Refused]))));
    let back = starts + rng.log_range(SECOND, 200 * SECOND);
    spans.push((back, UP));
    back
}

fn flap(rng: &mut Rng, spans: &mut Vec<Span>, mut at: u64, dead: State) -> u64 {
    let (down, up) = (rng.log_range(SECOND, 3 * MINUTE), rng.log_range(SECOND, 3 * MINUTE));
    let end = at + rng.log_range(MINUTE, 2 * HOUR);
    while at < end {
        spans.push((at, dead));
        spans.push((at + down, UP));
        at += down + up;
    }
    at
}

/// Draws a chronic partial outage: down for most of each short cycle, and never for long.
fn partial_outage(rng: &mut Rng, spans: &mut Vec<Span>, mut at: u64, dead: State) -> u64 {
    let cycle = rng.range(4 * SECOND, 28 * SECOND);
    let down = cycle * rng.range(50, 90) / 100;
    let end = at + rng.log_range(5 * MINUTE, HOUR);
    while at < end {
        spans.push((at, dead));
        spans.push((at + down, UP));
        at += cycle;
    }
    at
}

fn crash_loop(rng: &mut Rng, spans: &mut Vec<Span>, mut at: u64) -> u64 {
    for _ in 0..3 {
        spans.push((at, State::Fails(ProbeFailure::Refused)));
        spans.push((at + 5 * SECOND, State::Fails(ProbeFailure::Starting)));
        at += 5 * SECOND + rng.range(5 * SECOND, 20 * SECOND);
        spans.push((at, UP));
        at += rng.range(10 * SECOND, 80 * SECOND);
    }
    spans.push((at, State::Fails(ProbeFailure::Refused)));
    spans.push((at + 10 * SECOND, State::Up { ready: rng.chance(500) }));
    at += 6 * MINUTE;
    spans.push((at, UP));
    at
}

fn restart(rng: &mut Rng, spans: &mut Vec<Span>, at: u64) -> u64 {
    spans.push((at, State::Fails(ProbeFailure::Draining)));
    let down = at + rng.log_range(SECOND, 315 * SECOND);
    spans.push((down, State::Fails(ProbeFailure::Refused)));
    let starts = down + rng.range(SECOND, 10 * SECOND);
    spans.push((starts, State::Fails(ProbeFailure::Starting)));
    let back = starts + rng.log_range(5 * SECOND, 175 * SECOND);
    spans.push((back, UP));
    back
}
