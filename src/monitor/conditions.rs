//! Problems that the machine does not know of. Each is announced when it begins and when it ends.

mod readiness;
mod workspace;

use std::collections::BTreeMap;

use crate::config::Config;
use crate::events::MonitorNote;
use crate::monitor::conditions::readiness::Readiness;
use crate::monitor::conditions::workspace::Workspace;
use crate::os::atomic_file;
use crate::probe::Channels;
use crate::status::Degraded;
use crate::text::without_error_numbers;

/// Current problems.
#[derive(Default)]
pub(super) struct Conditions {
    bus: Option<String>,
    permission: Option<String>,
    disk: Option<String>,
    run_dir: Option<String>,
    channels: BTreeMap<String, Channels>,
    /// Webhooks to which delivery fails, and the reason.
    deaf: Vec<(String, String)>,
    pub(super) workspace: Workspace,
    pub(super) readiness: Readiness,
}

impl Conditions {
    /// Records whether systemd answers queries: `None`, or the error.
    pub(super) fn bus(&mut self, why: Option<String>) -> Option<MonitorNote> {
        let before = self.systemd().is_some();
        self.bus = why;
        self.systemd_changed(before)
    }

    /// Records whether systemd accepts requests, which needs polkit too: `None`, or the error.
    pub(super) fn permission(&mut self, why: Option<String>) -> Option<MonitorNote> {
        let before = self.systemd().is_some();
        self.permission = why;
        self.systemd_changed(before)
    }

    fn systemd(&self) -> Option<&String> {
        self.bus.as_ref().or(self.permission.as_ref())
    }

    fn systemd_changed(&self, before: bool) -> Option<MonitorNote> {
        match self.systemd() {
            Some(why) if !before => Some(MonitorNote::SystemdUnreachable { why: why.clone() }),
            None if before => Some(MonitorNote::SystemdReachable),
            _ => None,
        }
    }

    pub(super) fn disk(&mut self, result: Result<(), String>) -> MonitorNote {
        self.disk = result.err();
        match &self.disk {
            Some(why) => MonitorNote::WriteFailed { why: why.clone() },
            None => MonitorNote::WriteWell,
        }
    }

    pub(super) fn run_dir(&mut self, result: Result<(), atomic_file::Error>) -> Option<MonitorNote> {
        let before = self.run_dir.take();
        self.run_dir = result.err().map(|why| why.to_string());
        match (&self.run_dir, before) {
            (Some(why), None) => Some(MonitorNote::WriteFailed { why: why.clone() }),
            (None, Some(_)) => Some(MonitorNote::WriteWell),
            _ => None,
        }
    }

    /// Records the result of a delivery.
    pub(super) fn notified(&mut self, who: String, result: Result<(), String>) -> MonitorNote {
        self.deaf.retain(|(deaf, _)| *deaf != who);
        match result {
            Ok(()) => MonitorNote::NotifyWell { who },
            Err(why) => {
                self.deaf.push((who.clone(), why.clone()));
                MonitorNote::NotifyFailed { who, why }
            }
        }
    }

    pub(super) fn forget_notified(&mut self) {
        self.deaf.clear();
    }

    /// Records the channels of an upstream that is healthy.
    pub(super) fn channels(&mut self, upstream: &str, channels: &Channels) -> Option<MonitorNote> {
        if self.channels.get(upstream).cloned().unwrap_or_default() == *channels {
            return None;
        }
        self.channels.insert(upstream.to_owned(), channels.clone());
        let Channels { failing, suppressed } = channels.clone();
        Some(MonitorNote::UpstreamChannels { upstream: upstream.to_owned(), failing, suppressed })
    }

    /// Returns the problems for the status.
    pub(super) fn degraded(&self, config: &Config) -> Vec<Degraded> {
        let disk = self.disk.as_ref().or(self.run_dir.as_ref());
        let mut found = vec![("systemd_unreachable", self.systemd().cloned()), ("disk", disk.cloned())];
        found.extend(self.workspace.wrong());
        found.extend(self.readiness.wrong().map(|text| ("not_ready", Some(text))));
        for upstream in &config.upstreams {
            found.push((
                "upstream_channels",
                self.channels.get(&upstream.name).and_then(|broken| in_words(&upstream.name, broken)),
            ));
        }
        let deaf = self.deaf.iter().map(|(who, why)| ("notify", Some(format!("notifications to {who} fail: {why}"))));
        found.extend(deaf);
        let degraded = |(what, text): (&str, Option<String>)| {
            let text = without_error_numbers(&text?).into_owned();
            Some(Degraded { what: what.to_owned(), text })
        };
        found.into_iter().filter_map(degraded).collect()
    }
}

fn in_words(upstream: &str, channels: &Channels) -> Option<String> {
    let list = |names: &[String], what: &str| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    let parts = [list(&channels.suppressed, "suppressed:"), list(&channels.failing, "failing:")];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("channels of {upstream}: {}", parts.join("; ")))
}
