//! Problems that the machine does not know of. Each is announced when it begins and when it ends.

mod readiness;
mod workspace;

use std::collections::BTreeMap;

use crate::config::Config;
use crate::events::MonitorNotice;
pub(super) use crate::monitor::conditions::readiness::AnnounceFailure;
use crate::monitor::conditions::readiness::Readiness;
use crate::monitor::conditions::workspace::SyncResults;
use crate::notify::DeliveryError;
use crate::os::atomic_file::FileError;
use crate::probe::Channels;
use crate::status::DegradedCondition;
use crate::text::strip_error_numbers;

/// Current problems.
#[derive(Default)]
pub(super) struct Conditions {
    query_error: Option<String>,
    permission_error: Option<String>,
    disk_error: Option<String>,
    run_dir_error: Option<String>,
    channels: BTreeMap<String, Channels>,
    /// Webhooks to which delivery fails, and the reason.
    failing_webhooks: Vec<(String, String)>,
    pub(super) sync_results: SyncResults,
    pub(super) readiness: Readiness,
}

impl Conditions {
    /// Records whether systemd answers queries: `None`, or the error.
    pub(super) fn record_systemd_query(&mut self, why: Option<String>) -> Option<MonitorNotice> {
        let before = self.systemd_error().is_some();
        self.query_error = why;
        self.systemd_notice(before)
    }

    /// Records whether systemd accepts requests, which needs polkit too: `None`, or the error.
    pub(super) fn record_systemd_permission(&mut self, why: Option<String>) -> Option<MonitorNotice> {
        let before = self.systemd_error().is_some();
        self.permission_error = why;
        self.systemd_notice(before)
    }

    fn systemd_error(&self) -> Option<&String> {
        self.query_error.as_ref().or(self.permission_error.as_ref())
    }

    fn systemd_notice(&self, before: bool) -> Option<MonitorNotice> {
        match self.systemd_error() {
            Some(why) if !before => Some(MonitorNotice::SystemdUnreachable { why: why.clone() }),
            None if before => Some(MonitorNotice::SystemdReachable),
            _ => None,
        }
    }

    pub(super) fn record_disk_result(&mut self, result: Result<(), FileError>) -> MonitorNotice {
        self.disk_error = result.err().map(|why| why.to_string());
        match &self.disk_error {
            Some(why) => MonitorNotice::WriteFailed { why: why.clone() },
            None => MonitorNotice::WriteRecovered,
        }
    }

    pub(super) fn record_run_dir_result(&mut self, result: Result<(), FileError>) -> Option<MonitorNotice> {
        let before = self.run_dir_error.take();
        self.run_dir_error = result.err().map(|why| why.to_string());
        match (&self.run_dir_error, before) {
            (Some(why), None) => Some(MonitorNotice::WriteFailed { why: why.clone() }),
            (None, Some(_)) => Some(MonitorNotice::WriteRecovered),
            _ => None,
        }
    }

    /// Records the result of a delivery.
    pub(super) fn record_delivery(&mut self, who: String, result: Result<(), DeliveryError>) -> MonitorNotice {
        self.failing_webhooks.retain(|(webhook, _)| *webhook != who);
        match result {
            Ok(()) => MonitorNotice::NotifyRecovered { who },
            Err(why) => {
                let why = why.to_string();
                self.failing_webhooks.push((who.clone(), why.clone()));
                MonitorNotice::NotifyFailed { who, why }
            }
        }
    }

    pub(super) fn clear_deliveries(&mut self) {
        self.failing_webhooks.clear();
    }

    /// Records the channels of an upstream that is healthy.
    pub(super) fn record_channels(&mut self, upstream: &str, channels: &Channels) -> Option<MonitorNotice> {
        if self.channels.get(upstream).cloned().unwrap_or_default() == *channels {
            return None;
        }
        self.channels.insert(upstream.to_owned(), channels.clone());
        let Channels { failing, suppressed } = channels.clone();
        Some(MonitorNotice::UpstreamChannels { upstream: upstream.to_owned(), failing, suppressed })
    }

    /// Returns the problems for the status.
    pub(super) fn list_problems(&self, config: &Config) -> Vec<DegradedCondition> {
        let disk = self.disk_error.as_ref().or(self.run_dir_error.as_ref());
        let mut found = vec![("systemd_unreachable", self.systemd_error().cloned()), ("disk", disk.cloned())];
        found.extend(self.sync_results.list_problems());
        found.extend(self.readiness.announced_failures().map(|text| ("not_ready", Some(text))));
        for upstream in &config.upstreams {
            found.push((
                "upstream_channels",
                self.channels.get(&upstream.name).and_then(|broken| channels_phrase(&upstream.name, broken)),
            ));
        }
        let delivery_problems = self
            .failing_webhooks
            .iter()
            .map(|(who, why)| ("notify", Some(format!("notifications to {who} fail: {why}"))));
        found.extend(delivery_problems);
        let to_condition = |(what, text): (&str, Option<String>)| {
            let text = strip_error_numbers(&text?).into_owned();
            Some(DegradedCondition { name: what.to_owned(), text })
        };
        found.into_iter().filter_map(to_condition).collect()
    }
}

fn channels_phrase(upstream: &str, channels: &Channels) -> Option<String> {
    let list = |names: &[String], what: &str| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    let parts = [list(&channels.suppressed, "suppressed:"), list(&channels.failing, "failing:")];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("channels of {upstream}: {}", parts.join("; ")))
}
