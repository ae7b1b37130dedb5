//! The ssh of git and rsync: without questions, without waiting, and only hosts whose keys are known.

use std::ffi::{OsStr, OsString};

/// Options of ssh, whatever its configuration says: of options given twice the first counts.
///
/// No shared connection, because its master would outlive the pull; no new host keys, because `.ssh` is read-only.
const OPTIONS: &str = "-oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3 \
                       -oStrictHostKeyChecking=yes -oUpdateHostKeys=no -oControlMaster=no -oControlPath=none \
                       -oForwardAgent=no";

/// The command line for `ssh`, followed by `rest`, which may name a key.
pub(in crate::workspace) fn command(ssh: &OsStr, rest: &str) -> OsString {
    let mut line = ssh.to_owned();
    for part in [OPTIONS, rest.trim()] {
        if !part.is_empty() {
            line.push(" ");
            line.push(part);
        }
    }
    line
}

/// Says what to do about a connection that ssh has refused, where its words tell.
pub(in crate::workspace) fn advice(said: &str) -> &'static str {
    if said.contains("has changed") {
        "; that host has another ssh key than before: ask its owner for the new fingerprint, then ssh-keygen -R HOST"
    } else if said.contains("Host key verification failed") {
        "; log in to that host once as this user, and compare its key"
    } else if said.contains("Permission denied (publickey") {
        "; that host does not know this user's ssh key"
    } else {
        ""
    }
}
