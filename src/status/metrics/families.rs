//! Every family of metrics: its name, what it means, and where it is read.

use crate::failover::{Drill, Failover, HoldKind, Outcome, names};
use crate::status::Upstream;
use crate::status::metrics::{Family, Samples, Scene, Sent};
use crate::text::Time;
use crate::workspace::summary::Pull;

const ROLES: [&str; 4] = ["standby", "promoting", "active", "demoting"];
const CAUSES: [&str; 5] = ["outage", "flapping", "operator", "drill", "found"];
const REASONS: [&str; 4] = ["ready", "operator", "drill_over", "found"];

const fn gauge(name: &'static str, help: &'static str, samples: fn(&Scene<'_>, &mut Samples<'_>)) -> Family {
    Family { name, kind: "gauge", help, samples }
}

const fn counter(name: &'static str, help: &'static str, samples: fn(&Scene<'_>, &mut Samples<'_>)) -> Family {
    Family { name, kind: "counter", help, samples }
}

#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    gauge("build_info", "The version of the monitor; always 1.",
        |scene, to| to.with(&[("version", &scene.status.version)], 1.0)),
    gauge("start_timestamp_seconds", "When the monitor started.",
        |scene, to| to.one(moment(scene.status.started_at))),
    gauge("update_timestamp_seconds", "When the monitor wrote this; it has died where that is long ago.",
        |scene, to| to.one(moment(scene.status.updated_at))),
    gauge("could_take_over", "Whether nothing that is known keeps this host from taking over.",
        |scene, to| to.one(truth(scene.status.could_take_over()))),
    gauge("degraded", "How many conditions stand in the way of a failover, or of a whole one.",
        |scene, to| to.one(count(scene.status.degraded.len() as u64))),
    gauge("degraded_condition", "The same by name; one that does not stand has no sample.", degraded),

    gauge("role", "What this host is to its user: 1 for the role that it has.",
        |scene, to| ROLES.iter().for_each(|role| to.with(&[("role", role)], truth(scene.status.role.name == *role)))),
    gauge("role_start_timestamp_seconds", "Since when it has that role.",
        |scene, to| to.one(moment(scene.status.role.since))),
    gauge("hold", "The operator's override: 1 for the one that stands.", holds),
    gauge("hold_start_timestamp_seconds", "Since when an override stands.",
        |scene, to| if let Some(hold) = scene.status.hold { to.one(moment(hold.since)) }),
    gauge("hold_end_timestamp_seconds", "When the override ends by itself.",
        |scene, to| if let Some(until) = scene.status.hold.and_then(|hold| hold.until) { to.one(moment(until)) }),
    gauge("hold_down_seconds", "How long an upstream must stay ready before this host steps aside.",
        |scene, to| to.one(scene.status.hold_down.as_secs_f64())),

    gauge("window_seconds", "How long no upstream has shown life, as it counts towards a promotion; 0 while one does.",
        |scene, to| to.one(scene.status.window.as_ref().map_or(0.0, |window| window.elapsed.as_secs_f64()))),
    gauge("window_needed_seconds", "What the window must reach, while it is open.",
        |scene, to| if let Some(window) = &scene.status.window { to.one(window.needed.as_secs_f64()) }),
    gauge("window_failures", "How many probes in a row have failed in the window.",
        |scene, to| to.one(scene.status.window.as_ref().map_or(0.0, |window| f64::from(window.failures)))),

    gauge("upstream_up", "Whether the last probe found a gateway alive that outranks this host.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| truth(probed.verdict == "healthy")))),
    gauge("upstream_stands_by", "Whether it is another standby that is down because one listed before it is up.",
        |scene, to| scene.status.upstreams.iter().for_each(|upstream|
            to.with(&[("upstream", &upstream.name)], truth(scene.status.stands_by(upstream))))),
    gauge("upstream_ready", "Whether it said that it is ready, too.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| truth(probed.ready)))),
    gauge("upstream_latency_seconds", "From the last probe's first request to its verdict.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| probed.latency.as_secs_f64()))),
    gauge("upstream_change_timestamp_seconds", "Since when every probe has found the same.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| moment(probed.since)))),
    gauge("upstream_armed", "Whether it was ever seen healthy from here.",
        |scene, to| upstreams(scene, to, |upstream| Some(truth(upstream.armed)))),
    counter("probes_total", "Probes, by what they found.", probes),

    gauge("gateway_up", "Whether this host's own gateway was alive when it was last looked at.",
        |scene, to| if let Some(probed) = &scene.status.gateway.probed { to.one(truth(probed.verdict == "healthy")) }),
    counter("promotions_total", "How often this host's gateway has come up and answered, by the cause.",
        |scene, to| by(to, "cause", &CAUSES, &scene.counts.promotions)),
    counter("demotions_total", "How often it was down again, by the reason.",
        |scene, to| by(to, "reason", &REASONS, &scene.counts.demotions)),
    counter("failed_starts_total", "How often it was started and did not come up.",
        |scene, to| to.one(count(scene.counts.failed_starts))),
    gauge("last_failover_timestamp_seconds", "When this host last decided to take over.",
        |scene, to| failover(scene, to, |failover| Some(moment(failover.decided)))),
    gauge("last_failover_duration_seconds", "From the last sign of an upstream's life before that to this host's gateway answering.",
        |scene, to| failover(scene, to, |failover| Some(between(failover.life, failover.answered?)))),
    gauge("last_failover_served_seconds", "How long this host then served, where that is over.",
        |scene, to| failover(scene, to, |failover| Some(between(failover.answered?, failover.ended?)))),

    gauge("last_drill_timestamp_seconds", "When the last drill was asked for, however it ended.",
        |scene, to| if let Some(drill) = &scene.status.drill { to.one(moment(drill.began)) }),
    gauge("last_drill_passed", "Whether it passed; none while it goes on.",
        |scene, to| if let Some(Drill { ended: Some(_), outcome: Some(outcome), .. }) = &scene.status.drill {
            to.one(truth(*outcome == Outcome::Passed));
        }),
    gauge("drill_due_timestamp_seconds", "When a drill is due, or has been.",
        |scene, to| if let Some(due) = scene.status.drill_due { to.one(moment(due)) }),

    gauge("workspace_pull_timestamp_seconds", "When the last pull of the workspace ended, well or badly.",
        |scene, to| pull(scene, to, |pull| Some(moment(pull.at)))),
    gauge("workspace_fresh_timestamp_seconds", "When the last pull began that left it with everything the remote had.",
        |scene, to| pull(scene, to, |pull| pull.fresh.map(moment))),
    gauge("workspace_commit_timestamp_seconds", "When the remote's latest commit in it was made, by its own account.",
        |scene, to| pull(scene, to, |pull| pull.committed.map(moment))),
    gauge("workspace_push_timestamp_seconds", "When the last push of what this host has written ended, well or badly.",
        |scene, to| if let Some(push) = &scene.status.returned { to.one(moment(push.at)) }),
    gauge("workspace_unreturned", "Whether it may hold something that the remote does not have.",
        |scene, to| to.one(truth(scene.status.unreturned))),
    counter("notifications_total", "Notifications, by webhook and by what became of them; each failed try counts.", notifications),
];

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn count(number: u64) -> f64 {
    number as f64
}

fn moment(time: Time) -> f64 {
    count(time.as_millis()) / 1000.0
}

fn between(from: Time, to: Time) -> f64 {
    to.since(from).as_secs_f64()
}

fn by(to: &mut Samples<'_>, label: &str, names: &[&str], counts: &[(&str, u64)]) {
    for name in names {
        let found = counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
        to.with(&[(label, name)], count(found));
    }
}

fn degraded(scene: &Scene<'_>, to: &mut Samples<'_>) {
    let all = || scene.status.degraded.iter().map(|degraded| degraded.what.as_str());
    for (index, what) in all().enumerate() {
        // Several may have one name, such as two webhooks that are both dead.
        if all().position(|first| first == what) == Some(index) {
            to.with(&[("condition", what)], count(all().filter(|other| *other == what).count() as u64));
        }
    }
}

fn holds(scene: &Scene<'_>, to: &mut Samples<'_>) {
    for kind in [HoldKind::Promoted, HoldKind::Standby, HoldKind::Paused] {
        to.with(&[("hold", names::hold(kind))], truth(scene.status.hold.is_some_and(|hold| hold.kind == kind)));
    }
}

fn upstreams(scene: &Scene<'_>, to: &mut Samples<'_>, value: fn(&Upstream) -> Option<f64>) {
    for upstream in &scene.status.upstreams {
        if let Some(value) = value(upstream) {
            to.with(&[("upstream", &upstream.name)], value);
        }
    }
}

fn probes(scene: &Scene<'_>, to: &mut Samples<'_>) {
    for Upstream { name, .. } in &scene.status.upstreams {
        for verdict in names::VERDICTS {
            to.with(&[("upstream", name), ("verdict", verdict)], count(scene.counts.probes(name, verdict)));
        }
    }
}

fn failover(scene: &Scene<'_>, to: &mut Samples<'_>, value: fn(&Failover) -> Option<f64>) {
    if let Some(value) = scene.status.failover.as_ref().and_then(value) {
        to.one(value);
    }
}

fn pull(scene: &Scene<'_>, to: &mut Samples<'_>, value: fn(&Pull) -> Option<f64>) {
    if let Some(value) = scene.status.workspace.as_ref().and_then(value) {
        to.one(value);
    }
}

fn notifications(scene: &Scene<'_>, to: &mut Samples<'_>) {
    for Sent { webhook, delivered, failed } in scene.sent {
        for (result, number) in [("delivered", delivered), ("failed", failed)] {
            to.with(&[("webhook", webhook), ("result", result)], count(*number));
        }
    }
}
