//! Output of the monitor: history, log, notifications, status, and the status line in systemd.

use crate::events::{Entry, MonitorNote};
use crate::failover::{Note, PROCESS_EXITED};
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::status::metrics::Scene;
use crate::status::{Facts, Status};
use crate::text::Time;

impl Monitor {
    pub(super) fn say(&mut self, at: Time, note: &Note) {
        if let Note::Armed { upstream } = note
            && let Some(upstream) = self.parts.config.upstreams.get(*upstream)
        {
            self.armed.arm(&upstream.urls, at, self.clock.wall());
            self.armed_anew = true;
        }
        self.counts.said(note);
        let entry = self.entry(at, note);
        let entry = match (note, &self.gateway) {
            (Note::NotAnswering { .. }, Some(seen)) => entry.after_probe(&seen.in_words()),
            _ => entry,
        };
        self.record(match (note, &self.reason) {
            (Note::HoldSet { .. } | Note::HoldStands { .. } | Note::HeldBack { .. }, Some(why)) => entry.because(why),
            _ => entry,
        });
    }

    /// Returns the entry of a note, with the exit of the gateway if it is known.
    fn entry(&self, at: Time, note: &Note) -> Entry {
        let in_words = |note: &Note| Entry::of_machine(note, at, self.clock.wall(), &self.parts.config);
        match (note, &self.exit) {
            (Note::StartFailed { why, retry_in }, Some(exit)) if why == PROCESS_EXITED => {
                in_words(&Note::StartFailed { why: exit.clone(), retry_in: *retry_in })
            }
            (Note::WentDown, Some(exit)) => in_words(note).with_exit(exit),
            _ => in_words(note),
        }
    }

    pub(super) fn tell_if(&mut self, note: Option<MonitorNote>) {
        if let Some(note) = note {
            self.tell(&note);
        }
    }

    pub(super) fn tell(&mut self, note: &MonitorNote) {
        self.record(Entry::of_monitor(note, self.clock.now(), self.clock.wall()));
    }

    fn record(&mut self, entry: Entry) {
        let entry = self.rehearsal.mark(entry);
        self.changed = true;
        (self.parts.teller)(&entry);
        self.said.add(&entry.text);
        self.notifier.take(&entry);
        if !self.workers.recorder.take(Record::Entry(entry)) {
            log::warn!("history entry lost: the disk is too slow");
        }
    }

    /// Returns the current status.
    pub(super) fn look(&self, now: Time) -> Status {
        let config = &self.parts.config;
        let facts = Facts {
            config,
            wall: self.clock.wall(),
            now,
            started: self.started,
            interval: config.probe.interval,
            upstreams: &self.upstreams,
            gateway: self.gateway.as_ref(),
            workspace: self.conditions.workspace.pull(),
            returned: self.conditions.workspace.push(),
            degraded: &self.conditions.degraded(config),
            strip: &self.strip,
        };
        Status { reason: self.reason.clone(), ..Status::new(&self.machine, &facts) }
    }

    pub(super) fn write_status(&mut self) {
        let now = self.clock.now();
        (self.status, self.changed) = (Some(now), false);
        self.mark(now);
        self.conditions.workspace.follow_clock(self.clock.wall());
        let status = self.look(now);
        self.could_take_over = status.could_take_over();
        self.notify.status(&format!("{}; {}", status.role.name, self.upstreams_in_words(&status)));
        let scene = Scene { status: &status, counts: &self.counts, sent: &self.notifier.sent() };
        // Both files are on a tmpfs, so this does not wait for a disk. The recorder may, and would delay them.
        let saved = status.save(&self.parts.paths.status()).and_then(|()| scene.save(&self.parts.paths.metrics()));
        let note = self.conditions.run_dir(saved);
        self.tell_if(note);
    }

    fn upstreams_in_words(&self, status: &Status) -> String {
        let known = status.upstreams.iter().zip(self.machine.upstreams());
        let words = known.map(|(upstream, known)| match known.latest {
            Some(_) if status.stands_by(upstream) => format!("{} in standby", upstream.name),
            Some((_, verdict)) => format!("{} {verdict}", upstream.name),
            None => format!("{} not probed yet", upstream.name),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
