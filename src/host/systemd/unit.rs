//! The state of a unit, as `systemctl show` prints it.

/// Properties that are asked for.
pub(super) const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,MainPID,InvocationID,\
     UnitFileState,ExecMainCode,ExecMainStatus,ControlGroup,ConditionResult,ConditionTimestampMonotonic";

/// The state of a unit at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Result of reading its file.
    pub load: Load,
    /// State of its processes.
    pub active: Active,
    /// The same in more detail: `running`, `auto-restart`, `stop-sigterm`, ….
    pub sub: String,
    /// Result of its last run: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, ….
    pub result: String,
    /// Main process, while there is one.
    pub main_pid: Option<u32>,
    /// A name for this one run of it; a new start has another.
    pub invocation: Option<String>,
    /// `static`, `enabled`, `disabled`, `masked`, …; empty where there is no file.
    pub file: String,
    /// The end of its last main process; `None` if there was none in its last run.
    pub end: Option<ProcessEnd>,
    /// True if systemd did not carry out its last start, because a `Condition…=` of its file was not met.
    pub was_skipped: bool,
    /// The control group of its processes, while there are any.
    pub control_group: Option<String>,
}

/// End of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// An exit with this code.
    Exited(i32),
    /// A death by this signal.
    Killed(i32),
}

/// Whether systemd could read a unit's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// It could.
    Loaded,
    /// There is none.
    NotFound,
    /// Somebody has made it impossible to start, on purpose.
    Masked,
    /// There is one, and it is wrong.
    Bad,
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// It does, and may be reading its configuration again.
    Active,
    /// It does not.
    Inactive,
    /// It does not, and its last run ended badly.
    Failed,
    /// It is starting, or waiting to be started again.
    Activating,
    /// It is stopping.
    Deactivating,
}

impl Unit {
    /// Reads `Name=value` lines. `None` if one that counts is missing or unheard of.
    pub(super) fn parse(shown: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = shown.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let text = |name| value(name).unwrap_or_default().to_owned();
        Some(Self {
            load: Load::parse(value("LoadState")?)?,
            active: Active::parse(value("ActiveState")?)?,
            sub: text("SubState"),
            result: text("Result"),
            // A timer has none.
            main_pid: value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0),
            invocation: value("InvocationID").filter(|id| !id.is_empty()).map(str::to_owned),
            file: text("UnitFileState"),
            end: ProcessEnd::parse(value("ExecMainCode"), value("ExecMainStatus")),
            // A unit that was never to be started says "no" as well.
            was_skipped: value("ConditionResult") == Some("no")
                && value("ConditionTimestampMonotonic").is_some_and(|time| !matches!(time, "" | "0")),
            control_group: value("ControlGroup").filter(|group| !group.is_empty()).map(str::to_owned),
        })
    }

    /// True if nothing of it runs, nor is about to.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.active, Active::Inactive | Active::Failed)
    }
}

impl ProcessEnd {
    /// Reads `ExecMainCode` and `ExecMainStatus`. The first is one of waitid(2)'s, 0 before a main process has ended.
    fn parse(code: Option<&str>, status: Option<&str>) -> Option<Self> {
        let status = status?.parse().ok()?;
        match code {
            Some("1") => Some(Self::Exited(status)),
            Some("2" | "3") => Some(Self::Killed(status)),
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
            "bad-setting" | "error" => Some(Self::Bad),
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

    const RUNNING: &str = "MainPID=324\nResult=success\nExecMainCode=0\nExecMainStatus=0\nLoadState=loaded\n\
        ActiveState=active\n\
        SubState=running\nUnitFileState=static\nInvocationID=cdf75f283db04151a12fddaca7add8c7\n";

    #[test]
    fn a_running_unit_is_understood() {
        let unit = Unit::parse(RUNNING).unwrap();
        assert_eq!((unit.load, unit.active), (Load::Loaded, Active::Active));
        assert_eq!(unit.sub, "running");
        assert_eq!(unit.main_pid, Some(324));
        assert_eq!(unit.invocation.as_deref(), Some("cdf75f283db04151a12fddaca7add8c7"));
        assert_eq!((unit.end, unit.was_skipped), (None, false));
        assert!(!unit.is_down());
    }

    #[test]
    fn a_missing_unit_is_a_state() {
        let shown = "MainPID=0\nResult=success\nLoadState=not-found\nActiveState=inactive\nInvocationID=\n";
        let unit = Unit::parse(shown).unwrap();
        assert_eq!((unit.load, unit.active), (Load::NotFound, Active::Inactive));
        assert_eq!((unit.main_pid, unit.invocation.clone(), unit.end), (None, None, None));
        assert!(unit.is_down());
    }

    #[test]
    fn the_end_of_a_process_is_a_code_or_a_signal() {
        let end = |code, status| ProcessEnd::parse(Some(code), Some(status));
        assert_eq!(end("1", "9"), Some(ProcessEnd::Exited(9)));
        assert_eq!((end("2", "9"), end("3", "11")), (Some(ProcessEnd::Killed(9)), Some(ProcessEnd::Killed(11))));
        assert_eq!(
            (end("0", "0"), end("", "0"), end("1", ""), ProcessEnd::parse(None, None)),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_start_that_a_condition_forbade_is_told_from_none() {
        let shown = |more: &str| Unit::parse(&format!("{RUNNING}{more}")).unwrap().was_skipped;
        assert!(shown("ConditionResult=no\nConditionTimestampMonotonic=97161\n"));
        assert!(!shown("ConditionResult=no\nConditionTimestampMonotonic=0\n"), "never to be started");
        assert!(!shown("ConditionResult=yes\nConditionTimestampMonotonic=97161\n") && !shown(""));
    }

    #[test]
    fn what_is_unheard_of_is_not_guessed_at() {
        assert_eq!(Unit::parse(""), None);
        assert_eq!(Unit::parse(&RUNNING.replace("=active", "=levitating")), None);
        assert_eq!(Unit::parse(&RUNNING.replace("LoadState", "Load")), None);
    }
}
