//! Metric families: name, help text and source.

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
    gauge("build_info", "Version of the monitor; always 1.",
        |scene, to| to.with(&[("version", &scene.status.version)], 1.0)),
    gauge("start_timestamp_seconds", "Start of the monitor.",
        |scene, to| to.one(moment(scene.status.started_at))),
    gauge("update_timestamp_seconds", "Time of this update; if it is long ago, the monitor has stopped.",
        |scene, to| to.one(moment(scene.status.updated_at))),
    gauge("could_take_over", "1 if no known condition keeps this host from taking over.",
        |scene, to| to.one(truth(scene.status.could_take_over()))),
    gauge("degraded", "Number of conditions that prevent or limit a failover.",
        |scene, to| to.one(count(scene.status.degraded.len() as u64))),
    gauge("degraded_condition", "Conditions by name; an absent condition has no sample.", degraded),

    gauge("role", "Role of this host: 1 for the present one.",
        |scene, to| ROLES.iter().for_each(|role| to.with(&[("role", role)], truth(scene.status.role.name == *role)))),
    gauge("role_start_timestamp_seconds", "Start of the present role.",
        |scene, to| to.one(moment(scene.status.role.since))),
    gauge("hold", "Hold that an operator set: 1 for the present one.", holds),
    gauge("hold_start_timestamp_seconds", "Start of the hold.",
        |scene, to| if let Some(hold) = scene.status.hold { to.one(moment(hold.since)) }),
    gauge("hold_end_timestamp_seconds", "Time at which the hold ends by itself.",
        |scene, to| if let Some(until) = scene.status.hold.and_then(|hold| hold.until) { to.one(moment(until)) }),
    gauge("hold_down_seconds", "Time for which an upstream must be ready before failback.",
        |scene, to| to.one(scene.status.hold_down.as_secs_f64())),

    gauge("window_seconds", "Length of the outage, as it counts towards a promotion; 0 while an upstream is up.",
        |scene, to| to.one(scene.status.window.as_ref().map_or(0.0, |window| window.elapsed.as_secs_f64()))),
    gauge("window_needed_seconds", "Threshold for a promotion, during an outage.",
        |scene, to| if let Some(window) = &scene.status.window { to.one(window.needed.as_secs_f64()) }),
    gauge("window_failures", "Failed probes in a row, during an outage.",
        |scene, to| to.one(scene.status.window.as_ref().map_or(0.0, |window| f64::from(window.failures)))),

    gauge("upstream_up", "1 if the last probe of the upstream was healthy.",
        |scene, to| upstreams(scene, to,
            |upstream| upstream.probed.as_ref().map(|probed| truth(probed.verdict == "healthy")))),
    gauge("upstream_stands_by", "1 if the upstream is another standby, idle because one listed before it is up.",
        |scene, to| scene.status.upstreams.iter().for_each(|upstream|
            to.with(&[("upstream", &upstream.name)], truth(scene.status.stands_by(upstream))))),
    gauge("upstream_ready", "1 if the upstream reported ready.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| truth(probed.ready)))),
    gauge("upstream_latency_seconds", "Time from the last probe's first request to its verdict.",
        |scene, to| upstreams(scene, to,
            |upstream| upstream.probed.as_ref().map(|probed| probed.latency.as_secs_f64()))),
    gauge("upstream_change_timestamp_seconds", "Time since which every probe has had the same verdict.",
        |scene, to| upstreams(scene, to, |upstream| upstream.probed.as_ref().map(|probed| moment(probed.since)))),
    gauge("upstream_armed", "1 if the upstream was ever seen healthy from this host.",
        |scene, to| upstreams(scene, to, |upstream| Some(truth(upstream.armed)))),
    counter("probes_total", "Probes, by verdict.", probes),

    gauge("gateway_up", "1 if this host's gateway was healthy at the last poll.",
        |scene, to| if let Some(probed) = &scene.status.gateway.probed { to.one(truth(probed.verdict == "healthy")) }),
    counter("promotions_total", "Promotions after which this host's gateway answered, by cause.",
        |scene, to| by(to, "cause", &CAUSES, &scene.counts.promotions)),
    counter("demotions_total", "Completed demotions, by reason.",
        |scene, to| by(to, "reason", &REASONS, &scene.counts.demotions)),
    counter("failed_starts_total", "Starts after which this host's gateway did not come up.",
        |scene, to| to.one(count(scene.counts.failed_starts))),
    gauge("last_failover_timestamp_seconds", "Time of the last decision to fail over.",
        |scene, to| failover(scene, to, |failover| Some(moment(failover.decided)))),
    gauge("last_failover_duration_seconds", "Time from the last healthy probe to this host's gateway answering.",
        |scene, to| failover(scene, to, |failover| Some(between(failover.life, failover.answered?)))),
    gauge("last_failover_served_seconds", "Time for which this host then served, once it has ended.",
        |scene, to| failover(scene, to, |failover| Some(between(failover.answered?, failover.ended?)))),

    gauge("last_drill_timestamp_seconds", "Start of the last drill, whatever its outcome.",
        |scene, to| if let Some(drill) = &scene.status.drill { to.one(moment(drill.began)) }),
    gauge("last_drill_passed", "1 if the last drill passed; absent while one runs.",
        |scene, to| if let Some(Drill { ended: Some(_), outcome: Some(outcome), .. }) = &scene.status.drill {
            to.one(truth(*outcome == Outcome::Passed));
        }),
    gauge("drill_due_timestamp_seconds", "Time at which the next drill is due; in the past if overdue.",
        |scene, to| if let Some(due) = scene.status.drill_due { to.one(moment(due)) }),

    gauge("workspace_pull_timestamp_seconds", "End of the last pull of the workspace, successful or not.",
        |scene, to| pull(scene, to, |pull| Some(moment(pull.at)))),
    gauge("workspace_fresh_timestamp_seconds", "Start of the last pull that brought the workspace up to date.",
        |scene, to| pull(scene, to, |pull| pull.fresh.map(moment))),
    gauge("workspace_commit_timestamp_seconds", "Commit time of the remote's latest commit in the workspace.",
        |scene, to| pull(scene, to, |pull| pull.committed.map(moment))),
    gauge("workspace_push_timestamp_seconds", "End of the last push of local changes, successful or not.",
        |scene, to| if let Some(push) = &scene.status.returned { to.one(moment(push.at)) }),
    gauge("workspace_unreturned", "1 if the workspace may have changes that are not pushed yet.",
        |scene, to| to.one(truth(scene.status.unreturned))),
    counter("notifications_total", "Notifications, by webhook and result; each failed attempt counts.", notifications),
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
        // Several conditions may have the same name, such as two dead webhooks.
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
