//! Makes a Debian or Ubuntu host a standby or a primary, and takes that back.
//!
//! A plan is a table of steps. Each step says how things stand, and brings about what is still to do; afterwards it is
//! looked at again, so a step has worked when its effect is there, and not when its commands have returned. What is
//! there already is left as it is. So a setup that was killed, or has failed, is taken up by running it again.
//!
//! root runs, reads and writes nothing below the agent's home: those steps send a child that has become the agent's user
//! ([`Site`]).
//!
//! - [`Site`]: the host, what was asked for, and how things are done there.
//! - `standby`, `primary`, `removal`: the three tables.
//! - `packages`, `users`, `keys`, `firewall` (with `ports`), `hardening`, `openclaw`, `channel`, `tailnet`,
//!   `predecessor`, `files`, `service`: the steps, by subject.
//! - `shell_monitor`: what the monitor that is replaced was told.

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

/// How things stand with a step, and in what way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is done.
    Done(String),
    /// It is to be done.
    Todo(String),
    /// It is not for this program to do, and a person may want to.
    Left(String),
    /// It cannot be done, and nothing is begun.
    Refused(String),
}

/// One step.
pub struct Step {
    /// Its short name.
    pub name: &'static str,
    /// What it is good for.
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

/// Every file that a setup brings, by where it puts it, with its text.
pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    files::STANDBY.iter().chain(&files::PRIMARY).map(|file| (file.path, file.text))
}

/// What is to become of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A standby.
    Standby,
    /// A primary, which sends its workspace to where standbys find it.
    Primary,
    /// Neither: what a setup has installed goes.
    Nobody,
}

/// The steps to it, on a host.
pub struct Plan {
    /// The host.
    pub site: Site,
    role: Role,
    steps: &'static [Step],
}

impl Plan {
    /// The plan for a role.
    #[must_use]
    pub fn new(site: Site, role: Role) -> Self {
        let steps: &'static [Step] = match role {
            Role::Standby => &standby::STEPS,
            Role::Primary => &primary::STEPS,
            Role::Nobody => &uninstall::STEPS,
        };
        Self { site, role, steps }
    }

    /// How things stand with every step; nothing is changed by looking.
    #[must_use]
    pub fn look(&self) -> Vec<(&'static Step, State)> {
        self.steps.iter().map(|step| (step, (step.look)(&self.site))).collect()
    }

    /// Does what is to be done, in order, and says the name of each step before. Stops at the first that fails.
    ///
    /// # Errors
    /// When a step fails, or has not had its effect, or [`Site::cancel`] ends it; or another setup is at work.
    pub fn apply(&self, say: &mut dyn FnMut(&'static str)) -> Result<(), String> {
        let _lock = self.site.lock()?;
        for (done, step) in self.steps.iter().enumerate() {
            self.take(step, say).map_err(|why| {
                format!(
                    "cannot do step {} of {}, {}: {why}; what stands before it is done, and the same command goes on here",
                    done + 1,
                    self.steps.len(),
                    step.name
                )
            })?;
        }
        Ok(())
    }

    /// How things stand with one step.
    #[must_use]
    pub fn look_at(&self, name: &str) -> Option<State> {
        self.steps.iter().find(|step| step.name == name).map(|step| (step.look)(&self.site))
    }

    /// Does one step, whatever stands before it.
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
            (None, State::Todo(what)) => Err(format!("it was done, and still there is: {what}")),
        }
    }

    /// The hosts that are reached by ssh and whose keys nobody has vouched for yet.
    #[must_use]
    pub fn strangers(&self) -> Vec<String> {
        if self.role == Role::Standby && self.site.wishes.known_hosts.is_none() {
            keys::strangers(&self.site)
        } else {
            Vec::new()
        }
    }

    /// What is still to be said of a standby's channel; nothing where OpenClaw has a configuration.
    #[must_use]
    pub fn wants(&self) -> Vec<Want> {
        if self.role == Role::Standby { channel::wants(&self.site) } else { Vec::new() }
    }

    /// What a person has to do beyond this host, and what was left; after a setup that `is_done`, or has stopped.
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
