//! Entries about the workspace: pulls, the state at a start, and pushes.

use crate::config::paths::DEFAULT_SYNC_DIR;
use crate::events::entry::shorten_quote;
use crate::events::{EventKind, HistoryEntry};
use crate::text::json_fields::time_to_json;
use crate::text::utc::format_time;
use crate::workspace::summary::PullSummary;

/// Character limit of a list of names in the log; the status has the whole list.
const MAX_LIST_CHARS: usize = 100;

pub(super) fn describe_pull(pull: &PullSummary) -> HistoryEntry {
    let entry = match &pull.error {
        None => {
            let done = if pull.is_stale { "not updated" } else { "pulled" };
            let (outcome, at, lists) = (shorten_quote(&pull.outcome), commit_phrase(pull), list_phrases(pull));
            HistoryEntry::notice(EventKind::Pulled, &format!("workspace {done} ({outcome}), now{at}{lists}"))
        }
        Some(error) => {
            let text = format!(
                "workspace pull failed ({}): {}{}. A failover would start with the workspace on this disk; for \
                 details, run `journalctl -u openclaw-sync-pull.service`",
                shorten_quote(&pull.outcome),
                shorten_list(error),
                list_phrases(pull)
            );
            HistoryEntry::warning(EventKind::PullFailed, &text).with_quote("error", error)
        }
    };
    with_pull_fields(entry, pull)
}

pub(super) fn describe_start(pull: Option<&PullSummary>) -> HistoryEntry {
    let Some(pull) = pull else {
        return HistoryEntry::warning(
            EventKind::StartWorkspace,
            "starting the gateway with the workspace on this disk: no pull has ended since the monitor started",
        );
    };
    let text = format!("starting the gateway with the workspace{}", commit_phrase(pull));
    let entry = match (pull.is_stale, pull.last_complete_at) {
        (false, _) => HistoryEntry::notice(EventKind::StartWorkspace, &text),
        (true, Some(fresh)) => HistoryEntry::warning(
            EventKind::StartWorkspace,
            &format!("{text}; last in sync with the git remote at {}", format_time(fresh)),
        ),
        (true, None) => HistoryEntry::warning(EventKind::StartWorkspace, &format!("{text}; its age is unknown")),
    };
    with_pull_fields(entry, pull)
}

pub(super) fn describe_push(branches: &str) -> HistoryEntry {
    let text = match branches {
        "" => "the git remote has every local change".to_owned(),
        branches => format!("local changes pushed to the git remote: {}", shorten_list(branches)),
    };
    HistoryEntry::notice(EventKind::Pushed, &text).with_quote("branches", branches)
}

pub(super) fn describe_push_failure(outcome: &str, why: &str) -> HistoryEntry {
    let text = format!(
        "local changes not pushed yet: {}. They are kept here and the push is retried; for details, run \
         `journalctl -u openclaw-sync-push.service`",
        shorten_quote(why)
    );
    HistoryEntry::warning(EventKind::PushFailed, &text).with_quote("outcome", outcome).with_quote("why", why)
}

pub(super) fn describe_archived_work(what: &str) -> HistoryEntry {
    let text = format!(
        "moved to {DEFAULT_SYNC_DIR}/archive, so that the gateway's next start does not resume it: {}",
        shorten_quote(what)
    );
    HistoryEntry::notice(EventKind::WorkArchived, &text).with_quote("what", what)
}

pub(super) fn describe_archive_failure(why: &str) -> HistoryEntry {
    let text = format!(
        "cannot archive the work that was unfinished when this host's gateway stopped: {}. Retrying; until then the \
         gateway's next start would resume that work, however old it is",
        shorten_quote(why)
    );
    HistoryEntry::warning(EventKind::ArchiveFailed, &text).with_quote("why", why)
}

pub(super) fn describe_public_remote() -> HistoryEntry {
    HistoryEntry::error(
        EventKind::WorkspacePublic,
        "the git remote serves the workspace to the public, without a password, but it is the agent's private memory. \
         Make the repository private",
    )
}

fn with_pull_fields(entry: HistoryEntry, pull: &PullSummary) -> HistoryEntry {
    entry
        .with_quote("outcome", &pull.outcome)
        .with_field("commit", pull.commit.clone())
        .with_field("committed_at", pull.committed_at.map(time_to_json))
        .with_field("fresh_at", pull.last_complete_at.map(time_to_json))
        .with_field("stale", pull.is_stale)
        .with_quote("conflict_branches", &pull.conflict_branches)
        .with_quote("withheld", &pull.withheld)
}

fn commit_phrase(pull: &PullSummary) -> String {
    let Some(commit) = &pull.commit else { return " at no commit".to_owned() };
    let commit: String = commit.chars().take(12).collect();
    let written =
        pull.committed_at.map(|committed| format!(", written at {}", format_time(committed))).unwrap_or_default();
    format!(" at {}{written}", shorten_quote(&commit))
}

fn list_phrases(pull: &PullSummary) -> String {
    let list = |what: &str, names: &str| {
        if names.is_empty() { String::new() } else { format!("; {what}: {}", shorten_list(names)) }
    };
    list("kept on a branch", &pull.conflict_branches) + &list("on this disk only", &pull.withheld)
}

fn shorten_list(words: &str) -> String {
    let mut short: String = shorten_quote(words).chars().take(MAX_LIST_CHARS).collect();
    short.truncate(short.trim_end_matches(['.', ' ']).len());
    short
}
