//! Description of the end of a unit's last run.

use std::time::Duration;

use crate::os::ChildCommand;
use crate::os::systemd::{ProcessEnd, Systemctl, Unit};
use crate::text::redaction::redact_secrets;
use crate::text::to_printable;

/// Time limit of `journalctl`.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Number of last lines to read; more than one, because empty lines are skipped.
const LOG_LINE_COUNT: &str = "5";

/// Maximum length of a line, in characters.
const MAX_LOG_LINE_CHARS: usize = 200;

/// Known exit codes, from sysexits(3) and systemd.exec(5).
const EXIT_CODES: [(i32, &str); 17] = [
    (1, "an error"),
    (64, "wrong arguments"),
    (69, "a service that it needs is unavailable"),
    (70, "an internal error"),
    (73, "cannot create a file"),
    (75, "a temporary failure"),
    (77, "no permission"),
    (78, "configuration error"),
    (126, "the program cannot be executed"),
    (127, "the program was not found"),
    (143, "stopped by TERM"),
    (200, "systemd cannot change to its working directory"),
    (203, "systemd cannot execute its program"),
    (216, "systemd cannot set its group"),
    (217, "systemd does not know its user"),
    (226, "systemd cannot set up its sandbox"),
    (243, "systemd cannot set up its credentials"),
];

/// Signals by number; the same on all architectures of the releases.
const SIGNALS: [(i32, &str); 10] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (11, "SEGV"),
    (15, "TERM"),
];

impl Unit {
    /// Describes the end of the last main process, for a sentence that begins with the unit's name.
    fn end_in_words(&self) -> Option<String> {
        let named = |names: &[(i32, &str)], number: i32| {
            let name = names.iter().find(|(known, _)| *known == number);
            name.map(|(_, name)| format!(" ({name})")).unwrap_or_default()
        };
        let words = match self.end? {
            ProcessEnd::Exited(code) => format!("exited: code {code}{}", named(&EXIT_CODES, code)),
            ProcessEnd::Killed(signal) if self.result == "core-dump" => {
                format!("crashed: signal {signal}{}", named(&SIGNALS, signal))
            }
            ProcessEnd::Killed(signal) => format!("was killed: signal {signal}{}", named(&SIGNALS, signal)),
        };
        Some(words)
    }

    /// Describes the end of the last run, for a sentence that begins with the unit's name. `None` if the unit still
    /// runs or was never started.
    pub fn describe_exit(&self) -> Option<String> {
        if self.was_skipped {
            return Some("was not started: a Condition…= of its unit file is not met".to_owned());
        }
        let words = match self.result.as_str() {
            "success" if self.invocation_id.is_none() || self.main_pid.is_some() => return None,
            "success" => self.end_in_words().unwrap_or_else(|| "ended without a main process".to_owned()),
            // Another process than the main one failed.
            "exit-code" | "signal" | "core-dump" if matches!(self.end, None | Some(ProcessEnd::Exited(0))) => {
                "was not started: a command other than its main process failed (ExecStartPre=, ExecStartPost=)"
                    .to_owned()
            }
            "exit-code" | "signal" | "core-dump" => self.end_in_words()?,
            "oom-kill" => "was killed: out of memory".to_owned(),
            "timeout" => "was stopped by systemd: starting or stopping took too long".to_owned(),
            "watchdog" => "was stopped by systemd: it missed its watchdog".to_owned(),
            "start-limit-hit" => {
                let last = self.end_in_words().map(|end| format!("; its last run {end}")).unwrap_or_default();
                format!("was restarted too often, and systemd gave up{last}")
            }
            "protocol" => "ended before it reported readiness to systemd (Type= of its unit file)".to_owned(),
            "exec-condition" => "was not started: ExecCondition= of its unit file says no".to_owned(),
            "resources" => "could not be set up by systemd: a resource is missing".to_owned(),
            "" => return None,
            other => format!("ended: {}", to_printable(other, 40)),
        };
        Some(words)
    }
}

impl Systemctl {
    /// Reads the last log line of this run of the unit: printable, bounded, secrets redacted. `None` if there is none,
    /// or this user must not read the journal.
    pub fn last_log_line(&self, unit: &str, run: &Unit) -> Option<String> {
        let invocation = run.invocation_id.as_deref()?;
        let command = ChildCommand::new("journalctl")
            .args(["--no-pager", "--quiet", "--output=cat", "--lines", LOG_LINE_COUNT])
            .args([format!("_SYSTEMD_UNIT={unit}"), format!("_SYSTEMD_INVOCATION_ID={invocation}")])
            .deadline(JOURNAL_TIMEOUT);
        let output = match command.run() {
            Ok(output) => output,
            Err(why) => {
                log::debug!("{why}");
                return None;
            }
        };
        let line = output
            .stdout
            .lines()
            .rev()
            .map(|line| to_printable(line, MAX_LOG_LINE_CHARS))
            .find(|line| !line.is_empty());
        line.map(|line| redact_secrets(&line))
    }

    /// Describes the end of a run with its last log line: "openclaw.service exited: code 78 (configuration error); last
    /// line: …".
    pub fn describe_exit_with_log(&self, unit: &str, run: &Unit) -> Option<String> {
        let exit = run.describe_exit()?;
        // A run that did not begin has no lines; the last ones are an earlier run's.
        let line = if run.was_skipped { None } else { self.last_log_line(unit, run) };
        let line = line.map(|line| format!("; last line: {line}")).unwrap_or_default();
        Some(format!("{unit} {exit}{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::systemd::UnitProperties;

    fn ended(result: &str, code: u8, status: i32) -> Option<String> {
        let shown = format!(
            "LoadState=loaded\nActiveState=failed\nMainPID=0\nResult={result}\nExecMainCode={code}\n\
             ExecMainStatus={status}\nInvocationID=cdf75f283db04151a12fddaca7add8c7\n"
        );
        Unit::parse(&UnitProperties(shown)).unwrap().describe_exit()
    }

    #[test]
    fn an_exit_is_told_with_its_meaning() {
        let (exited, killed, dumped) = (1, 2, 3);
        let said = |result, code, status| ended(result, code, status).unwrap();
        assert_eq!(said("exit-code", exited, 78), "exited: code 78 (configuration error)");
        assert_eq!(said("exit-code", exited, 203), "exited: code 203 (systemd cannot execute its program)");
        assert_eq!(said("exit-code", exited, 42), "exited: code 42");
        assert_eq!(said("success", exited, 0), "exited: code 0");
        assert_eq!(said("success", killed, 15), "was killed: signal 15 (TERM)");
        assert_eq!(said("signal", killed, 9), "was killed: signal 9 (KILL)");
        assert_eq!(said("core-dump", dumped, 11), "crashed: signal 11 (SEGV)");
        assert_eq!(said("oom-kill", killed, 9), "was killed: out of memory");
        assert!(said("start-limit-hit", exited, 1).ends_with("gave up; its last run exited: code 1 (an error)"));
        assert!(said("start-limit-hit", killed, 9).ends_with("its last run was killed: signal 9 (KILL)"));
        assert!(said("start-limit-hit", 0, 0).ends_with("gave up"));
        assert_eq!(said("a-new-one\x1b[2J", exited, 0), "ended: a-new-one [2J");
        assert_eq!(ended("", exited, 0), None);
    }

    #[test]
    fn a_main_process_that_never_ran_has_no_exit_code() {
        for result in ["exit-code", "signal"] {
            let said = ended(result, 0, 0).unwrap();
            assert!(said.contains("was not started") && said.contains("ExecStartPre="), "{said}");
            assert_eq!(ended(result, 1, 0).unwrap(), said, "a command after it failed");
        }
    }
}
