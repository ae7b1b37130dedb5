//! Rendering of a [`Status`] on one screen, most important rows first.

use std::time::Duration;

use crate::failover::{CauseKind, DemotionReasonKind, DrillOutcome, Failover, Hold, HoldKind, RoleKind, UnitState};
use crate::probe::VerdictKind;
use crate::status::{GatewayStatus, ProbeStatus, RoleStatus, Status, UpstreamStatus, WindowStatus, timeline_row};
use crate::text::table::{TextColour, TextTable};
use crate::text::utc::{format_age, format_span, format_time};
use crate::text::{Named, Time};
use crate::workspace::summary::PullSummary;

/// Limit on the items of a list that are shown; `--json` has them all.
const MAX_ITEMS_SHOWN: usize = 8;

/// Limit on the conditions shown with their description, so that the page fits a screen.
const MAX_CONDITIONS_EXPLAINED: usize = 4;

/// Width of the bar at the threshold, in columns.
const BAR_COLUMNS: usize = 20;

impl Status {
    /// Renders the status for people, in lines of at most 80 columns. If no monitor runs, the first line says so.
    #[must_use]
    pub fn render(&self, now: Time, colour: bool) -> String {
        let mut page = TextTable::new(colour);
        if !self.is_fresh(now) {
            let (at, pid) = (format_time(self.updated_at), self.pid);
            let since = format_age(self.age(now));
            page.add_line(
                Some(TextColour::Bad),
                &format!("monitor not running: last update {at}, {since} (process {pid})"),
            );
            page.add_line(None, "The status below is from that time.");
        }
        // Times are by the clock of the writer, which may have been set since.
        let now = self.updated_at + self.age(now);
        page.add_row("role", &self.role_row(now));
        let (tone, ready) = self.readiness_row(now);
        page.add_coloured_row("ready", tone, &ready);
        for degraded in self.degraded.iter().take(MAX_CONDITIONS_EXPLAINED) {
            page.add_coloured_row("degraded", TextColour::Bad, &format!("{}: {}", degraded.name, degraded.text));
        }
        let more: Vec<_> =
            self.degraded.iter().skip(MAX_CONDITIONS_EXPLAINED).map(|degraded| degraded.name.as_str()).collect();
        if !more.is_empty() {
            page.add_coloured_row(
                "degraded",
                TextColour::Bad,
                &format!("and {} more (see --json): {}", more.len(), more.join(", ")),
            );
        }
        if let Some(hold) = &self.hold {
            page.add_coloured_row("hold", TextColour::Unusual, &describe_hold(hold, now));
            if let Some(reason) = &hold.reason {
                page.add_row("", &format!("reason: {reason}"));
            }
        }
        for upstream in self.upstreams.iter().take(MAX_ITEMS_SHOWN) {
            let is_healthy = upstream.last_probe.as_ref().is_some_and(|probed| probed.verdict == VerdictKind::Healthy);
            let tone = if is_healthy || self.is_idle_standby(upstream) { TextColour::Good } else { TextColour::Bad };
            page.add_coloured_row("upstream", tone, &self.upstream_row(upstream, now));
            page.add_row("", &upstream.urls.join(" "));
        }
        if let Some(window) = &self.window {
            page.add_coloured_row("outage", TextColour::Bad, &describe_window(window));
        }
        page.add_row("gateway", &describe_gateway(&self.gateway, now));
        page.add_row(
            "workspace",
            &self.last_pull.as_ref().map_or("not pulled yet".to_owned(), |pull| self.pull_row(pull, now)),
        );
        for more in self.workspace_rows(now) {
            page.add_row("", &more);
        }
        page.add_row("failover", &self.last_failover.as_ref().map_or("none yet".to_owned(), describe_failover));
        if let Some(drill) = self.drill_row(now) {
            page.add_row("drill", &drill);
        }
        timeline_row::add_rows(&mut page, &self.timeline.cells_until(now));
        page.add_row("monitor", &self.monitor_row(now));
        page.finish()
    }

    /// Returns the row `ready`: whether this host would take over now.
    fn readiness_row(&self, now: Time) -> (TextColour, String) {
        let held = self.hold.as_ref().map(|_| "hold").into_iter();
        let why = || {
            let mut conditions: Vec<&str> = held.chain(self.blocking_conditions()).collect();
            // Each failed check is a condition of the same name.
            conditions.dedup();
            conditions.join(", ")
        };
        match self.role.kind {
            _ if !self.is_fresh(now) => (TextColour::Bad, "no: the monitor is not running".to_owned()),
            Named::Known(RoleKind::Active) => (TextColour::Good, "this host serves".to_owned()),
            Named::Known(RoleKind::Promoting) if self.could_take_over() => {
                (TextColour::Unusual, "failing over now".to_owned())
            }
            _ if self.could_take_over() => (TextColour::Good, "yes: this host could take over".to_owned()),
            _ => (TextColour::Bad, format!("no: this host could not take over ({})", why())),
        }
    }

    fn role_row(&self, now: Time) -> String {
        let role = &self.role;
        let step = role.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
        let since = format!("since {}, {}", format_time(role.since), format_span(whole_seconds(now.since(role.since))));
        format!("{}{step} {since}{}", role.kind, describe_cause(role))
    }

    fn upstream_row(&self, upstream: &UpstreamStatus, now: Time) -> String {
        if let (true, Some(probed)) = (self.is_idle_standby(upstream), &upstream.last_probe) {
            let since = format_span(whole_seconds(now.since(probed.since)));
            return format!("{}: on standby for {since}; its gateway is down until it takes over", upstream.name);
        }
        let seen =
            upstream.last_probe.as_ref().map_or("not probed yet".to_owned(), |probed| describe_probe(probed, now));
        let mut text = format!("{}: {seen}", upstream.name);
        let is_up = self.role.kind == RoleKind::Active || self.role.kind == RoleKind::Promoting;
        if let (Some(ready_for), true) = (upstream.ready_for, is_up) {
            let (ready_for, hold_down) = (format_span(whole_seconds(ready_for)), format_span(self.hold_down));
            text.push_str(&format!("; ready for {ready_for} (failback after {hold_down})"));
        }
        if !upstream.seen_healthy {
            text.push_str("; never seen healthy from here");
        }
        if upstream.unsteady {
            text.push_str("; unsteady");
        }
        text
    }

    fn pull_row(&self, pull: &PullSummary, now: Time) -> String {
        let mut text = format!("{} {}", pull.outcome, format_age(now.since(pull.ended_at)));
        if let Some(commit) = &pull.commit {
            let short: String = commit.chars().take(12).collect();
            text.push_str(&format!(", at {short}"));
        }
        if let Some(committed) = pull.committed_at {
            text.push_str(&format!(", committed {}", format_age(now.since(committed))));
        }
        // An error that is shown above is not repeated.
        let is_shown_above = |error: &&String| {
            self.degraded.iter().take(MAX_CONDITIONS_EXPLAINED).any(|degraded| degraded.text == **error)
        };
        if let Some(error) = pull.error.as_ref().filter(|error| !is_shown_above(error)) {
            text.push_str(&format!(": {error}"));
        }
        if let (true, Some(fresh)) = (pull.is_stale, pull.last_complete_at) {
            text.push_str(&format!("; last up to date {}", format_age(now.since(fresh))));
        }
        text
    }

    /// Returns workspace conditions that may need attention.
    fn workspace_rows(&self, now: Time) -> Vec<String> {
        let mut more = Vec::new();
        if let Some(pull) = &self.last_pull {
            if !pull.conflict_branches.is_empty() {
                more.push(format!("conflicts with the remote, kept on branch: {}", pull.conflict_branches));
            }
            if !pull.withheld.is_empty() {
                more.push(format!("on this disk only: {}", pull.withheld));
            }
        }
        if self.has_unpushed_changes {
            let last = self.last_push.as_ref();
            let error = last.and_then(|push| push.error.as_ref()).map(|error| format!(": {error}")).unwrap_or_default();
            let all = last
                .and_then(|push| push.last_complete_at)
                .map(|at| format!("; last complete push {}", format_age(now.since(at))));
            more.push(format!("local changes not pushed yet{error}{}", all.unwrap_or_default()));
        }
        more
    }

    /// Describes the last drill, and when the next one is due; `None` if there is neither.
    fn drill_row(&self, now: Time) -> Option<String> {
        let last = self.last_drill.as_ref().map(|drill| match (drill.ended_at, drill.outcome) {
            (Some(ended), Some(outcome)) => {
                let failed = match outcome {
                    DrillOutcome::Failed { step } => format!(" at step '{}'", step.name()),
                    _ => String::new(),
                };
                format!("{}{failed} {}", outcome.kind().name(), format_age(now.since(ended)))
            }
            _ => {
                format!("running for {}: {}", format_span(whole_seconds(now.since(drill.began_at))), drill.step.name())
            }
        });
        match (last, self.drill_due_at) {
            (last, None) => last,
            (None, Some(due)) if due <= now => Some("never run; run `openclaw-failover drill`".to_owned()),
            (Some(last), Some(due)) if due <= now => Some(format!("{last}; overdue, run `openclaw-failover drill`")),
            (last, Some(due)) => {
                let last = last.unwrap_or_else(|| "never run".to_owned());
                Some(format!("{last}; the next is due at {}", format_time(due)))
            }
        }
    }

    fn monitor_row(&self, now: Time) -> String {
        let up = format_span(whole_seconds(self.updated_at.since(self.started_at)));
        format!(
            "version {}, process {}, up {up}, updated {}",
            self.version,
            self.pid,
            format_age(now.since(self.updated_at))
        )
    }
}

fn describe_cause(role: &RoleStatus) -> String {
    use Named::{Known, Unknown};
    let words = match (&role.cause, &role.demotion_reason) {
        (None, None) => return String::new(),
        (Some(Known(CauseKind::Outage)), _) => "cause: outage",
        (Some(Known(CauseKind::Flapping)), _) => "cause: the primary keeps failing",
        (Some(Known(CauseKind::Drill)), _) => "for a drill",
        (Some(Known(CauseKind::Operator)), _) | (_, Some(Known(DemotionReasonKind::Operator))) => {
            "requested by an operator"
        }
        (Some(Known(CauseKind::Found)), _) | (_, Some(Known(DemotionReasonKind::Found))) => "found in this state",
        (_, Some(Known(DemotionReasonKind::Ready))) => "cause: an upstream is ready",
        (_, Some(Known(DemotionReasonKind::DrillOver))) => "cause: the drill has ended",
        (Some(Unknown(name)), _) | (_, Some(Unknown(name))) => name,
    };
    format!(", {words}")
}

/// Describes a probe, with the latency if the gateway is up.
fn describe_probe(probed: &ProbeStatus, now: Time) -> String {
    let healthy = probed.verdict == VerdictKind::Healthy;
    let mut text = probed.verdict.to_string();
    if healthy && !probed.ready {
        text.push_str(" but not ready");
    }
    text.push_str(&format!(" for {}", format_span(whole_seconds(now.since(probed.since)))));
    if healthy {
        text.push_str(&format!(", answers in {}", format_span(probed.latency)));
    }
    if !healthy && !probed.detail.is_empty() {
        text.push_str(&format!(" ({})", probed.detail));
    }
    for (what, channels) in [("broken", &probed.failing_channels), ("muted", &probed.suppressed_channels)] {
        if !channels.is_empty() {
            let shown: Vec<_> = channels.iter().take(MAX_ITEMS_SHOWN).map(String::as_str).collect();
            text.push_str(&format!("; {what} channels: {}", shown.join(", ")));
            let more = channels.len() - shown.len();
            if more > 0 {
                text.push_str(&format!(" and {more} more, see --json"));
            }
        }
    }
    text
}

/// Describes the outage, with a bar up to the threshold.
fn describe_window(window: &WindowStatus) -> String {
    let filled = window.elapsed.as_millis() * BAR_COLUMNS as u128 / window.needed.as_millis().max(1);
    let filled = usize::try_from(filled).unwrap_or(BAR_COLUMNS).min(BAR_COLUMNS);
    format!(
        "[{}{}] down for {} (threshold {}) since {}; failed probes: {}",
        "#".repeat(filled),
        ".".repeat(BAR_COLUMNS - filled),
        format_span(whole_seconds(window.elapsed)),
        format_span(window.needed),
        format_time(window.last_healthy_at),
        window.failures
    )
}

fn describe_hold(hold: &Hold, now: Time) -> String {
    let until = hold.until.map_or("until `openclaw-failover resume`".to_owned(), |until| {
        format!("until {} ({} from now)", format_time(until), format_span(whole_seconds(until.since(now))))
    });
    let effect = match hold.kind {
        HoldKind::Promoted => "this host's gateway stays up",
        HoldKind::Standby | HoldKind::Paused => "automatic failover is OFF",
    };
    format!("{} since {}; {effect} {until}", hold.kind.name(), format_time(hold.since))
}

fn describe_gateway(gateway: &GatewayStatus, now: Time) -> String {
    let state = gateway.unit_state.as_ref().map_or("state unknown".to_owned(), Named::to_string);
    let mut text = format!("{}: {state}", gateway.unit);
    // A standby's gateway is down and refuses connections; that is not shown.
    let is_down = gateway.unit_state.as_ref().is_some_and(|state| *state == UnitState::Down);
    let expected = |probed: &&ProbeStatus| !is_down || probed.verdict != VerdictKind::Refused;
    if let Some(probed) = gateway.last_probe.as_ref().filter(expected) {
        text.push_str(&format!("; {}: {}", gateway.url, describe_probe(probed, now)));
    }
    text
}

fn describe_failover(failover: &Failover) -> String {
    let decided = failover.decided_at;
    let mut text = format!("{} at {}", failover.cause.kind().name(), format_time(decided));
    if failover.last_healthy_at < decided {
        text.push_str(&format!(
            ", {} after the last healthy probe",
            format_span(decided.since(failover.last_healthy_at))
        ));
    }
    match (failover.answered_at, failover.ended_at) {
        (Some(answered), ended) => {
            text.push_str(&format!("; served {} later", format_span(answered.since(decided))));
            if let Some(ended) = ended {
                text.push_str(&format!(", for {}", format_span(whole_seconds(ended.since(answered)))));
            }
        }
        (None, Some(ended)) => {
            text.push_str(&format!("; ended {} later without serving", format_span(ended.since(decided))));
        }
        (None, None) => text.push_str("; not serving yet"),
    }
    text
}

/// Drops fractions of a second: they are noise in a span that only grows.
fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}
