//! What stays on this host although it lies in the workspace: secrets, huge files, repositories within the
//! repository, what cannot be read, and what git or a filter does not take.
//!
//! A name or a content only has to look like a secret. A file that is held back by mistake is still on the disk and is
//! named in the report; a secret that was pushed by mistake has to be replaced.

mod content;
mod name;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) use name::ASIDE;

use super::report::{O_NOFOLLOW, O_NONBLOCK};

/// Why a file is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Its name or its content looks like a secret.
    Secret,
    /// It is larger than `workspace.max_file`.
    Large,
    /// It is a git repository of its own.
    Repository,
    /// It cannot be read.
    Unreadable,
    /// A pipe, a socket or a device.
    Special,
    /// A name that git takes for its own.
    Name,
    /// Rules that may ignore it cannot be read.
    NoRules,
    /// A move has renamed it, and git ignores it under its earlier name.
    Ignored,
    /// A filter that is not set up on this host, which might have to encrypt it.
    NoFilter(String),
    /// git or a filter does not take it; the message says why.
    Refused(String),
    /// The file on the disk is as git stores it, for its filter failed.
    Unfiltered(String),
    /// Its content is kept outside of git and has not arrived at the remote.
    NotUploaded,
}

impl Reason {
    /// What people read after the file's name.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Secret => "looks like a secret".to_owned(),
            Self::Large => "is larger than workspace.max_file".to_owned(),
            Self::Repository => "is a git repository of its own".to_owned(),
            Self::Unreadable => "cannot be read".to_owned(),
            Self::Special => "is a pipe, socket or device".to_owned(),
            Self::Name => "has a name that git refuses".to_owned(),
            Self::NoRules => "may be ignored by rules that cannot be read".to_owned(),
            Self::Ignored => "is ignored under its earlier name".to_owned(),
            Self::NoFilter(name) => format!("needs filter {name}, not set up here"),
            Self::Refused(why) => format!("cannot be committed: {why}"),
            Self::Unfiltered(why) => format!("is as git stores it: {why}"),
            Self::NotUploaded => "has content that is not at the remote yet".to_owned(),
        }
    }
}

/// Why a file that git does not know yet stays here; `None` if it may be committed. `path` is its name as git writes it.
pub(super) fn untracked(workspace: &Path, path: &Path, max_file: u64) -> Option<Reason> {
    // git lists a repository within the repository as a folder, and nothing else.
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Some(Reason::Repository);
    }
    let whole = workspace.join(path);
    match fs::symlink_metadata(&whole) {
        Ok(found) if found.is_symlink() => return None,
        Ok(found) if found.len() > max_file => return Some(Reason::Large),
        Ok(_) => {}
        // It is gone again, and so git will say.
        Err(why) if why.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some(Reason::Unreadable),
    }
    if name::is_secret(path) { Some(Reason::Secret) } else { look_into(&whole) }
}

/// Why a change of a file that git knows stays here. Its name is no reason: somebody wanted it to be committed. Its size
/// is, for what a git host takes no more, once it is committed, keeps all that comes after it from being pushed.
pub(super) fn tracked(workspace: &Path, path: &Path, max_file: u64) -> Option<Reason> {
    let whole = workspace.join(path);
    match fs::symlink_metadata(&whole) {
        Ok(found) if found.is_dir() => Some(Reason::Repository),
        Ok(found) if found.is_file() && found.len() > max_file => Some(Reason::Large),
        Ok(found) if found.is_file() => look_into(&whole),
        _ => None,
    }
}

/// Whether a content that is known already holds a secret.
pub(super) fn holds_secret(content: &[u8]) -> bool {
    content::find(content).unwrap_or(false)
}

fn look_into(path: &Path) -> Option<Reason> {
    match open(path).and_then(content::find) {
        Ok(false) => None,
        Ok(true) => Some(Reason::Secret),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(Reason::Unreadable),
    }
}

/// A file that turns into a pipe or a link just now is not waited for or followed.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)
}
