//! The command line: grammar, help, and one file per command.
//!
//! Arguments are parsed first, so a typing mistake is found before any file is opened. Errors are printed here, once,
//! and nowhere else.

mod apply_plan;
mod args;
mod check;
mod command;
mod config;
mod demo;
mod docgen;
mod doctor;
mod drill;
mod error;
mod help_page;
mod history;
mod inspect;
mod notify;
mod operator;
mod outcome;
mod output;
mod printable;
mod replay;
mod run;
mod setup;
mod status;
mod sync;
mod uninstall;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::command::parse_command;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::os::orphans;

/// Runs one command and returns its exit code: 0 yes or done, 1 no or failed, 2 usage or configuration error.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if args == [orphans::HELPER_COMMAND] {
        return orphans::end_orphans().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    // The cheap checks of `doctor` end with the process that started them.
    if !args.iter().any(|arg| arg == "--cheap") {
        orphans::enable_cleanup();
    }
    let mut out = Output::stdout();
    let answer = parse_command(args).and_then(|run| run(&mut out));
    match answer.and_then(|answer| out.flush().map(|()| answer)) {
        Ok(CommandOutcome::Success) => ExitCode::SUCCESS,
        Ok(CommandOutcome::Failure) => ExitCode::from(1),
        Err(error) => {
            error.print();
            ExitCode::from(error.exit_code())
        }
    }
}
