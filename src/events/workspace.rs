//! What became of the workspace: the way in, what a start finds, and the way back.

use crate::config::paths::SYNC;
use crate::events::{Entry, quoted};
use crate::text::json_fields::time;
use crate::text::utc::people;
use crate::workspace::summary::Pull;

/// Of a list of names the log shows the beginning; the status shows all of it.
const LIST: usize = 100;

pub(super) fn pulled(pull: &Pull) -> Entry {
    let entry = match &pull.error {
        None => {
            let done = if pull.stale { "is not brought up to date" } else { "was pulled" };
            let (outcome, at, lists) = (quoted(&pull.outcome), stands_at(pull), lists(pull));
            Entry::notice("pulled", &format!("the workspace {done} ({outcome}) and stands{at}{lists}"))
        }
        Some(error) => {
            let text = format!(
                "the workspace was not pulled as it should be ({}): {}{}. A promotion would go ahead with what is here; \
                 `journalctl -u openclaw-sync-pull.service` says more",
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
            "the gateway starts with the workspace as it lies on the disk: no pull has ended since the monitor started",
        );
    };
    let text = format!("the gateway starts with the workspace{}", stands_at(pull));
    let entry = match (pull.stale, pull.fresh) {
        (false, _) => Entry::notice("workspace", &text),
        (true, Some(fresh)) => {
            Entry::warning("workspace", &format!("{text}; the remote's latest was last here at {}", people(fresh)))
        }
        (true, None) => Entry::warning("workspace", &format!("{text}; nobody knows how old that is")),
    };
    facts(entry, pull)
}

pub(super) fn returned(branches: &str) -> Entry {
    let text = match branches {
        "" => "the git remote has everything that this host's agent wrote".to_owned(),
        branches => format!("what this host's agent wrote is at the git remote now: {}", short(branches)),
    };
    Entry::notice("returned", &text).quote("branches", branches)
}

pub(super) fn push_failed(outcome: &str, why: &str) -> Entry {
    let text = format!(
        "what this host's agent wrote is not back at the git remote: {}. It is kept here and tried again; \
         `journalctl -u openclaw-sync-push.service` says more",
        quoted(why)
    );
    Entry::warning("push_failed", &text).quote("outcome", outcome).quote("why", why)
}

pub(super) fn put_away(what: &str) -> Entry {
    let text = format!(
        "put away, so that the gateway's next start does not act on it: {}. It lies in {SYNC}/archive",
        quoted(what)
    );
    Entry::notice("put_away", &text).quote("what", what)
}

pub(super) fn not_put_away(why: &str) -> Entry {
    let text = format!(
        "what was under way when this host's gateway stopped could not be put away: {}. It is tried again; until then \
         the next start of the gateway would go on with it, however old it is",
        quoted(why)
    );
    Entry::warning("not_put_away", &text).quote("why", why)
}

pub(super) fn open() -> Entry {
    Entry::error(
        "workspace_open",
        "the git remote shows the workspace to everybody, without a password: it is the agent's private memory. Make the \
         repository private",
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
    let Some(commit) = &pull.commit else { return " at no commit yet".to_owned() };
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
