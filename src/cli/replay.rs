//! `replay`: recorded events, run through the machine again.

use std::io;
use std::path::PathBuf;

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::os::atomic_file;
use crate::records::trace;

pub(super) const HELP: &str = "\
Replay the events that the monitor has recorded, and print each decision with
the facts behind it. Nothing is started or stopped.

Usage: openclaw-failover replay [FILE]

FILE is /var/lib/openclaw-failover/trace.jsonl by default. The exit code is 1 if
this version decides differently from the one that ran, or if no event in FILE
can be replayed.

Options:
  -h, --help  show this text
";

/// Arguments of `replay`.
#[derive(Debug, PartialEq)]
pub(super) struct ReplayCommand {
    file: Option<PathBuf>,
}

impl ReplayCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let file = args.next_value()?.map(PathBuf::from);
        args.finish().map(|()| Self { file })
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        replay_trace(self.file, out)
    }
}

/// Replays a trace; by default the monitor's own. `Failure` if the machine decides differently now.
fn replay_trace(file: Option<PathBuf>, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let is_own = file.is_none();
    let file = file.map_or_else(|| Ok(Paths::from_environment().trace_file()), resolve)?;
    let text = trace::read(&file).map_err(|why| match why {
        // As `history` says it.
        atomic_file::FileError::NoTrace { .. } if is_own => CliError::Failed("no trace yet".to_owned()),
        why => CliError::failed(why),
    })?;
    let replayed = trace::replay(&text, out.stream()).map_err(CliError::Output)?;
    let left_out = replayed.describe_skipped();
    if replayed.events == 0 {
        return Err(CliError::failed(atomic_file::FileError::NoEvents { path: file, left_out }));
    }
    if let Some(warning) = left_out {
        out.flush()?;
        CliError::Failed(warning).print();
    }
    Ok(if replayed.differences == 0 { CommandOutcome::Success } else { CommandOutcome::Failure })
}

/// Resolves the symbolic links of a path given as an argument.
fn resolve(file: PathBuf) -> Result<PathBuf, CliError> {
    match file.canonicalize() {
        Ok(found) => Ok(found),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(why) => Err(CliError::failed(atomic_file::FileError::Read { path: file, why })),
    }
}
