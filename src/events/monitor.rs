//! Entries about the monitor itself and about the host.

use crate::events::entry::shorten_quote;
use crate::events::{EventKind, HistoryEntry, workspace};
use crate::finding::Finding;
use crate::os::load_or_quarantine::UnreadableFile;
use crate::text::{Time, json_fields};
use crate::workspace::summary::PullSummary;

/// Notice for people about something that the machine does not know.
#[expect(missing_docs, reason = "the names of the fields are enough")]
#[derive(Debug)]
pub enum MonitorNotice {
    /// The monitor started. `seen`: wall-clock time at which the previous monitor last watched.
    Started { version: String, upstreams: Vec<String>, seen: Option<Time> },
    /// The monitor was asked to stop; the gateway is left as it is.
    Stopped,
    /// The new configuration is in force.
    Reloaded,
    /// The new configuration is invalid and the old one stays in force. `why` is the first problem.
    ReloadRefused { why: String },
    /// A state file could not be parsed and was moved aside.
    FileQuarantined(UnreadableFile),
    /// A token that the configuration names is missing. `what` is a sentence.
    CredentialMissing { what: String },
    /// This check fails, so this host cannot take over.
    NotReady(Finding),
    /// This check no longer fails, or can no longer be run. `check` is the id of a `doctor` check.
    Ready { check: &'static str, evidence: String },
    /// The pull of the workspace had another result than the previous one.
    PullChanged(PullSummary),
    /// The gateway is being started with the workspace as this pull left it; `None` if no pull is known.
    StartsWith(Option<PullSummary>),
    /// Local changes reached the git remote, on these branches.
    ChangesPushed { branches: String },
    /// The push failed; it is retried.
    PushFailed { outcome: String, why: String },
    /// Work that the gateway would have resumed at its next start was archived.
    WorkArchived { what: String },
    /// The archiving failed; it is retried.
    ArchiveFailed { why: String },
    /// The git remote serves the workspace to the public.
    WorkspacePublic,
    /// systemd does not respond or refuses requests: no D-Bus, no polkit, no permission.
    SystemdUnreachable { why: String },
    /// systemd accepts requests again.
    SystemdReachable,
    /// Writing a file failed for the first time. `why` names the file.
    WriteFailed { why: String },
    /// Files can be written again.
    WriteRecovered,
    /// Delivery to a webhook fails. `who` is the name of its credential.
    NotifyFailed { who: String, why: String },
    /// Delivery works again.
    NotifyRecovered { who: String },
    /// An upstream reports other broken channels than before; empty lists: all work.
    UpstreamChannels { upstream: String, failing: Vec<String>, suppressed: Vec<String> },
}

pub(super) fn describe_notice(notice: &MonitorNotice) -> HistoryEntry {
    match notice {
        MonitorNotice::Started { version, upstreams, seen } => {
            let text =
                format!("openclaw-failover {version} started, watching {}", shorten_quote(&upstreams.join(", ")));
            let entry = HistoryEntry::notice(EventKind::Started, &text).with_field("version", version.as_str());
            entry.with_field("upstreams", upstreams.clone()).with_field("seen_at", seen.map(json_fields::time_to_json))
        }
        MonitorNotice::Stopped => HistoryEntry::notice(
            EventKind::Stopped,
            "monitor stopped: the gateway is left as it is, and no failover happens until the monitor runs again",
        ),
        MonitorNotice::Reloaded => HistoryEntry::notice(EventKind::Reloaded, "configuration reloaded"),
        MonitorNotice::ReloadRefused { why } => {
            let text = format!(
                "configuration not reloaded, the old one stays in force: {}. For a list of every problem, run \
                 `openclaw-failover config --check FILE`",
                shorten_quote(why)
            );
            HistoryEntry::error(EventKind::ReloadRefused, &text).with_quote("why", why)
        }
        MonitorNotice::FileQuarantined(unreadable) => describe_quarantined_file(unreadable),
        MonitorNotice::CredentialMissing { what } => {
            HistoryEntry::error(EventKind::CredentialMissing, what).with_quote("what", what)
        }
        MonitorNotice::NotReady(finding) => {
            let text = format!("this standby is not ready to take over: {}", finding.to_sentence());
            let entry = HistoryEntry::error(EventKind::NotReady, &text).with_field("check", finding.id);
            entry.with_quote("evidence", &finding.evidence).with_quote("fix", &finding.fix)
        }
        MonitorNotice::Ready { check, evidence } => {
            let text = format!("{check} no longer blocks a failover to this standby: {}", shorten_quote(evidence));
            HistoryEntry::notice(EventKind::Ready, &text).with_field("check", *check).with_quote("evidence", evidence)
        }
        MonitorNotice::PullChanged(pull) => workspace::describe_pull(pull),
        MonitorNotice::StartsWith(pull) => workspace::describe_start(pull.as_ref()),
        MonitorNotice::ChangesPushed { branches } => workspace::describe_push(branches),
        MonitorNotice::PushFailed { outcome, why } => workspace::describe_push_failure(outcome, why),
        MonitorNotice::WorkArchived { what } => workspace::describe_archived_work(what),
        MonitorNotice::ArchiveFailed { why } => workspace::describe_archive_failure(why),
        MonitorNotice::WorkspacePublic => workspace::describe_public_remote(),
        MonitorNotice::SystemdUnreachable { why } => {
            let text = format!(
                "systemd does not respond or refuses requests: {}. Until this is fixed, this host can neither fail \
                 over nor fail back; probes go on, and requests are retried. Check `systemctl status dbus polkit`",
                shorten_quote(why)
            );
            HistoryEntry::error(EventKind::SystemdUnreachable, &text).with_quote("why", why)
        }
        MonitorNotice::SystemdReachable => {
            HistoryEntry::notice(EventKind::SystemdReachable, "systemd accepts requests again")
        }
        MonitorNotice::WriteFailed { why } => {
            let text = format!(
                "{}. Failover still works, but a restart may lose state and history since now",
                shorten_quote(why)
            );
            HistoryEntry::error(EventKind::WriteFailed, &text).with_quote("why", why)
        }
        MonitorNotice::WriteRecovered => {
            HistoryEntry::notice(EventKind::WriteRecovered, "state and history can be written again")
        }
        MonitorNotice::NotifyFailed { who, why } => {
            let text = format!(
                "notifications to {who} fail: {}. They are retried for a day; to send a test now, run \
                 `openclaw-failover notify --test`",
                shorten_quote(why)
            );
            HistoryEntry::warning(EventKind::NotifyFailed, &text).with_field("who", who.as_str()).with_quote("why", why)
        }
        MonitorNotice::NotifyRecovered { who } => {
            HistoryEntry::notice(EventKind::NotifyRecovered, &format!("notifications to {who} arrive again"))
                .with_field("who", who.as_str())
        }
        MonitorNotice::UpstreamChannels { upstream, failing, suppressed } => {
            describe_upstream_channels(upstream, failing, suppressed)
        }
    }
}

fn describe_quarantined_file(unreadable: &UnreadableFile) -> HistoryEntry {
    HistoryEntry::error(EventKind::FileQuarantined, &unreadable.to_string())
        .with_quote("path", &unreadable.path.to_string_lossy())
        .with_quote("why", &unreadable.reason)
        .with_field("kept_as", unreadable.quarantined.as_ref().ok().map(|aside| aside.to_string_lossy().into_owned()))
}

fn describe_upstream_channels(upstream: &str, failing: &[String], suppressed: &[String]) -> HistoryEntry {
    let broken: Vec<String> = [("broken", failing), ("muted by its crash-loop breaker", suppressed)]
        .into_iter()
        .filter(|(_, channels)| !channels.is_empty())
        .map(|(what, channels)| format!("{} ({what})", shorten_quote(&channels.join(", "))))
        .collect();
    let entry = if broken.is_empty() {
        HistoryEntry::notice(EventKind::UpstreamChannels, &format!("every chat channel of {upstream} works again"))
    } else {
        let text = format!(
            "{upstream} is up, but some of its chat channels do not work: {}. A failover would not fix that; check \
             the gateway on that host",
            broken.join(", ")
        );
        HistoryEntry::warning(EventKind::UpstreamChannels, &text)
    };
    entry
        .with_field("upstream", upstream)
        .with_field("failing", failing.to_vec())
        .with_field("suppressed", suppressed.to_vec())
}
