//! User that owns the workspace and the gateway.
//!
//! The agent runs as this user and controls everything below its home. So root never runs, reads or writes anything
//! there: a child process that runs as the user does it.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::{fmt, fs, io};

use crate::os::{ChildCommand, CommandError};

/// User that owns the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Name of the user.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

/// Reason why the owner of the workspace is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerError {
    /// User that no source names.
    Unknown,
    /// User that does not exist.
    NoUser(String),
    /// Failure of `getent`.
    Getent {
        /// Name of the user.
        user: String,
        /// Message of `getent`.
        reason: String,
    },
    /// Output of `getent` for this user that cannot be parsed.
    InvalidAnswer(String),
    /// User that is root.
    Root(String),
}

impl Owner {
    /// Looks up a user with `getent`, given as a command without arguments.
    ///
    /// # Errors
    /// If there is no such user (exit code 2 of getent(1)), the lookup fails, or the user is root, which runs nothing
    /// for an agent.
    pub fn look_up(getent: ChildCommand, user: &str) -> Result<Self, OwnerError> {
        let failed = |why: CommandError| match why.exit_code() {
            Some(2) => OwnerError::NoUser(user.to_owned()),
            _ => OwnerError::Getent { user: user.to_owned(), reason: why.reason() },
        };
        let line = getent.args(["passwd", "--", user]).run().map_err(failed)?.stdout;
        let fields: Vec<&str> = line.trim_end().split(':').collect();
        let owner = match fields[..] {
            [name, _, uid, gid, _, home, ..] => uid.parse().ok().zip(gid.parse().ok()).map(|ids| (name, ids, home)),
            _ => None,
        };
        match owner {
            Some((_, (0, _), _)) => Err(OwnerError::Root(user.to_owned())),
            Some((name, (uid, gid), home)) => Ok(Self { name: name.to_owned(), uid, gid, home: home.into() }),
            None => Err(OwnerError::InvalidAnswer(user.to_owned())),
        }
    }

    /// Returns arguments for `setsid` that run the command after them as this user.
    ///
    /// A new session keeps the agent's processes off root's terminal. New privileges are blocked, and the command ends
    /// with its parent.
    pub fn setpriv_args(&self) -> Vec<OsString> {
        let mut words = ["--wait", "setpriv", "--reuid"].map(OsString::from).to_vec();
        words.extend([self.uid.to_string().into(), "--regid".into(), self.gid.to_string().into()]);
        let options = ["--init-groups", "--reset-env", "--no-new-privs", "--pdeathsig", "KILL", "--"];
        words.extend(options.map(OsString::from));
        words
    }
}

/// Returns the user id of this process.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn own_uid() -> io::Result<u32> {
    fs::metadata("/proc/self").map(|own| own.uid())
}

impl fmt::Display for OwnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the workspace's owner is unknown"),
            Self::NoUser(user) => write!(f, "there is no user {user}"),
            Self::Getent { user, reason } => write!(f, "cannot look up user {user}: {reason}"),
            Self::InvalidAnswer(user) => write!(f, "cannot parse the output of `getent passwd {user}`"),
            Self::Root(user) => write!(f, "{user} is root, and root must not run anything for an agent"),
        }
    }
}

impl std::error::Error for OwnerError {}
