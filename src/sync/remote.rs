//! The remote: what is fetched from it, and what it is sent.

use std::time::Duration;

use super::advice::{self, Place, quoted, quoted_text};
use super::git::Git;
use super::names;
use super::push_urls;
use super::stop::{Stop, Why, is_damage};
use crate::config::Workspace;
use crate::host::{Command, CommandError, Output, printable};

/// How long a web server may take to say who may read.
const OPEN: Duration = Duration::from_secs(20);

/// Length limit of a branch's name in a message, in characters.
const NAME_LIMIT: usize = 80;

/// Length limit of what a git host says, in characters: the advice after it must not be cut off.
const QUOTE_LIMIT: usize = 400;

/// Words of a git host where a branch has the name of the folder of another.
const NAME_TAKEN: &str = "exists; cannot create";

/// Words of git after every failure to reach a remote.
const COMMONPLACES: [&str; 2] = ["Please make sure you have the correct access rights", "and the repository exists."];

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
    run_fetch(git, workspace, &args, workspace.timeout)
}

/// Fetches the remote's branch as a pull does, but changes no branch here.
pub(super) fn rehearse(git: &Git<'_>, workspace: &Workspace, limit: Duration) -> Result<(), Stop> {
    require_remote(git, workspace)?;
    let Workspace { remote, branch, .. } = workspace;
    let refspec = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    let options = ["--dry-run", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    let mut args: Vec<&str> = ["fetch"].into_iter().chain(options).collect();
    args.extend(["--refmap=", "--end-of-options", remote, &refspec]);
    run_fetch(git, workspace, &args, limit)
}

fn run_fetch(git: &Git<'_>, workspace: &Workspace, args: &[&str], limit: Duration) -> Result<(), Stop> {
    let (is_done, output) = git.attempt_over_network(args, limit).map_err(|why| cut_short(&why))?;
    if is_done {
        return Ok(());
    }
    if output.stderr.contains("couldn't find remote ref") {
        return Err(Stop::new(Why::NoBranch, no_branch(git, workspace)));
    }
    Err(failure(git, workspace, &output.stderr))
}

/// Says what to do where the remote has no branch of that name, with the branches that it has.
fn no_branch(git: &Git<'_>, workspace: &Workspace) -> String {
    let Workspace { remote, branch, .. } = workspace;
    let listed = git.attempt_over_network(&["ls-remote", "--heads", "--end-of-options", remote], OPEN);
    let listed = listed.map(|(_, output)| output.stdout).unwrap_or_default();
    let names = listed.lines().filter_map(|line| line.split_once("refs/heads/")).map(|(_, name)| name);
    let names: Vec<&str> = names.filter(|name| !name.starts_with("failover/")).collect();
    match names[..] {
        [] => format!("{remote} has no branch {branch}; push one from the primary"),
        [one] => format!(
            "{remote} has no branch {branch} (workspace.branch), but {one}; set workspace.branch to {one} in the \
             configuration of both hosts, or push {branch} from the primary",
            one = printable(one, NAME_LIMIT)
        ),
        [one, ..] => format!(
            "{remote} has no branch {branch} (workspace.branch), but {count} others, such as {one}; \
             set workspace.branch in the configuration of both hosts, or push {branch} from the primary",
            one = printable(one, NAME_LIMIT),
            count = names.len()
        ),
    }
}

/// A network phase that git did not end itself.
pub(super) fn cut_short(why: &CommandError) -> Stop {
    match why {
        CommandError::TimedOut { .. } => Stop::or(Why::TimedOut, why),
        why => Stop::or(Why::Unreachable, why),
    }
}

/// A network phase that failed, in git's and ssh's words, with what to do.
pub(super) fn failure(git: &Git<'_>, workspace: &Workspace, stderr: &str) -> Stop {
    let said = last_lines(stderr);
    if is_damage(stderr) {
        return Stop::new(Why::Damaged, said);
    }
    let place = Place { workspace, url: git.url.as_deref(), host: git.host, branches: &[], is_begun: true };
    Stop::new(Why::Unreachable, format!("{said}{}", advice::of(stderr, &place)))
}

fn require_remote(git: &Git<'_>, workspace: &Workspace) -> Result<(), Stop> {
    if git.url.is_some() {
        return Ok(());
    }
    let Workspace { remote, path, url, .. } = workspace;
    let url = quoted_text(url.as_deref().unwrap_or("URL"));
    let said = format!("the checkout has no remote \"{remote}\": git -C {} remote add {remote} {url}", quoted(path));
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
        sent.refuse_taken_names();
        return Ok(sent);
    }
    Err(failure(git, workspace, &output.stderr))
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
    let attempt = git.attempt_over_network(&args, workspace.timeout);
    let (is_done, output) = attempt.map_err(|why| cut_short(&why))?;
    if !is_done && is_damage(&output.stderr) {
        return Err(Stop::new(Why::Damaged, last_lines(&output.stderr)));
    }
    Ok((is_done, output))
}

impl Sent {
    /// Counts branches as refused whose names the remote cannot have: no push came first, and a later one would be
    /// refused as well.
    pub(super) fn refuse_taken_names(&mut self) {
        if self.said.contains(NAME_TAKEN) {
            self.refused.append(&mut self.behind);
        }
    }

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

/// The last lines that say something: no frames, and not what git says after every failure to reach a remote.
pub(super) fn last_lines(stderr: &str) -> String {
    let is_said = |line: &&str| {
        line.chars().any(char::is_alphanumeric) && !COMMONPLACES.iter().any(|commonplace| line.starts_with(commonplace))
    };
    let lines: Vec<&str> = stderr.lines().map(|line| line.trim().trim_matches('@').trim()).filter(is_said).collect();
    lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join("; ")
}

/// True if the remote has had the main branch, or of a standby its own.
fn is_begun(git: &Git<'_>, workspace: &Workspace, refused: &[String]) -> bool {
    let Workspace { remote, branch, .. } = workspace;
    let has =
        |branch: &str| git.word(&["rev-parse", "-q", "--verify", &format!("refs/remotes/{remote}/{branch}")]).is_ok();
    has(branch) || (!refused.contains(branch) && has(&names::own(git.host)))
}

/// Quotes the git host on the branches that it refuses, and says what to do.
pub(super) fn refusal(git: &Git<'_>, workspace: &Workspace, sent: &Sent) -> String {
    let branches: Vec<String> = sent.refused.iter().map(|name| name.replace("refs/heads/", "")).collect();
    let is_begun = is_begun(git, workspace, &branches);
    let place = Place { workspace, url: git.url.as_deref(), host: git.host, branches: &branches, is_begun };
    let said = printable(&sent.said, QUOTE_LIMIT);
    let advice = advice::of(&sent.said, &place);
    let advice = if advice.is_empty() { "; do what that host says" } else { &advice };
    format!("{said}{advice}; it is tried again")
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
        assert_eq!(last_lines("@@@@@\n@  WARNING  @\na: b\nand the repository exists.\n"), "WARNING; a: b");
    }

    #[test]
    fn only_the_web_is_asked_who_may_read() {
        assert!(!is_open("git@example.org:me/x.git"));
        assert!(!is_open("/srv/x.git"));
    }
}
