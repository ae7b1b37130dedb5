//! Copies of secrets: small files from another host. If a copy fails, the last good copy stays.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use crate::config::SecretConfig;
use crate::os::{Cancel, ChildCommand};
use crate::workspace::error::SyncError;
use crate::workspace::git::ssh;
use crate::workspace::paths::SyncPaths;
use crate::workspace::report::SecretResult;

/// Time limit of one source: a connection and a few small files.
pub(super) const COPY_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Options of rsync: no links, devices, pipes or large files from the source; copies readable by their owner alone;
/// each file replaced only once its copy is complete.
const RSYNC_OPTIONS: [&str; 7] =
    ["-rt", "--no-links", "--no-devices", "--no-specials", "--max-size=16m", "--chmod=D0700,F0600", "--delay-updates"];

/// Copies all secrets in turn; a failure does not stop the others.
pub(super) fn copy_secrets(secrets: &[SecretConfig], paths: &SyncPaths, cancel: &Cancel) -> Vec<SecretResult> {
    secrets.iter().map(|secret| SecretResult::from_result(copy_secret(secret, paths, cancel, &[]))).collect()
}

/// Copies one set of secrets, with further options in `more`.
pub(super) fn copy_secret(
    secret: &SecretConfig,
    paths: &SyncPaths,
    cancel: &Cancel,
    more: &[&str],
) -> Result<(), SyncError> {
    let cannot = |why: &dyn fmt::Display| SyncError::failed(format_args!("cannot copy {}: {why}", secret.source));
    require_real_folder(&secret.target).map_err(|why| cannot(&why))?;
    let rsync = ChildCommand::new("rsync")
        .args(RSYNC_OPTIONS)
        .args(more)
        .arg("-e")
        .arg(ssh::ssh_command_line(&paths.ssh_program, ""))
        .arg("--")
        .arg(&secret.source)
        .arg(with_trailing_slash(&secret.target))
        .deadline(COPY_TIME_LIMIT)
        // On SIGTERM, rsync waits half a second, and a promotion would wait with it. SIGKILL leaves the last good copy.
        .without_term()
        .cancel(cancel);
    let copied = rsync.run();
    copied.map(drop).map_err(|why| cannot(&format_args!("{}{}", why.reason(), ssh::login_remedy(why.last_output()))))
}

/// Requires that the target is a folder and not a link: another process that can write next to it must not redirect
/// secrets.
fn require_real_folder(target: &Path) -> Result<(), SyncError> {
    // Removes a '/' at the end, which would make the kernel follow a link.
    let name: PathBuf = target.components().collect();
    let found = fs::symlink_metadata(&name);
    let found = found.map_err(|why| SyncError::failed(format_args!("target {}: {why}", name.display())))?;
    if found.is_dir() {
        Ok(())
    } else {
        Err(SyncError::failed(format_args!("target {} is not a folder", name.display())))
    }
}

/// Appends a '/', without which rsync would replace the folder by a single file.
fn with_trailing_slash(target: &Path) -> OsString {
    target.join("").into_os_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_target_is_a_real_folder() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(require_real_folder(&dir.path().join("")).is_ok());
        assert!(require_real_folder(&link).is_err());
        assert!(require_real_folder(&link.join("")).is_err());
        assert!(require_real_folder(&file).is_err());
        assert!(require_real_folder(&dir.path().join("missing")).is_err());
    }
}
