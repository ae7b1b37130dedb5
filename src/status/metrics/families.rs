//! Metric families: name, help text and source.

use crate::failover::{CauseKind, DemotionReasonKind, Drill, DrillOutcome, Failover, Hold, HoldKind, RoleKind};
use crate::probe::VerdictKind;
use crate::status::UpstreamStatus;
use crate::status::metrics::{DeliveryCounts, MetricFamily, MetricsSnapshot, SampleWriter};
use crate::text::Time;
use crate::workspace::summary::PullSummary;

const fn gauge(
    name: &'static str,
    help: &'static str,
    samples: fn(&MetricsSnapshot<'_>, &mut SampleWriter<'_>),
) -> MetricFamily {
    MetricFamily { name, kind: "gauge", help, samples }
}

const fn counter(
    name: &'static str,
    help: &'static str,
    samples: fn(&MetricsSnapshot<'_>, &mut SampleWriter<'_>),
) -> MetricFamily {
    MetricFamily { name, kind: "counter", help, samples }
}

#[rustfmt::skip]
pub(super) const FAMILIES: &[MetricFamily] = &[
    gauge("build_info", "Version of the monitor; always 1.",
        |data, to| to.write_labelled(&[("version", &data.status.version)], 1.0)),
    gauge("start_timestamp_seconds", "Start of the monitor.",
        |data, to| to.write(timestamp_value(data.status.started_at))),
    gauge("update_timestamp_seconds", "Time of this update; if it is long ago, the monitor has stopped.",
        |data, to| to.write(timestamp_value(data.status.updated_at))),
    gauge("could_take_over", "1 if no known condition keeps this host from taking over.",
        |data, to| to.write(bool_value(data.status.could_take_over()))),
    gauge("degraded", "Number of conditions that prevent or limit a failover.",
        |data, to| to.write(integer_value(data.status.degraded.len() as u64))),
    gauge("degraded_condition", "Conditions by name; an absent condition has no sample.", write_conditions),

    gauge("role", "Role of this host: 1 for the present one.",
        |data, to|
            RoleKind::ALL.into_iter().for_each(|role| {
                to.write_labelled(&[("role", role.name())], bool_value(data.status.role.kind == role));
            })),
    gauge("role_start_timestamp_seconds", "Start of the present role.",
        |data, to| to.write(timestamp_value(data.status.role.since))),
    gauge("hold", "Hold that an operator set: 1 for the present one.", write_holds),
    gauge("hold_start_timestamp_seconds", "Start of the hold.",
        |data, to| if let Some(hold) = &data.status.hold { to.write(timestamp_value(hold.since)) }),
    gauge("hold_end_timestamp_seconds", "Time at which the hold ends by itself.",
        |data, to|
            if let Some(Hold { until: Some(until), .. }) = &data.status.hold { to.write(timestamp_value(*until)) }),
    gauge("hold_down_seconds", "Time for which an upstream must be ready before failback.",
        |data, to| to.write(data.status.hold_down.as_secs_f64())),

    gauge("window_seconds", "Length of the outage, as it counts towards a promotion; 0 while an upstream is up.",
        |data, to| to.write(data.status.window.as_ref().map_or(0.0, |window| window.elapsed.as_secs_f64()))),
    gauge("window_needed_seconds", "Threshold for a promotion, during an outage.",
        |data, to| if let Some(window) = &data.status.window { to.write(window.needed.as_secs_f64()) }),
    gauge("window_failures", "Failed probes in a row, during an outage.",
        |data, to| to.write(data.status.window.as_ref().map_or(0.0, |window| f64::from(window.failures)))),

    gauge("upstream_up", "1 if the last probe of the upstream was healthy.",
        |data, to| write_upstreams(data, to,
            |upstream| upstream.last_probe.as_ref().map(|probed| bool_value(probed.verdict == VerdictKind::Healthy)))),
    gauge("upstream_stands_by", "1 if the upstream is another standby, idle because one listed before it is up.",
        |data, to| data.status.upstreams.iter().for_each(|upstream|
            to.write_labelled(&[("upstream", &upstream.name)], bool_value(data.status.is_idle_standby(upstream))))),
    gauge("upstream_ready", "1 if the upstream reported ready.",
        |data, to|
            write_upstreams(data, to, |upstream| upstream.last_probe.as_ref().map(|probed| bool_value(probed.ready)))),
    gauge("upstream_latency_seconds", "Time from the last probe's first request to its verdict.",
        |data, to| write_upstreams(data, to,
            |upstream| upstream.last_probe.as_ref().map(|probed| probed.latency.as_secs_f64()))),
    gauge("upstream_change_timestamp_seconds", "Time since which every probe has had the same verdict.",
        |data, to|
            write_upstreams(data, to,
                |upstream| upstream.last_probe.as_ref().map(|probed| timestamp_value(probed.since)))),
    gauge("upstream_armed", "1 if the upstream was ever seen healthy from this host.",
        |data, to| write_upstreams(data, to, |upstream| Some(bool_value(upstream.seen_healthy)))),
    counter("probes_total", "Probes, by verdict.", write_probes),

    gauge("gateway_up", "1 if this host's gateway was healthy at the last poll.",
        |data, to|
            if let Some(probed) = &data.status.gateway.last_probe {
                to.write(bool_value(probed.verdict == VerdictKind::Healthy));
            }),
    counter("promotions_total", "Promotions after which this host's gateway answered, by cause.",
        |data, to| write_counts(to, "cause", CauseKind::ALL.map(CauseKind::name), data.counters.promotions)),
    counter("demotions_total", "Completed demotions, by reason.",
        |data, to|
            write_counts(to, "reason", DemotionReasonKind::ALL.map(DemotionReasonKind::name), data.counters.demotions)),
    counter("failed_starts_total", "Starts after which this host's gateway did not come up.",
        |data, to| to.write(integer_value(data.counters.failed_starts))),
    gauge("last_failover_timestamp_seconds", "Time of the last decision to fail over.",
        |data, to| write_failover(data, to, |failover| Some(timestamp_value(failover.decided_at)))),
    gauge("last_failover_duration_seconds", "Time from the last healthy probe to this host's gateway answering.",
        |data, to|
            write_failover(data, to,
                |failover| Some(seconds_between(failover.last_healthy_at, failover.answered_at?)))),
    gauge("last_failover_served_seconds", "Time for which this host then served, once it has ended.",
        |data, to|
            write_failover(data, to, |failover| Some(seconds_between(failover.answered_at?, failover.ended_at?)))),

    gauge("last_drill_timestamp_seconds", "Start of the last drill, whatever its outcome.",
        |data, to| if let Some(drill) = &data.status.last_drill { to.write(timestamp_value(drill.began_at)) }),
    gauge("last_drill_passed", "1 if the last drill passed; absent while one runs.",
        |data, to| if let Some(Drill { ended_at: Some(_), outcome: Some(outcome), .. }) = &data.status.last_drill {
            to.write(bool_value(*outcome == DrillOutcome::Passed));
        }),
    gauge("drill_due_timestamp_seconds", "Time at which the next drill is due; in the past if overdue.",
        |data, to| if let Some(due) = data.status.drill_due_at { to.write(timestamp_value(due)) }),

    gauge("workspace_pull_timestamp_seconds", "End of the last pull of the workspace, successful or not.",
        |data, to| write_pull(data, to, |pull| Some(timestamp_value(pull.ended_at)))),
    gauge("workspace_fresh_timestamp_seconds", "Start of the last pull that brought the workspace up to date.",
        |data, to| write_pull(data, to, |pull| pull.last_complete_at.map(timestamp_value))),
    gauge("workspace_commit_timestamp_seconds", "Commit time of the remote's latest commit in the workspace.",
        |data, to| write_pull(data, to, |pull| pull.committed_at.map(timestamp_value))),
    gauge("workspace_push_timestamp_seconds", "End of the last push of local changes, successful or not.",
        |data, to| if let Some(push) = &data.status.last_push { to.write(timestamp_value(push.ended_at)) }),
    gauge("workspace_unpushed", "1 if the workspace may have changes that are not pushed yet.",
        |data, to| to.write(bool_value(data.status.has_unpushed_changes))),
    counter("notifications_total", "Notifications, by webhook and result; each failed attempt counts.",
        write_notifications),
];

fn bool_value(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn integer_value(number: u64) -> f64 {
    number as f64
}

fn timestamp_value(time: Time) -> f64 {
    integer_value(time.as_millis()) / 1000.0
}

fn seconds_between(from: Time, to: Time) -> f64 {
    to.since(from).as_secs_f64()
}

fn write_counts<const KINDS: usize>(
    to: &mut SampleWriter<'_>,
    label: &str,
    names: [&str; KINDS],
    counts: [u64; KINDS],
) {
    for (name, count) in names.into_iter().zip(counts) {
        to.write_labelled(&[(label, name)], integer_value(count));
    }
}

fn write_conditions(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>) {
    let all = || data.status.degraded.iter().map(|degraded| degraded.name.as_str());
    for (index, what) in all().enumerate() {
        // Several conditions may have the same name, such as two dead webhooks.
        if all().position(|first| first == what) == Some(index) {
            to.write_labelled(
                &[("condition", what)],
                integer_value(all().filter(|other| *other == what).count() as u64),
            );
        }
    }
}

fn write_holds(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>) {
    let held = data.status.hold.as_ref().map(|hold| hold.kind);
    for kind in HoldKind::ALL {
        to.write_labelled(&[("hold", kind.name())], bool_value(held == Some(kind)));
    }
}

fn write_upstreams(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>, value: fn(&UpstreamStatus) -> Option<f64>) {
    for upstream in &data.status.upstreams {
        if let Some(value) = value(upstream) {
            to.write_labelled(&[("upstream", &upstream.name)], value);
        }
    }
}

fn write_probes(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>) {
    for UpstreamStatus { name, .. } in &data.status.upstreams {
        let counts = data.counters.probes.get(name).copied().unwrap_or_default();
        for (verdict, count) in VerdictKind::ALL.into_iter().zip(counts) {
            to.write_labelled(&[("upstream", name), ("verdict", verdict.name())], integer_value(count));
        }
    }
}

fn write_failover(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>, value: fn(&Failover) -> Option<f64>) {
    if let Some(value) = data.status.last_failover.as_ref().and_then(value) {
        to.write(value);
    }
}

fn write_pull(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>, value: fn(&PullSummary) -> Option<f64>) {
    if let Some(value) = data.status.last_pull.as_ref().and_then(value) {
        to.write(value);
    }
}

fn write_notifications(data: &MetricsSnapshot<'_>, to: &mut SampleWriter<'_>) {
    for DeliveryCounts { webhook, delivered, failed } in data.deliveries {
        for (result, number) in [("delivered", delivered), ("failed", failed)] {
            to.write_labelled(&[("webhook", webhook), ("result", result)], integer_value(*number));
        }
    }
}
