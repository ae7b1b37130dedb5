//! Entries about demotions.

use std::time::Duration;

use crate::events::{Entry, Severity, Teller, quoted};
use crate::failover::{Reason, names};
use crate::text::json_fields;
use crate::text::utc::span;

impl Teller<'_> {
    pub(super) fn demoting(&self, reason: Reason) -> Entry {
        let (unit, drain) = (self.unit(), span(self.config.gateway.stop_timeout));
        let stops = format!("stopping {unit}, which may drain for {drain}");
        let (severity, text) = match reason {
            Reason::Ready { upstream } => {
                (Severity::Notice, format!("failing back: {} is ready again; {stops}", self.upstream(upstream)))
            }
            Reason::Operator => (Severity::Notice, format!("demoting on an operator's request: {stops}")),
            Reason::DrillOver => (Severity::Notice, format!("the drill is over: {stops}")),
            Reason::Found => (
                Severity::Warning,
                format!("{unit} is being stopped from outside this program; waiting until it is down"),
            ),
        };
        let entry = Entry::new(severity, "demoting", &text);
        self.explain(entry, reason)
    }

    pub(super) fn drain_cut(&self, after: Duration) -> Entry {
        let text = format!(
            "a failover is due again while {} drains: killing and restarting it in {}, unless an upstream recovers \
             first",
            self.unit(),
            span(after)
        );
        Entry::warning("drain_cut", &text).span("after_seconds", after)
    }

    pub(super) fn stop_failed(&self, why: &str, retry_in: Duration) -> Entry {
        let (unit, reason) = (self.unit(), quoted(why));
        let text = format!(
            "stopping {unit} failed: {reason}. Retrying in {}; to stop it by hand, run `systemctl stop {unit}` as root",
            span(retry_in)
        );
        Entry::error("stop_failed", &text).quote("why", why).span("retry_in_seconds", retry_in)
    }

    pub(super) fn stop_hangs(&self, waited: Duration) -> Entry {
        let unit = self.unit();
        let text = format!(
            "{unit} is still up {} after the stop request, which is repeated until it is down. To end it at once and \
             lose its unfinished work, run `systemctl kill --signal=KILL {unit}` as root",
            span(waited)
        );
        Entry::error("stop_hangs", &text).span("waited_seconds", waited)
    }

    pub(super) fn demoted(&self, reason: Reason, active_for: Option<Duration>) -> Entry {
        let served = active_for.map_or(String::new(), |served| format!(" after serving for {}", span(served)));
        let why = match reason {
            Reason::Ready { upstream } => format!("{} serves", self.upstream(upstream)),
            Reason::Operator => "an operator requested it".to_owned(),
            Reason::DrillOver => "the drill is over".to_owned(),
            Reason::Found => "it was stopped from outside this program".to_owned(),
        };
        let text = format!("back in standby: {} is down{served}; {why}", self.unit());
        let entry = Entry::notice("demoted", &text).with("active_for_seconds", active_for.map(json_fields::seconds));
        self.explain(entry, reason)
    }

    fn explain(&self, entry: Entry, reason: Reason) -> Entry {
        let entry = entry.with("reason", names::reason(reason));
        match reason {
            Reason::Ready { upstream } => entry.with("upstream", self.upstream(upstream)),
            Reason::Operator | Reason::DrillOver | Reason::Found => entry,
        }
    }
}
