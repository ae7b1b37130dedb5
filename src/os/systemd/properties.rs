//! Properties of a unit, as `systemctl show` prints them.

use std::fmt;

use crate::os::{ChildCommand, CommandError};

/// Properties that are read of each unit.
const UNIT_PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath,Type,User,ExecStart,\
                          Environment,EnvironmentFiles,MainPID,WatchdogUSec,BindPaths,LoadCredential";

/// Properties of a unit: lines of `Name=value`.
#[derive(Clone, Debug, Default)]
pub struct UnitProperties(pub(super) String);

/// Reason why systemd did not show a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// systemd does not answer; with the message of `systemctl`.
    NoAnswer(String),
    /// The answer has no load state.
    InvalidAnswer,
}

impl UnitProperties {
    /// Asks systemd for a unit; `systemctl` is a command without arguments.
    ///
    /// # Errors
    /// If systemd does not answer, or its answer has no load state.
    pub fn query(systemctl: ChildCommand, unit: &str) -> Result<Self, QueryError> {
        let shown = Self::query_named(systemctl, unit, UNIT_PROPERTIES)?;
        if shown.value("LoadState").is_empty() { Err(QueryError::InvalidAnswer) } else { Ok(shown) }
    }

    /// Asks systemd for the named properties of a unit.
    ///
    /// # Errors
    /// If systemd does not answer.
    pub fn query_named(systemctl: ChildCommand, unit: &str, names: &str) -> Result<Self, QueryError> {
        Self::run_show(systemctl, unit, names).map_err(|why| QueryError::NoAnswer(why.reason()))
    }

    pub(super) fn run_show(systemctl: ChildCommand, unit: &str, names: &str) -> Result<Self, CommandError> {
        let args = ["--no-ask-password", "--no-pager", "show", "-p", names, "--", unit];
        systemctl.args(args).run().map(|output| Self(output.stdout))
    }

    /// Returns the values of a property, one a line.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the value of a property; empty if it has none.
    pub fn value<'a>(&'a self, name: &'a str) -> &'a str {
        self.values(name).next().unwrap_or_default()
    }

    /// True if systemd has loaded the unit's file.
    pub fn is_loaded(&self) -> bool {
        self.value("LoadState") == "loaded"
    }

    /// True if an administrator made the unit impossible to start.
    pub fn is_masked(&self) -> bool {
        self.value("LoadState") == "masked"
    }

    /// True if the unit starts at boot.
    pub fn is_enabled(&self) -> bool {
        matches!(self.value("UnitFileState"), "enabled" | "enabled-runtime")
    }

    /// True if the unit runs, starts or stops.
    pub fn is_up(&self) -> bool {
        matches!(self.value("ActiveState"), "active" | "reloading" | "activating" | "deactivating")
    }

    /// Returns the main process, while there is one; timers have none.
    pub fn main_pid(&self) -> Option<u32> {
        self.value("MainPID").parse().ok().filter(|pid| *pid != 0)
    }

    /// Returns the words of the start command, split at spaces.
    pub fn start_command(&self) -> Vec<&str> {
        let words = self.value("ExecStart").split_once("argv[]=").map_or("", |(_, rest)| rest);
        words.split(" ; ").next().unwrap_or_default().split_whitespace().collect()
    }

    /// Returns the value of an Environment= variable.
    pub fn environment_variable(&self, name: &str) -> Option<&str> {
        let set = self.value("Environment").split_whitespace();
        set.rev().find_map(|word| word.trim_matches('"').strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the files of EnvironmentFile=.
    pub fn environment_files(&self) -> impl Iterator<Item = &str> {
        self.values("EnvironmentFiles").map(|file| file.split(" (").next().unwrap_or_default())
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(reason) => write!(f, "systemd does not answer: {reason}"),
            Self::InvalidAnswer => f.write_str("cannot parse systemctl's output"),
        }
    }
}

impl std::error::Error for QueryError {}
