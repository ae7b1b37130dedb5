//! Rendering of a [`Status`] on one screen, most important rows first.

use std::time::Duration;

use crate::failover::{Failover, Hold, HoldKind, Outcome, names};
use crate::status::{Gateway, Probed, Status, Upstream, Window, day};
use crate::text::Time;
use crate::text::table::{Page, Tone};
use crate::text::utc::{ago, people, span};
use crate::workspace::summary::Pull;

/// Limit on the items of a list that are shown; `--json` has them all.
const SHOWN: usize = 8;

/// Limit on the conditions shown with their description, so that the page fits a screen.
const EXPLAINED: usize = 4;

/// Verdict of a gateway that is up.
const HEALTHY: &str = "healthy";

/// Width of the bar at the threshold, in columns.
const BAR: usize = 20;

impl Status {
    /// Renders the status for people, in lines of at most 80 columns. If no monitor runs, the first line says so.
    #[must_use]
    pub fn render(&self, now: Time, colour: bool) -> String {
        let mut page = Page::new(colour);
        if !self.is_fresh(now) {
            let (at, pid) = (people(self.updated_at), self.pid);
            let since = ago(self.updated_at + self.age(now), self.updated_at);
            page.line(Some(Tone::Bad), &format!("monitor not running: last update {at}, {since} (process {pid})"));
            page.line(None, "The status below is from that time.");
        }
        // Times are by the clock of the writer, which may have been set since.
        let now = self.updated_at + self.age(now);
        page.row("role", &self.role(now));
        let (tone, ready) = self.ready(now);
        page.toned("ready", tone, &ready);
        for degraded in self.degraded.iter().take(EXPLAINED) {
            page.toned("degraded", Tone::Bad, &format!("{}: {}", degraded.what, degraded.text));
        }
        let more: Vec<_> = self.degraded.iter().skip(EXPLAINED).map(|degraded| degraded.what.as_str()).collect();
        if !more.is_empty() {
            page.toned("degraded", Tone::Bad, &format!("and {} more (see --json): {}", more.len(), more.join(", ")));
        }
        if let Some(hold) = self.hold {
            page.toned("hold", Tone::Unusual, &held(hold, now));
        }
        if let Some(reason) = &self.reason {
            page.row("", &format!("reason: {reason}"));
        }
        for upstream in self.upstreams.iter().take(SHOWN) {
            let is_healthy = upstream.probed.as_ref().is_some_and(|probed| probed.verdict == HEALTHY);
            let tone = if is_healthy || self.stands_by(upstream) { Tone::Good } else { Tone::Bad };
            page.toned("upstream", tone, &self.upstream(upstream, now));
            page.row("", &upstream.urls.join(" "));
        }
        if let Some(window) = &self.window {
            page.toned("outage", Tone::Bad, &opened(window));
        }
        page.row("gateway", &gateway(&self.gateway, now));
        page.row(
            "workspace",
            &self.workspace.as_ref().map_or("not pulled yet".to_owned(), |pull| self.last_pull(pull, now)),
        );
        for more in self.workspace_more(now) {
            page.row("", &more);
        }
        page.row("failover", &self.failover.as_ref().map_or("none yet".to_owned(), failed_over));
        if let Some(drill) = self.drilled(now) {
            page.row("drill", &drill);
        }
        day::rows(&mut page, &self.strip.at(now));
        page.row("monitor", &self.monitor(now));
        page.finish()
    }

    /// Returns the row `ready`: whether this host would take over now.
    fn ready(&self, now: Time) -> (Tone, String) {
        let held = self.hold.map(|_| "hold").into_iter();
        let why = || held.chain(self.obstacles()).collect::<Vec<_>>().join(", ");
        match self.role.name.as_str() {
            _ if !self.is_fresh(now) => (Tone::Bad, "no: the monitor is not running".to_owned()),
            "active" => (Tone::Good, "this host serves".to_owned()),
            "promoting" if self.could_take_over() => (Tone::Unusual, "failing over now".to_owned()),
            _ if self.could_take_over() => (Tone::Good, "yes: this host could take over".to_owned()),
            _ => (Tone::Bad, format!("no: this host could not take over ({})", why())),
        }
    }

    fn role(&self, now: Time) -> String {
        let role = &self.role;
        let step = role.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
        let cause = role.cause.as_deref().map(because).unwrap_or_default();
        let since = format!("since {}, {}", people(role.since), span(whole(now.since(role.since))));
        format!("{}{step} {since}{cause}", role.name)
    }

    fn upstream(&self, upstream: &Upstream, now: Time) -> String {
        if let (true, Some(probed)) = (self.stands_by(upstream), &upstream.probed) {
            let since = span(whole(now.since(probed.since)));
            return format!("{}: on standby for {since}; its gateway is down until it takes over", upstream.name);
        }
        let seen = upstream.probed.as_ref().map_or("not probed yet".to_owned(), |probed| answered(probed, now));
        let mut text = format!("{}: {seen}", upstream.name);
        if let (Some(ready_for), "active" | "promoting") = (upstream.ready_for, self.role.name.as_str()) {
            let (ready_for, hold_down) = (span(whole(ready_for)), span(self.hold_down));
            text.push_str(&format!("; ready for {ready_for} (failback after {hold_down})"));
        }
        if !upstream.armed {
            text.push_str("; never seen healthy from here");
        }
        if upstream.unsteady {
            text.push_str("; unsteady");
        }
        text
    }

    fn last_pull(&self, pull: &Pull, now: Time) -> String {
        let mut text = format!("{} {}", pull.outcome, ago(now, pull.at));
        if let Some(commit) = &pull.commit {
            let short: String = commit.chars().take(12).collect();
            text.push_str(&format!(", at {short}"));
        }
        if let Some(committed) = pull.committed {
            text.push_str(&format!(", committed {}", ago(now, committed)));
        }
        // An error that is shown above is not repeated.
        let told = |error: &&String| self.degraded.iter().take(EXPLAINED).any(|degraded| degraded.text == **error);
        if let Some(error) = pull.error.as_ref().filter(|error| !told(error)) {
            text.push_str(&format!(": {error}"));
        }
        if let (true, Some(fresh)) = (pull.stale, pull.fresh) {
            text.push_str(&format!("; last up to date {}", ago(now, fresh)));
        }
        text
    }

    /// Returns workspace conditions that may need attention.
    fn workspace_more(&self, now: Time) -> Vec<String> {
        let mut more = Vec::new();
        if let Some(pull) = &self.workspace {
            if !pull.kept.is_empty() {
                more.push(format!("conflicts with the remote, kept on branch: {}", pull.kept));
            }
            if !pull.withheld.is_empty() {
                more.push(format!("on this disk only: {}", pull.withheld));
            }
        }
        if self.unreturned {
            let last = self.returned.as_ref();
            let error = last.and_then(|push| push.error.as_ref()).map(|error| format!(": {error}")).unwrap_or_default();
            let all = last.and_then(|push| push.returned).map(|at| format!("; last complete push {}", ago(now, at)));
            more.push(format!("local changes not pushed yet{error}{}", all.unwrap_or_default()));
        }
        more
    }

    /// Describes the last drill, and when the next one is due; `None` if there is neither.
    fn drilled(&self, now: Time) -> Option<String> {
        let last = self.drill.as_ref().map(|drill| match (drill.ended, drill.outcome) {
            (Some(ended), Some(outcome)) => {
                let failed = match outcome {
                    Outcome::Failed { step } => format!(" at step '{}'", step.name()),
                    _ => String::new(),
                };
                format!("{}{failed} {}", names::outcome(outcome), ago(now, ended))
            }
            _ => format!("running for {}: {}", span(whole(now.since(drill.began))), drill.step.name()),
        });
        match (last, self.drill_due) {
            (last, None) => last,
            (None, Some(due)) if due <= now => Some("never run; run `openclaw-failover drill`".to_owned()),
            (Some(last), Some(due)) if due <= now => Some(format!("{last}; overdue, run `openclaw-failover drill`")),
            (last, Some(due)) => {
                let last = last.unwrap_or_else(|| "never run".to_owned());
                Some(format!("{last}; the next is due at {}", people(due)))
            }
        }
    }

    fn monitor(&self, now: Time) -> String {
        let up = span(whole(self.updated_at.since(self.started_at)));
        format!("version {}, process {}, up {up}, updated {}", self.version, self.pid, ago(now, self.updated_at))
    }
}

fn because(cause: &str) -> String {
    match cause {
        "outage" => ", cause: outage".to_owned(),
        "flapping" => ", cause: the primary keeps failing".to_owned(),
        "operator" => ", requested by an operator".to_owned(),
        "drill" => ", for a drill".to_owned(),
        "found" => ", found in this state".to_owned(),
        "ready" => ", cause: an upstream is ready".to_owned(),
        "drill_over" => ", cause: the drill has ended".to_owned(),
        other => format!(", {other}"),
    }
}

/// Describes a probe, with the latency if the gateway is up.
fn answered(probed: &Probed, now: Time) -> String {
    let healthy = probed.verdict == HEALTHY;
    let mut text = probed.verdict.clone();
    if healthy && !probed.ready {
        text.push_str(" but not ready");
    }
    text.push_str(&format!(" for {}", span(whole(now.since(probed.since)))));
    if healthy {
        text.push_str(&format!(", answers in {}", span(probed.latency)));
    }
    if !healthy && !probed.detail.is_empty() {
        text.push_str(&format!(" ({})", probed.detail));
    }
    for (what, channels) in [("broken", &probed.failing), ("muted", &probed.suppressed)] {
        if !channels.is_empty() {
            let shown: Vec<_> = channels.iter().take(SHOWN).map(String::as_str).collect();
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
fn opened(window: &Window) -> String {
    let filled = window.elapsed.as_millis() * BAR as u128 / window.needed.as_millis().max(1);
    let filled = usize::try_from(filled).unwrap_or(BAR).min(BAR);
    format!(
        "[{}{}] down for {} (threshold {}) since {}; failed probes: {}",
        "#".repeat(filled),
        ".".repeat(BAR - filled),
        span(whole(window.elapsed)),
        span(window.needed),
        people(window.life),
        window.failures
    )
}

fn held(hold: Hold, now: Time) -> String {
    let until = hold.until.map_or("until `openclaw-failover resume`".to_owned(), |until| {
        format!("until {} ({} from now)", people(until), span(whole(until.since(now))))
    });
    let effect = match hold.kind {
        HoldKind::Promoted => "this host's gateway stays up",
        HoldKind::Standby | HoldKind::Paused => "automatic failover is OFF",
    };
    format!("{} since {}; {effect} {until}", names::hold(hold.kind), people(hold.since))
}

fn gateway(gateway: &Gateway, now: Time) -> String {
    let state = gateway.unit_state.as_deref().unwrap_or("state unknown");
    let mut text = format!("{}: {state}", gateway.unit);
    // A standby's gateway is down and refuses connections; that is not shown.
    let expected = |probed: &&Probed| state != "down" || probed.verdict != "refused";
    if let Some(probed) = gateway.probed.as_ref().filter(expected) {
        text.push_str(&format!("; {}: {}", gateway.url, answered(probed, now)));
    }
    text
}

fn failed_over(failover: &Failover) -> String {
    let decided = failover.decided;
    let mut text = format!("{} at {}", names::cause(failover.cause), people(decided));
    if failover.life < decided {
        text.push_str(&format!(", {} after the last healthy probe", span(decided.since(failover.life))));
    }
    match (failover.answered, failover.ended) {
        (Some(answered), ended) => {
            text.push_str(&format!("; served {} later", span(answered.since(decided))));
            if let Some(ended) = ended {
                text.push_str(&format!(", for {}", span(whole(ended.since(answered)))));
            }
        }
        (None, Some(ended)) => {
            text.push_str(&format!("; ended {} later without serving", span(ended.since(decided))));
        }
        (None, None) => text.push_str("; not serving yet"),
    }
    text
}

/// Drops fractions of a second: they are noise in a span that only grows.
fn whole(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}
