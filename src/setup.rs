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
//! - `packages`, `users`, `keys`, `hardening`, `openclaw`, `predecessor`, `files`, `service`: the steps, by subject.

mod files;
mod hardening;
mod keys;
mod openclaw;
mod packages;
mod predecessor;
mod primary;
mod removal;
mod service;
mod site;
mod standby;
mod users;

pub use predecessor::variable;
pub use site::{Site, Wishes};

use std::fmt;

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

/// Why a setup has stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Halt {
    /// It makes no sense to begin: something is missing that only a person can bring.
    Refused(String),
    /// A step has failed.
    Failed(String),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Halt {}

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
    site: Site,
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
            Role::Nobody => &removal::STEPS,
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
    /// When a step fails, or has not had its effect.
    pub fn apply(&self, mut say: impl FnMut(&'static str)) -> Result<(), Halt> {
        for (done, step) in self.steps.iter().enumerate() {
            match (step.look)(&self.site) {
                State::Todo(_) => say(step.name),
                State::Refused(why) => return Err(Halt::Refused(format!("{}: {why}", step.name))),
                State::Done(_) | State::Left(_) => continue,
            }
            let why = match ((step.act)(&self.site), (step.look)(&self.site)) {
                (Ok(()), State::Done(_) | State::Left(_)) => continue,
                (Ok(()), State::Todo(what) | State::Refused(what)) => format!("it is done and had no effect: {what}"),
                (Err(why), _) => why,
            };
            return Err(Halt::Failed(format!(
                "cannot do step {} of {}, {}: {why}; what stands before it is done, and the same command goes on here",
                done + 1,
                self.steps.len(),
                step.name
            )));
        }
        Ok(())
    }

    /// What a person has to do beyond this host, and what was left.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match self.role {
            Role::Standby => standby::notes(&self.site),
            Role::Primary => primary::notes(&self.site),
            Role::Nobody => removal::notes(&self.site),
        }
    }
}
