//! Repair of git's configuration, and of the files in `.git` that name a commit.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::git::ref_update::REFLOG_MESSAGE;
use crate::workspace::repair::Repairs;
use crate::workspace::repair::reflog::{self, is_object_id};

/// Files that name a commit temporarily. An empty or zeroed one makes other commands fail.
const TEMPORARY_HEADS: [&str; 6] =
    ["ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "AUTO_MERGE", "shallow"];

/// Size limit of a file to check, in bytes.
const FILE_SIZE_LIMIT: u64 = 1024 * 1024;

impl Repairs<'_> {
    /// Rewrites a missing or broken configuration, with the remote if its URL can be found.
    pub(super) fn repair_config(&mut self) -> Result<(), SyncError> {
        let path = self.git_dir.join("config");
        let is_missing = path.symlink_metadata().is_err_and(|why| why.kind() == ErrorKind::NotFound);
        let content = read_small_file(&path);
        if !is_missing && content.as_ref().is_none_or(|content| !is_blank(content) && !content.contains(&0)) {
            return Ok(());
        }
        let url = self.spec.workspace.url.clone().or_else(|| self.find_logged_url());
        if !is_missing {
            self.move_to_damaged(&path)?;
        }
        fs::write(&path, self.new_config(url.as_deref())).or_cannot("write", &path)?;
        let remote = url.map_or(", without a remote", |_| "");
        self.repairs_done.push(format!("git's config was rewritten{remote}"));
        Ok(())
    }

    fn new_config(&self, url: Option<&str>) -> String {
        let workspace = &self.spec.workspace;
        let entries = reflog::read_last_entries(&self.git_dir.join("logs/HEAD"));
        let is_long = entries.first().is_some_and(|entry| entry.commit.is_sha256());
        let mut extensions = String::new();
        if is_long {
            extensions.push_str("\tobjectformat = sha256\n");
        }
        if self.git_dir.join("reftable").exists() {
            extensions.push_str("\trefstorage = reftable\n");
        }
        let version = u8::from(!extensions.is_empty());
        let mut config = format!(
            "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n\
             \tlogallrefupdates = true\n"
        );
        if !extensions.is_empty() {
            config.push_str(&format!("[extensions]\n{extensions}"));
        }
        if let Some(url) = url.filter(|url| !url.contains(['"', '\\', '\n', '\0'])) {
            let remote = &workspace.remote;
            config.push_str(&format!(
                "[remote \"{remote}\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/{remote}/*\n"
            ));
        }
        config
    }

    /// Finds the URL of the clone in the reflogs.
    fn find_logged_url(&self) -> Option<String> {
        let remote = format!("logs/refs/remotes/{}/HEAD", self.spec.workspace.remote);
        let logs = ["logs/HEAD", remote.as_str()];
        let entries = logs.into_iter().flat_map(|log| reflog::read_last_entries(&self.git_dir.join(log)));
        let mut urls = entries.filter_map(|entry| entry.message.strip_prefix("clone: from ").map(str::to_owned));
        // A relative path may be relative to another folder.
        urls.find(|url| url.starts_with('/') || url.contains(':'))
    }

    /// Restores HEAD, and moves files that name no commit aside.
    pub(super) fn repair_heads(&mut self) -> Result<(), SyncError> {
        for name in TEMPORARY_HEADS {
            let path = self.git_dir.join(name);
            if read_small_file(&path).is_some_and(|content| is_blank(&content) || content.contains(&0)) {
                self.set_aside(&path, format!("{name} was empty or invalid"))?;
            }
        }
        let path = self.git_dir.join("HEAD");
        let is_sound = |content: Vec<u8>| {
            let content = String::from_utf8_lossy(&content).trim_end().to_owned();
            is_object_id(&content) || content.strip_prefix("ref: refs/").is_some_and(|name| !name.contains('\0'))
        };
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) || read_small_file(&path).is_some_and(is_sound)
        {
            return Ok(());
        }
        if path.exists() {
            self.move_to_damaged(&path)?;
        }
        let refs = self.git_dir.join("refs");
        fs::create_dir_all(&refs).or_cannot("create", &refs)?;
        let target = self.last_checked_out_branch();
        fs::write(&path, format!("{target}\n")).or_cannot("write", &path)?;
        self.repairs_done.push(format!("HEAD was restored to {}", target.trim_start_matches("ref: refs/heads/")));
        Ok(())
    }

    /// Returns the branch that was last checked out by HEAD's reflog, or this role's branch.
    fn last_checked_out_branch(&self) -> String {
        let entries = reflog::read_last_entries(&self.git_dir.join("logs/HEAD"));
        for entry in &entries {
            if entry.message == REFLOG_MESSAGE {
                break;
            }
            let Some((_, to)) = entry.message.strip_prefix("checkout: moving from ").and_then(|m| m.split_once(" to "))
            else {
                continue;
            };
            if self.has_branch(to) {
                return format!("ref: refs/heads/{to}");
            }
            if let (true, Some(last)) = (is_object_id(to), entries.first()) {
                return last.commit.to_string();
            }
            break;
        }
        format!("ref: {}", self.branch)
    }

    fn has_branch(&self, name: &str) -> bool {
        let full = format!("refs/heads/{name}");
        let packed = read_small_file(&self.git_dir.join("packed-refs")).unwrap_or_default();
        let is_packed = String::from_utf8_lossy(&packed).lines().any(|line| line.ends_with(&format!(" {full}")));
        !name.contains("..") && (self.git_dir.join(&full).is_file() || is_packed)
    }
}

/// Reads a regular file that is not too large.
pub(super) fn read_small_file(path: &Path) -> Option<Vec<u8>> {
    let found = path.symlink_metadata().ok()?;
    if !found.is_file() || found.len() > FILE_SIZE_LIMIT {
        return None;
    }
    fs::read(path).ok()
}

fn is_blank(content: &[u8]) -> bool {
    content.iter().all(u8::is_ascii_whitespace)
}
