//! State of a unit.

use crate::os::systemd::UnitProperties;

/// Properties to request.
pub(super) const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,MainPID,InvocationID,\
     UnitFileState,ExecMainCode,ExecMainStatus,ControlGroup,ConditionResult,ConditionTimestampMonotonic";

/// State of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Load state.
    pub load_state: Load,
    /// Active state.
    pub active_state: Active,
    /// Sub state: `running`, `auto-restart`, `stop-sigterm`, ….
    pub sub_state: String,
    /// Result of the last run: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, ….
    pub result: String,
    /// Main process, while there is one.
    pub main_pid: Option<u32>,
    /// Invocation id, different for every start.
    pub invocation_id: Option<String>,
    /// State of the unit file: `static`, `enabled`, `disabled`, `masked`, …; empty without a file.
    pub unit_file_state: String,
    /// End of the last main process; `None` if the last run had none.
    pub end: Option<ProcessEnd>,
    /// True if systemd skipped the last start because a `Condition…=` was not met.
    pub was_skipped: bool,
    /// Control group, while the unit has processes.
    pub control_group: Option<String>,
}

/// End of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// Exit code.
    Exited(i32),
    /// Signal that ended it.
    Killed(i32),
}

/// Load state of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The unit file is loaded.
    Loaded,
    /// There is no unit file.
    NotFound,
    /// The unit is masked: an administrator made it impossible to start.
    Masked,
    /// The unit file has an error.
    BadSetting,
}

/// Active state of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// Running, or reloading its configuration.
    Active,
    /// Stopped.
    Inactive,
    /// Stopped after a failed run.
    Failed,
    /// Starting, or waiting for an automatic restart.
    Activating,
    /// Stopping.
    Deactivating,
}

impl Unit {
    /// Reads the state from [`PROPERTIES`]. `None` if the load or active state is missing or unknown.
    pub(super) fn parse(shown: &UnitProperties) -> Option<Self> {
        let text = |name| shown.value(name).to_owned();
        let optional_text = |name| Some(text(name)).filter(|value| !value.is_empty());
        Some(Self {
            load_state: Load::parse(shown.value("LoadState"))?,
            active_state: Active::parse(shown.value("ActiveState"))?,
            sub_state: text("SubState"),
            result: text("Result"),
            main_pid: shown.main_pid(),
            invocation_id: optional_text("InvocationID"),
            unit_file_state: text("UnitFileState"),
            end: ProcessEnd::parse(shown.value("ExecMainCode"), shown.value("ExecMainStatus")),
            // A unit that was never to be started says "no" as well.
            was_skipped: shown.value("ConditionResult") == "no"
                && !matches!(shown.value("ConditionTimestampMonotonic"), "" | "0"),
            control_group: optional_text("ControlGroup"),
        })
    }

    /// True if the unit is stopped and no start is pending.
    pub fn is_stopped(&self) -> bool {
        matches!(self.active_state, Active::Inactive | Active::Failed)
    }
}

impl ProcessEnd {
    /// Reads `ExecMainCode` and `ExecMainStatus`. The first is one of waitid(2)'s, 0 before a main process has ended.
    fn parse(code: &str, status: &str) -> Option<Self> {
        let status = status.parse().ok()?;
        match code {
            "1" => Some(Self::Exited(status)),
            "2" | "3" => Some(Self::Killed(status)),
            _ => None,
        }
    }
}

impl Load {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "loaded" | "merged" => Some(Self::Loaded),
            "not-found" => Some(Self::NotFound),
            "masked" => Some(Self::Masked),
            "bad-setting" | "error" => Some(Self::BadSetting),
            _ => None,
        }
    }
}

impl Active {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "active" | "reloading" | "refreshing" => Some(Self::Active),
            "inactive" | "maintenance" => Some(Self::Inactive),
            "failed" => Some(Self::Failed),
            "activating" => Some(Self::Activating),
            "deactivating" => Some(Self::Deactivating),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str = "MainPID=324\nResult=success\nExecMainCode=0\nExecMainStatus=0\n\
        LoadState=loaded\nActiveState=active\n\
        SubState=running\nUnitFileState=static\nInvocationID=cdf75f283db04151a12fddaca7add8c7\n";

    fn parse(shown: &str) -> Option<Unit> {
        Unit::parse(&UnitProperties(shown.to_owned()))
    }

    #[test]
    fn a_running_unit_is_understood() {
        let unit = parse(RUNNING).unwrap();
        assert_eq!((unit.load_state, unit.active_state), (Load::Loaded, Active::Active));
        assert_eq!(unit.sub_state, "running");
        assert_eq!(unit.main_pid, Some(324));
        assert_eq!(unit.invocation_id.as_deref(), Some("cdf75f283db04151a12fddaca7add8c7"));
        assert_eq!((unit.end, unit.was_skipped), (None, false));
        assert!(!unit.is_stopped());
    }

    #[test]
    fn a_missing_unit_is_a_state() {
        let shown = "MainPID=0\nResult=success\nLoadState=not-found\nActiveState=inactive\nInvocationID=\n";
        let unit = parse(shown).unwrap();
        assert_eq!((unit.load_state, unit.active_state), (Load::NotFound, Active::Inactive));
        assert_eq!((unit.main_pid, unit.invocation_id.clone(), unit.end), (None, None, None));
        assert!(unit.is_stopped());
    }

    #[test]
    fn the_end_of_a_process_is_a_code_or_a_signal() {
        let end = ProcessEnd::parse;
        assert_eq!(end("1", "9"), Some(ProcessEnd::Exited(9)));
        assert_eq!((end("2", "9"), end("3", "11")), (Some(ProcessEnd::Killed(9)), Some(ProcessEnd::Killed(11))));
        assert_eq!((end("0", "0"), end("", "0"), end("1", ""), end("", "")), (None, None, None, None));
    }

    #[test]
    fn a_start_that_a_condition_forbade_is_told_from_none() {
        let shown = |more: &str| parse(&format!("{RUNNING}{more}")).unwrap().was_skipped;
        assert!(shown("ConditionResult=no\nConditionTimestampMonotonic=97161\n"));
        assert!(!shown("ConditionResult=no\nConditionTimestampMonotonic=0\n"), "never to be started");
        assert!(!shown("ConditionResult=yes\nConditionTimestampMonotonic=97161\n") && !shown(""));
    }

    #[test]
    fn what_is_unheard_of_is_not_guessed_at() {
        assert_eq!(parse(""), None);
        assert_eq!(parse(&RUNNING.replace("=active", "=levitating")), None);
        assert_eq!(parse(&RUNNING.replace("LoadState", "Load")), None);
    }
}
