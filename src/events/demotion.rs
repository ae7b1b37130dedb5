//! Entries about demotions.

use std::time::Duration;

use crate::events::entry::shorten_quote;
use crate::events::{EventKind, HistoryEntry, NoticeDescriber, Severity};
use crate::failover::DemotionReason;
use crate::text::json_fields;
use crate::text::utc::format_span;

impl NoticeDescriber<'_> {
    pub(super) fn describe_demoting(&self, reason: DemotionReason) -> HistoryEntry {
        let (unit, drain) = (self.gateway_unit(), format_span(self.config.gateway.stop_timeout));
        let stops = format!("stopping {unit}, which may drain for {drain}");
        let (severity, text) = match reason {
            DemotionReason::Ready { upstream } => {
                (Severity::Notice, format!("failing back: {} is ready again; {stops}", self.upstream_name(upstream)))
            }
            DemotionReason::Operator => (Severity::Notice, format!("demoting on an operator's request: {stops}")),
            DemotionReason::DrillOver => (Severity::Notice, format!("the drill is over: {stops}")),
            DemotionReason::Found => (
                Severity::Warning,
                format!("{unit} is being stopped from outside this program; waiting until it is down"),
            ),
        };
        let entry = HistoryEntry::new(severity, EventKind::Demoting, &text);
        self.with_demotion_reason(entry, reason)
    }

    pub(super) fn describe_drain_cut(&self, after: Duration) -> HistoryEntry {
        let text = format!(
            "a failover is due again while {} drains: killing and restarting it in {}, unless an upstream recovers \
             first",
            self.gateway_unit(),
            format_span(after)
        );
        HistoryEntry::warning(EventKind::DrainCut, &text).with_seconds("after_seconds", after)
    }

    pub(super) fn describe_stop_failed(&self, why: &str, retry_in: Duration) -> HistoryEntry {
        let (unit, reason) = (self.gateway_unit(), shorten_quote(why));
        let text = format!(
            "stopping {unit} failed: {reason}. Retrying in {}; to stop it by hand, run `systemctl stop {unit}` as root",
            format_span(retry_in)
        );
        HistoryEntry::error(EventKind::StopFailed, &text)
            .with_quote("why", why)
            .with_seconds("retry_in_seconds", retry_in)
    }

    pub(super) fn describe_stop_hangs(&self, waited: Duration) -> HistoryEntry {
        let unit = self.gateway_unit();
        let text = format!(
            "{unit} is still up {} after the stop request, which is repeated until it is down. To end it at once and \
             lose its unfinished work, run `systemctl kill --signal=KILL {unit}` as root",
            format_span(waited)
        );
        HistoryEntry::error(EventKind::StopHangs, &text).with_seconds("waited_seconds", waited)
    }

    pub(super) fn describe_demoted(&self, reason: DemotionReason, active_for: Option<Duration>) -> HistoryEntry {
        let served = active_for.map_or(String::new(), |served| format!(" after serving for {}", format_span(served)));
        let why = match reason {
            DemotionReason::Ready { upstream } => format!("{} serves", self.upstream_name(upstream)),
            DemotionReason::Operator => "an operator requested it".to_owned(),
            DemotionReason::DrillOver => "the drill is over".to_owned(),
            DemotionReason::Found => "it was stopped from outside this program".to_owned(),
        };
        let text = format!("back in standby: {} is down{served}; {why}", self.gateway_unit());
        let entry = HistoryEntry::notice(EventKind::Demoted, &text)
            .with_field("active_for_seconds", active_for.map(json_fields::seconds_to_json));
        self.with_demotion_reason(entry, reason)
    }

    fn with_demotion_reason(&self, entry: HistoryEntry, reason: DemotionReason) -> HistoryEntry {
        let entry = entry.with_field("reason", reason.kind().name());
        match reason {
            DemotionReason::Ready { upstream } => entry.with_field("upstream", self.upstream_name(upstream)),
            DemotionReason::Operator | DemotionReason::DrillOver | DemotionReason::Found => entry,
        }
    }
}
