//! What the monitor itself has to say, in the same form as the machine's notes.

use crate::events::{Entry, quoted, workspace};
use crate::finding::Finding;
use crate::os::load_or_quarantine::Unreadable;
use crate::text::{Time, json_fields};
use crate::workspace::summary::Pull;

/// One thing that people should know and that the machine does not.
#[expect(missing_docs, reason = "each variant says what its fields are by their names")]
#[derive(Debug)]
pub enum MonitorNote {
    /// The monitor watches from now on. `seen`: when the one before it last did, by the wall clock.
    Started { version: String, upstreams: Vec<String>, seen: Option<Time> },
    /// It was asked to stop; the gateway is left as it is.
    Stopped,
    /// A new configuration is in force.
    Reloaded,
    /// A new configuration is bad, and the old one stays in force. `why` is the first problem.
    ReloadRefused { why: String },
    /// A durable file could not be understood.
    SetAside(Unreadable),
    /// A token that the configuration names is not there, in words.
    Missing { what: String },
    /// Something keeps this host from taking over.
    NotReady(Finding),
    /// It does so no longer, or nobody can see it any more. `check` is the name of a check of `doctor`.
    Ready { check: &'static str, evidence: String },
    /// The workspace's pull ended otherwise than the one before.
    PullChanged(Pull),
    /// The gateway is being started with the workspace as this pull left it; `None` if nothing is known of a pull.
    StartsWith(Option<Pull>),
    /// What this host's agent wrote is at the remote, on these branches.
    Returned { branches: String },
    /// It could not be sent there; it is tried again.
    PushFailed { outcome: String, why: String },
    /// What the gateway would have gone on with at its next start was put away.
    PutAway { what: String },
    /// That could not be done; it is tried again.
    NotPutAway { why: String },
    /// The remote shows the workspace to everybody.
    WorkspaceOpen,
    /// systemd cannot be asked or refuses to act: no D-Bus, no polkit, no permission.
    SystemdUnreachable { why: String },
    /// It answers again.
    SystemdReachable,
    /// A file could not be written, and the one before could. `why` names it.
    WriteFailed { why: String },
    /// Files can be written again.
    WriteWell,
    /// A webhook, by its credential's name, does not take what it is sent.
    NotifyFailed { who: String, why: String },
    /// It does again.
    NotifyWell { who: String },
    /// An upstream names other broken channels than before; empty lists: all work.
    UpstreamChannels { upstream: String, failing: Vec<String>, suppressed: Vec<String> },
}

pub(super) fn tell(note: &MonitorNote) -> Entry {
    match note {
        MonitorNote::Started { version, upstreams, seen } => {
            let text = format!("openclaw-failover {version} watches {}", quoted(&upstreams.join(", ")));
            let entry = Entry::notice("started", &text).with("version", version.as_str());
            entry.with("upstreams", upstreams.clone()).with("seen_at", seen.map(json_fields::time))
        }
        MonitorNote::Stopped => Entry::notice(
            "stopped",
            "the monitor stops as it was told; the gateway is left as it is, and nobody watches",
        ),
        MonitorNote::Reloaded => Entry::notice("reloaded", "the new configuration is in force"),
        MonitorNote::ReloadRefused { why } => {
            let text = format!(
                "the new configuration is refused and the old one stays in force: {}. \
                 `openclaw-failover config --check FILE` names every problem",
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
            let text = format!("{check} no longer keeps this standby from taking over: {}", quoted(evidence));
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
                "systemd does not do what it is asked: {}. Probes go on, and every order is tried again, but until \
                 that is mended this host can neither take over nor step aside. Look at `systemctl status dbus polkit`",
                quoted(why)
            );
            Entry::error("systemd_unreachable", &text).quote("why", why)
        }
        MonitorNote::SystemdReachable => Entry::notice("systemd_reachable", "systemd does what it is asked again"),
        MonitorNote::WriteFailed { why } => {
            let text =
                format!("{}. Failover goes on; what happens now may be forgotten at the next restart", quoted(why));
            Entry::error("write_failed", &text).quote("why", why)
        }
        MonitorNote::WriteWell => Entry::notice("write_well", "state and history can be written again"),
        MonitorNote::NotifyFailed { who, why } => {
            let text = format!(
                "notifications to {who} do not arrive: {}. They are tried again for a day; \
                 `openclaw-failover notify --test` tries now",
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
            "{upstream} is alive, but not every chat channel of it: {}. A failover does not mend that; look there",
            broken.join(", ")
        );
        Entry::warning("upstream_channels", &text)
    };
    entry.with("upstream", upstream).with("failing", failing.to_vec()).with("suppressed", suppressed.to_vec())
}
