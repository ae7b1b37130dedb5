//! The user to whom the workspace and the gateway belong, and how root sends it to do what is its own.
//!
//! An agent runs as this user and does as it likes below its home, so root neither runs nor reads nor writes anything
//! there: whatever is to be done is done by a child that has become that user.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::os::{Command, CommandError};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its home.
    pub home: PathBuf,
}

impl Owner {
    /// Looks a user up by `getent`, given as a command without arguments.
    ///
    /// # Errors
    /// When there is no such user (getent(1) ends with 2), nobody can tell, or it is root, who runs nothing of an agent's.
    pub fn find(getent: Command, user: &str) -> Result<Self, String> {
        let asked = getent.args(["passwd", "--", user]).run();
        let missing = |why: CommandError| match why.code() {
            Some(2) => format!("there is no user {user}"),
            _ => format!("cannot look up user {user}: {}", why.reason()),
        };
        let line = asked.map_err(missing)?.stdout;
        let fields: Vec<&str> = line.trim_end().split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else {
            return Err(format!("what getent says of {user} is not understood"));
        };
        match (uid.parse(), gid.parse()) {
            (Ok(0), _) => Err(format!("{user} is root, and root runs nothing of an agent's")),
            (Ok(uid), Ok(gid)) => Ok(Self { name: name.to_owned(), uid, gid, home: home.into() }),
            _ => Err(format!("what getent says of {user} is not understood")),
        }
    }

    /// The arguments of `setsid` that make it run the words that follow them as this user.
    ///
    /// Its own session, so that nothing of the agent's reaches root's terminal; no way to more privileges; and it ends
    /// with the child that waits for it.
    #[must_use]
    pub fn become_it(&self) -> Vec<OsString> {
        let mut words = ["--wait", "setpriv", "--reuid"].map(OsString::from).to_vec();
        words.extend([self.uid.to_string().into(), "--regid".into(), self.gid.to_string().into()]);
        let options = ["--init-groups", "--reset-env", "--no-new-privs", "--pdeathsig", "KILL", "--"];
        words.extend(options.map(OsString::from));
        words
    }
}
