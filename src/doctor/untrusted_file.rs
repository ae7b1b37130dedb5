//! Access rules for files that an agent can change: root never reads them, whatever path leads to them.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::doctor::agent_user::{find_agent_user, new_command};
use crate::os::{Owner, ReadError, open_regular, own_uid, read_text};

/// Size limit of a file, in bytes.
const FILE_SIZE_LIMIT: u64 = 1024 * 1024;

/// Reason why a file that an operator named was not read.
#[derive(Debug)]
pub enum GivenFileError {
    /// Root reads no files of the agent's user.
    BelongsToAgent {
        /// The file.
        file: PathBuf,
        /// Name of the agent's user.
        user: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Error of the read.
        why: ReadError,
    },
}

/// Refuses to let root read a file of the agent's, before its first byte is read: it may change at any moment. `user`
/// is the agent's, where systemd does not name it.
///
/// # Errors
/// When this process is root and the file belongs to the agent.
pub fn refuse_agents_file(file: &Path, user: Option<&str>) -> Result<(), GivenFileError> {
    if !own_uid().is_ok_and(|own| own == 0) {
        return Ok(());
    }
    let owner = user.map_or_else(|| find_agent_user(None), |user| Owner::look_up(new_command("getent", None), user));
    owner.map_or(Ok(()), |owner| refuse_owned_file(file, &owner))
}

/// Refuses a file of this owner's.
pub(crate) fn refuse_owned_file(file: &Path, owner: &Owner) -> Result<(), GivenFileError> {
    match belongs_to(file, owner) {
        true => Err(GivenFileError::BelongsToAgent { file: file.to_owned(), user: owner.name.clone() }),
        false => Ok(()),
    }
}

/// True if a file belongs to the owner or is below its home.
pub(crate) fn belongs_to(file: &Path, owner: &Owner) -> bool {
    let real = file.canonicalize().unwrap_or_default();
    let is_below = file.starts_with(&owner.home) || real.starts_with(&owner.home);
    is_below || real.metadata().is_ok_and(|found| found.uid() == owner.uid)
}

/// Reads a regular file as text, up to the size limit.
pub(crate) fn read_text_file(path: &Path) -> Result<String, ReadError> {
    read_text(open_regular(path)?, FILE_SIZE_LIMIT)
}

/// Reads a file named on the command line; `-` is standard input. A pipe is read only if this process inherited it
/// open, as with a shell's `<(…)`: another pipe may have no writer.
pub(super) fn read_given_file(path: &Path) -> Result<String, GivenFileError> {
    let is_open_already = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder));
    let is_pipe = || path.metadata().is_ok_and(|found| found.file_type().is_fifo());
    let text = match path {
        path if path == Path::new("-") => read_text(io::stdin().lock(), FILE_SIZE_LIMIT),
        path if is_open_already && is_pipe() => {
            File::open(path).map_err(ReadError::Io).and_then(|file| read_text(file, FILE_SIZE_LIMIT))
        }
        path => read_text_file(path),
    };
    text.map_err(|why| GivenFileError::Unreadable { file: path.to_owned(), why })
}

impl fmt::Display for GivenFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::BelongsToAgent { file, .. } | Self::Unreadable { file, .. }) = self;
        write!(f, "cannot read {}: ", file.display())?;
        match self {
            Self::BelongsToAgent { user, .. } => {
                write!(f, "it belongs to {user}, and root reads no files of that user; copy it below /root")
            }
            Self::Unreadable { why, .. } => why.fmt(f),
        }
    }
}

impl std::error::Error for GivenFileError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn root_reads_nothing_of_the_agents_by_whatever_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("home")).unwrap();
        fs::write(at("home/config.json"), "").unwrap();
        fs::write(at("config.json"), "").unwrap();
        std::os::unix::fs::symlink("home/config.json", at("link.json")).unwrap();
        let own = own_uid().unwrap();
        let mut owner = Owner { name: "openclaw".into(), uid: own + 1, gid: own + 1, home: at("home") };
        let refused = refuse_owned_file(&at("home/config.json"), &owner).unwrap_err().to_string();
        assert!(refused.contains("it belongs to openclaw"), "{refused}");
        assert!(refuse_owned_file(&at("link.json"), &owner).is_err());
        assert!(refuse_owned_file(&at("home/not-there-yet"), &owner).is_err());
        assert!(refuse_owned_file(&at("config.json"), &owner).is_ok());
        owner.uid = own;
        assert!(refuse_owned_file(&at("config.json"), &owner).is_err(), "wherever it lies");
    }
}
