//! Entries about promotions, and about the gateway while this host is active.

use std::time::Duration;

use crate::events::entry::{MAX_SENTENCE_CHARS, shorten_quote};
use crate::events::{EventKind, HistoryEntry, NoticeDescriber, Severity};
use crate::failover::{CancelReason, Cause};
use crate::text::utc::{format_span, format_time};
use crate::text::{Time, json_fields, to_printable};

impl NoticeDescriber<'_> {
    pub(super) fn describe_promoting(
        &self,
        cause: Cause,
        window: Duration,
        failures: u32,
        last_healthy_at: Time,
        waits_for_pull: bool,
    ) -> HistoryEntry {
        let (unit, last_healthy_at) = (self.gateway_unit(), self.wall.to_wall_clock(last_healthy_at));
        let wait = format_span(self.config.promote.sync_wait);
        let wait = if waits_for_pull { format!(" after the running pull ({wait} at most)") } else { String::new() };
        let text = match cause {
            Cause::Outage => format!(
                "failing over: primary down for {} ({failures} failed probes), since {}; starting {unit}{wait}",
                format_span(window),
                format_time(last_healthy_at),
            ),
            Cause::Flapping => format!(
                "failing over: the primary keeps failing and coming back, and is down now; starting {unit}{wait}"
            ),
            Cause::Operator => format!("promoting on an operator's request: starting {unit}"),
            Cause::Drill { hold } if hold.is_zero() => {
                format!("drill: starting {unit}, and stopping it as soon as it has answered")
            }
            Cause::Drill { hold } => {
                format!("drill: starting {unit}, and stopping it after {}", format_span(hold))
            }
            Cause::Found => format!("promoting: starting {unit}"),
        };
        HistoryEntry::warning(EventKind::Promoting, &text)
            .with_field("cause", cause.kind().name())
            .with_seconds("window_seconds", window)
            .with_field("failures", failures)
            .with_field("last_healthy_at", json_fields::time_to_json(last_healthy_at))
    }

    pub(super) fn describe_aborted(&self, why: CancelReason) -> HistoryEntry {
        let unit = self.gateway_unit();
        let (severity, name, text) = match why {
            CancelReason::Healthy => (
                Severity::Notice,
                "healthy",
                format!("promotion cancelled: an upstream is up again, and {unit} is not running"),
            ),
            CancelReason::Held(kind) => {
                let kind = kind.name();
                (Severity::Notice, kind, format!("promotion cancelled: an operator set the hold '{kind}'"))
            }
            CancelReason::DrillOvertaken => (
                Severity::Warning,
                "drill_overtaken",
                format!("drill cancelled: no upstream is healthy any more, and {unit} is not running"),
            ),
            CancelReason::DrillFailed => {
                (Severity::Error, "drill_failed", format!("drill cancelled: {unit} failed to start"))
            }
        };
        HistoryEntry::new(severity, EventKind::Aborted, &text).with_field("why", name)
    }

    pub(super) fn describe_promoted(&self, cause: Cause, took: Duration, hold_down: Duration) -> HistoryEntry {
        let next = match cause {
            Cause::Operator => "It stays up until the operator's hold ends".to_owned(),
            Cause::Drill { hold } if hold.is_zero() => "Stopping it again now".to_owned(),
            Cause::Drill { hold } => format!("Stopping it again in {}", format_span(hold)),
            Cause::Outage | Cause::Flapping | Cause::Found => {
                format!("Failing back once an upstream has been ready for {}", format_span(hold_down))
            }
        };
        let text = format!(
            "this host is active: {} answered {} after the decision. {next}",
            self.gateway_unit(),
            format_span(took)
        );
        HistoryEntry::notice(EventKind::Promoted, &text)
            .with_field("cause", cause.kind().name())
            .with_seconds("took_seconds", took)
            .with_seconds("hold_down_seconds", hold_down)
    }

    pub(super) fn describe_adopted(&self, cause: Cause) -> HistoryEntry {
        let unit = self.gateway_unit();
        let entry = match cause {
            Cause::Found => HistoryEntry::warning(
                EventKind::Adopted,
                &format!(
                    "{unit} is running, although this monitor did not start it. It is stopped once an upstream has \
                     been ready for the hold-down; to keep it up, run `openclaw-failover promote`"
                ),
            ),
            Cause::Outage | Cause::Flapping | Cause::Operator | Cause::Drill { .. } => HistoryEntry::notice(
                EventKind::Adopted,
                &format!("{unit} is running already: the failover that started it goes on"),
            ),
        };
        entry.with_field("cause", cause.kind().name())
    }

    pub(super) fn describe_start_failed(&self, why: &str, retry_in: Option<Duration>) -> HistoryEntry {
        let (unit, reason) = (self.gateway_unit(), shorten_quote(why));
        let next = retry_in
            .map_or("A drill does not retry".to_owned(), |retry_in| format!("Retrying in {}", format_span(retry_in)));
        // An exit reason already names the unit.
        let what = if reason.starts_with(unit) { reason } else { format!("{unit} failed to start: {reason}") };
        let text = format!("{what}. {next}; for details, run `journalctl -u {unit}`");
        HistoryEntry::error(EventKind::StartFailed, &text)
            .with_quote("why", why)
            .with_field("retry_in_seconds", retry_in.map(json_fields::seconds_to_json))
    }

    pub(super) fn describe_not_answering(&self, waited: Duration) -> HistoryEntry {
        let (unit, url) = (self.gateway_unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} was started {} ago and is still not healthy at {url}. It is restarted only if it gives no answer \
             at all for twice that time; for details, run `journalctl -u {unit}`",
            format_span(waited)
        );
        HistoryEntry::error(EventKind::NotAnswering, &text).with_seconds("waited_seconds", waited)
    }

    pub(super) fn describe_stopping_silent(&self, waited: Duration) -> HistoryEntry {
        let (unit, waited_for) = (self.gateway_unit(), format_span(waited));
        let text = format!("no answer from {unit} for {waited_for}: restarting it, with a longer timeout");
        HistoryEntry::error(EventKind::StoppingSilent, &text).with_seconds("waited_seconds", waited)
    }

    pub(super) fn describe_channels_broken(&self) -> HistoryEntry {
        let text = format!(
            "{} is up, but some of its chat channels do not work: messages may not reach its user. It is not restarted \
             for that. For the channels, see `openclaw-failover status`; for the cause, run `openclaw channels status \
             --probe`",
            self.gateway_unit()
        );
        HistoryEntry::error(EventKind::ChannelsBroken, &text)
    }

    pub(super) fn describe_channels_recovered(&self) -> HistoryEntry {
        HistoryEntry::notice(
            EventKind::ChannelsRecovered,
            &format!("every chat channel of {} works again", self.gateway_unit()),
        )
    }

    pub(super) fn describe_gateway_down(&self) -> HistoryEntry {
        let text = format!(
            "{} went down while this host was active: restarting it, unless an upstream is ready by now or a hold \
             forbids it",
            self.gateway_unit()
        );
        HistoryEntry::error(EventKind::GatewayDown, &text)
    }

    pub(super) fn describe_serves_again(&self) -> HistoryEntry {
        HistoryEntry::notice(
            EventKind::ServesAgain,
            &format!("this host is active again: {} answers", self.gateway_unit()),
        )
    }
}

impl HistoryEntry {
    /// Adds the result of the last probe of the gateway.
    #[must_use]
    pub fn with_last_probe(self, found: &str) -> Self {
        let text = to_printable(&format!("{}. Last probe: {}", self.text, shorten_quote(found)), MAX_SENTENCE_CHARS);
        Self { text, ..self }.with_quote("last_probe", found)
    }
}
