//! git, run so that it asks nobody, waits for nobody without end, and runs nothing that a repository brings along.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use super::ssh;
use crate::host::{Cancel, Command, CommandError};

/// How long git may take for what needs no network.
const LOCAL: Duration = Duration::from_secs(30);

/// What every git here is told, above all configuration.
const CONFIG: [(&str, &str); 12] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    // Tidying up has its time, and it is not while somebody waits for a promotion.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("merge.autoStash", "false"),
    ("log.showSignature", "false"),
    // Any other way to reach a remote may run a program of the repository's choice.
    ("protocol.allow", "never"),
    ("protocol.ssh.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.file.allow", "always"),
    ("credential.interactive", "false"),
];

/// One checkout.
pub(super) struct Git<'a> {
    dir: &'a Path,
    ssh: OsString,
    cancel: &'a Cancel,
}

impl<'a> Git<'a> {
    /// The checkout in `dir`. A key that its own `core.sshCommand` names is used.
    pub(super) fn open(dir: &'a Path, ssh: &OsStr, cancel: &'a Cancel) -> Result<Self, CommandError> {
        let mut git = Self { dir, ssh: ssh.to_owned(), cancel };
        git.run(&["rev-parse", "--show-toplevel"])?;
        let configured = git.ask(&["config", "--get", "core.sshCommand"])?.unwrap_or_default();
        let rest = configured.trim().strip_prefix("ssh ").unwrap_or_default();
        git.ssh = ssh::command(ssh, rest);
        Ok(git)
    }

    /// Runs git for what needs no network, and hands out what it says. Too short to be worth cancelling.
    pub(super) fn run(&self, args: &[&str]) -> Result<String, CommandError> {
        self.command(args).deadline(LOCAL).run().map(|output| output.stdout)
    }

    /// The same for a question that git answers with exit code 1 when the answer is no.
    pub(super) fn ask(&self, args: &[&str]) -> Result<Option<String>, CommandError> {
        match self.run(args) {
            Ok(answer) => Ok(Some(answer.trim().to_owned())),
            Err(why) if why.code() == Some(1) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Runs git for what needs the network, until it is cancelled.
    pub(super) fn over_network(&self, args: &[&str], deadline: Duration) -> Result<(), CommandError> {
        self.command(args).deadline(deadline).cancel(self.cancel).run().map(drop)
    }

    /// Runs git for what must not be cut, whoever has stopped waiting.
    pub(super) fn to_its_end(&self, args: &[&str], cap: Duration) -> Result<(), CommandError> {
        self.command(args).deadline(cap).run().map(drop)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git")
            .dir(self.dir)
            .args(args)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_SSH_COMMAND", &self.ssh)
            .env("GIT_SSH_VARIANT", "ssh")
            // A question must not write the index that an agent's own git may be writing.
            .env("GIT_OPTIONAL_LOCKS", "0")
            // A broken checkout must not make git take a repository further up for it.
            .env("GIT_CEILING_DIRECTORIES", self.dir.parent().unwrap_or(self.dir))
            .env("GIT_CONFIG_COUNT", CONFIG.len().to_string());
        for (index, (key, value)) in CONFIG.iter().enumerate() {
            command =
                command.env(format!("GIT_CONFIG_KEY_{index}"), *key).env(format!("GIT_CONFIG_VALUE_{index}"), *value);
        }
        command
    }
}
