//! Pushes, also to remotes whose push URLs differ from the fetch URL: mirrors, or other paths to the same repository.
//!
//! A branch counts as pushed once the fetch URL has it, because other hosts fetch from there. Each push URL is tried,
//! even if another fails, and then the fetch URL is queried.

use crate::config::WorkspaceConfig;
use crate::os::ProcessOutput;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::git::Git;
use crate::workspace::git::push::{PushResult, push_to_url, refusal_text};
use crate::workspace::git::remote::{interrupted_error, last_meaningful_lines, network_error, require_remote};

/// Limit for the number of push URLs.
const PUSH_URL_LIMIT: usize = 8;

/// Pushes branches, as `hash:refs/heads/name` or `:refs/heads/name`. Never forces; a branch is deleted only if its
/// value matches `leases` (`refs/heads/name:hash`).
pub(crate) fn push_refspecs(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    refspecs: &[String],
    leases: &[String],
) -> Result<PushResult, SyncError> {
    require_remote(git, workspace)?;
    if git.pushes_elsewhere {
        return push_to_every_url(git, workspace, refspecs, leases);
    }
    let (is_done, output) = push_to_url(git, workspace, &workspace.remote, refspecs, leases)?;
    let mut sent = PushResult::default();
    if sent.add_porcelain(&output.stdout) || is_done {
        sent.refusal_text = refusal_text(&output.stderr, &output.stdout);
        sent.refuse_blocked_names();
        return Ok(sent);
    }
    Err(network_error(git, workspace, &output.stderr))
}

/// Pushes branches to every push URL, and returns what the fetch URL has of them.
fn push_to_every_url(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    refspecs: &[String],
    leases: &[String],
) -> Result<PushResult, SyncError> {
    let urls = git.run(&["remote", "get-url", "--push", "--all", "--", &workspace.remote])?;
    let (mut sent, mut failures, mut texts) = (PushResult::default(), Vec::new(), Vec::new());
    for url in urls.lines().take(PUSH_URL_LIMIT) {
        let target = if urls.lines().count() == 1 { workspace.remote.as_str() } else { url };
        match push_to_url(git, workspace, target, refspecs, leases) {
            Ok((is_done, output)) => {
                sent.add_porcelain(&output.stdout);
                texts.push(refusal_text(&output.stderr, &output.stdout));
                if !is_done {
                    failures.push(last_meaningful_lines(&output.stderr));
                }
            }
            Err(
                error @ SyncError {
                    kind: SyncErrorKind::Cancelled | SyncErrorKind::NoGit | SyncErrorKind::Damaged, ..
                },
            ) => return Err(error),
            Err(error) => failures.push(error.message),
        }
    }
    texts.retain(|text| !text.is_empty());
    verify_fetch_url(git, workspace, refspecs, &PushAttempts { result: sent, failures, text: texts.join("; ") })
}

/// Combined results of all push URLs.
struct PushAttempts {
    result: PushResult,
    failures: Vec<String>,
    text: String,
}

fn verify_fetch_url(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    refspecs: &[String],
    attempt: &PushAttempts,
) -> Result<PushResult, SyncError> {
    let PushAttempts { result: sent, failures, text } = attempt;
    let listed = query_fetch_url(git, workspace, refspecs)?;
    let there = |name: &str| {
        let mut lines = listed.stdout.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, other)| *other == name).map_or("", |(hash, _)| hash)
    };
    let mut verified = PushResult { refusal_text: text.clone(), ..PushResult::default() };
    let mut missing = Vec::new();
    for (hash, name) in refspecs.iter().filter_map(|refspec| refspec.split_once(':')) {
        if there(name) == hash {
            verified.accepted.push(name.to_owned());
        } else if sent.behind.iter().any(|behind| behind == name) {
            verified.behind.push(name.to_owned());
        } else if sent.refused.iter().any(|refused| refused == name) {
            verified.refused.push(name.to_owned());
        } else {
            missing.push(name.strip_prefix("refs/heads/").unwrap_or(name));
        }
    }
    if !missing.is_empty() {
        let failed: String = failures.iter().map(|failure| format!("; {failure}")).collect();
        let was_taken =
            |name: &&str| sent.accepted.iter().any(|taken| taken.strip_prefix("refs/heads/") == Some(*name));
        if !missing.iter().any(was_taken) {
            return Err(SyncError::new(SyncErrorKind::Unreachable, failed.trim_start_matches("; ")));
        }
        let message = format!(
            "the push URLs of {} accepted {}, but its fetch URL does not have it; compare them in `git remote -v`",
            workspace.remote,
            missing.join(", ")
        );
        return Err(SyncError::new(SyncErrorKind::Unreachable, format!("{message}{failed}")));
    }
    verified.refuse_blocked_names();
    if verified.refused.is_empty() && verified.behind.is_empty() && !failures.is_empty() {
        verified.warning = format!("another push URL of {} failed: {}", workspace.remote, failures.join("; "));
    }
    Ok(verified)
}

/// Queries the fetch URL for the branches that were pushed.
fn query_fetch_url(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    refspecs: &[String],
) -> Result<ProcessOutput, SyncError> {
    let mut args = vec!["ls-remote", "--quiet", "--", &workspace.remote];
    args.extend(refspecs.iter().filter_map(|refspec| refspec.split_once(':')).map(|(_, name)| name));
    let (is_done, listed) =
        git.try_run_over_network(&args, workspace.timeout).map_err(|why| interrupted_error(&why))?;
    if is_done { Ok(listed) } else { Err(network_error(git, workspace, &listed.stderr)) }
}
