//! Whether it is this host that is cut off.

use std::time::Duration;

use crate::text::timestamp::Time;

/// The witnesses' latest answer, and when to ask again.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// Every witness was silent when a promotion was due, and somebody was told.
    pub isolated: bool,
    asked: Option<Time>,
    in_flight: bool,
    answer: Option<(Time, bool)>,
}

impl Witness {
    /// When they are to be asked next, while somebody wants to know; `None` while an answer is awaited.
    pub(super) fn next_ask(&self, now: Time, pace: Duration) -> Option<Time> {
        if self.in_flight {
            return None;
        }
        Some(self.asked.map_or(now, |asked| asked + pace))
    }

    pub(super) fn ask(&mut self, now: Time) {
        self.asked = Some(now);
        self.in_flight = true;
    }

    pub(super) fn answered(&mut self, alive: bool) {
        self.in_flight = false;
        self.answer = self.asked.map(|asked| (asked, alive));
    }

    /// Their answer, if it was asked for at `opened` or later and no longer than `fresh` ago.
    pub(super) fn says(&self, now: Time, opened: Time, fresh: Duration) -> Option<bool> {
        self.answer.filter(|&(asked, _)| asked >= opened && now.since(asked) <= fresh).map(|(_, alive)| alive)
    }
}
