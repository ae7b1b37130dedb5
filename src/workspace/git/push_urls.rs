//! Pushes to remotes whose push URLs differ from the fetch URL: mirrors, or other paths to the same repository.
//!
//! A branch counts as returned once the fetch URL has it, because other hosts fetch from there. Each push URL is tried,
//! even if another fails, and then the fetch URL is queried.

use crate::config::Workspace;
use crate::os::Output;
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::Git;
use crate::workspace::git::remote::{Sent, cut_short, failure, last_lines, push_to, words};

/// Limit for the number of push URLs.
const URL_LIMIT: usize = 8;

/// Pushes branches to every push URL, and returns what the fetch URL has of them.
pub(in crate::workspace) fn send(
    git: &Git<'_>,
    workspace: &Workspace,
    refspecs: &[String],
    leases: &[String],
) -> Result<Sent, Stop> {
    let urls = git.run(&["remote", "get-url", "--push", "--all", "--", &workspace.remote])?;
    let (mut sent, mut failures, mut said) = (Sent::default(), Vec::new(), Vec::new());
    for url in urls.lines().take(URL_LIMIT) {
        let targets = if urls.lines().count() == 1 { workspace.remote.as_str() } else { url };
        match push_to(git, workspace, targets, refspecs, leases) {
            Ok((is_done, output)) => {
                sent.read(&output.stdout);
                said.push(words(&output.stderr, &output.stdout));
                if !is_done {
                    failures.push(last_lines(&output.stderr));
                }
            }
            Err(stop @ Stop { why: Why::Stopped | Why::NoGit | Why::Damaged, .. }) => return Err(stop),
            Err(stop) => failures.push(stop.said),
        }
    }
    said.retain(|words| !words.is_empty());
    verify(git, workspace, refspecs, &Attempt { sent, failures, said: said.join("; ") })
}

/// Combined results of all push URLs.
struct Attempt {
    sent: Sent,
    failures: Vec<String>,
    said: String,
}

fn verify(git: &Git<'_>, workspace: &Workspace, refspecs: &[String], attempt: &Attempt) -> Result<Sent, Stop> {
    let Attempt { sent, failures, said } = attempt;
    let listed = list(git, workspace, refspecs)?;
    let there = |name: &str| {
        let mut lines = listed.stdout.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, other)| *other == name).map_or("", |(hash, _)| hash)
    };
    let mut verified = Sent { said: said.clone(), ..Sent::default() };
    let mut missing = Vec::new();
    for (hash, name) in refspecs.iter().filter_map(|refspec| refspec.split_once(':')) {
        if there(name) == hash {
            verified.taken.push(name.to_owned());
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
        let was_taken = |name: &&str| sent.taken.iter().any(|taken| taken.strip_prefix("refs/heads/") == Some(*name));
        if !missing.iter().any(was_taken) {
            return Err(Stop::new(Why::Unreachable, failed.trim_start_matches("; ")));
        }
        let said = format!(
            "the push URLs of {} accepted {}, but its fetch URL does not have it; compare them in `git remote -v`",
            workspace.remote,
            missing.join(", ")
        );
        return Err(Stop::new(Why::Unreachable, format!("{said}{failed}")));
    }
    verified.refuse_taken_names();
    if verified.refused.is_empty() && verified.behind.is_empty() && !failures.is_empty() {
        verified.warning = format!("another push URL of {} failed: {}", workspace.remote, failures.join("; "));
    }
    Ok(verified)
}

/// Queries the fetch URL for the branches that were pushed.
fn list(git: &Git<'_>, workspace: &Workspace, refspecs: &[String]) -> Result<Output, Stop> {
    let mut args = vec!["ls-remote", "--quiet", "--", &workspace.remote];
    args.extend(refspecs.iter().filter_map(|refspec| refspec.split_once(':')).map(|(_, name)| name));
    let (is_done, listed) = git.attempt_over_network(&args, workspace.timeout).map_err(|why| cut_short(&why))?;
    if is_done { Ok(listed) } else { Err(failure(git, workspace, &listed.stderr)) }
}
