//! Fetches from the remote, and errors of commands that reach it.

use std::time::Duration;

use crate::config::WorkspaceConfig;
use crate::os::{ChildCommand, CommandError};
use crate::text::to_printable;
use crate::workspace::error::{SyncError, SyncErrorKind, means_damage};
use crate::workspace::git::Git;
use crate::workspace::ref_names;
use crate::workspace::remedy::{self, RefusalContext, quote_for_shell, quoted_text};

/// Time limit for a web server's answer on who can read the repository.
const QUERY_TIME_LIMIT: Duration = Duration::from_secs(20);

/// Length limit of a branch's name in a message, in characters.
const BRANCH_NAME_LENGTH_LIMIT: usize = 80;

/// Text of git after every failure to reach a remote.
const STANDARD_TEXTS: [&str; 2] = ["Please make sure you have the correct access rights", "and the repository exists."];

/// Fetches the remote's branch, and this host's own branch there. The remote may have been rewritten.
pub(crate) fn fetch_branches(git: &Git<'_>, workspace: &WorkspaceConfig) -> Result<(), SyncError> {
    let WorkspaceConfig { remote, branch, .. } = workspace;
    let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    // A pattern, because the branch may not exist.
    let own = ref_names::own_branch(git.host_name);
    let own = format!("+refs/heads/{own}*:refs/remotes/{remote}/{own}*");
    fetch_refspecs(git, workspace, &[&wanted, &own])
}

/// Fetches these refspecs and prunes refs that the remote no longer has.
pub(crate) fn fetch_refspecs(git: &Git<'_>, workspace: &WorkspaceConfig, refspecs: &[&str]) -> Result<(), SyncError> {
    require_remote(git, workspace)?;
    let options = [
        "--quiet",
        "--prune",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--refmap=",
        "--no-filter",
    ];
    // The fetch sets the refs itself, so it must flush their objects first.
    let durable = ["-c", "core.fsync=committed", "-c", "core.fsyncMethod=batch"];
    let mut args: Vec<&str> = durable.into_iter().chain(["fetch"]).chain(options).collect();
    // Shallow histories cannot be merged.
    if git.git_dir.join("shallow").exists() {
        args.push("--unshallow");
    }
    args.extend(["--end-of-options", &workspace.remote]);
    args.extend(refspecs);
    run_fetch(git, workspace, &args, workspace.timeout)
}

/// Fetches the remote's branch as a pull does, and changes no local branch.
pub(crate) fn try_fetch(git: &Git<'_>, workspace: &WorkspaceConfig, limit: Duration) -> Result<(), SyncError> {
    require_remote(git, workspace)?;
    let WorkspaceConfig { remote, branch, .. } = workspace;
    let refspec = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    let options = ["--dry-run", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    let mut args: Vec<&str> = ["fetch"].into_iter().chain(options).collect();
    args.extend(["--refmap=", "--end-of-options", remote, &refspec]);
    run_fetch(git, workspace, &args, limit)
}

fn run_fetch(git: &Git<'_>, workspace: &WorkspaceConfig, args: &[&str], limit: Duration) -> Result<(), SyncError> {
    let (is_done, output) = git.try_run_over_network(args, limit).map_err(|why| interrupted_error(&why))?;
    if is_done {
        return Ok(());
    }
    if output.stderr.contains("couldn't find remote ref") {
        return Err(SyncError::new(SyncErrorKind::NoBranch, missing_branch_message(git, workspace)));
    }
    Err(network_error(git, workspace, &output.stderr))
}

/// Returns the message for a missing branch, with the branches that exist and a remedy.
fn missing_branch_message(git: &Git<'_>, workspace: &WorkspaceConfig) -> String {
    let WorkspaceConfig { remote, branch, .. } = workspace;
    let listed = git.try_run_over_network(&["ls-remote", "--heads", "--end-of-options", remote], QUERY_TIME_LIMIT);
    let listed = listed.map(|(_, output)| output.stdout).unwrap_or_default();
    let names = listed.lines().filter_map(|line| line.split_once("refs/heads/")).map(|(_, name)| name);
    let names: Vec<&str> = names.filter(|name| !name.starts_with("failover/")).collect();
    match names[..] {
        [] => format!("{remote} has no branch {branch}; push one from the primary"),
        [one] => format!(
            "{remote} has no branch {branch} (workspace.branch), only {one}; set workspace.branch to {one} in the \
             configuration of both hosts, or push {branch} from the primary",
            one = to_printable(one, BRANCH_NAME_LENGTH_LIMIT)
        ),
        [one, ..] => format!(
            "{remote} has no branch {branch} (workspace.branch), only {count} others, such as {one}; \
             set workspace.branch in the configuration of both hosts, or push {branch} from the primary",
            one = to_printable(one, BRANCH_NAME_LENGTH_LIMIT),
            count = names.len()
        ),
    }
}

/// Converts the error of a network command that was cancelled or timed out.
pub(crate) fn interrupted_error(why: &CommandError) -> SyncError {
    match why {
        CommandError::TimedOut { .. } => SyncError::from_command(SyncErrorKind::TimedOut, why),
        why => SyncError::from_command(SyncErrorKind::Unreachable, why),
    }
}

/// Converts the failure of a network command, with the text of git and ssh and a remedy.
pub(crate) fn network_error(git: &Git<'_>, workspace: &WorkspaceConfig, stderr: &str) -> SyncError {
    let message = last_meaningful_lines(stderr);
    if means_damage(stderr) {
        return SyncError::new(SyncErrorKind::Damaged, message);
    }
    let context = RefusalContext {
        workspace,
        url: git.remote_url.as_deref(),
        host: git.host_name,
        refused_branches: &[],
        is_begun: true,
    };
    SyncError::new(SyncErrorKind::Unreachable, format!("{message}{}", remedy::remedy_for(stderr, &context)))
}

pub(crate) fn require_remote(git: &Git<'_>, workspace: &WorkspaceConfig) -> Result<(), SyncError> {
    if git.remote_url.is_some() {
        return Ok(());
    }
    let WorkspaceConfig { remote, path, url, .. } = workspace;
    let url = quoted_text(url.as_deref().unwrap_or("URL"));
    let message = format!(
        "the repository has no remote \"{remote}\": git -C {} remote add {remote} {url}",
        quote_for_shell(path)
    );
    Err(SyncError::new(SyncErrorKind::Unreachable, message))
}

/// Returns the last meaningful lines, without frames and git's standard text.
pub(crate) fn last_meaningful_lines(stderr: &str) -> String {
    let is_meaningful = |line: &&str| {
        line.chars().any(char::is_alphanumeric)
            && !STANDARD_TEXTS.iter().any(|commonplace| line.starts_with(commonplace))
    };
    let lines: Vec<&str> =
        stderr.lines().map(|line| line.trim().trim_matches('@').trim()).filter(is_meaningful).collect();
    lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join("; ")
}

/// True if the remote can be read without a login; an agent's memory is private. Only possible for `https`.
pub(crate) fn is_public(url: &str) -> bool {
    let Some(bare) = url.strip_prefix("https://") else { return false };
    let bare = bare.split_once('@').filter(|(user, _)| !user.contains('/')).map_or(bare, |(_, rest)| rest);
    let asked = ChildCommand::new("git")
        .dir("/")
        .args(["-c", "credential.helper=", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always"])
        .args(["ls-remote", "--heads", "--"])
        .arg(format!("https://{bare}"))
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .deadline(QUERY_TIME_LIMIT);
    asked.run().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_asked_who_may_read() {
        assert!(!is_public("git@example.org:me/x.git"));
        assert!(!is_public("/srv/x.git"));
    }
}
