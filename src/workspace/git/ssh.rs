//! ssh command of git and rsync: no prompts, bounded waits, and known host keys only.

use std::ffi::{OsStr, OsString};

/// Options that override ssh's configuration: of repeated options, ssh uses the first.
///
/// No shared connection, because its master would outlive the pull; no new host keys, because `.ssh` is read-only.
const SSH_OPTIONS: &str = "-oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3 \
                       -oStrictHostKeyChecking=yes -oUpdateHostKeys=no -oControlMaster=no -oControlPath=none \
                       -oForwardAgent=no";

/// Returns the command line for `ssh` with `rest` appended, which may name a key.
pub(crate) fn ssh_command_line(ssh: &OsStr, rest: &str) -> OsString {
    let mut line = ssh.to_owned();
    for part in [SSH_OPTIONS, rest.trim()] {
        if !part.is_empty() {
            line.push(" ");
            line.push(part);
        }
    }
    line
}

/// Returns a remedy for a connection that ssh refused; empty if ssh's text is not known.
pub(crate) fn login_remedy(said: &str) -> &'static str {
    if said.contains("has changed") {
        "; that host's ssh key has changed: ask its owner for the new fingerprint, then run ssh-keygen -R HOST"
    } else if said.contains("Host key verification failed") {
        "; log in to that host once as this user, and check its fingerprint"
    } else if said.contains("Permission denied (publickey") {
        "; that host does not accept this user's ssh key"
    } else {
        ""
    }
}
