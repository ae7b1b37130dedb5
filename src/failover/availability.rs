//! Availability of the primary over the recent past: a partial outage that lasts is an outage, although none of its
//! windows reaches `promote.after`.
//!
//! Time between two verdicts counts as down when both failed, and a quarter of it when one did: the change happened
//! somewhere in between, and in doubt the primary was available. Unmeasured time, as before the monitor's start or during
//! its stalls, counts as available, and so does an outage in which no witness answered.

use std::collections::VecDeque;
use std::time::Duration;

use super::policy::Policy;
use super::time::Time;

/// Length of the judged past, in multiples of `promote.after`.
const PROMOTE_AFTER_MULTIPLE: u32 = 20;

/// Outages that make a pattern: fewer are a long restart or two.
const PATTERN_OUTAGES: u32 = 5;

/// Bound of the history. When it is full, two neighbours share an entry.
const HISTORY_CAPACITY: usize = 128;

/// Availability over the recent past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// Time in which an upstream was available, or nothing else is known.
    pub available: Duration,
    /// Length of the judged past.
    pub over: Duration,
    /// Number of outages within it.
    pub outages: u32,
}

impl Availability {
    /// True if this is a chronic partial outage: available for less than half of the time, in at least five outages.
    #[must_use]
    pub fn is_chronic(&self) -> bool {
        self.available < self.over / 2 && self.outages >= PATTERN_OUTAGES
    }

    /// True if the primary was available for three quarters of the time: a chronic partial outage is over then.
    fn is_steady(&self) -> bool {
        self.available >= self.over * 3 / 4
    }
}

/// History of the outages, and the conclusion drawn from it.
#[derive(Clone, Debug)]
pub(super) struct AvailabilityHistory {
    over: Duration,
    /// Oldest first; the last one is open while `is_down`.
    outages: VecDeque<Outage>,
    is_down: bool,
    last_verdict: Option<Time>,
    /// True from the moment at which the primary's availability became chronic until it is steady.
    pub is_flapping: bool,
    /// True if a promotion for this was forbidden by a hold, and people were told.
    pub held_back: bool,
}

/// One outage, or several that share an entry.
#[derive(Clone, Debug)]
struct Outage {
    from: Time,
    until: Time,
    down: Duration,
    count: u32,
    /// True if no witness answered in it: this host may have been cut off.
    is_ours: bool,
}

impl AvailabilityHistory {
    pub(super) fn new(promote_after: Duration) -> Self {
        Self {
            over: promote_after.saturating_mul(PROMOTE_AFTER_MULTIPLE),
            outages: VecDeque::new(),
            is_down: false,
            last_verdict: None,
            is_flapping: false,
            held_back: false,
        }
    }

    /// True if it judges by this `promote.after`.
    pub(super) fn is_for(&self, promote_after: Duration) -> bool {
        self.over == promote_after.saturating_mul(PROMOTE_AFTER_MULTIPLE)
    }

    /// True if the history holds nothing that a monitor which has just started would not know.
    pub(super) fn is_blank(&self, now: Time) -> bool {
        !self.is_flapping && self.recent(now).outages == 0
    }

    /// Takes in a verdict after which no upstream is alive, or one is.
    pub(super) fn record(&mut self, now: Time, is_down: bool, policy: &Policy) {
        let was_down = std::mem::replace(&mut self.is_down, is_down);
        let longest_step = if was_down { policy.longest_retry_step() } else { policy.longest_step() };
        let passed = self.last_verdict.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        let step = passed.min(longest_step);
        if !was_down && is_down {
            self.forget_old(now);
            let (from, down) = (now - step / 4, step / 4);
            self.make_room();
            self.outages.push_back(Outage { from, until: now, down, count: 1, is_ours: false });
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

    /// Goes on with the same outage in an entry of its own: down time that was measured before a stall is not spread
    /// over the stall.
    fn continue_after_stall(&mut self, from: Time) {
        let is_ours = self.outages.back().is_some_and(|outage| outage.is_ours);
        self.make_room();
        self.outages.push_back(Outage { from, until: from, down: Duration::ZERO, count: 0, is_ours });
    }

    /// Leaves the outage that is under way out: the witnesses are silent, too.
    pub(super) fn discount_current(&mut self) {
        if self.is_down
            && let Some(outage) = self.outages.back_mut()
        {
            outage.is_ours = true;
        }
    }

    /// Availability over the past that ends now.
    pub(super) fn recent(&self, now: Time) -> Availability {
        let begin = now - self.over;
        let counted = self.outages.iter().filter(|outage| outage.until > begin && !outage.is_ours);
        let (mut down, mut outages) = (Duration::ZERO, 0_u32);
        for outage in counted {
            down += outage.down_since(begin);
            outages = outages.saturating_add(outage.count_since(begin));
        }
        Availability { available: self.over.saturating_sub(down), over: self.over, outages }
    }

    /// Draws the conclusion. Answers with the availability when it has changed.
    pub(super) fn conclude(&mut self, now: Time) -> Option<Availability> {
        let recent = self.recent(now);
        let is_flapping = recent.is_chronic() || (self.is_flapping && !recent.is_steady());
        let is_news = is_flapping != std::mem::replace(&mut self.is_flapping, is_flapping);
        self.held_back &= is_flapping;
        is_news.then_some(recent)
    }

    fn forget_old(&mut self, now: Time) {
        let begin = now - self.over;
        while self.outages.front().is_some_and(|oldest| oldest.until <= begin) {
            self.outages.pop_front();
        }
    }

    /// Has the two neighbours that span the least time share an entry when the history is full.
    fn make_room(&mut self) {
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
            later.absorb(&earlier);
        }
    }
}

impl Outage {
    /// Part of it that lies after `begin`, from 0 to 1.
    fn share_since(&self, begin: Time) -> f64 {
        let (whole, after) = (self.until.since(self.from), self.until.since(begin.max(self.from)));
        if after >= whole { 1.0 } else { after.as_secs_f64() / whole.as_secs_f64() }
    }

    /// Down time after `begin`, as if it were spread evenly.
    fn down_since(&self, begin: Time) -> Duration {
        self.down.mul_f64(self.share_since(begin))
    }

    /// Outages that began after `begin`.
    fn count_since(&self, begin: Time) -> u32 {
        (f64::from(self.count) * self.share_since(begin)) as u32
    }

    fn absorb(&mut self, earlier: &Self) {
        match (earlier.is_ours, self.is_ours) {
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

    /// A primary that is probed each second; what fails for a second is down for a second.
    struct Watch {
        history: AvailabilityHistory,
        policy: Policy,
        now: Time,
    }

    impl Watch {
        fn new(promote_after: u64) -> Self {
            let (second, none) = (Duration::from_secs, Duration::ZERO);
            let policy = Policy {
                upstreams: 1,
                interval: SECOND,
                retry_interval: SECOND,
                timeout: none,
                promote_after: second(promote_after),
                failures: 3,
                restart_grace: none,
                sync_wait: none,
                witnessed: true,
                demote_after: none,
                demote_max_after: none,
                flap_window: none,
                start_timeout: none,
                stop_timeout: none,
                refresh: second(300),
            };
            let now = Time::from_millis(1_000_000);
            let mut history = AvailabilityHistory::new(policy.promote_after);
            history.record(now, false, &policy);
            Self { history, policy, now }
        }

        /// Fails, or answers, for so many seconds.
        fn goes(&mut self, is_down: bool, seconds: u64) -> &mut Self {
            for _ in 0..seconds {
                self.now = self.now + SECOND;
                self.history.record(self.now, is_down, &self.policy);
                self.history.conclude(self.now);
            }
            self
        }

        fn fails_at_times(&mut self, count: u64) -> &mut Self {
            for _ in 0..count {
                self.goes(true, 3).goes(false, 1);
            }
            self
        }

        fn recent_after(&self, seconds: u64) -> (u64, u32) {
            let recent = self.history.recent(self.now + SECOND * u32::try_from(seconds).unwrap());
            ((recent.over - recent.available).as_secs(), recent.outages)
        }
    }

    #[test]
    fn flapping_ends_when_the_primary_was_available_for_three_quarters_of_the_time() {
        let mut watch = Watch::new(6);
        watch.fails_at_times(40).history.held_back = true;
        assert!(watch.history.is_flapping && watch.history.held_back);
        while watch.history.is_flapping {
            watch.goes(false, 1);
        }
        let (down, _) = watch.recent_after(0);
        assert!((29..=30).contains(&down), "{down} s of 120 s");
        assert!(!watch.history.held_back, "the next time it is told again");
    }

    #[test]
    fn a_stall_within_an_outage_makes_no_second_one_and_no_other_cause() {
        for is_ours in [false, true] {
            let mut watch = Watch::new(6);
            watch.goes(true, 5);
            if is_ours {
                watch.history.discount_current();
            }
            watch.now = watch.now + SECOND * 30;
            watch.goes(true, 5);
            let expected = if is_ours { (0, 0) } else { (10, 1) };
            let (down, outages) = watch.recent_after(0);
            assert_eq!((down.next_multiple_of(5), outages), expected, "{down} s");
        }
    }

    #[test]
    fn of_an_outage_that_began_earlier_the_rest_counts() {
        let mut watch = Watch::new(6);
        watch.goes(true, 100).goes(false, 1);
        assert!((49..=51).contains(&watch.recent_after(69).0), "{:?}", watch.recent_after(69));
        // Also when a new one makes it forget what is old.
        watch.goes(false, 68).goes(true, 1);
        assert!((49..=51).contains(&watch.recent_after(0).0), "{:?}", watch.recent_after(0));
        assert_eq!(watch.recent_after(0).1, 1);
    }

    #[test]
    fn neighbours_share_entries_and_nothing_else_does() {
        let mut watch = Watch::new(1000);
        watch.goes(true, 5).goes(false, 1000);
        for _ in 0..200 {
            watch.goes(true, 1).goes(false, 1);
        }
        assert!(watch.history.outages.len() <= HISTORY_CAPACITY);
        assert_eq!(watch.recent_after(0).1, 201);
        assert_eq!(watch.recent_after(20_000 - 1005).1, 200, "the first one is too long ago");
    }

    #[test]
    fn outages_of_this_host_do_not_hide_those_of_the_primary() {
        let mut watch = Watch::new(1000);
        for number in 0..300 {
            watch.goes(true, 1);
            if number % 2 == 0 {
                watch.history.discount_current();
            }
            watch.goes(false, 1);
        }
        assert!(watch.history.outages.len() <= HISTORY_CAPACITY);
        assert_eq!(watch.recent_after(0).1, 150);
    }

    #[test]
    fn a_history_that_says_flapping_is_not_blank() {
        let mut watch = Watch::new(6);
        assert!(watch.history.is_blank(watch.now));
        watch.fails_at_times(40);
        assert!(!watch.history.is_blank(watch.now + SECOND * 1000), "nothing has ended it");
    }
}
