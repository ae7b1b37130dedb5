//! Access rules for files that an agent can change: root never reads them, whatever path leads to them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::doctor::context::{find_owner, new_command, own_uid};
use crate::os::{Owner, read_regular};

/// Size limit of a file, in bytes.
const FILE_SIZE_LIMIT: u64 = 1024 * 1024;

const NOT_TEXT: &str = "it is not UTF-8 text";

/// Refuses to let root read a file of the agent's, before its first byte is read: it may change at any moment. `user`
/// is the agent's, where systemd does not name it.
///
/// # Errors
/// When this process is root and the file belongs to the agent.
pub fn refuse_agents_file(file: &Path, user: Option<&str>) -> Result<(), String> {
    if own_uid() != Some(0) {
        return Ok(());
    }
    let owner = user.map_or_else(|| find_owner(None), |user| Owner::look_up(new_command("getent", None), user));
    owner.map_or(Ok(()), |owner| refuse_owned_file(file, &owner))
}

/// Refuses a file of this owner's.
pub(crate) fn refuse_owned_file(file: &Path, owner: &Owner) -> Result<(), String> {
    if !belongs_to(file, owner) {
        return Ok(());
    }
    Err(format!(
        "cannot read {}: it belongs to {}, and root reads no files of that user; copy it below /root",
        file.display(),
        owner.name
    ))
}

/// True if a file belongs to the owner or is below its home.
pub(crate) fn belongs_to(file: &Path, owner: &Owner) -> bool {
    let real = file.canonicalize().unwrap_or_default();
    let is_below = file.starts_with(&owner.home) || real.starts_with(&owner.home);
    is_below || real.metadata().is_ok_and(|found| found.uid() == owner.uid)
}

/// Reads a regular file as text, up to the size limit.
pub(crate) fn read_text_file(path: &Path) -> Result<String, String> {
    let bytes = read_regular(path, FILE_SIZE_LIMIT).map_err(|why| why.to_string())?;
    String::from_utf8(bytes).map_err(|_| NOT_TEXT.to_owned())
}

/// Reads a file named on the command line; `-` is standard input. A pipe is read only if this process inherited it
/// open, as with a shell's `<(…)`: another pipe may have no writer.
pub(super) fn read_given_file(path: &Path) -> Result<String, String> {
    if path == Path::new("-") {
        return read_stream(io::stdin().lock());
    }
    let is_open_already = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder));
    let is_pipe = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
    if is_open_already && is_pipe {
        return File::open(path).map_err(|why| why.to_string()).and_then(read_stream);
    }
    read_text_file(path)
}

fn read_stream(stream: impl Read) -> Result<String, String> {
    let mut text = String::new();
    match stream.take(FILE_SIZE_LIMIT + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > FILE_SIZE_LIMIT => Err(format!("it is longer than {FILE_SIZE_LIMIT} bytes")),
        Ok(_) => Ok(text),
        Err(why) if why.kind() == ErrorKind::InvalidData => Err(NOT_TEXT.to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

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
        assert!(refuse_owned_file(&at("home/config.json"), &owner).unwrap_err().contains("it belongs to openclaw"));
        assert!(refuse_owned_file(&at("link.json"), &owner).is_err());
        assert!(refuse_owned_file(&at("home/not-there-yet"), &owner).is_err());
        assert_eq!(refuse_owned_file(&at("config.json"), &owner), Ok(()));
        owner.uid = own;
        assert!(refuse_owned_file(&at("config.json"), &owner).is_err(), "wherever it lies");
    }
}
