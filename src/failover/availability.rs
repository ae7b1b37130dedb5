//! Availability of the primary over the recent past. A chronic partial outage counts as an outage, even if no single
//! one reaches `promote.after`.
//!
//! Time between two failed verdicts counts as down. Time between a failed and a healthy verdict counts as down for a
//! quarter: the change happened somewhere in between, and in doubt the primary was available. Time without
//! measurements, as before the monitor's start or during its stalls, counts as available. So does an outage in which
//! no witness answered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::failover::policy::Policy;
use crate::text::timestamp::Time;

/// Length of the rated period, in multiples of `promote.after`.
const RATED_PERIOD_FACTOR: u32 = 20;

/// Number of outages from which on they are a pattern: fewer may be a long restart or two.
const MIN_CHRONIC_OUTAGES: u32 = 5;

/// Limit of entries. When it is reached, two neighbours are merged.
const HISTORY_CAPACITY: usize = 128;

/// Availability over the recent past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// Time in which an upstream was available, or not known to be down.
    pub available: Duration,
    /// Length of the rated period.
    pub period: Duration,
    /// Number of outages within it.
    pub outages: u32,
}

impl Availability {
    /// True if this is a chronic partial outage: available for less than half of the time, in at least five outages.
    pub fn is_chronic(&self) -> bool {
        self.available < self.period / 2 && self.outages >= MIN_CHRONIC_OUTAGES
    }

    /// True if the primary was available for three quarters of the time, which ends a chronic partial outage.
    fn is_steady(&self) -> bool {
        self.available >= self.period * 3 / 4
    }
}

/// Recent outages, and whether they are chronic.
#[derive(Clone, Debug)]
pub(super) struct AvailabilityHistory {
    period: Duration,
    /// Oldest first; the last one is open while `is_down`.
    outages: VecDeque<Outage>,
    is_down: bool,
    last_verdict: Option<Time>,
    /// True from the start of a chronic partial outage until the primary is steady again.
    pub is_flapping: bool,
    /// True if a hold forbade a promotion for this, and the notice was issued.
    pub is_hold_announced: bool,
}

/// One outage, or several merged into one entry.
#[derive(Clone, Debug)]
struct Outage {
    from: Time,
    until: Time,
    down: Duration,
    count: u32,
    /// True if no witness answered during the outage: this host may have been cut off.
    is_isolated: bool,
}

impl AvailabilityHistory {
    pub(super) fn new(promote_after: Duration) -> Self {
        Self {
            period: promote_after.saturating_mul(RATED_PERIOD_FACTOR),
            outages: VecDeque::new(),
            is_down: false,
            last_verdict: None,
            is_flapping: false,
            is_hold_announced: false,
        }
    }

    /// True if the rated period follows from this `promote.after`.
    pub(super) fn is_rated_by(&self, promote_after: Duration) -> bool {
        self.period == promote_after.saturating_mul(RATED_PERIOD_FACTOR)
    }

    /// True if no outage is recorded and nothing is flapping.
    pub(super) fn has_no_outage(&self, now: Time) -> bool {
        !self.is_flapping && self.availability_until(now).outages == 0
    }

    /// Records a verdict. `is_down` is true if every upstream fails now.
    pub(super) fn record_verdict(&mut self, now: Time, is_down: bool, policy: &Policy) {
        let was_down = std::mem::replace(&mut self.is_down, is_down);
        let longest_step = if was_down { policy.max_counted_retry_gap() } else { policy.max_counted_gap() };
        let passed = self.last_verdict.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        let step = passed.min(longest_step);
        if !was_down && is_down {
            self.drop_old_outages(now);
            let (from, down) = (now - step / 4, step / 4);
            self.merge_if_full();
            self.outages.push_back(Outage { from, until: now, down, count: 1, is_isolated: false });
        } else if was_down {
            if passed > longest_step {
                self.continue_after_stall(now - step);
            }
            if let Some(outage) = self.outages.back_mut() {
                outage.until = now;
                outage.down += if is_down { step } else { step / 4 };
            }
        }
    }

    /// Continues the current outage in a new entry, so that down time measured before a stall is not spread over it.
    fn continue_after_stall(&mut self, from: Time) {
        let is_isolated = self.outages.back().is_some_and(|outage| outage.is_isolated);
        self.merge_if_full();
        self.outages.push_back(Outage { from, until: from, down: Duration::ZERO, count: 0, is_isolated });
    }

    /// Excludes the current outage, because no witness answers either.
    pub(super) fn exclude_current(&mut self) {
        if self.is_down
            && let Some(outage) = self.outages.back_mut()
        {
            outage.is_isolated = true;
        }
    }

    /// Returns the availability over the period that ends now.
    pub(super) fn availability_until(&self, now: Time) -> Availability {
        let begin = now - self.period;
        let counted =
            self.outages.iter().rev().take_while(|outage| outage.until > begin).filter(|outage| !outage.is_isolated);
        let (mut down, mut outages) = (Duration::ZERO, 0_u32);
        for outage in counted {
            // Only the oldest one may have begun before the period; the shares of all others are whole.
            let (share, count) = match outage.from >= begin {
                true => (outage.down, outage.count),
                false => (outage.down_since(begin), outage.count_since(begin)),
            };
            down += share;
            outages = outages.saturating_add(count);
        }
        Availability { available: self.period.saturating_sub(down), period: self.period, outages }
    }

    /// Updates `is_flapping`. Returns true if it changed.
    pub(super) fn update_flapping(&mut self, recent: Availability) -> bool {
        let is_flapping = recent.is_chronic() || (self.is_flapping && !recent.is_steady());
        let is_news = is_flapping != std::mem::replace(&mut self.is_flapping, is_flapping);
        self.is_hold_announced &= is_flapping;
        is_news
    }

    fn drop_old_outages(&mut self, now: Time) {
        let begin = now - self.period;
        while self.outages.front().is_some_and(|oldest| oldest.until <= begin) {
            self.outages.pop_front();
        }
    }

    /// Merges the two neighbours that span the least time if the history is full.
    fn merge_if_full(&mut self) {
        if self.outages.len() < HISTORY_CAPACITY {
            return;
        }
        let span = |index: &usize| match (self.outages.get(*index), self.outages.get(index + 1)) {
            (Some(earlier), Some(later)) => later.until.since(earlier.from),
            _ => Duration::MAX,
        };
        let Some(index) = (0..self.outages.len() - 1).min_by_key(span) else { return };
        if let Some(earlier) = self.outages.remove(index)
            && let Some(later) = self.outages.get_mut(index)
        {
            later.merge_earlier(&earlier);
        }
    }
}

impl Outage {
    /// Returns the share of the outage after `begin`, from 0 to 1.
    fn share_since(&self, begin: Time) -> f64 {
        let (whole, after) = (self.until.since(self.from), self.until.since(begin.max(self.from)));
        if after >= whole { 1.0 } else { after.as_secs_f64() / whole.as_secs_f64() }
    }

    /// Returns the down time after `begin`, assuming that it is spread evenly.
    fn down_since(&self, begin: Time) -> Duration {
        self.down.mul_f64(self.share_since(begin))
    }

    /// Returns the number of outages after `begin`, rounded down.
    fn count_since(&self, begin: Time) -> u32 {
        (f64::from(self.count) * self.share_since(begin)) as u32
    }

    fn merge_earlier(&mut self, earlier: &Self) {
        match (earlier.is_isolated, self.is_isolated) {
            (true, _) => {}
            (false, true) => *self = earlier.clone(),
            (false, false) => {
                self.from = earlier.from;
                self.down += earlier.down;
                self.count = self.count.saturating_add(earlier.count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Primary that is probed every second. A failed probe counts as one second of down time.
    struct ProbedPrimary {
        history: AvailabilityHistory,
        policy: Policy,
        now: Time,
    }

    impl ProbedPrimary {
        fn new(promote_after: u64) -> Self {
            let policy = Policy {
                upstreams: 1,
                interval: SECOND,
                retry_interval: SECOND,
                timeout: Duration::ZERO,
                promote_after: Duration::from_secs(promote_after),
                failures: 3,
                restart_grace: Duration::ZERO,
                sync_wait: Duration::ZERO,
                needs_witness: true,
                demote_after: Duration::ZERO,
                demote_max_after: Duration::ZERO,
                flap_window: Duration::ZERO,
                start_timeout: Duration::ZERO,
                stop_timeout: Duration::ZERO,
                pull_interval: Duration::from_secs(300),
            };
            let now = Time::from_millis(1_000_000);
            let mut history = AvailabilityHistory::new(policy.promote_after);
            history.record_verdict(now, false, &policy);
            Self { history, policy, now }
        }

        fn fail_for(&mut self, seconds: u64) -> &mut Self {
            self.record_for(seconds, true)
        }

        fn answer_for(&mut self, seconds: u64) -> &mut Self {
            self.record_for(seconds, false)
        }

        fn record_for(&mut self, seconds: u64, is_down: bool) -> &mut Self {
            for _ in 0..seconds {
                self.now = self.now + SECOND;
                self.history.record_verdict(self.now, is_down, &self.policy);
                self.history.update_flapping(self.history.availability_until(self.now));
            }
            self
        }

        /// Fails for 3 of every 4 seconds.
        fn flap(&mut self, outages: u64) {
            for _ in 0..outages {
                self.fail_for(3).answer_for(1);
            }
        }

        /// Returns the down time in seconds and the number of outages, over the period that ends `seconds` from now.
        fn downtime_after(&self, seconds: u64) -> (u64, u32) {
            let recent = self.history.availability_until(self.now + Duration::from_secs(seconds));
            ((recent.period - recent.available).as_secs(), recent.outages)
        }
    }

    #[test]
    fn flapping_ends_once_the_primary_was_available_for_three_quarters_of_the_period() {
        let mut primary = ProbedPrimary::new(6);
        primary.flap(40);
        primary.history.is_hold_announced = true;
        assert!(primary.history.is_flapping);
        while primary.history.is_flapping {
            assert!(primary.history.is_hold_announced);
            primary.answer_for(1);
        }
        let (down, _) = primary.downtime_after(0);
        assert!((29..=30).contains(&down), "{down} s of 120 s");
        assert!(!primary.history.is_hold_announced, "the next hold is announced again");
    }

    #[test]
    fn a_stall_within_an_outage_adds_no_outage_and_keeps_it_excluded() {
        for is_isolated in [false, true] {
            let mut primary = ProbedPrimary::new(6);
            primary.fail_for(5);
            if is_isolated {
                primary.history.exclude_current();
            }
            primary.now = primary.now + SECOND * 30;
            primary.fail_for(5);
            let expected = if is_isolated { (0, 0) } else { (10, 1) };
            let (down, outages) = primary.downtime_after(0);
            assert_eq!((down.next_multiple_of(5), outages), expected, "{down} s");
        }
    }

    #[test]
    fn an_outage_that_began_before_the_period_counts_from_its_start() {
        let mut primary = ProbedPrimary::new(6);
        primary.fail_for(100).answer_for(1);
        let (down, _) = primary.downtime_after(69);
        assert!((49..=51).contains(&down), "{down} s");
        // Also after the next outage dropped the old ones.
        primary.answer_for(68).fail_for(1);
        let (down, outages) = primary.downtime_after(0);
        assert!((49..=51).contains(&down), "{down} s");
        assert_eq!(outages, 1);
    }

    #[test]
    fn a_full_history_merges_neighbours_only() {
        let mut primary = ProbedPrimary::new(1000);
        primary.fail_for(5).answer_for(1000);
        for _ in 0..200 {
            primary.fail_for(1).answer_for(1);
        }
        assert!(primary.history.outages.len() <= HISTORY_CAPACITY);
        assert_eq!(primary.downtime_after(0).1, 201);
        assert_eq!(primary.downtime_after(20_000 - 1005).1, 200, "the first outage is before the period");
    }

    #[test]
    fn isolated_outages_do_not_displace_those_of_the_primary() {
        let mut primary = ProbedPrimary::new(1000);
        for number in 0..300 {
            primary.fail_for(1);
            if number % 2 == 0 {
                primary.history.exclude_current();
            }
            primary.answer_for(1);
        }
        assert!(primary.history.outages.len() <= HISTORY_CAPACITY);
        assert_eq!(primary.downtime_after(0).1, 150);
    }

    #[test]
    fn a_flapping_history_is_kept_after_its_outages_are_old() {
        let mut primary = ProbedPrimary::new(6);
        assert!(primary.history.has_no_outage(primary.now));
        primary.flap(40);
        assert!(!primary.history.has_no_outage(primary.now + SECOND * 1000));
    }
}
