//! Entries about the workspace: pulls, the state at a start, and pushes.

use crate::config::paths::SYNC;
use crate::events::{Entry, quoted};
use crate::text::json_fields::time;
use crate::text::utc::people;
use crate::workspace::summary::Pull;

/// Character limit of a list of names in the log; the status has the whole list.
const LIST: usize = 100;

pub(super) fn pulled(pull: &Pull) -> Entry {
    let entry = match &pull.error {
        None => {
            let done = if pull.stale { "not updated" } else { "pulled" };
            let (outcome, at, lists) = (quoted(&pull.outcome), stands_at(pull), lists(pull));
            Entry::notice("pulled", &format!("workspace {done} ({outcome}), now{at}{lists}"))
        }
        Some(error) => {
            let text = format!(
                "workspace pull failed ({}): {}{}. A failover would start with the workspace on this disk; for \
                 details, run `journalctl -u openclaw-sync-pull.service`",
                quoted(&pull.outcome),
                short(error),
                lists(pull)
            );
            Entry::warning("pull_failed", &text).quote("error", error)
        }
    };
    facts(entry, pull)
}

pub(super) fn starts_with(pull: Option<&Pull>) -> Entry {
    let Some(pull) = pull else {
        return Entry::warning(
            "workspace",
            "starting the gateway with the workspace on this disk: no pull has ended since the monitor started",
        );
    };
    let text = format!("starting the gateway with the workspace{}", stands_at(pull));
    let entry = match (pull.stale, pull.fresh) {
        (false, _) => Entry::notice("workspace", &text),
        (true, Some(fresh)) => {
            Entry::warning("workspace", &format!("{text}; last in sync with the git remote at {}", people(fresh)))
        }
        (true, None) => Entry::warning("workspace", &format!("{text}; its age is unknown")),
    };
    facts(entry, pull)
}

pub(super) fn returned(branches: &str) -> Entry {
    let text = match branches {
        "" => "the git remote has every local change".to_owned(),
        branches => format!("local changes pushed to the git remote: {}", short(branches)),
    };
    Entry::notice("returned", &text).quote("branches", branches)
}

pub(super) fn push_failed(outcome: &str, why: &str) -> Entry {
    let text = format!(
        "local changes not pushed yet: {}. They are kept here and the push is retried; for details, run \
         `journalctl -u openclaw-sync-push.service`",
        quoted(why)
    );
    Entry::warning("push_failed", &text).quote("outcome", outcome).quote("why", why)
}

pub(super) fn put_away(what: &str) -> Entry {
    let text =
        format!("moved to {SYNC}/archive, so that the gateway's next start does not resume it: {}", quoted(what));
    Entry::notice("put_away", &text).quote("what", what)
}

pub(super) fn not_put_away(why: &str) -> Entry {
    let text = format!(
        "cannot archive the work that was unfinished when this host's gateway stopped: {}. Retrying; until then the \
         gateway's next start would resume that work, however old it is",
        quoted(why)
    );
    Entry::warning("not_put_away", &text).quote("why", why)
}

pub(super) fn open() -> Entry {
    Entry::error(
        "workspace_open",
        "the git remote serves the workspace to the public, without a password, but it is the agent's private memory. \
         Make the repository private",
    )
}

fn facts(entry: Entry, pull: &Pull) -> Entry {
    entry
        .quote("outcome", &pull.outcome)
        .with("commit", pull.commit.clone())
        .with("committed_at", pull.committed.map(time))
        .with("fresh_at", pull.fresh.map(time))
        .with("stale", pull.stale)
        .quote("kept", &pull.kept)
        .quote("withheld", &pull.withheld)
}

fn stands_at(pull: &Pull) -> String {
    let Some(commit) = &pull.commit else { return " at no commit".to_owned() };
    let commit: String = commit.chars().take(12).collect();
    let written = pull.committed.map(|committed| format!(", written at {}", people(committed))).unwrap_or_default();
    format!(" at {}{written}", quoted(&commit))
}

fn lists(pull: &Pull) -> String {
    let list =
        |what: &str, names: &str| if names.is_empty() { String::new() } else { format!("; {what}: {}", short(names)) };
    list("kept on a branch", &pull.kept) + &list("on this disk only", &pull.withheld)
}

fn short(words: &str) -> String {
    let mut short: String = quoted(words).chars().take(LIST).collect();
    short.truncate(short.trim_end_matches(['.', ' ']).len());
    short
}
