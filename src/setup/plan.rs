//! Steps of a setup, and their execution in order.

use std::fmt::Display;

use crate::setup::error::SetupError;
use crate::setup::target::SetupTarget;

/// State of a step, with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Already done.
    Done(String),
    /// To be applied by this setup.
    Pending(String),
    /// Not applicable, or left to a person.
    Skipped(String),
    /// Cannot be applied; the setup changes nothing.
    Refused(SetupError),
}

impl StepState {
    /// Refuses the setup.
    pub(super) fn refused(problem: impl Display, remedy: impl Display) -> Self {
        Self::Refused(SetupError::with_remedy(problem, remedy))
    }
}

/// One step of a plan with the options `O`.
pub struct Step<O> {
    /// Short name, unique in its plan.
    pub id: &'static str,
    /// Purpose, shown in the plan.
    pub title: &'static str,
    check: fn(&SetupTarget, &O) -> StepState,
    apply: fn(&SetupTarget, &O) -> Result<(), SetupError>,
}

impl<O> Step<O> {
    pub(super) const fn new(
        id: &'static str,
        title: &'static str,
        check: fn(&SetupTarget, &O) -> StepState,
        apply: fn(&SetupTarget, &O) -> Result<(), SetupError>,
    ) -> Self {
        Self { id, title, check, apply }
    }
}

/// Steps that change a host, and what they need to know.
pub struct Plan<O: 'static> {
    /// Host to be changed.
    pub target: SetupTarget,
    /// Options.
    pub options: O,
    pub(super) steps: &'static [Step<O>],
    /// Function behind [`follow_up_notes`](Self::follow_up_notes).
    pub(super) notes: fn(&SetupTarget, &O, bool) -> Vec<String>,
}

impl<O> Plan<O> {
    /// Reads the state of every step; changes nothing.
    pub fn read_states(&self) -> Vec<(&'static Step<O>, StepState)> {
        self.steps.iter().map(|step| (step, self.check_step(step))).collect()
    }

    /// Reads the state of one step.
    pub fn read_state(&self, id: &str) -> Option<StepState> {
        self.find_step(id).map(|step| self.check_step(step))
    }

    /// Applies the pending steps in order and reports the id of each before it starts. Stops at the first failure.
    ///
    /// # Errors
    /// When a step fails or has no effect, when it is cancelled, or while another setup runs.
    pub fn apply(&self, say: &mut dyn FnMut(&'static str)) -> Result<(), SetupError> {
        let _lock = self.target.acquire_lock()?;
        let count = self.steps.len();
        for (index, step) in self.steps.iter().enumerate() {
            self.apply_pending(step, say).map_err(|why| {
                let (number, id) = (index + 1, step.id);
                SetupError::with_remedy(
                    format_args!("step {number} of {count}, {id}, failed: {why}; the steps before it are done"),
                    "run the same command again to continue",
                )
            })?;
        }
        Ok(())
    }

    /// Applies one step, regardless of the steps before it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_step(&self, id: &str) -> Result<(), SetupError> {
        let step = self.find_step(id).ok_or_else(|| SetupError::new(format_args!("there is no step {id}")))?;
        self.apply_pending(step, &mut |_| ())
    }

    /// Returns what is left for a person to do, here and elsewhere. `is_done` is false after a setup that failed.
    pub fn follow_up_notes(&self, is_done: bool) -> Vec<String> {
        (self.notes)(&self.target, &self.options, is_done)
    }

    fn find_step(&self, id: &str) -> Option<&'static Step<O>> {
        self.steps.iter().find(|step| step.id == id)
    }

    fn check_step(&self, step: &Step<O>) -> StepState {
        (step.check)(&self.target, &self.options)
    }

    /// Applies a step if it is pending. Its state is read again afterwards.
    fn apply_pending(&self, step: &Step<O>, say: &mut dyn FnMut(&'static str)) -> Result<(), SetupError> {
        if self.find_missing(step)?.is_none() {
            return Ok(());
        }
        say(step.id);
        (step.apply)(&self.target, &self.options)?;
        match self.find_missing(step)? {
            None => Ok(()),
            Some(what) => Err(SetupError::new(format_args!("the step ran but is still incomplete: {what}"))),
        }
    }

    /// Returns what a step has to change; `None` if it is done or skipped.
    fn find_missing(&self, step: &Step<O>) -> Result<Option<String>, SetupError> {
        if self.target.cancel.is_cancelled() {
            return Err(SetupError::new("interrupted"));
        }
        match self.check_step(step) {
            StepState::Done(_) | StepState::Skipped(_) => Ok(None),
            StepState::Pending(what) => Ok(Some(what)),
            StepState::Refused(why) => Err(why),
        }
    }
}
