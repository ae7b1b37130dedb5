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

pub use crate::setup::channel::{CHANNELS, Want};
pub use crate::setup::keys::{Offer, offer};
pub use crate::setup::shell_monitor::variable;
pub use crate::setup::target::{Site, Wishes};

/// State of a step, with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Already done.
    Done(String),
    /// To be applied by this setup.
    Todo(String),
    /// Left as it is: a person may want to change it.
    Left(String),
    /// Cannot be applied; the setup changes nothing.
    Refused(String),
}

/// One step of a plan.
pub struct Step {
    /// Short name, unique in its plan.
    pub name: &'static str,
    /// Reason for the step, shown in the plan.
    pub why: &'static str,
    look: fn(&Site) -> State,
    act: fn(&Site) -> Result<(), String>,
}

const fn step(
    name: &'static str,
    why: &'static str,
    look: fn(&Site) -> State,
    act: fn(&Site) -> Result<(), String>,
) -> Step {
    Step { name, why, look, act }
}

/// Returns every file that a setup installs, as its path and its text.
pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    files::STANDBY.iter().chain(&files::PRIMARY).map(|file| (file.path, file.text))
}

/// Role that a plan gives to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A standby.
    Standby,
    /// A primary, which pushes its workspace to the remote that standbys pull from.
    Primary,
    /// No role: an uninstall.
    Nobody,
}

/// Steps that give a host its role.
pub struct Plan {
    /// Host to be set up.
    pub site: Site,
    role: Role,
    steps: &'static [Step],
}

impl Plan {
    /// Returns the plan for a role.
    #[must_use]
    pub fn new(site: Site, role: Role) -> Self {
        let steps: &'static [Step] = match role {
            Role::Standby => &standby::STEPS,
            Role::Primary => &primary::STEPS,
            Role::Nobody => &uninstall::STEPS,
        };
        Self { site, role, steps }
    }

    /// Reads the state of every step; changes nothing.
    #[must_use]
    pub fn look(&self) -> Vec<(&'static Step, State)> {
        self.steps.iter().map(|step| (step, (step.look)(&self.site))).collect()
    }

    /// Applies the pending steps in order and reports the name of each before it starts. Stops at the first failure.
    ///
    /// # Errors
    /// When a step fails or has no effect, when it is cancelled, or while another setup runs.
    pub fn apply(&self, say: &mut dyn FnMut(&'static str)) -> Result<(), String> {
        let _lock = self.site.lock()?;
        for (done, step) in self.steps.iter().enumerate() {
            self.take(step, say).map_err(|why| {
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
    pub fn look_at(&self, name: &str) -> Option<State> {
        self.steps.iter().find(|step| step.name == name).map(|step| (step.look)(&self.site))
    }

    /// Applies one step, regardless of the steps before it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_only(&self, name: &str) -> Result<(), String> {
        let step =
            self.steps.iter().find(|step| step.name == name).ok_or_else(|| format!("there is no step {name}"))?;
        self.take(step, &mut |_| ())
    }

    fn take(&self, step: &Step, say: &mut dyn FnMut(&'static str)) -> Result<(), String> {
        let interrupted = || self.site.cancel.is_cancelled().then(|| "interrupted".to_owned());
        match (interrupted(), (step.look)(&self.site)) {
            (Some(why), _) | (None, State::Refused(why)) => return Err(why),
            (None, State::Done(_) | State::Left(_)) => return Ok(()),
            (None, State::Todo(_)) => say(step.name),
        }
        (step.act)(&self.site)?;
        match (interrupted(), (step.look)(&self.site)) {
            (None, State::Done(_) | State::Left(_)) => Ok(()),
            (Some(why), _) | (None, State::Refused(why)) => Err(why),
            (None, State::Todo(what)) => Err(format!("the step ran but is still incomplete: {what}")),
        }
    }

    /// Returns the hosts reached by ssh whose keys are neither known nor given.
    #[must_use]
    pub fn strangers(&self) -> Vec<String> {
        if self.role == Role::Standby && self.site.wishes.known_hosts.is_none() {
            keys::strangers(&self.site)
        } else {
            Vec::new()
        }
    }

    /// Returns the missing inputs for a standby's channel; none if OpenClaw has a configuration.
    #[must_use]
    pub fn wants(&self) -> Vec<Want> {
        if self.role == Role::Standby { channel::wants(&self.site) } else { Vec::new() }
    }

    /// Returns what is left for a person to do, here and elsewhere. `is_done` is false after a setup that failed.
    #[must_use]
    pub fn notes(&self, is_done: bool) -> Vec<String> {
        match self.role {
            Role::Standby => standby::notes(&self.site, is_done),
            Role::Primary if is_done => primary::notes(&self.site),
            Role::Nobody if is_done => uninstall::notes(&self.site),
            _ => Vec::new(),
        }
    }
}
