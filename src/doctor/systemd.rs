//! Units with the properties that the checks need.

use crate::finding::{CheckResult, remedy};
use crate::os::ChildCommand;

/// Properties that are read of each unit.
const UNIT_PROPERTIES: &str = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath,Type,User,ExecStart,\
                          Environment,EnvironmentFiles,MainPID,WatchdogUSec,BindPaths,LoadCredential";

/// A unit, as `systemctl show` prints it.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnitProperties(String);

impl UnitProperties {
    /// Asks systemd for a unit; `systemctl` is a command without arguments.
    pub(crate) fn query(systemctl: ChildCommand, name: &str) -> Result<Self, String> {
        let unit = Self::query_properties(systemctl, name, UNIT_PROPERTIES)?;
        if unit.value("LoadState").is_empty() {
            return Err("cannot parse systemctl's output".to_owned());
        }
        Ok(unit)
    }

    /// Reads other properties of a unit.
    pub(crate) fn query_properties(systemctl: ChildCommand, name: &str, properties: &str) -> Result<Self, String> {
        let args = ["--no-ask-password", "--no-pager", "show", "-p", properties, "--", name];
        let shown = systemctl.args(args).run().map_err(|why| format!("systemd does not answer: {}", why.reason()))?;
        Ok(Self(shown.stdout))
    }

    /// Returns the values of a property, one a line.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let value = move |line: &'a str| line.strip_prefix(name)?.strip_prefix('=');
        self.0.lines().filter_map(value)
    }

    /// Returns the value of a property; empty if it has none.
    pub(crate) fn value<'a>(&'a self, name: &'a str) -> &'a str {
        self.values(name).next().unwrap_or_default()
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.value("LoadState") == "loaded"
    }

    pub(crate) fn is_masked(&self) -> bool {
        self.value("LoadState") == "masked"
    }

    pub(crate) fn is_enabled(&self) -> bool {
        matches!(self.value("UnitFileState"), "enabled" | "enabled-runtime")
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.value("ActiveState"), "active" | "reloading" | "activating" | "deactivating")
    }

    pub(crate) fn main_pid(&self) -> Option<u32> {
        self.value("MainPID").parse().ok().filter(|pid| *pid != 0)
    }

    /// Returns the words of the start command, split at spaces.
    pub(crate) fn start_command(&self) -> Vec<&str> {
        let words = self.value("ExecStart").split_once("argv[]=").map_or("", |(_, rest)| rest);
        words.split(" ; ").next().unwrap_or_default().split_whitespace().collect()
    }

    /// Returns the value of an Environment= variable.
    pub(crate) fn environment_variable(&self, name: &str) -> Option<&str> {
        let set = self.value("Environment").split_whitespace();
        set.rev().find_map(|word| word.trim_matches('"').strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the result to report if the unit cannot be started at all.
    pub(super) fn load_failure(&self, name: &str) -> Option<CheckResult> {
        match self.value("LoadState") {
            "loaded" | "merged" => None,
            "masked" => Some(CheckResult::fail(&format_args!("{name} is masked"), remedy::UNMASK)),
            "not-found" => Some(CheckResult::fail(&format_args!("unit {name} does not exist"), remedy::INSTALL_UNITS)),
            state => Some(CheckResult::fail(&format_args!("{name} cannot be loaded: {state}"), remedy::VERIFY_UNIT)),
        }
    }
}
