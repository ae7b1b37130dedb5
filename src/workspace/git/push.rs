//! Push to one URL, and the git host's answer for each branch.

use crate::config::WorkspaceConfig;
use crate::os::ProcessOutput;
use crate::text::to_printable;
use crate::workspace::error::{SyncError, SyncErrorKind, means_damage};
use crate::workspace::git::Git;
use crate::workspace::git::remote::{interrupted_error, last_meaningful_lines};
use crate::workspace::ref_names;
use crate::workspace::remedy::{self, RefusalContext};

/// Length limit of a git host's quoted text, in characters, so that the remedy after it is not cut off.
const QUOTE_LENGTH_LIMIT: usize = 400;

/// Error text of a git host that cannot create `a/b` because a branch `a` exists, or the reverse.
const BLOCKED_NAME_TEXT: &str = "exists; cannot create";

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
}
