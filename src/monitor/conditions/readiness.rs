//! Failed readiness checks. The host's checks come from the monitor's own runs, those of the gateway's user from the
//! reports of the pulls.

use crate::events::MonitorNotice;
use crate::finding::{Finding, Level};

/// Time at which a failure is announced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnnounceFailure {
    /// When the check fails again: a single failure may be a service that restarts.
    WhenRepeated,
    /// At once, because the failure is certain.
    AtOnce,
}

/// Checks that fail now.
#[derive(Default)]
pub(crate) struct Readiness {
    failing: Vec<FailedCheck>,
}

struct FailedCheck {
    finding: Finding,
    /// True if the failure was announced.
    is_announced: bool,
}

impl Readiness {
    /// Records the result of one check.
    pub(crate) fn record_finding(&mut self, finding: Finding, announce: AnnounceFailure) -> Option<MonitorNotice> {
        let known = self.failing.iter().position(|failing| failing.finding.id == finding.id);
        let before = known.map(|known| self.failing.swap_remove(known));
        let was_announced = before.as_ref().is_some_and(|before| before.is_announced);
        if finding.level != Level::Fail {
            return was_announced.then_some(MonitorNotice::Ready { check: finding.id, evidence: finding.evidence });
        }
        let is_announced = announce == AnnounceFailure::AtOnce || before.is_some();
        let notice = (is_announced && !was_announced).then(|| MonitorNotice::NotReady(finding.clone()));
        self.failing.push(FailedCheck { finding, is_announced });
        notice
    }

    /// Returns the announced failures as sentences, sorted by check.
    pub(super) fn announced_failures(&self) -> impl Iterator<Item = String> {
        let mut announced: Vec<&Finding> =
            self.failing.iter().filter(|failing| failing.is_announced).map(|failing| &failing.finding).collect();
        announced.sort_by_key(|finding| finding.id);
        announced.into_iter().map(Finding::to_sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &'static str, level: Level) -> Finding {
        Finding { id, level, evidence: "seen".to_owned(), fix: "mend".to_owned() }
    }

    /// Returns a short name of the announcement.
    fn announcement_name(notice: Option<MonitorNotice>) -> &'static str {
        match notice {
            None => "",
            Some(MonitorNotice::NotReady(finding)) => finding.id,
            Some(MonitorNotice::Ready { .. }) => "ready",
            Some(_) => "other",
        }
    }

    #[test]
    fn announces_a_repeated_failure_and_its_end_once() {
        let mut readiness = Readiness::default();
        let mut record_check = |level| {
            assert_eq!(
                announcement_name(readiness.record_finding(finding("disk", Level::Ok), AnnounceFailure::WhenRepeated)),
                ""
            );
            let announced =
                announcement_name(readiness.record_finding(finding("dns", level), AnnounceFailure::WhenRepeated));
            (announced, readiness.announced_failures().collect::<Vec<_>>())
        };
        let wrong = || vec!["dns: seen. To fix it: `mend`".to_owned()];
        assert_eq!(record_check(Level::Fail), ("", vec![]));
        assert_eq!(record_check(Level::Ok), ("", vec![]), "it was restarting");
        assert_eq!(record_check(Level::Fail), ("", vec![]));
        assert_eq!(record_check(Level::Fail), ("dns", wrong()));
        assert_eq!(record_check(Level::Fail), ("", wrong()));
        assert_eq!(record_check(Level::Warn), ("ready", vec![]));
        assert_eq!(record_check(Level::Ok), ("", vec![]));
    }

    #[test]
    fn announces_a_certain_failure_at_once() {
        let mut readiness = Readiness::default();
        for (id, level, words) in [
            ("crons", Level::Fail, "crons"),
            ("channels", Level::Fail, "channels"),
            ("crons", Level::Fail, ""),
            ("crons", Level::Skipped, "ready"),
        ] {
            assert_eq!(announcement_name(readiness.record_finding(finding(id, level), AnnounceFailure::AtOnce)), words);
        }
        assert_eq!(readiness.announced_failures().count(), 1);
    }
}
