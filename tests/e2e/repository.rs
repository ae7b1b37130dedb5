//! Workspace of a host as its agent sees it, and the shared remote.

use openclaw_failover::text::json::{self, Node};

use crate::host::{Host, shell_quote};
use crate::shell::CommandResult;

/// Unit of the pull.
pub(crate) const PULL_UNIT: &str = "openclaw-sync-pull.service";
/// Unit of the push, on either host.
pub(crate) const PUSH_UNIT: &str = "openclaw-sync-push.service";
/// Timer of a primary's push.
pub(crate) const PUSH_TIMER: &str = "openclaw-sync-push.timer";
/// Branch of the standby.
pub(crate) const STANDBY_BRANCH: &str = "failover/standby";

const WORKSPACE: &str = "/home/openclaw/.openclaw/workspace";
const REMOTE: &str = "/home/openclaw/workspace.git";
const REPORTS: &str = "/var/lib/openclaw-sync";

impl Host {
    /// Runs a shell script as `openclaw` in its home. The script must succeed.
    pub(crate) fn run_as_openclaw(&self, script: &str) -> String {
        let answer = self.run_as_openclaw_unchecked(script);
        assert!(answer.ok, "{}: openclaw's {script}: failed:\n{}", self.name, answer.text);
        answer.text
    }

    fn run_as_openclaw_unchecked(&self, script: &str) -> CommandResult {
        let script = shell_quote(&format!("cd; {script}"));
        self.run_unchecked(&format!(
            "setpriv --reuid=openclaw --regid=openclaw --init-groups --reset-env bash -euc {script}"
        ))
    }

    /// Runs a shell script as `openclaw` in the workspace. The script must succeed.
    pub(crate) fn run_in_workspace(&self, script: &str) -> String {
        self.run_as_openclaw(&format!("cd {WORKSPACE}; {script}"))
    }

    /// Runs a shell script as `openclaw` in the workspace. The script may fail.
    pub(crate) fn run_in_workspace_unchecked(&self, script: &str) -> CommandResult {
        self.run_as_openclaw_unchecked(&format!("cd {WORKSPACE}; {script}"))
    }

    /// Runs a git command in the remote on this host.
    pub(crate) fn run_in_remote(&self, script: &str) -> String {
        self.run_as_openclaw(&format!("cd {REMOTE}; {script}"))
    }

    /// Lists the branches of the remote on this host.
    pub(crate) fn remote_branches(&self) -> Vec<String> {
        let names = self.run_in_remote("git for-each-ref --format='%(refname:short)' refs/heads");
        names.lines().map(str::to_owned).collect()
    }

    /// Makes the remote on this host refuse the branches of standbys with this message, as a git host's policy would.
    pub(crate) fn refuse_standby_branches(&self, words: &str) {
        self.run_in_remote(&format!(
            "printf '#!/bin/sh\n! grep -q refs/heads/failover/ || {{ echo \"{words}\"; exit 1; }}\n' \
             >hooks/pre-receive; \
             chmod +x hooks/pre-receive"
        ));
    }

    /// Removes the refusal.
    pub(crate) fn allow_standby_branches(&self) {
        self.run_in_remote("rm hooks/pre-receive");
    }

    /// Reads a file of the workspace; `None` if it does not exist.
    pub(crate) fn workspace_file(&self, name: &str) -> Option<String> {
        self.read(&format!("{WORKSPACE}/{name}"))
    }

    /// Returns all files of the workspace with their content, tracked or not, and the commits.
    pub(crate) fn workspace_content(&self) -> String {
        self.run_in_workspace(
            "find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum; \
             find . -path ./.git -prune -o -type l -printf '%p -> %l\\n' | sort; \
             find . -path ./.git -prune -o -type f -perm -u+x -printf '%p is executable\\n' | sort; \
             git ls-tree -r HEAD; git status --porcelain",
        )
    }

    /// Reads the report of the last pull or push.
    pub(crate) fn sync_report(&self, unit: &str) -> Node {
        let file = if unit == PULL_UNIT { "pull.json" } else { "push.json" };
        let text = self.read(&format!("{REPORTS}/{file}")).unwrap_or_default();
        json::parse(&text).unwrap_or_else(|why| panic!("{}: {file}: {why:?}: {text}", self.name))
    }
}

/// Returns a key of a report, as JSON.
pub(crate) fn report_field(report: &Node, key: &str) -> String {
    let value = report.get(key).unwrap_or_else(|| panic!("no {key} in {}", report.value));
    value.as_str().map_or_else(|| value.value.to_string(), str::to_owned)
}
