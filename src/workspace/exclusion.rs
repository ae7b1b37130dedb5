//! Exclusion of files from commits: secrets, large files, nested repositories, unreadable files, and those that git or
//! a filter refuses.
//!
//! A file is excluded if its name or content looks like a secret. A file excluded by mistake is still on the disk and
//! is named in the report; a secret pushed by mistake has to be replaced.

mod content;
mod name;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::os::{O_NOFOLLOW, O_NONBLOCK};
pub(super) use crate::workspace::exclusion::name::MOVED_ASIDE_SUFFIX;

/// Reason why a file is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExclusionReason {
    /// Name or content like that of a secret.
    Secret,
    /// File larger than `workspace.max_file`.
    TooLarge,
    /// Nested git repository.
    Repository,
    /// Unreadable file.
    Unreadable,
    /// Pipe, socket or device.
    SpecialFile,
    /// Name that git refuses.
    RefusedName,
    /// Ignore rules that cannot be read and may match it.
    UnreadableRules,
    /// A checkout has renamed it, and git ignores it under its earlier name.
    Ignored,
    /// Filter that is not set up on this host, and may be there to encrypt the file.
    MissingFilter(String),
    /// git or a filter refuses it; the message says why.
    Refused(String),
    /// Filter that failed, so that the file is on the disk as git stores it.
    Unfiltered(String),
    /// Content that git LFS stores and the remote does not have yet.
    NotUploaded,
}

impl ExclusionReason {
    /// Returns the text that follows the file's name.
    pub fn description(&self) -> String {
        match self {
            Self::Secret => "looks like a secret".to_owned(),
            Self::TooLarge => "is larger than workspace.max_file".to_owned(),
            Self::Repository => "is a nested git repository".to_owned(),
            Self::Unreadable => "cannot be read".to_owned(),
            Self::SpecialFile => "is a pipe, socket or device".to_owned(),
            Self::RefusedName => "has a name that git refuses".to_owned(),
            Self::UnreadableRules => "may be ignored by rules that cannot be read".to_owned(),
            Self::Ignored => "is ignored under its earlier name".to_owned(),
            Self::MissingFilter(name) => format!("needs filter {name}, not set up here"),
            Self::Refused(why) => format!("cannot be committed: {why}"),
            Self::Unfiltered(why) => format!("is left as git stores it: {why}"),
            Self::NotUploaded => "has content that is not at the remote yet".to_owned(),
        }
    }
}

/// Excluded files, by their path in the workspace, with the reason.
pub(super) type WithheldFiles = Vec<(PathBuf, ExclusionReason)>;

/// Returns why an untracked file is excluded; `None` if it may be committed. `path` is its name as git prints it.
pub(super) fn exclude_untracked(workspace: &Path, path: &Path, max_file: u64) -> Option<ExclusionReason> {
    // git lists a nested repository as a folder.
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Some(ExclusionReason::Repository);
    }
    let whole = workspace.join(path);
    match fs::symlink_metadata(&whole) {
        Ok(found) if found.is_symlink() => return None,
        Ok(found) if found.len() > max_file => return Some(ExclusionReason::TooLarge),
        Ok(_) => {}
        // Deleted meanwhile; git will notice.
        Err(why) if why.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some(ExclusionReason::Unreadable),
    }
    if name::is_secret_name(path) { Some(ExclusionReason::Secret) } else { check_content(&whole) }
}

/// Returns why a change of a tracked file is excluded. Its name is no reason, because the file was committed on
/// purpose. Its size is: a git host that refuses the large file refuses every later commit too.
pub(super) fn exclude_tracked(workspace: &Path, path: &Path, max_file: u64) -> Option<ExclusionReason> {
    let whole = workspace.join(path);
    match fs::symlink_metadata(&whole) {
        Ok(found) if found.is_dir() => Some(ExclusionReason::Repository),
        Ok(found) if found.is_file() && found.len() > max_file => Some(ExclusionReason::TooLarge),
        Ok(found) if found.is_file() => check_content(&whole),
        _ => None,
    }
}

/// True if this content, known to git, holds a secret.
pub(super) fn holds_secret(content: &[u8]) -> bool {
    content::contains_secret(content).unwrap_or(false)
}

fn check_content(path: &Path) -> Option<ExclusionReason> {
    match open_regular_file(path).and_then(content::contains_secret) {
        Ok(false) => None,
        Ok(true) => Some(ExclusionReason::Secret),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(ExclusionReason::Unreadable),
    }
}

/// Opens a file without following a link or waiting for a pipe: it may have been replaced just now.
fn open_regular_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)
}
