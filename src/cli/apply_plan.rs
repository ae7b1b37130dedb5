//! Execution of a plan of `setup` or `uninstall`: preview, confirmation, steps and notes.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read};

use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::{Output, TextColour};
use crate::cli::printable::to_printable;
use crate::os::{Cancel, journal};
use crate::setup::{Plan, Step, StepState, check_requirements};

/// Size limit of an answer, in bytes.
pub(super) const ANSWER_SIZE_LIMIT: u64 = 1000;

/// Execution options.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ApplyMode {
    /// True to show the plan only.
    pub(super) dry_run: bool,
    /// True to apply the plan without a question.
    pub(super) assume_yes: bool,
}

impl ApplyMode {
    /// Checks that a plan can be shown and applied here, before anything is read.
    pub(super) fn check_preconditions(self) -> Result<(), CliError> {
        journal::start_logging();
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if !(is_terminal || self.assume_yes || self.dry_run) {
            return Err(CliError::Usage(
                "no terminal to ask at; give --yes to apply the plan, or --dry-run to show it".into(),
            ));
        }
        check_requirements().map_err(|why| CliError::Usage(why.to_string()))
    }
}

/// Shows the plan, and applies it once it is confirmed. `ask_missing_inputs` completes its options before that.
pub(super) fn run_plan<O>(
    plan: &mut Plan<O>,
    mode: ApplyMode,
    ask_missing_inputs: impl FnOnce(&mut Plan<O>, &mut Output) -> Result<(), CliError>,
    out: &mut Output,
) -> Result<CommandOutcome, CliError> {
    let steps = plan.read_states();
    print_steps(&steps, out)?;
    let pending = count_pending(&steps)?;
    if mode.dry_run {
        return Ok(CommandOutcome::Success);
    }
    if pending > 0 && !mode.assume_yes {
        ask_missing_inputs(plan, out)?;
        // An answer may make a step impossible.
        let question = match count_pending(&plan.read_states())? {
            1 => "Apply this change?".to_owned(),
            count => format!("Apply these {count} changes?"),
        };
        if !confirm(&question) {
            out.write_line("nothing was changed")?;
            return Ok(CommandOutcome::Failure);
        }
    }
    let done = apply_steps(plan, out);
    for note in plan.follow_up_notes(done.is_ok()) {
        out.write_line(to_printable(&note))?;
    }
    out.flush()?;
    done.map(|()| CommandOutcome::Success)
}

/// Counts the steps that are to be applied. Fails if one is refused.
fn count_pending<O>(steps: &[(&'static Step<O>, StepState)]) -> Result<usize, CliError> {
    let mut count = 0;
    for (step, state) in steps {
        match state {
            StepState::Refused(why) => {
                return Err(CliError::Usage(format!("nothing was changed; {}: {why}", step.id)));
            }
            StepState::Pending(_) => count += 1,
            StepState::Done(_) | StepState::Skipped(_) => {}
        }
    }
    Ok(count)
}

/// Applies the steps. A signal interrupts between two steps; the next run continues.
fn apply_steps<O>(plan: &mut Plan<O>, out: &mut Output) -> Result<(), CliError> {
    plan.target.cancel =
        Cancel::on_signals().map_err(|why| CliError::Failed(format!("cannot catch signals: {why}")))?;
    // A closed terminal is no reason to stop halfway.
    let mut say = |id: &'static str| drop(out.write_line(format_args!("{id} …")).and_then(|()| out.flush()));
    plan.apply(&mut say).map_err(CliError::failed)
}

/// Prints a line per step, and the purpose of each that is to be applied.
fn print_steps<O>(steps: &[(&'static Step<O>, StepState)], out: &mut Output) -> Result<(), CliError> {
    for (step, state) in steps {
        let (word, text): (_, &dyn Display) = match state {
            StepState::Done(text) => (out.paint(TextColour::Good, "done   ").into_owned(), text),
            StepState::Pending(text) => ("to do  ".to_owned(), text),
            StepState::Skipped(text) => ("skipped".to_owned(), text),
            StepState::Refused(why) => (out.paint(TextColour::Bad, "refused").into_owned(), why),
        };
        out.write_line(format_args!("{word}  {:15}  {}", step.id, to_printable(&text.to_string())))?;
        if matches!(state, StepState::Pending(_)) {
            out.write_line(format_args!("{:24}  ({})", "", step.title))?;
        }
    }
    out.flush()
}

/// Asks a yes/no question.
pub(super) fn confirm(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    read_line().is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Reads one line from standard input; `None` at its end.
pub(super) fn read_line() -> Option<String> {
    let mut line = String::new();
    let length = io::stdin().lock().take(ANSWER_SIZE_LIMIT).read_line(&mut line).ok()?;
    (length > 0).then_some(line)
}
