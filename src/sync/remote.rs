//! The remote: what is fetched from it, and what it is sent.

use std::time::Duration;

use super::git::Git;
use super::names;
use super::push_urls;
use super::ssh;
use super::stop::{Stop, Why, without_commonplace};
use crate::config::Workspace;
use crate::host::{Command, CommandError, Output};

/// How long a web server may take to say who may read.
const OPEN: Duration = Duration::from_secs(20);

/// Fetches the remote's branch, and what it has of this host's own. The remote may even have moved backwards.
pub(super) fn fetch(git: &Git<'_>, workspace: &Workspace) -> Result<(), Stop> {
    let Workspace { remote, branch, .. } = workspace;
    let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    // With a `*` it may be missing.
    let own = names::own(git.host);
    let own = format!("+refs/heads/{own}*:refs/remotes/{remote}/{own}*");
    fetch_these(git, workspace, &[&wanted, &own])
}

/// Fetches by these refspecs, and forgets what the remote no longer has of them.
pub(super) fn fetch_these(git: &Git<'_>, workspace: &Workspace, refspecs: &[&str]) -> Result<(), Stop> {
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
    // It names what it has fetched by itself, so it has to see to it that all of that is on the disk.
    let durable = ["-c", "core.fsync=committed", "-c", "core.fsyncMethod=batch"];
    let mut args: Vec<&str> = durable.into_iter().chain(["fetch"]).chain(options).collect();
    // Where histories are cut off, they cannot be joined.
    if git.git_dir.join("shallow").exists() {
        args.push("--unshallow");
    }
    args.extend(["--end-of-options", &workspace.remote]);
    args.extend(refspecs);
    git.over_network(&args, workspace.timeout).map_err(|why| match &why {
        why if why.said().contains("couldn't find remote ref") => {
            let said = format!("{} has no branch {}; push one from the primary", workspace.remote, workspace.branch);
            Stop::new(Why::NoBranch, said)
        }
        why => not_reached(why),
    })
}

fn require_remote(git: &Git<'_>, workspace: &Workspace) -> Result<(), Stop> {
    if git.url.is_some() {
        return Ok(());
    }
    let said = format!("the checkout has no remote \"{}\"; `git remote add` makes one", workspace.remote);
    Err(Stop::new(Why::Unreachable, said))
}

/// What the remote has done with what it was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The branches that it has now, in full.
    pub(super) taken: Vec<String>,
    /// Those that have commits there which are not here.
    pub(super) behind: Vec<String>,
    /// Those that it refuses by its own rules.
    pub(super) refused: Vec<String>,
    /// Its words about that.
    pub(super) said: String,
    /// Failure of a push URL that is not the one that is fetched from; empty where none failed.
    pub(super) warning: String,
}

/// Sends branches, as `hash:refs/heads/name` or `:refs/heads/name`. Nothing is ever forced; what is removed must be
/// what `leases` say (`refs/heads/name:hash`).
pub(super) fn send(git: &Git<'_>, workspace: &Workspace, refspecs: &[String], leases: &[String]) -> Result<Sent, Stop> {
    require_remote(git, workspace)?;
    if git.pushes_elsewhere {
        return push_urls::send(git, workspace, refspecs, leases);
    }
    let (is_done, output) = push_to(git, workspace, &workspace.remote, refspecs, leases)?;
    let mut sent = Sent::default();
    if sent.read(&output.stdout) || is_done {
        sent.said = words(&output.stderr, &output.stdout);
        return Ok(sent);
    }
    Err(unreachable(&output))
}

/// Runs one push. Returns whether it went well, and what git said.
pub(super) fn push_to(
    git: &Git<'_>,
    workspace: &Workspace,
    target: &str,
    refspecs: &[String],
    leases: &[String],
) -> Result<(bool, Output), Stop> {
    let options = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--no-thin"];
    let leases: Vec<String> = leases.iter().map(|lease| format!("--force-with-lease={lease}")).collect();
    let mut args: Vec<&str> = options.to_vec();
    args.extend(leases.iter().map(String::as_str));
    args.extend(["--end-of-options", target]);
    args.extend(refspecs.iter().map(String::as_str));
    git.attempt_over_network(&args, workspace.timeout).map_err(|why| not_reached(&why))
}

/// The error of a git that had to reach the remote.
pub(super) fn not_reached(why: &CommandError) -> Stop {
    match why {
        CommandError::TimedOut { .. } => Stop::or(Why::TimedOut, why),
        why => Stop::or(Why::Unreachable, why),
    }
}

/// The same for one that ended by itself.
pub(super) fn unreachable(output: &Output) -> Stop {
    let said = last_lines(&output.stderr);
    Stop::new(Why::Unreachable, format!("{}{}", without_commonplace(&said), ssh::advice(&said)))
}

impl Sent {
    /// Reads what `git push --porcelain` prints, `flag TAB from:to TAB summary`; whether there was anything to read.
    pub(super) fn read(&mut self, printed: &str) -> bool {
        let mut found = false;
        for line in printed.lines() {
            let mut fields = line.split('\t');
            let (Some(flag), Some(refs), Some(summary)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let name = refs.rsplit(':').next().unwrap_or(refs).to_owned();
            found = true;
            match flag {
                "!" if is_late(summary) => self.behind.push(name),
                "!" => self.refused.push(name),
                _ => self.taken.push(name),
            }
        }
        found
    }
}

/// Whether somebody else was faster. All else that a git host has against a branch is its own rules.
fn is_late(summary: &str) -> bool {
    let signs = ["failed to update ref", "cannot lock ref", "incorrect old value"];
    summary.starts_with("[rejected]") || signs.iter().any(|sign| summary.contains(sign))
}

/// What the git host says, which git marks with `remote:`, and the reasons that it gives for each branch.
pub(super) fn words(stderr: &str, stdout: &str) -> String {
    let remote = stderr.lines().filter_map(|line| line.trim_end().strip_prefix("remote:"));
    let is_decoration = |line: &&str| !line.chars().any(char::is_alphanumeric);
    let reasons = stdout.lines().filter(|line| line.starts_with('!')).filter_map(|line| line.rsplit('\t').next());
    let mut said: Vec<&str> = remote.chain(reasons).map(str::trim).filter(|line| !is_decoration(line)).collect();
    said.dedup();
    said.join("; ")
}

pub(super) fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join("; ")
}

/// What to do about a refusal, where its words tell.
pub(super) fn refusal(said: &str) -> String {
    let lower = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let advice = if has(&["secret", "gh013", "push protection"]) {
        "take the secret out of that file, or allow it on the git host; it is tried again"
    } else if has(&["gh006", "protected branch", "not allowed to push"]) {
        "allow this host's key to write failover/* there; it is tried again"
    } else if has(&["gh001", "large file", "exceeds", "too large", "quota"]) {
        "make the file smaller or give the git host more room; it is tried again"
    } else {
        "do what that host says; it is tried again"
    };
    format!("{said}; {advice}")
}

/// Whether anybody at all may read the remote. Only a web server can be asked that; the memory of an agent is private.
pub(super) fn is_open(url: &str) -> bool {
    let Some(bare) = url.strip_prefix("https://") else { return false };
    let bare = bare.split_once('@').filter(|(user, _)| !user.contains('/')).map_or(bare, |(_, rest)| rest);
    let asked = Command::new("git")
        .dir("/")
        .args(["-c", "credential.helper=", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always"])
        .args(["ls-remote", "--heads", "--"])
        .arg(format!("https://{bare}"))
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .deadline(OPEN);
    asked.run().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_branch_has_its_own_answer() {
        let printed = "To host:x.git\n \ta1:refs/heads/failover/a\ta..b\n*\tb1:refs/heads/failover/b\t[new branch]\n\
            !\tc1:refs/heads/c\t[rejected] (fetch first)\n!\td1:refs/heads/d\t[remote rejected] (pre-receive hook declined)\n\
            !\tg1:refs/heads/g\t[remote rejected] (failed to update ref)\n\
            -\t:refs/heads/e\t[deleted]\n=\tf1:refs/heads/f\t[up to date]\nDone\n";
        let mut sent = Sent::default();
        assert!(sent.read(printed));
        assert_eq!(sent.taken, ["refs/heads/failover/a", "refs/heads/failover/b", "refs/heads/e", "refs/heads/f"]);
        assert_eq!(
            (sent.behind, sent.refused),
            (vec!["refs/heads/c".into(), "refs/heads/g".into()], vec!["refs/heads/d".into()])
        );
        assert!(!Sent::default().read("fatal: unable to access\n"));
    }

    #[test]
    fn a_refusal_is_quoted_with_what_to_do() {
        let stderr = "remote: error: GH013: Repository rule violations found.        \nremote: \nremote: ------        \n\
            remote: Push cannot contain secrets        \nerror: failed to push some refs\n";
        let said = words(stderr, "!\ta:b\t[remote rejected] (push declined due to repository rule violations)\n");
        assert_eq!(
            said,
            "error: GH013: Repository rule violations found.; Push cannot contain secrets; \
             [remote rejected] (push declined due to repository rule violations)"
        );
        assert!(refusal(&said).contains("; take the secret out of that file"));
        assert!(refusal("[remote rejected] (hook declined)").ends_with("; do what that host says; it is tried again"));
    }

    #[test]
    fn only_the_web_is_asked_who_may_read() {
        assert!(!is_open("git@example.org:me/x.git"));
        assert!(!is_open("/srv/x.git"));
    }
}
