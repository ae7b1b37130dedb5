//! Provisioning of a Debian or Ubuntu host as a standby or a primary, and its reversal.
//!
//! A plan is a table of steps. Each step reports its state and applies what is missing. The state is read again
//! afterwards: a step has worked when its effect is there, not when its commands have returned. What is already there
//! stays as it is, so an interrupted or failed setup continues when it is run again.
//!
//! root never runs, reads or writes anything below the agent's home: those steps send a child that runs as the agent's
//! user (`target`).
//!
//! - `target`: the host, the options, and the operations on the host.
//! - `standby`, `primary`, `uninstall`: the three tables of steps.
//! - `packages`, `users`, `keys`, `firewall` (with `ports`), `hardening`, `openclaw`, `channel`, `tailnet`,
//!   `migration`, `files`, `service`: the steps, by subject.
//! - `shell_monitor`: the settings of the shell monitor that this program replaces.

mod channel;
mod files;
mod firewall;
mod hardening;
mod keys;
mod migration;
mod openclaw;
mod packages;
mod ports;
mod primary;
mod service;
mod shell_monitor;
mod standby;
mod tailnet;
mod target;
mod uninstall;
mod users;

pub use crate::setup::channel::{MissingInput, SUPPORTED_CHANNELS};
pub use crate::setup::keys::{ScannedHostKeys, scan_host_keys};
pub use crate::setup::shell_monitor::find_variable;
pub use crate::setup::target::{SetupOptions, SetupTarget};

/// State of a step, with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Already done.
    Done(String),
    /// To be applied by this setup.
    Pending(String),
    /// Left as it is: a person may want to change it.
    Manual(String),
    /// Cannot be applied; the setup changes nothing.
    Refused(String),
}

/// One step of a plan.
pub struct Step {
    /// Short name, unique in its plan.
    pub name: &'static str,
    /// Reason for the step, shown in the plan.
    pub reason: &'static str,
    read_state: fn(&SetupTarget) -> StepState,
    apply: fn(&SetupTarget) -> Result<(), String>,
}

const fn new_step(
    name: &'static str,
    reason: &'static str,
    read_state: fn(&SetupTarget) -> StepState,
    apply: fn(&SetupTarget) -> Result<(), String>,
) -> Step {
    Step { name, reason, read_state, apply }
}

/// Returns every file that a setup installs, as its path and its text.
pub fn shipped_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    files::STANDBY_FILES.iter().chain(&files::PRIMARY_FILES).map(|file| (file.path, file.text))
}

/// Role that a plan gives to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupRole {
    /// A standby.
    Standby,
    /// A primary, which pushes its workspace to the remote that standbys pull from.
    Primary,
    /// No role: an uninstall.
    Uninstalled,
}

/// Steps that give a host its role.
pub struct Plan {
    /// Host to be set up.
    pub target: SetupTarget,
    role: SetupRole,
    steps: &'static [Step],
}

impl Plan {
    /// Returns the plan for a role.
    #[must_use]
    pub fn new(target: SetupTarget, role: SetupRole) -> Self {
        let steps: &'static [Step] = match role {
            SetupRole::Standby => &standby::STEPS,
            SetupRole::Primary => &primary::STEPS,
            SetupRole::Uninstalled => &uninstall::STEPS,
        };
        Self { target, role, steps }
    }

    /// Reads the state of every step; changes nothing.
    #[must_use]
    pub fn read_states(&self) -> Vec<(&'static Step, StepState)> {
        self.steps.iter().map(|step| (step, (step.read_state)(&self.target))).collect()
    }

    /// Applies the pending steps in order and reports the name of each before it starts. Stops at the first failure.
    ///
    /// # Errors
    /// When a step fails or has no effect, when it is cancelled, or while another setup runs.
    pub fn apply(&self, say: &mut dyn FnMut(&'static str)) -> Result<(), String> {
        let _lock = self.target.acquire_lock()?;
        for (done, step) in self.steps.iter().enumerate() {
            self.run_step(step, say).map_err(|why| {
                format!(
                    "step {} of {}, {}, failed: {why}; the steps before it are done; run the same command \
                     again to continue",
                    done + 1,
                    self.steps.len(),
                    step.name
                )
            })?;
        }
        Ok(())
    }

    /// Reads the state of one step.
    #[must_use]
    pub fn read_state(&self, name: &str) -> Option<StepState> {
        self.steps.iter().find(|step| step.name == name).map(|step| (step.read_state)(&self.target))
    }

    /// Applies one step, regardless of the steps before it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_step(&self, name: &str) -> Result<(), String> {
        let step =
            self.steps.iter().find(|step| step.name == name).ok_or_else(|| format!("there is no step {name}"))?;
        self.run_step(step, &mut |_| ())
    }

    fn run_step(&self, step: &Step, say: &mut dyn FnMut(&'static str)) -> Result<(), String> {
        let interrupted = || self.target.cancel.is_cancelled().then(|| "interrupted".to_owned());
        match (interrupted(), (step.read_state)(&self.target)) {
            (Some(why), _) | (None, StepState::Refused(why)) => return Err(why),
            (None, StepState::Done(_) | StepState::Manual(_)) => return Ok(()),
            (None, StepState::Pending(_)) => say(step.name),
        }
        (step.apply)(&self.target)?;
        match (interrupted(), (step.read_state)(&self.target)) {
            (None, StepState::Done(_) | StepState::Manual(_)) => Ok(()),
            (Some(why), _) | (None, StepState::Refused(why)) => Err(why),
            (None, StepState::Pending(what)) => Err(format!("the step ran but is still incomplete: {what}")),
        }
    }

    /// Returns the hosts reached by ssh whose keys are neither known nor given.
    #[must_use]
    pub fn unknown_hosts(&self) -> Vec<String> {
        if self.role == SetupRole::Standby && self.target.options.known_hosts_file.is_none() {
            keys::unknown_hosts(&self.target)
        } else {
            Vec::new()
        }
    }

    /// Returns the missing inputs for a standby's channel; none if OpenClaw has a configuration.
    #[must_use]
    pub fn missing_inputs(&self) -> Vec<MissingInput> {
        if self.role == SetupRole::Standby { channel::missing_inputs(&self.target) } else { Vec::new() }
    }

    /// Returns what is left for a person to do, here and elsewhere. `is_done` is false after a setup that failed.
    #[must_use]
    pub fn follow_up_notes(&self, is_done: bool) -> Vec<String> {
        match self.role {
            SetupRole::Standby => standby::follow_up_notes(&self.target, is_done),
            SetupRole::Primary if is_done => primary::follow_up_notes(&self.target),
            SetupRole::Uninstalled if is_done => uninstall::follow_up_notes(&self.target),
            _ => Vec::new(),
        }
    }
}
