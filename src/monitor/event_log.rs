//! Output of the monitor: history, log, notifications, status, and the status line in systemd.

use crate::events::{HistoryEntry, MonitorNotice};
use crate::failover::{MachineNotice, StartFailure};
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::status::metrics::MetricsSnapshot;
use crate::status::{MonitorFacts, Status};
use crate::text::Time;

impl Monitor {
    pub(super) fn announce(&mut self, at: Time, notice: &MachineNotice) {
        if let MachineNotice::Armed { upstream } = notice
            && let Some(upstream) = self.parts.config.upstreams.get(*upstream)
        {
            self.seen_healthy.record_healthy(&upstream.urls, at, self.clock.wall());
            self.is_seen_healthy_unsaved = true;
        }
        self.counts.count_notice(notice);
        let entry = self.describe_notice(at, notice);
        let entry = match (notice, &self.gateway) {
            (MachineNotice::NotAnswering { .. }, Some(seen)) => entry.with_last_probe(&seen.describe()),
            _ => entry,
        };
        self.record_entry(entry);
    }

    /// Returns the entry of a note, with the exit of the gateway if it is known.
    fn describe_notice(&self, at: Time, notice: &MachineNotice) -> HistoryEntry {
        let in_words = |notice: &MachineNotice| {
            HistoryEntry::from_machine_notice(notice, at, self.clock.wall(), &self.parts.config)
        };
        match (notice, &self.gateway_exit) {
            (MachineNotice::StartFailed { why: StartFailure::ProcessExited, retry_in }, Some(exit)) => {
                let why = StartFailure::Described(exit.clone());
                in_words(&MachineNotice::StartFailed { why, retry_in: *retry_in })
            }
            (MachineNotice::GatewayDown, Some(exit)) => in_words(notice).with_exit(exit),
            _ => in_words(notice),
        }
    }

    pub(super) fn record_notice_if_any(&mut self, notice: Option<MonitorNotice>) {
        if let Some(notice) = notice {
            self.record_notice(&notice);
        }
    }

    pub(super) fn record_notice(&mut self, notice: &MonitorNotice) {
        self.record_entry(HistoryEntry::from_monitor_notice(notice, self.clock.now(), self.clock.wall()));
    }

    fn record_entry(&mut self, entry: HistoryEntry) {
        let entry = self.drill_marker.mark_entry(entry);
        self.has_changed = true;
        (self.parts.event_sink)(&entry);
        self.recent_sentences.push_sentence(&entry.text);
        self.notifier.deliver_entry(&entry);
        if !self.threads.recorder.enqueue(Record::Entry(entry)) {
            log::warn!("history entry lost: the disk is too slow");
        }
    }

    /// Returns the current status.
    pub(super) fn current_status(&self, now: Time) -> Status {
        let config = &self.parts.config;
        let facts = MonitorFacts {
            config,
            wall: self.clock.wall(),
            now,
            started_at: self.started_at,
            interval: config.probe.interval,
            upstreams: &self.upstreams,
            gateway: self.gateway.as_ref(),
            last_pull: self.conditions.sync_results.last_pull(),
            last_push: self.conditions.sync_results.last_push(),
            degraded: &self.conditions.list_problems(config),
            timeline: &self.timeline,
        };
        Status::new(&self.machine, &facts)
    }

    pub(super) fn write_status(&mut self) {
        let now = self.clock.now();
        (self.status_written_at, self.has_changed) = (now, false);
        self.mark_timeline(now);
        self.conditions.sync_results.follow_clock(self.clock.wall());
        let status = self.current_status(now);
        self.is_ready = status.could_take_over();
        self.notify.send_status(&format!("{}; {}", status.role.kind, self.upstreams_phrase(&status)));
        let metrics =
            MetricsSnapshot { status: &status, counters: &self.counts, deliveries: &self.notifier.delivery_counts() };
        // Both files are on a tmpfs, so this does not wait for a disk. The recorder may, and would delay them.
        let saved =
            status.save(&self.parts.paths.status_file()).and_then(|()| metrics.save(&self.parts.paths.metrics_file()));
        let notice = self.conditions.record_run_dir_result(saved);
        self.record_notice_if_any(notice);
    }

    fn upstreams_phrase(&self, status: &Status) -> String {
        let known = status.upstreams.iter().zip(self.machine.upstreams());
        let words = known.map(|(upstream, known)| match known.latest_verdict {
            Some(_) if status.is_idle_standby(upstream) => format!("{} in standby", upstream.name),
            Some((_, verdict)) => format!("{} {verdict}", upstream.name),
            None => format!("{} not probed yet", upstream.name),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
