//! [`Status`] → words on one screen, what matters most first.

use std::time::Duration;

use crate::failover::{Failover, Hold, HoldKind, Outcome, names};
use crate::status::{Gateway, Probed, Status, Upstream, Window, day};
use crate::text::Time;
use crate::text::table::{Page, Tone};
use crate::text::utc::{ago, people, span};
use crate::workspace::summary::Pull;

/// How many items of a list are shown: somebody who has more reads the JSON.
const SHOWN: usize = 8;

/// How much of what is wrong is shown with its way out: a page is to fit a screen.
const EXPLAINED: usize = 4;

/// The verdict of a gateway that lives.
const HEALTHY: &str = "healthy";

/// How wide a full window is, in columns.
const BAR: usize = 20;

impl Status {
    /// The status for people, in lines of at most 80 columns. The first line says so if no monitor runs.
    #[must_use]
    pub fn render(&self, now: Time, colour: bool) -> String {
        let mut page = Page::new(colour);
        if !self.is_fresh(now) {
            let (at, pid) = (people(self.updated_at), self.pid);
            let since = ago(self.updated_at + self.age(now), self.updated_at);
            page.line(Some(Tone::Bad), &format!("monitor not running: process {pid} wrote last at {at}, {since}"));
            page.line(None, "What follows is how things stood then.");
        }
        // Its times are of the clock that wrote it, which may have been set since.
        let now = self.updated_at + self.age(now);
        page.row("role", &self.role(now));
        let (tone, ready) = self.ready(now);
        page.toned("ready", tone, &ready);
        for degraded in self.degraded.iter().take(EXPLAINED) {
            page.toned("degraded", Tone::Bad, &format!("{}: {}", degraded.what, degraded.text));
        }
        let more: Vec<_> = self.degraded.iter().skip(EXPLAINED).map(|degraded| degraded.what.as_str()).collect();
        if !more.is_empty() {
            page.toned("degraded", Tone::Bad, &format!("and {} more, see --json: {}", more.len(), more.join(", ")));
        }
        if let Some(hold) = self.hold {
            page.toned("hold", Tone::Unusual, &held(hold, now));
        }
        if let Some(reason) = &self.reason {
            page.row("", &format!("the reason: {reason}"));
        }
        for upstream in self.upstreams.iter().take(SHOWN) {
            let is_healthy = upstream.probed.as_ref().is_some_and(|probed| probed.verdict == HEALTHY);
            let tone = if is_healthy || self.stands_by(upstream) { Tone::Good } else { Tone::Bad };
            page.toned("upstream", tone, &self.upstream(upstream, now));
            page.row("", &upstream.urls.join(" "));
        }
        if let Some(window) = &self.window {
            page.toned("window", Tone::Bad, &opened(window));
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

    /// Whether an outage now would end with this host serving.
    fn ready(&self, now: Time) -> (Tone, String) {
        let held = self.hold.map(|_| "hold").into_iter();
        let why = || held.chain(self.obstacles()).collect::<Vec<_>>().join(", ");
        match self.role.name.as_str() {
            _ if !self.is_fresh(now) => (Tone::Bad, "no: no monitor runs, so nobody would take over".to_owned()),
            "active" => (Tone::Good, "this host serves".to_owned()),
            "promoting" if self.could_take_over() => (Tone::Unusual, "this host takes over right now".to_owned()),
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
            return format!("{}: stands by for {since}; its gateway is down until it takes over", upstream.name);
        }
        let seen = upstream.probed.as_ref().map_or("not probed yet".to_owned(), |probed| answered(probed, now));
        let mut text = format!("{}: {seen}", upstream.name);
        if let (Some(ready_for), "active" | "promoting") = (upstream.ready_for, self.role.name.as_str()) {
            let (ready_for, hold_down) = (span(whole(ready_for)), span(self.hold_down));
            text.push_str(&format!("; ready for {ready_for} of the {hold_down} after which this host steps aside"));
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
            text.push_str(&format!(", written {}", ago(now, committed)));
        }
        // What stands further up already is not said again.
        let told = |error: &&String| self.degraded.iter().take(EXPLAINED).any(|degraded| degraded.text == **error);
        if let Some(error) = pull.error.as_ref().filter(|error| !told(error)) {
            text.push_str(&format!(": {error}"));
        }
        if let (true, Some(fresh)) = (pull.stale, pull.fresh) {
            text.push_str(&format!("; the remote's latest was here {}", ago(now, fresh)));
        }
        text
    }

    /// What somebody may have to see to.
    fn workspace_more(&self, now: Time) -> Vec<String> {
        let mut more = Vec::new();
        if let Some(pull) = &self.workspace {
            if !pull.kept.is_empty() {
                more.push(format!("contradicts the remote, so it is kept on a branch: {}", pull.kept));
            }
            if !pull.withheld.is_empty() {
                more.push(format!("on this disk only: {}", pull.withheld));
            }
        }
        if self.unreturned {
            let last = self.returned.as_ref();
            let error = last.and_then(|push| push.error.as_ref()).map(|error| format!(": {error}")).unwrap_or_default();
            let all = last.and_then(|push| push.returned).map(|at| format!("; all was {}", ago(now, at)));
            more.push(format!("not everything from here is back at the remote{error}{}", all.unwrap_or_default()));
        }
        more
    }

    /// The last drill, and when the next one is due; nothing where nobody wants to know.
    fn drilled(&self, now: Time) -> Option<String> {
        let last = self.drill.as_ref().map(|drill| match (drill.ended, drill.outcome) {
            (Some(ended), Some(outcome)) => {
                let failed = match outcome {
                    Outcome::Failed { step } => format!(" at its step '{}'", step.name()),
                    _ => String::new(),
                };
                format!("{}{failed} {}", names::outcome(outcome), ago(now, ended))
            }
            _ => format!("under way for {}: {}", span(whole(now.since(drill.began))), drill.step.name()),
        });
        let due = self.drill_due.map(|due| match due > now {
            true => format!("the next is due at {}", people(due)),
            false => "one is overdue: `openclaw-failover drill` holds it".to_owned(),
        });
        match (last, due) {
            (None, None) => None,
            (last, None) => last,
            (last, Some(due)) => Some(format!("{}; {due}", last.unwrap_or_else(|| "none yet".to_owned()))),
        }
    }

    fn monitor(&self, now: Time) -> String {
        let up = span(whole(self.updated_at.since(self.started_at)));
        format!("version {}, process {}, up {up}, wrote {}", self.version, self.pid, ago(now, self.updated_at))
    }
}

fn because(cause: &str) -> String {
    match cause {
        "outage" => ", because of an outage".to_owned(),
        "flapping" => ", because the primary keeps failing and coming back".to_owned(),
        "operator" => ", because an operator said so".to_owned(),
        "drill" => ", for a drill".to_owned(),
        "found" => ", as it was found".to_owned(),
        "ready" => ", because an upstream is ready".to_owned(),
        "drill_over" => ", because the drill is over".to_owned(),
        other => format!(", {other}"),
    }
}

/// The latency stands where there was an answer.
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

/// How far the window has come, to be seen at a glance, and in words.
fn opened(window: &Window) -> String {
    let filled = window.elapsed.as_millis() * BAR as u128 / window.needed.as_millis().max(1);
    let filled = usize::try_from(filled).unwrap_or(BAR).min(BAR);
    format!(
        "[{}{}] no life for {} of {}, since {}; failed probes in a row: {}",
        "#".repeat(filled),
        ".".repeat(BAR - filled),
        span(whole(window.elapsed)),
        span(window.needed),
        people(window.life),
        window.failures
    )
}

fn held(hold: Hold, now: Time) -> String {
    let until = hold.until.map_or("until somebody ends it".to_owned(), |until| {
        format!("until {}, {} from now", people(until), span(whole(until.since(now))))
    });
    let so = match hold.kind {
        HoldKind::Promoted => "this host's gateway is kept up",
        HoldKind::Standby | HoldKind::Paused => "this host could not take over",
    };
    format!("{} since {}, {until}: {so}", names::hold(hold.kind), people(hold.since))
}

fn gateway(gateway: &Gateway, now: Time) -> String {
    let state = gateway.unit_state.as_deref().unwrap_or("state unknown");
    let mut text = format!("{}: {state}", gateway.unit);
    // Down and refusing is what a standby looks like: it is not worth a word.
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
        text.push_str(&format!(", {} after the last sign of life", span(decided.since(failover.life))));
    }
    match (failover.answered, failover.ended) {
        (Some(answered), ended) => {
            text.push_str(&format!("; served {} later", span(answered.since(decided))));
            if let Some(ended) = ended {
                text.push_str(&format!(", for {}", span(whole(ended.since(answered)))));
            }
        }
        (None, Some(ended)) => {
            text.push_str(&format!("; ended {} later without having served", span(ended.since(decided))));
        }
        (None, None) => text.push_str("; does not serve yet"),
    }
    text
}

/// Tenths of a second are noise where a span only grows.
fn whole(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}
