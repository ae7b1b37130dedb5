//! What can go wrong with a child, in words.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use std::{fmt, io};

use crate::text::printable;

/// How many characters of a command line an error shows.
const LINE: usize = 200;

/// How many lines of a program's last words an error shows: ssh and git need several to say one thing.
const LAST_LINES: usize = 4;

/// How many characters of each.
const LAST_LINE: usize = 160;

/// Why a command has not done its work.
#[derive(Debug)]
pub enum CommandError {
    /// It could not be started, or was lost from sight.
    NotStarted {
        /// The program's name.
        program: String,
        /// What the system said.
        why: io::Error,
    },
    /// It ended, but not with exit code 0.
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last words, printable.
        said: String,
    },
    /// It did not end within its deadline, and was stopped.
    TimedOut {
        /// The command line.
        command: String,
        /// The deadline.
        after: Duration,
        /// Its last words, printable.
        said: String,
    },
    /// It was stopped because nobody waits for it any more.
    Cancelled {
        /// The command line.
        command: String,
    },
}

impl CommandError {
    /// Its last words, made printable; empty where there are none.
    #[must_use]
    pub fn said(&self) -> &str {
        match self {
            Self::Failed { said, .. } | Self::TimedOut { said, .. } => said,
            Self::NotStarted { .. } | Self::Cancelled { .. } => "",
        }
    }

    /// What went wrong, for an error that says itself what was being done: no command line.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::NotStarted { .. } => self.to_string(),
            Self::Failed { status, said, .. } if said.is_empty() => how(*status),
            Self::Failed { said, .. } => said.clone(),
            Self::TimedOut { after, said, .. } => format!("no end within {after:?}{}", after_colon(said)),
            Self::Cancelled { .. } => "interrupted".into(),
        }
    }

    /// The exit code, where it ended by itself.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.code(),
            _ => None,
        }
    }

    /// Whether the program does not exist here.
    #[must_use]
    pub fn is_missing_program(&self) -> bool {
        matches!(self, Self::NotStarted { why, .. } if why.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { program, .. } if self.is_missing_program() => {
                write!(f, "cannot run {program}: it is not installed{}", remedy(program))
            }
            Self::NotStarted { program, why } => write!(f, "cannot run {program}: {why}"),
            Self::Failed { command, status, said } => {
                write!(f, "`{command}` failed with {}{}", how(*status), after_colon(said))
            }
            Self::TimedOut { command, after, said } => {
                write!(f, "`{command}` was stopped: no end within {after:?}{}", after_colon(said))
            }
            Self::Cancelled { command } => write!(f, "`{command}` was interrupted"),
        }
    }
}

impl std::error::Error for CommandError {}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// How to get a program that is missing.
fn remedy(program: &str) -> String {
    let package = match program {
        "git" | "rsync" => program,
        "ssh" => "openssh-client",
        "systemctl" => "systemd",
        "tailscale" => return "; see https://tailscale.com/download".into(),
        _ => return " or not in PATH".into(),
    };
    format!("; on Debian or Ubuntu: apt-get install {package}")
}

/// The command as one would type it.
pub(super) fn command_line(program: &OsStr, args: &[OsString]) -> String {
    let words = [program].into_iter().chain(args.iter().map(OsString::as_os_str));
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    printable(&words.join(" "), LINE)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%^~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The last lines of standard error, or of standard output where that is empty, as one printable line.
pub(super) fn last_words(stderr: &str, stdout: &str) -> String {
    let said = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<String> =
        said.lines().map(|line| printable(line, LAST_LINE)).filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(LAST_LINES);
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
        let line = command_line(OsStr::new("git"), &args);
        assert_eq!(line, r"git commit -m 'it'\''s done ' ''");
    }

    #[test]
    fn the_last_lines_are_kept_and_made_printable() {
        let said = last_words("1\n2\n\n3\n\x1b[2J4\n5\n", "out");
        assert_eq!(said, "2; 3; [2J4; 5");
        assert_eq!(last_words(" \n", "out"), "out");
    }
}
