//! Fetches from the remote, and pushes to it.

use std::time::Duration;

use crate::config::WorkspaceConfig;
use crate::os::{ChildCommand, CommandError, ProcessOutput};
use crate::text::to_printable;
use crate::workspace::error::{SyncError, SyncErrorKind, means_damage};
use crate::workspace::git::{Git, push_urls};
use crate::workspace::ref_names;
use crate::workspace::remedy::{self, RefusalContext, quote_for_shell, quoted_text};

/// Time limit for a web server's answer on who can read the repository.
const QUERY_TIME_LIMIT: Duration = Duration::from_secs(20);

/// Length limit of a branch's name in a message, in characters.
const BRANCH_NAME_LENGTH_LIMIT: usize = 80;

/// Length limit of a git host's quoted text, in characters, so that the remedy after it is not cut off.
const QUOTE_LENGTH_LIMIT: usize = 400;

/// Text of a git host if a branch has the name of another branch's folder.
const BLOCKED_NAME_TEXT: &str = "exists; cannot create";

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

fn require_remote(git: &Git<'_>, workspace: &WorkspaceConfig) -> Result<(), SyncError> {
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

/// Result of a push.
#[derive(Debug, Default)]
pub(crate) struct PushResult {
    /// Accepted branches, full names.
    pub(crate) accepted: Vec<String>,
    /// Branches with commits at the remote that are not here.
    pub(crate) behind: Vec<String>,
    /// Branches that the remote's rules refuse.
    pub(crate) refused: Vec<String>,
    /// The remote's text about the refusals.
    pub(crate) refusal_text: String,
    /// Failure of a push URL other than the fetch URL; empty if none failed.
    pub(crate) warning: String,
}

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
        return push_urls::push_to_every_url(git, workspace, refspecs, leases);
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

/// Runs one push. Returns true if it succeeded, and git's output.
pub(crate) fn push_to_url(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    target: &str,
    refspecs: &[String],
    leases: &[String],
) -> Result<(bool, ProcessOutput), SyncError> {
    let options = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--no-thin"];
    let leases: Vec<String> = leases.iter().map(|lease| format!("--force-with-lease={lease}")).collect();
    let mut args: Vec<&str> = options.to_vec();
    args.extend(leases.iter().map(String::as_str));
    args.extend(["--end-of-options", target]);
    args.extend(refspecs.iter().map(String::as_str));
    let attempt = git.try_run_over_network(&args, workspace.timeout);
    let (is_done, output) = attempt.map_err(|why| interrupted_error(&why))?;
    if !is_done && means_damage(&output.stderr) {
        return Err(SyncError::new(SyncErrorKind::Damaged, last_meaningful_lines(&output.stderr)));
    }
    Ok((is_done, output))
}

impl PushResult {
    /// Counts branches as refused if the remote cannot have their names: no other host pushed first, and a retry would
    /// fail as well.
    pub(crate) fn refuse_blocked_names(&mut self) {
        if self.refusal_text.contains(BLOCKED_NAME_TEXT) {
            self.refused.append(&mut self.behind);
        }
    }

    /// Parses `flag TAB from:to TAB summary` of `git push --porcelain`. True if there was such a line.
    pub(crate) fn add_porcelain(&mut self, printed: &str) -> bool {
        let mut found = false;
        for line in printed.lines() {
            let mut fields = line.split('\t');
            let (Some(flag), Some(refs), Some(summary)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let name = refs.rsplit(':').next().unwrap_or(refs).to_owned();
            found = true;
            match flag {
                "!" if is_behind(summary) => self.behind.push(name),
                "!" => self.refused.push(name),
                _ => self.accepted.push(name),
            }
        }
        found
    }
}

/// True if another host pushed first. A git host's other refusals come from its rules.
fn is_behind(summary: &str) -> bool {
    let signs = ["failed to update ref", "cannot lock ref", "incorrect old value"];
    summary.starts_with("[rejected]") || signs.iter().any(|sign| summary.contains(sign))
}

/// Returns the git host's text, marked `remote:` by git, and its reason for each branch.
pub(crate) fn refusal_text(stderr: &str, stdout: &str) -> String {
    let remote = stderr.lines().filter_map(|line| line.trim_end().strip_prefix("remote:"));
    let is_decoration = |line: &&str| !line.chars().any(char::is_alphanumeric);
    let reasons = stdout.lines().filter(|line| line.starts_with('!')).filter_map(|line| line.rsplit('\t').next());
    let mut lines: Vec<&str> = remote.chain(reasons).map(str::trim).filter(|line| !is_decoration(line)).collect();
    lines.dedup();
    lines.join("; ")
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

/// True if the remote has had the main branch, or this standby's own.
fn is_begun(git: &Git<'_>, workspace: &WorkspaceConfig, refused: &[String]) -> bool {
    let WorkspaceConfig { remote, branch, .. } = workspace;
    let has = |branch: &str| {
        git.run_for_value(&["rev-parse", "-q", "--verify", &format!("refs/remotes/{remote}/{branch}")]).is_ok()
    };
    has(branch) || (!refused.contains(branch) && has(&ref_names::own_branch(git.host_name)))
}

/// Quotes the git host on the branches that it refuses, and says what to do.
pub(crate) fn refusal_message(git: &Git<'_>, workspace: &WorkspaceConfig, sent: &PushResult) -> String {
    let branches: Vec<String> = sent.refused.iter().map(|name| name.replace("refs/heads/", "")).collect();
    let is_begun = is_begun(git, workspace, &branches);
    let context = RefusalContext {
        workspace,
        url: git.remote_url.as_deref(),
        host: git.host_name,
        refused_branches: &branches,
        is_begun,
    };
    let message = to_printable(&sent.refusal_text, QUOTE_LENGTH_LIMIT);
    let advice = remedy::remedy_for(&sent.refusal_text, &context);
    let advice = if advice.is_empty() { "; follow the git host's message" } else { &advice };
    format!("{message}{advice}; the next push retries")
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
    fn each_branch_has_its_own_answer() {
        let printed = "To host:x.git\n \ta1:refs/heads/failover/a\ta..b\n*\tb1:refs/heads/failover/b\t[new branch]\n\
            !\tc1:refs/heads/c\t[rejected] (fetch first)\n!\td1:refs/heads/d\t[remote rejected] (pre-receive hook \
            declined)\n\
            !\tg1:refs/heads/g\t[remote rejected] (failed to update ref)\n\
            -\t:refs/heads/e\t[deleted]\n=\tf1:refs/heads/f\t[up to date]\nDone\n";
        let mut sent = PushResult::default();
        assert!(sent.add_porcelain(printed));
        assert_eq!(sent.accepted, ["refs/heads/failover/a", "refs/heads/failover/b", "refs/heads/e", "refs/heads/f"]);
        assert_eq!(
            (sent.behind, sent.refused),
            (vec!["refs/heads/c".into(), "refs/heads/g".into()], vec!["refs/heads/d".into()])
        );
        assert!(!PushResult::default().add_porcelain("fatal: unable to access\n"));
    }

    #[test]
    fn a_refusal_is_quoted_with_what_to_do() {
        let stderr = "remote: error: GH013: Repository rule violations found.        \nremote: \n\
            remote: ------        \n\
            remote: Push cannot contain secrets        \nerror: failed to push some refs\n";
        let said =
            refusal_text(stderr, "!\ta:b\t[remote rejected] (push declined due to repository rule violations)\n");
        assert_eq!(
            said,
            "error: GH013: Repository rule violations found.; Push cannot contain secrets; \
             [remote rejected] (push declined due to repository rule violations)"
        );
        assert_eq!(last_meaningful_lines("@@@@@\n@  WARNING  @\na: b\nand the repository exists.\n"), "WARNING; a: b");
    }

    #[test]
    fn only_the_web_is_asked_who_may_read() {
        assert!(!is_public("git@example.org:me/x.git"));
        assert!(!is_public("/srv/x.git"));
    }
}
