//! Entries about the monitor itself and about the host.

use crate::events::{Entry, quoted, workspace};
use crate::finding::Finding;
use crate::os::load_or_quarantine::Unreadable;
use crate::text::{Time, json_fields};
use crate::workspace::summary::Pull;

/// Notice for people about something that the machine does not know.
#[expect(missing_docs, reason = "the names of the fields are enough")]
#[derive(Debug)]
pub enum MonitorNote {
    /// The monitor started. `seen`: wall-clock time at which the previous monitor last watched.
    Started { version: String, upstreams: Vec<String>, seen: Option<Time> },
    /// The monitor was asked to stop; the gateway is left as it is.
    Stopped,
    /// The new configuration is in force.
    Reloaded,
    /// The new configuration is invalid and the old one stays in force. `why` is the first problem.
    ReloadRefused { why: String },
    /// A state file could not be parsed and was moved aside.
    SetAside(Unreadable),
    /// A token that the configuration names is missing. `what` is a sentence.
    Missing { what: String },
    /// This check fails, so this host cannot take over.
    NotReady(Finding),
    /// This check no longer fails, or can no longer be run. `check` is the id of a `doctor` check.
    Ready { check: &'static str, evidence: String },
    /// The pull of the workspace had another result than the previous one.
    PullChanged(Pull),
    /// The gateway is being started with the workspace as this pull left it; `None` if no pull is known.
    StartsWith(Option<Pull>),
    /// Local changes reached the git remote, on these branches.
    Returned { branches: String },
    /// The push failed; it is retried.
    PushFailed { outcome: String, why: String },
    /// Work that the gateway would have resumed at its next start was archived.
    PutAway { what: String },
    /// The archiving failed; it is retried.
    NotPutAway { why: String },
    /// The git remote serves the workspace to the public.
    WorkspaceOpen,
    /// systemd does not respond or refuses requests: no D-Bus, no polkit, no permission.
    SystemdUnreachable { why: String },
    /// systemd accepts requests again.
    SystemdReachable,
    /// Writing a file failed for the first time. `why` names the file.
    WriteFailed { why: String },
    /// Files can be written again.
    WriteWell,
    /// Delivery to a webhook fails. `who` is the name of its credential.
    NotifyFailed { who: String, why: String },
    /// Delivery works again.
    NotifyWell { who: String },
    /// An upstream reports other broken channels than before; empty lists: all work.
    UpstreamChannels { upstream: String, failing: Vec<String>, suppressed: Vec<String> },
}

pub(super) fn tell(note: &MonitorNote) -> Entry {
    match note {
        MonitorNote::Started { version, upstreams, seen } => {
            let text = format!("openclaw-failover {version} started, watching {}", quoted(&upstreams.join(", ")));
            let entry = Entry::notice("started", &text).with("version", version.as_str());
            entry.with("upstreams", upstreams.clone()).with("seen_at", seen.map(json_fields::time))
        }
        MonitorNote::Stopped => Entry::notice(
            "stopped",
            "monitor stopped: the gateway is left as it is, and no failover happens until the monitor runs again",
        ),
        MonitorNote::Reloaded => Entry::notice("reloaded", "configuration reloaded"),
        MonitorNote::ReloadRefused { why } => {
            let text = format!(
                "configuration not reloaded, the old one stays in force: {}. For a list of every problem, run \
                 `openclaw-failover config --check FILE`",
                quoted(why)
            );
            Entry::error("reload_refused", &text).quote("why", why)
        }
        MonitorNote::SetAside(unreadable) => set_aside(unreadable),
        MonitorNote::Missing { what } => Entry::error("missing", what).quote("what", what),
        MonitorNote::NotReady(finding) => {
            let text = format!("this standby is not ready to take over: {}", finding.in_words());
            let entry = Entry::error("not_ready", &text).with("check", finding.id);
            entry.quote("evidence", &finding.evidence).quote("fix", &finding.fix)
        }
        MonitorNote::Ready { check, evidence } => {
            let text = format!("{check} no longer blocks a failover to this standby: {}", quoted(evidence));
            Entry::notice("ready", &text).with("check", *check).quote("evidence", evidence)
        }
        MonitorNote::PullChanged(pull) => workspace::pulled(pull),
        MonitorNote::StartsWith(pull) => workspace::starts_with(pull.as_ref()),
        MonitorNote::Returned { branches } => workspace::returned(branches),
        MonitorNote::PushFailed { outcome, why } => workspace::push_failed(outcome, why),
        MonitorNote::PutAway { what } => workspace::put_away(what),
        MonitorNote::NotPutAway { why } => workspace::not_put_away(why),
        MonitorNote::WorkspaceOpen => workspace::open(),
        MonitorNote::SystemdUnreachable { why } => {
            let text = format!(
                "systemd does not respond or refuses requests: {}. Until this is fixed, this host can neither fail \
                 over nor fail back; probes go on, and requests are retried. Check `systemctl status dbus polkit`",
                quoted(why)
            );
            Entry::error("systemd_unreachable", &text).quote("why", why)
        }
        MonitorNote::SystemdReachable => Entry::notice("systemd_reachable", "systemd accepts requests again"),
        MonitorNote::WriteFailed { why } => {
            let text =
                format!("{}. Failover still works, but a restart may lose state and history since now", quoted(why));
            Entry::error("write_failed", &text).quote("why", why)
        }
        MonitorNote::WriteWell => Entry::notice("write_well", "state and history can be written again"),
        MonitorNote::NotifyFailed { who, why } => {
            let text = format!(
                "notifications to {who} fail: {}. They are retried for a day; to send a test now, run \
                 `openclaw-failover notify --test`",
                quoted(why)
            );
            Entry::warning("notify_failed", &text).with("who", who.as_str()).quote("why", why)
        }
        MonitorNote::NotifyWell { who } => {
            Entry::notice("notify_well", &format!("notifications to {who} arrive again")).with("who", who.as_str())
        }
        MonitorNote::UpstreamChannels { upstream, failing, suppressed } => channels(upstream, failing, suppressed),
    }
}

fn set_aside(unreadable: &Unreadable) -> Entry {
    Entry::error("set_aside", &unreadable.to_string())
        .quote("path", &unreadable.path.to_string_lossy())
        .quote("why", &unreadable.why)
        .with("kept_as", unreadable.aside.as_ref().ok().map(|aside| aside.to_string_lossy().into_owned()))
}

fn channels(upstream: &str, failing: &[String], suppressed: &[String]) -> Entry {
    let broken: Vec<String> = [("broken", failing), ("muted by its crash-loop breaker", suppressed)]
        .into_iter()
        .filter(|(_, channels)| !channels.is_empty())
        .map(|(what, channels)| format!("{} ({what})", quoted(&channels.join(", "))))
        .collect();
    let entry = if broken.is_empty() {
        Entry::notice("upstream_channels", &format!("every chat channel of {upstream} works again"))
    } else {
        let text = format!(
            "{upstream} is up, but some of its chat channels do not work: {}. A failover would not fix that; check \
             the gateway on that host",
            broken.join(", ")
        );
        Entry::warning("upstream_channels", &text)
    };
    entry.with("upstream", upstream).with("failing", failing.to_vec()).with("suppressed", suppressed.to_vec())
}
