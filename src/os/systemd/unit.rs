//! State of a unit, parsed from `systemctl show`.

/// Properties to request.
pub(super) const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,MainPID,InvocationID,\
     UnitFileState,ExecMainStatus,ControlGroup";

/// State of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Load state.
    pub load: Load,
    /// Active state.
    pub active: Active,
    /// Sub state: `running`, `auto-restart`, `stop-sigterm`, ….
    pub sub: String,
    /// Result of the last run: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, ….
    pub result: String,
    /// Main process, while there is one.
    pub main_pid: Option<u32>,
    /// Invocation id, different for every start.
    pub invocation: Option<String>,
    /// State of the unit file: `static`, `enabled`, `disabled`, `masked`, …; empty without a file.
    pub file: String,
    /// Exit code or signal of the last main process.
    pub exec_status: Option<i32>,
    /// Control group, while the unit has processes.
    pub control_group: Option<String>,
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
    Bad,
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
    /// Parses `Name=value` lines. `None` if the load or active state is missing or unknown.
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
            // Timers have no main process.
            main_pid: value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0),
            invocation: value("InvocationID").filter(|id| !id.is_empty()).map(str::to_owned),
            file: text("UnitFileState"),
            exec_status: value("ExecMainStatus").and_then(|status| status.parse().ok()),
            control_group: value("ControlGroup").filter(|group| !group.is_empty()).map(str::to_owned),
        })
    }

    /// True if the unit is stopped and no start is pending.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.active, Active::Inactive | Active::Failed)
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

    const RUNNING: &str = "MainPID=324\nResult=success\nExecMainStatus=0\nLoadState=loaded\nActiveState=active\n\
        SubState=running\nUnitFileState=static\nInvocationID=cdf75f283db04151a12fddaca7add8c7\n";

    #[test]
    fn a_running_unit_is_understood() {
        let unit = Unit::parse(RUNNING).unwrap();
        assert_eq!((unit.load, unit.active), (Load::Loaded, Active::Active));
        assert_eq!(unit.sub, "running");
        assert_eq!(unit.main_pid, Some(324));
        assert_eq!(unit.invocation.as_deref(), Some("cdf75f283db04151a12fddaca7add8c7"));
        assert_eq!(unit.exec_status, Some(0));
        assert!(!unit.is_down());
    }

    #[test]
    fn a_missing_unit_is_a_state() {
        let shown = "MainPID=0\nResult=success\nLoadState=not-found\nActiveState=inactive\nInvocationID=\n";
        let unit = Unit::parse(shown).unwrap();
        assert_eq!((unit.load, unit.active), (Load::NotFound, Active::Inactive));
        assert_eq!((unit.main_pid, unit.invocation.clone(), unit.exec_status), (None, None, None));
        assert!(unit.is_down());
    }

    #[test]
    fn what_is_unheard_of_is_not_guessed_at() {
        assert_eq!(Unit::parse(""), None);
        assert_eq!(Unit::parse(&RUNNING.replace("=active", "=levitating")), None);
        assert_eq!(Unit::parse(&RUNNING.replace("LoadState", "Load")), None);
    }
}
