//! Errors of child processes.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use std::{fmt, io};

use crate::text::to_printable;

/// Maximum length of a command line in an error, in characters.
const MAX_COMMAND_LINE_CHARS: usize = 200;

/// Maximum number of output lines in an error. ssh and git use several lines for one message.
const MAX_OUTPUT_LINES: usize = 4;

/// Maximum length of an output line in an error, in characters.
const MAX_OUTPUT_LINE_CHARS: usize = 160;

/// Failed command.
#[derive(Debug)]
pub enum CommandError {
    /// The program could not be started, or its end could not be observed.
    NotStarted {
        /// Name of the program.
        program: String,
        /// Error of the system.
        why: io::Error,
    },
    /// The program ended by a signal or with another exit code than 0.
    Failed {
        /// Command line.
        command: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// Last lines of output, printable.
        said: String,
    },
    /// The program exceeded its deadline and was ended.
    TimedOut {
        /// Command line.
        command: String,
        /// Deadline.
        after: Duration,
        /// Last lines of output, printable.
        said: String,
    },
    /// The command was cancelled.
    Cancelled {
        /// Command line.
        command: String,
    },
}

impl CommandError {
    /// Returns the last lines of output, printable; empty if there is none.
    pub fn last_output(&self) -> &str {
        match self {
            Self::Failed { said, .. } | Self::TimedOut { said, .. } => said,
            Self::NotStarted { .. } | Self::Cancelled { .. } => "",
        }
    }

    /// Returns the reason without the command line, for messages that name the failed step themselves.
    pub fn reason(&self) -> String {
        match self {
            Self::NotStarted { .. } => self.to_string(),
            Self::Failed { status, said, .. } if said.is_empty() => describe_status(*status),
            Self::Failed { said, .. } => said.clone(),
            Self::TimedOut { after, said, .. } => format!("timed out after {after:?}{}", prefix_with_colon(said)),
            Self::Cancelled { .. } => "interrupted".into(),
        }
    }

    /// Returns the exit code; `None` if the program did not end by itself.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.code(),
            _ => None,
        }
    }

    /// True if the program is not installed.
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Self::NotStarted { why, .. } if why.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { program, .. } if self.is_missing_program() => {
                write!(f, "cannot run {program}: it is not installed{}", install_hint(program))
            }
            Self::NotStarted { program, why } => write!(f, "cannot run {program}: {why}"),
            Self::Failed { command, status, said } => {
                write!(f, "`{command}` failed with {}{}", describe_status(*status), prefix_with_colon(said))
            }
            Self::TimedOut { command, after, said } => {
                write!(f, "`{command}` timed out after {after:?}{}", prefix_with_colon(said))
            }
            Self::Cancelled { command } => write!(f, "`{command}` was interrupted"),
        }
    }
}

impl std::error::Error for CommandError {}

fn describe_status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn prefix_with_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// Returns how to install a missing program.
fn install_hint(program: &str) -> String {
    let package = match program {
        "git" | "rsync" => program,
        "ssh" => "openssh-client",
        "systemctl" => "systemd",
        "tailscale" => return "; see https://tailscale.com/download".into(),
        _ => return " or not in PATH".into(),
    };
    format!("; on Debian or Ubuntu: apt-get install {package}")
}

/// Returns the command line as typed in a shell.
pub(super) fn format_command_line(program: &OsStr, args: &[OsString]) -> String {
    let words = [program].into_iter().chain(args.iter().map(OsString::as_os_str));
    let words: Vec<String> = words.map(|word| shell_quote(&word.to_string_lossy())).collect();
    to_printable(&words.join(" "), MAX_COMMAND_LINE_CHARS)
}

fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%^~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Returns the last lines of standard error, or of standard output if that is empty, as one printable line.
pub(super) fn last_output_lines(stderr: &str, stdout: &str) -> String {
    let said = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<String> =
        said.lines().map(|line| to_printable(line, MAX_OUTPUT_LINE_CHARS)).filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(MAX_OUTPUT_LINES);
    lines.get(skipped..).unwrap_or_default().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_reads_as_one_would_type_it() {
        let args = [
            "commit",
            "-m",
            "it's done
",
            "",
        ]
        .map(OsString::from);
        let line = format_command_line(OsStr::new("git"), &args);
        assert_eq!(line, r"git commit -m 'it'\''s done ' ''");
    }

    #[test]
    fn the_last_lines_are_kept_and_made_printable() {
        let said = last_output_lines("1\n2\n\n3\n\x1b[2J4\n5\n", "out");
        assert_eq!(said, "2; 3; [2J4; 5");
        assert_eq!(last_output_lines(" \n", "out"), "out");
    }
}
