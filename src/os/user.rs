//! User that owns the workspace and the gateway.
//!
//! The agent runs as this user and controls everything below its home. So root never runs, reads or writes anything
//! there: a child process that runs as the user does it.

use std::ffi::OsString;
use std::path::PathBuf;

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

impl Owner {
    /// Looks up a user with `getent`, given as a command without arguments.
    ///
    /// # Errors
    /// If there is no such user (exit code 2 of getent(1)), the lookup fails, or the user is root, which runs nothing
    /// for an agent.
    pub fn look_up(getent: ChildCommand, user: &str) -> Result<Self, String> {
        let asked = getent.args(["passwd", "--", user]).run();
        let missing = |why: CommandError| match why.exit_code() {
            Some(2) => format!("there is no user {user}"),
            _ => format!("cannot look up user {user}: {}", why.reason()),
        };
        let line = asked.map_err(missing)?.stdout;
        let fields: Vec<&str> = line.trim_end().split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else {
            return Err(format!("cannot parse the output of `getent passwd {user}`"));
        };
        match (uid.parse(), gid.parse()) {
            (Ok(0), _) => Err(format!("{user} is root, and root must not run anything for an agent")),
            (Ok(uid), Ok(gid)) => Ok(Self { name: name.to_owned(), uid, gid, home: home.into() }),
            _ => Err(format!("cannot parse the output of `getent passwd {user}`")),
        }
    }

    /// Returns arguments for `setsid` that run the command after them as this user.
    ///
    /// A new session keeps the agent's processes off root's terminal. New privileges are blocked, and the command ends
    /// with its parent.
    #[must_use]
    pub fn setpriv_args(&self) -> Vec<OsString> {
        let mut words = ["--wait", "setpriv", "--reuid"].map(OsString::from).to_vec();
        words.extend([self.uid.to_string().into(), "--regid".into(), self.gid.to_string().into()]);
        let options = ["--init-groups", "--reset-env", "--no-new-privs", "--pdeathsig", "KILL", "--"];
        words.extend(options.map(OsString::from));
        words
    }
}
