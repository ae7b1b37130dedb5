//! Entries about promotions, and about the gateway while this host is active.

use std::time::Duration;

use crate::events::{Entry, SENTENCE, Severity, Teller, quoted};
use crate::failover::{Abort, Cause, names};
use crate::text::utc::{people, span};
use crate::text::{Time, json_fields, printable};

impl Teller<'_> {
    pub(super) fn promoting(&self, cause: Cause, window: Duration, failures: u32, life: Time) -> Entry {
        let (unit, life) = (self.unit(), self.wall.at(life));
        let text = match cause {
            Cause::Outage => format!(
                "failing over: primary down for {} ({failures} failed probes), since {}; starting {unit} after the \
                 running pull ({} at most)",
                span(window),
                people(life),
                span(self.config.promote.sync_wait)
            ),
            Cause::Flapping => format!(
                "failing over: the primary keeps failing and coming back, and is down now; starting {unit} after the \
                 running pull ({} at most)",
                span(self.config.promote.sync_wait)
            ),
            Cause::Operator => format!("promoting on an operator's request: starting {unit}"),
            Cause::Drill { hold } if hold.is_zero() => {
                format!("drill: starting {unit}, and stopping it as soon as it has answered")
            }
            Cause::Drill { hold } => {
                format!("drill: starting {unit}, and stopping it after {}", span(hold))
            }
            Cause::Found => format!("promoting: starting {unit}"),
        };
        Entry::warning("promoting", &text)
            .with("cause", names::cause(cause))
            .span("window_seconds", window)
            .with("failures", failures)
            .with("life_at", json_fields::time(life))
    }

    pub(super) fn aborted(&self, why: Abort) -> Entry {
        let unit = self.unit();
        let (severity, name, text) = match why {
            Abort::Healthy => (
                Severity::Notice,
                "healthy",
                format!("promotion cancelled: an upstream is up again, and {unit} is not running"),
            ),
            Abort::Held(kind) => {
                let kind = names::hold(kind);
                (Severity::Notice, kind, format!("promotion cancelled: an operator set the hold '{kind}'"))
            }
            Abort::DrillOvertaken => (
                Severity::Warning,
                "drill_overtaken",
                format!("drill cancelled: no upstream is healthy any more, and {unit} is not running"),
            ),
            Abort::DrillFailed => (Severity::Error, "drill_failed", format!("drill cancelled: {unit} failed to start")),
        };
        Entry::new(severity, "aborted", &text).with("why", name)
    }

    pub(super) fn promoted(&self, cause: Cause, took: Duration, hold_down: Duration) -> Entry {
        let next = match cause {
            Cause::Operator => "It stays up until the operator's hold ends".to_owned(),
            Cause::Drill { hold } if hold.is_zero() => "Stopping it again now".to_owned(),
            Cause::Drill { hold } => format!("Stopping it again in {}", span(hold)),
            Cause::Outage | Cause::Flapping | Cause::Found => {
                format!("Failing back once an upstream has been ready for {}", span(hold_down))
            }
        };
        let text = format!("this host is active: {} answered {} after the decision. {next}", self.unit(), span(took));
        Entry::notice("promoted", &text)
            .with("cause", names::cause(cause))
            .span("took_seconds", took)
            .span("hold_down_seconds", hold_down)
    }

    pub(super) fn adopted(&self, cause: Cause) -> Entry {
        let unit = self.unit();
        let entry = match cause {
            Cause::Found => Entry::warning(
                "adopted",
                &format!(
                    "{unit} is running, although this monitor did not start it. It is stopped once an upstream has \
                     been ready for the hold-down; to keep it up, run `openclaw-failover promote`"
                ),
            ),
            Cause::Outage | Cause::Flapping | Cause::Operator | Cause::Drill { .. } => {
                Entry::notice("adopted", &format!("{unit} is running already: the failover that started it goes on"))
            }
        };
        entry.with("cause", names::cause(cause))
    }

    pub(super) fn start_failed(&self, why: &str, retry_in: Option<Duration>) -> Entry {
        let (unit, reason) = (self.unit(), quoted(why));
        let next =
            retry_in.map_or("A drill does not retry".to_owned(), |retry_in| format!("Retrying in {}", span(retry_in)));
        // An exit reason already names the unit.
        let what = if reason.starts_with(unit) { reason } else { format!("{unit} failed to start: {reason}") };
        let text = format!("{what}. {next}; for details, run `journalctl -u {unit}`");
        Entry::error("start_failed", &text)
            .quote("why", why)
            .with("retry_in_seconds", retry_in.map(json_fields::seconds))
    }

    pub(super) fn not_answering(&self, waited: Duration) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} was started {} ago and is still not healthy at {url}. It is restarted only if it gives no answer \
             at all for twice that time; for details, run `journalctl -u {unit}`",
            span(waited)
        );
        Entry::error("not_answering", &text).span("waited_seconds", waited)
    }

    pub(super) fn stopping_silent(&self, waited: Duration) -> Entry {
        let (unit, waited_for) = (self.unit(), span(waited));
        let text = format!("no answer from {unit} for {waited_for}: restarting it, with a longer timeout");
        Entry::error("stopping_silent", &text).span("waited_seconds", waited)
    }

    pub(super) fn channels_broken(&self) -> Entry {
        let text = format!(
            "{} is up, but some of its chat channels do not work: messages may not reach its user. It is not restarted \
             for that. For the channels, see `openclaw-failover status`; for the cause, run `openclaw channels status \
             --probe`",
            self.unit()
        );
        Entry::error("channels_broken", &text)
    }

    pub(super) fn channels_well(&self) -> Entry {
        Entry::notice("channels_well", &format!("every chat channel of {} works again", self.unit()))
    }

    pub(super) fn went_down(&self) -> Entry {
        let text = format!(
            "{} went down while this host was active: restarting it, unless an upstream is ready by now or a hold \
             forbids it",
            self.unit()
        );
        Entry::error("went_down", &text)
    }

    pub(super) fn serves_again(&self) -> Entry {
        Entry::notice("serves_again", &format!("this host is active again: {} answers", self.unit()))
    }
}

impl Entry {
    /// Adds the result of the last probe of the gateway.
    #[must_use]
    pub fn after_probe(self, found: &str) -> Self {
        let text = printable(&format!("{}. Last probe: {}", self.text, quoted(found)), SENTENCE);
        Self { text, ..self }.quote("last_probe", found)
    }
}
