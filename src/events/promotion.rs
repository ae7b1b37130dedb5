//! The way up, and staying up.

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
                "failing over: the primary keeps failing and coming back, and fails just now; starting {unit} after \
                 the running pull ({} at most)",
                span(self.config.promote.sync_wait)
            ),
            Cause::Operator => format!("takes over, because an operator said so: {unit} is started"),
            Cause::Drill { hold } if hold.is_zero() => {
                format!("drill: {unit} is started, and is stopped again as soon as it has answered")
            }
            Cause::Drill { hold } => {
                format!("drill: {unit} is started, stays up for {}, and is stopped again", span(hold))
            }
            Cause::Found => format!("takes over: {unit} is started"),
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
                format!("the promotion is called off: an upstream shows life again, and {unit} does not run"),
            ),
            Abort::Held(kind) => {
                let kind = names::hold(kind);
                (Severity::Notice, kind, format!("the promotion is called off: an operator set the hold '{kind}'"))
            }
            Abort::DrillOvertaken => (
                Severity::Warning,
                "drill_overtaken",
                format!("the drill is called off: no upstream shows life any more, and {unit} does not run"),
            ),
            Abort::DrillFailed => {
                (Severity::Error, "drill_failed", format!("the drill is called off: {unit} does not come up"))
            }
        };
        Entry::new(severity, "aborted", &text).with("why", name)
    }

    pub(super) fn promoted(&self, cause: Cause, took: Duration, hold_down: Duration) -> Entry {
        let next = match cause {
            Cause::Operator => "It stays up while the operator's hold stands".to_owned(),
            Cause::Drill { hold } if hold.is_zero() => "It is stopped again now".to_owned(),
            Cause::Drill { hold } => format!("It is stopped again in {}", span(hold)),
            Cause::Outage | Cause::Flapping | Cause::Found => {
                format!("It steps aside once an upstream has been ready for {}", span(hold_down))
            }
        };
        let text = format!("this host serves: {} answers, {} after the decision. {next}", self.unit(), span(took));
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
                    "{unit} runs, although this monitor did not start it. It is left running, and is stopped once an \
                     upstream has been ready for the hold-down; `openclaw-failover promote` keeps it up all the same"
                ),
            ),
            Cause::Outage | Cause::Flapping | Cause::Operator | Cause::Drill { .. } => Entry::notice(
                "adopted",
                &format!("{unit} runs, as the monitor before this one left it: the failover that it began goes on"),
            ),
        };
        entry.with("cause", names::cause(cause))
    }

    pub(super) fn start_failed(&self, why: &str, retry_in: Option<Duration>) -> Entry {
        let (unit, reason) = (self.unit(), quoted(why));
        let next = retry_in
            .map_or("A drill tries once".to_owned(), |retry_in| format!("It is started again in {}", span(retry_in)));
        // How it exited is said of the unit by its name.
        let what = if reason.starts_with(unit) { reason } else { format!("{unit} does not come up: {reason}") };
        let text = format!("{what}. {next}; `journalctl -u {unit}` says more");
        Entry::error("start_failed", &text)
            .quote("why", why)
            .with("retry_in_seconds", retry_in.map(json_fields::seconds))
    }

    pub(super) fn not_answering(&self, waited: Duration) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} was started {} ago and still does not serve at {url}. While it answers anything it is left alone; \
             after twice that time in silence it is started again. `journalctl -u {unit}` says more",
            span(waited)
        );
        Entry::error("not_answering", &text).span("waited_seconds", waited)
    }

    pub(super) fn stopping_silent(&self, waited: Duration) -> Entry {
        let (unit, waited_for) = (self.unit(), span(waited));
        let text =
            format!("{unit} has been silent for {waited_for}: it is stopped, and started again with more patience");
        Entry::error("stopping_silent", &text).span("waited_seconds", waited)
    }

    pub(super) fn channels_broken(&self) -> Entry {
        let text = format!(
            "{} is up, but not every chat channel of it is: its user may not be reached. It is not restarted for that. \
             `openclaw-failover status` names the channels, `openclaw channels status --probe` what ails them",
            self.unit()
        );
        Entry::error("channels_broken", &text)
    }

    pub(super) fn channels_well(&self) -> Entry {
        Entry::notice("channels_well", &format!("every chat channel of {} works again", self.unit()))
    }

    pub(super) fn went_down(&self) -> Entry {
        let text = format!(
            "{} went down while this host serves: it is started again, unless an upstream is ready by now or a hold \
             forbids it",
            self.unit()
        );
        Entry::error("went_down", &text)
    }

    pub(super) fn serves_again(&self) -> Entry {
        Entry::notice("serves_again", &format!("this host serves again: {} answers", self.unit()))
    }
}

impl Entry {
    /// Adds what the last probe of the gateway found.
    #[must_use]
    pub fn after_probe(self, found: &str) -> Self {
        let text = printable(&format!("{}. The last probe: {}", self.text, quoted(found)), SENTENCE);
        Self { text, ..self }.quote("last_probe", found)
    }
}
