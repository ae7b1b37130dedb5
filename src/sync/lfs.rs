//! Content that git LFS keeps outside of git: the remote has it only once it was uploaded there, which git's own push does
//! not do.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::git::Git;
use super::image::Withheld;
use super::stop::{Stop, Why};
use super::withhold::Reason;
use crate::config::Workspace;
use crate::host::CommandError;

/// Contents that are uploaded by one command.
const UPLOADED_AT_ONCE: usize = 500;

/// Content that could not be uploaded.
#[derive(Debug, Default)]
pub(super) struct NotUploaded {
    /// Files whose content has not arrived.
    pub(super) files: Withheld,
    /// Reason, for people.
    pub(super) said: String,
}

/// True if content is left that an earlier run could not upload.
pub(super) fn is_pending(git: &Git<'_>) -> bool {
    pending_file(git).exists()
}

/// Uploads the content of these commits that the remote does not have. Returns what has not arrived, if anything.
pub(super) fn upload(git: &Git<'_>, workspace: &Workspace, commits: &[&str]) -> Result<Option<NotUploaded>, Stop> {
    if !is_used(git) && !is_pending(git) {
        return Ok(None);
    }
    let mut contents = pending(git);
    let mut args = vec!["lfs", "push", "--dry-run", "--", &workspace.remote];
    args.extend(commits);
    match git.attempt_over_network(&args, workspace.timeout) {
        Ok((true, output)) => contents.extend(output.stdout.lines().filter_map(named)),
        Ok((false, output)) => return Ok(Some(not_uploaded(contents, &last_line(&output.stderr)))),
        Err(why) => return stopped_or(why).map(|said| Some(not_uploaded(contents, &said))),
    }
    if contents.is_empty() {
        return Ok(None);
    }
    // Before the branch is sent: afterwards git LFS takes the remote to have it.
    note_pending(git, &contents)?;
    let mut said = String::new();
    let (mut here, mut gone) = (BTreeMap::new(), BTreeMap::new());
    for (content, file) in contents {
        let side = if is_gone(git, &content) { &mut gone } else { &mut here };
        side.insert(content, file);
    }
    if !gone.is_empty() {
        "it is missing from this host's .git/lfs".clone_into(&mut said);
    }
    let mut left = gone;
    let all: Vec<(String, String)> = here.into_iter().collect();
    for some in all.chunks(UPLOADED_AT_ONCE) {
        let mut args = vec!["lfs", "push", "--object-id", "--", &workspace.remote];
        args.extend(some.iter().map(|(content, _)| content.as_str()));
        match git.attempt_over_network(&args, workspace.timeout) {
            Ok((true, _)) => continue,
            Ok((false, output)) => said = last_line(&output.stderr),
            Err(why) => said = stopped_or(why)?,
        }
        left.extend(some.iter().cloned());
    }
    note_pending(git, &left)?;
    Ok((!left.is_empty()).then(|| not_uploaded(left, &said)))
}

/// True if git LFS has ever kept content of this repository on this host.
fn is_used(git: &Git<'_>) -> bool {
    git.drivers.iter().any(|driver| driver.is_lfs)
        && (git.git_dir.join("lfs").exists() || git.git_dir.join("commondir").exists())
}

/// True if the content is certainly not here. Where it is stored elsewhere, git LFS finds out.
fn is_gone(git: &Git<'_>, content: &str) -> bool {
    let store = git.git_dir.join("lfs/objects");
    let (Some(first), Some(second)) = (content.get(..2), content.get(2..4)) else { return true };
    store.exists() && !store.join(first).join(second).join(content).exists()
}

/// `push <content> => <file>`.
fn named(line: &str) -> Option<(String, String)> {
    let (content, file) = line.strip_prefix("push ")?.split_once(" => ")?;
    let is_hash = content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| (content.to_owned(), file.to_owned()))
}

fn not_uploaded(contents: BTreeMap<String, String>, said: &str) -> NotUploaded {
    let files: Withheld = contents.into_values().map(|file| (PathBuf::from(file), Reason::NotUploaded)).collect();
    let said = format!("git LFS could not upload the content of {} files: {said}; it is tried again", files.len());
    NotUploaded { files, said }
}

fn stopped_or(why: CommandError) -> Result<String, Stop> {
    match Stop::or(Why::Failed, &why) {
        stop @ Stop { why: Why::Stopped | Why::NoGit, .. } => Err(stop),
        stop => Ok(stop.said),
    }
}

fn last_line(stderr: &str) -> String {
    let is_noise = |line: &&str| {
        line.is_empty()
            || line.starts_with("hint:")
            || line.starts_with(
                "Use `git lfs \
        logs",
            )
    };
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !is_noise(line)).collect();
    lines.get(lines.len().saturating_sub(2)..).unwrap_or_default().join("; ")
}

fn pending_file(git: &Git<'_>) -> PathBuf {
    git.own_folder().join("lfs.pending")
}

fn pending(git: &Git<'_>) -> BTreeMap<String, String> {
    let list = fs::read(pending_file(git)).unwrap_or_default();
    String::from_utf8_lossy(&list).lines().filter_map(named).collect()
}

fn note_pending(git: &Git<'_>, contents: &BTreeMap<String, String>) -> Result<(), Stop> {
    let path = pending_file(git);
    let noted = if contents.is_empty() {
        match fs::remove_file(&path) {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    } else {
        let lines = contents.iter().map(|(content, file)| format!("push {content} => {file}\n"));
        let new = path.with_extension("new");
        fs::write(&new, lines.collect::<String>()).and_then(|()| fs::rename(&new, &path))
    };
    noted.map_err(|why| Stop::file("write", &path, &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_lfs_names_what_it_would_upload() {
        let content = "ff8b4329402c5a1567ce1219e463d9b593fa7a214b0bf5f9a5b782461330fb7b";
        assert_eq!(named(&format!("push {content} => a b.png")), Some((content.to_owned(), "a b.png".to_owned())));
        assert_eq!(named("push short => a.png"), None);
        assert_eq!(named("Uploading LFS objects"), None);
    }
}
