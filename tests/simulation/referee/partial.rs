//! Rules of chronic partial outages, counted a second time from the verdicts and from the state of the world.

use std::collections::VecDeque;
use std::time::Duration;

use openclaw_failover::failover::{Cause, Machine, Policy, Role};

use super::{Referee, millis};

/// Verdicts and real outages of the recent past.
pub struct OutageAccount {
    over: u64,
    longest_step: u64,
    longest_retry_step: u64,
    /// Time before which verdicts may not count any more.
    certain_since: u64,
    /// Each verdict: its time, and true if every upstream failed after it.
    verdicts: VecDeque<(u64, bool)>,
    /// Each period in which every upstream was really down; the last one may be open.
    down: VecDeque<(u64, Option<u64>)>,
    /// True if the failover in progress is for flapping, and was due.
    pub was_due: bool,
}

impl OutageAccount {
    pub fn new(policy: &Policy) -> Self {
        Self {
            over: millis(policy.promote_after * 20),
            longest_step: millis(policy.interval + policy.timeout),
            longest_retry_step: millis(policy.interval.min(policy.retry_interval) + policy.timeout),
            certain_since: 0,
            verdicts: VecDeque::new(),
            down: VecDeque::new(),
            was_due: false,
        }
    }

    /// Drops the verdicts so far; the real outages stay.
    pub fn drop_verdicts(&mut self) {
        self.verdicts.clear();
    }

    /// Records that the machine may have dropped its availability, or not.
    pub fn allow_dropped_verdicts(&mut self, now: u64) {
        self.certain_since = now;
    }

    pub fn record_verdict(&mut self, now: u64, is_down: bool) {
        self.verdicts.push_back((now, is_down));
        while self.verdicts.front().is_some_and(|&(at, _)| at + self.over + 10 * self.longest_step < now) {
            self.verdicts.pop_front();
        }
    }

    pub fn record_state(&mut self, now: u64, is_down: bool) {
        match self.down.back_mut() {
            Some((_, until @ None)) if !is_down => *until = Some(now),
            Some((_, None)) => {}
            _ if is_down => self.down.push_back((now, None)),
            _ => {}
        }
        while self.down.front().is_some_and(|(_, until)| until.is_some_and(|until| until + self.over < now)) {
            self.down.pop_front();
        }
    }

    /// Returns the least and the greatest down time that the verdicts allow, and the number of outages.
    fn bounds_from_verdicts(&self, now: u64) -> (u64, u64, usize) {
        let begin = now.saturating_sub(self.over);
        let (mut least, mut most, mut outages) = (0, 0, 0);
        let mut earlier: Option<(u64, bool)> = None;
        for &(at, is_down) in &self.verdicts {
            let was_down = earlier.is_some_and(|(_, was_down)| was_down);
            // After a failure the next verdict follows soon; a longer gap is a stall without measurements.
            let longest_step = if was_down { self.longest_retry_step } else { self.longest_step };
            let step = earlier.map_or(0, |(before, _)| (at - before).min(longest_step));
            if at > begin {
                outages += usize::from(is_down && !was_down);
                most += if is_down || was_down { step } else { 0 };
                least += if is_down && was_down && at > self.certain_since { step } else { 0 };
            }
            earlier = Some((at, is_down));
        }
        (least, most, outages)
    }

    fn real_down_time(&self, now: u64) -> u64 {
        let begin = now.saturating_sub(self.over);
        let within = |&(from, until): &(u64, Option<u64>)| until.unwrap_or(now).saturating_sub(from.max(begin));
        self.down.iter().map(within).sum()
    }
}

impl Referee {
    /// Checks a promotion for flapping: the upstreams must keep failing by the verdicts and in reality.
    pub fn flapping_promoted(&mut self, now: u64, machine: &Machine) {
        let (_, most, outages) = self.account.bounds_from_verdicts(now);
        if most * 2 <= self.account.over || outages < 5 {
            self.fail(now, machine, "invariant 1: a promotion for flapping that the verdicts do not bear out");
        }
        // Samples can miss changes between two probes, but not by this much.
        if self.account.real_down_time(now) * 5 < self.account.over {
            self.fail(now, machine, "invariant 1: a promotion for flapping while the upstreams were mostly up");
        }
        self.account.was_due = true;
    }

    /// True if a chronic partial outage justifies a start without a long enough outage.
    pub fn starts_for_flapping(&self, machine: &Machine) -> bool {
        let cause = match machine.role() {
            Role::Promoting(promoting) => promoting.cause,
            _ => return false,
        };
        cause == Cause::Flapping && self.account.was_due
    }

    /// Fails where no rule forbids a failover, the upstreams were down for most of the time by the lowest reckoning,
    /// and this host does nothing.
    pub fn check_flapping(&self, now: u64, machine: &Machine) {
        let is_undisturbed =
            now > self.settled + self.account.over && !self.policy.needs_witness && self.drill.is_none();
        let may_act = self.armed && self.hold.is_none() && machine.role() == &Role::Standby;
        if !is_undisturbed || !may_act || !self.account.verdicts.back().is_some_and(|&(_, is_down)| is_down) {
            return;
        }
        let (least, _, outages) = self.account.bounds_from_verdicts(now);
        let is_chronic = least * 2 > self.account.over + millis(Duration::from_secs(1)) && outages > 6;
        if is_chronic {
            self.fail(now, machine, "the upstreams keep failing, and this host does nothing");
        }
    }
}
