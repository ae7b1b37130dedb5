//! Result of a command.

/// Result of a command: exit code 0 for yes or done, 1 for no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandOutcome {
    Success,
    Failure,
}
