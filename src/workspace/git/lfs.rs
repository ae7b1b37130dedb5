//! Content that git LFS stores outside git. git's own push does not upload it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::config::WorkspaceConfig;
use crate::os::CommandError;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::exclusion::{ExclusionReason, WithheldFiles};
use crate::workspace::files::{remove_file, replace_file};
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;

/// Number of contents uploaded by one command.
const UPLOAD_BATCH_SIZE: usize = 500;

/// Content that could not be uploaded.
#[derive(Debug, Default)]
pub(crate) struct NotUploaded {
    /// Files whose content is not at the remote.
    pub(crate) files: WithheldFiles,
    /// Reason, for people.
    pub(crate) message: String,
}

/// True if an earlier run left content to upload.
pub(crate) fn has_pending_uploads(git: &Git<'_>) -> bool {
    pending_uploads_file(git).exists()
}

/// Uploads the content of these commits that the remote does not have. Returns what could not be uploaded.
pub(crate) fn upload_contents(
    git: &Git<'_>,
    workspace: &WorkspaceConfig,
    commits: &[&Oid],
) -> Result<Option<NotUploaded>, SyncError> {
    if !is_lfs_used(git) && !has_pending_uploads(git) {
        return Ok(None);
    }
    let mut contents = read_pending_uploads(git);
    let mut args = vec!["lfs", "push", "--dry-run", "--", &workspace.remote];
    args.extend(commits.iter().map(|commit| commit.as_str()));
    match git.try_run_over_network(&args, workspace.timeout) {
        Ok((true, output)) => contents.extend(output.stdout.lines().filter_map(parse_dry_run_line)),
        Ok((false, output)) => return Ok(Some(upload_failure(contents, &last_line(&output.stderr)))),
        Err(why) => return message_unless_fatal(why).map(|reason| Some(upload_failure(contents, &reason))),
    }
    if contents.is_empty() {
        return Ok(None);
    }
    // Before the branch is pushed: afterwards, git LFS assumes that the remote has the content.
    record_pending_uploads(git, &contents)?;
    let mut reason = String::new();
    let (mut here, mut missing) = (BTreeMap::new(), BTreeMap::new());
    for (content, file) in contents {
        let side = if is_content_missing(git, &content) { &mut missing } else { &mut here };
        side.insert(content, file);
    }
    if !missing.is_empty() {
        "missing from this host's .git/lfs".clone_into(&mut reason);
    }
    let mut left = missing;
    let all: Vec<(String, String)> = here.into_iter().collect();
    for some in all.chunks(UPLOAD_BATCH_SIZE) {
        let mut args = vec!["lfs", "push", "--object-id", "--", &workspace.remote];
        args.extend(some.iter().map(|(content, _)| content.as_str()));
        match git.try_run_over_network(&args, workspace.timeout) {
            Ok((true, _)) => continue,
            Ok((false, output)) => reason = last_line(&output.stderr),
            Err(why) => reason = message_unless_fatal(why)?,
        }
        left.extend(some.iter().cloned());
    }
    record_pending_uploads(git, &left)?;
    Ok((!left.is_empty()).then(|| upload_failure(left, &reason)))
}

/// True if git LFS has ever stored content of this repository on this host.
fn is_lfs_used(git: &Git<'_>) -> bool {
    git.filter_drivers.iter().any(|driver| driver.is_lfs)
        && (git.git_dir.join("lfs").exists() || git.git_dir.join("commondir").exists())
}

/// True if the content is certainly missing here. If it is stored elsewhere, git LFS reports that.
fn is_content_missing(git: &Git<'_>, content: &str) -> bool {
    let store = git.git_dir.join("lfs/objects");
    let (Some(first), Some(second)) = (content.get(..2), content.get(2..4)) else { return true };
    store.exists() && !store.join(first).join(second).join(content).exists()
}

/// Parses `push <content> => <file>`.
fn parse_dry_run_line(line: &str) -> Option<(String, String)> {
    let (content, file) = line.strip_prefix("push ")?.split_once(" => ")?;
    let is_hash = content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| (content.to_owned(), file.to_owned()))
}

fn upload_failure(contents: BTreeMap<String, String>, message: &str) -> NotUploaded {
    let files: WithheldFiles =
        contents.into_values().map(|file| (PathBuf::from(file), ExclusionReason::NotUploaded)).collect();
    let message =
        format!("git LFS could not upload the content of {} files: {message}; the next push retries", files.len());
    NotUploaded { files, message }
}

fn message_unless_fatal(why: CommandError) -> Result<String, SyncError> {
    match SyncError::from_command(SyncErrorKind::Failed, &why) {
        error @ SyncError { kind: SyncErrorKind::Cancelled | SyncErrorKind::NoGit, .. } => Err(error),
        error => Ok(error.message),
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

fn pending_uploads_file(git: &Git<'_>) -> PathBuf {
    git.private_folder().join("lfs.pending")
}

fn read_pending_uploads(git: &Git<'_>) -> BTreeMap<String, String> {
    let list = fs::read(pending_uploads_file(git)).unwrap_or_default();
    String::from_utf8_lossy(&list).lines().filter_map(parse_dry_run_line).collect()
}

fn record_pending_uploads(git: &Git<'_>, contents: &BTreeMap<String, String>) -> Result<(), SyncError> {
    let path = pending_uploads_file(git);
    if contents.is_empty() {
        return remove_file(&path);
    }
    let lines = contents.iter().map(|(content, file)| format!("push {content} => {file}\n"));
    replace_file(&path, lines.collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_lfs_names_what_it_would_upload() {
        let content = "ff8b4329402c5a1567ce1219e463d9b593fa7a214b0bf5f9a5b782461330fb7b";
        assert_eq!(
            parse_dry_run_line(&format!("push {content} => a b.png")),
            Some((content.to_owned(), "a b.png".to_owned()))
        );
        assert_eq!(parse_dry_run_line("push short => a.png"), None);
        assert_eq!(parse_dry_run_line("Uploading LFS objects"), None);
    }
}
