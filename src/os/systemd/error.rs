//! Errors of `systemctl`, with the remedy.

use std::fmt;

use crate::os::CommandError;
use crate::text::to_printable;

/// Failed `systemctl` command.
#[derive(Debug)]
pub struct SystemdError {
    verb: &'static str,
    unit: String,
    /// Reason.
    pub kind: SystemdErrorKind,
}

/// Reason of a failed `systemctl` command.
#[derive(Debug)]
pub enum SystemdErrorKind {
    /// polkit refused: this user has no permission.
    PermissionDenied,
    /// polkit does not answer; with systemd's message.
    PolkitUnavailable(String),
    /// systemd does not answer; with the message of `systemctl`.
    BusUnavailable(String),
    /// Any other message of systemd.
    Message(String),
    /// `systemctl` did not run to its end, or failed without a message.
    Command(CommandError),
}

impl SystemdError {
    /// True if the request did not reach systemd, or this user has no permission: no bus, no polkit, no permission, no
    /// answer in time. False if systemd handled the request and the job failed.
    pub fn is_unreachable(&self) -> bool {
        match &self.kind {
            SystemdErrorKind::PermissionDenied
            | SystemdErrorKind::PolkitUnavailable(_)
            | SystemdErrorKind::BusUnavailable(_) => true,
            SystemdErrorKind::Message(_) | SystemdErrorKind::Command(CommandError::Failed { .. }) => false,
            SystemdErrorKind::Command(_) => true,
        }
    }

    pub(super) fn new(verb: &'static str, unit: &str, error: CommandError) -> Self {
        let unit = unit.to_owned();
        let why = SystemdErrorKind::from_command_error(error);
        Self { verb, unit, kind: why }
    }

    pub(super) fn unparsable_output(unit: &str, shown: &str) -> Self {
        let message = format!("cannot parse the output of systemctl: {}", to_printable(shown, 200));
        Self { verb: "show", unit: unit.to_owned(), kind: SystemdErrorKind::Message(message) }
    }
}

impl SystemdErrorKind {
    /// Classifies the error by its text, for `systemctl` has no exit codes for these cases. The locale is fixed.
    fn from_command_error(error: CommandError) -> Self {
        let CommandError::Failed { said, .. } = &error else {
            return Self::Command(error);
        };
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let reason = strip_command_prefix(said);
        if has(&["Failed to connect to bus", "Failed to get D-Bus connection", "not been booted with systemd"]) {
            Self::BusUnavailable(reason)
        } else if has(&["Access denied", "Interactive authentication required"]) {
            Self::PermissionDenied
        } else if has(&["polkit.service", "PolicyKit1"]) {
            Self::PolkitUnavailable(reason)
        } else if reason.is_empty() {
            Self::Command(error)
        } else {
            Self::Message(reason)
        }
    }
}

/// Returns systemd's message without the part that repeats the command.
fn strip_command_prefix(said: &str) -> String {
    let line = said.split("; ").next().unwrap_or_default();
    match line.split_once(": ") {
        Some((what, why)) if what.starts_with("Failed to ") => why.to_owned(),
        _ => line.to_owned(),
    }
}

impl fmt::Display for SystemdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, unit, kind: why } = self;
        write!(f, "cannot {verb} {unit}: ")?;
        match why {
            SystemdErrorKind::PermissionDenied => {
                f.write_str("polkit does not allow this user to do it; is 50-openclaw-failover.rules installed?")
            }
            SystemdErrorKind::PolkitUnavailable(said) => {
                write!(f, "polkit does not answer ({said}); see `systemctl status polkit`")
            }
            SystemdErrorKind::BusUnavailable(said) => {
                write!(f, "systemd does not answer ({said}); see `systemctl status dbus`")
            }
            SystemdErrorKind::Message(said) if said.starts_with("Job for ") => {
                write!(f, "{said} See `journalctl -u {unit}`.")
            }
            SystemdErrorKind::Message(said) => f.write_str(said),
            SystemdErrorKind::Command(error) => f.write_str(&error.reason()),
        }
    }
}

impl std::error::Error for SystemdError {}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn words(said: &str) -> String {
        let failed = CommandError::Failed {
            command: "systemctl start -- openclaw.service".into(),
            status: ExitStatus::from_raw(0x100),
            said: said.into(),
        };
        SystemdError::new("start", "openclaw.service", failed).to_string()
    }

    #[test]
    fn systemd_is_quoted_without_repetition() {
        assert_eq!(
            words("Failed to start openclaw.service: Unit openclaw.service is masked."),
            "cannot start openclaw.service: Unit openclaw.service is masked."
        );
        assert_eq!(
            words(
                "Failed to start openclaw.service: Unit openclaw.service has a bad unit file setting.; \
                 See system logs and 'systemctl status openclaw.service' for details."
            ),
            "cannot start openclaw.service: Unit openclaw.service has a bad unit file setting."
        );
        assert_eq!(
            words(
                "Job for openclaw.service failed because a timeout was exceeded.; \
                 See \"systemctl status openclaw.service\" and \"journalctl -xeu openclaw.service\" for details."
            ),
            "cannot start openclaw.service: Job for openclaw.service failed because a timeout was exceeded. \
             See `journalctl -u openclaw.service`."
        );
    }

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        let refused = words("Failed to start openclaw.service: Access denied; See system logs");
        assert!(refused.contains("polkit does not allow this user"), "{refused}");
        let no_polkit = words("Failed to start openclaw.service: Unit polkit.service is masked.");
        assert!(no_polkit.contains("polkit does not answer (Unit polkit.service is masked.)"), "{no_polkit}");
        let no_bus = words("Failed to connect to bus: Connection refused");
        assert!(no_bus.contains("systemd does not answer (Connection refused)"), "{no_bus}");
        let silent = words("");
        assert_eq!(silent, "cannot start openclaw.service: exit code 1");
    }
}
