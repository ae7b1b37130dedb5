//! Commands, and waits for their effects.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Output and success of a command.
pub(crate) struct CommandResult {
    /// True for exit code 0.
    pub(crate) ok: bool,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

/// Runs a command to its end, with empty input.
pub(crate) fn run_unchecked(command: &mut Command) -> CommandResult {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    CommandResult { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

/// Runs a command that must succeed.
pub(crate) fn run_checked(command: &mut Command) -> String {
    let answer = run_unchecked(command);
    assert!(answer.ok, "{command:?} failed:\n{}", answer.text);
    answer.text
}

/// Waits until `look` returns a value.
pub(crate) fn wait_until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < within, "timed out after {within:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Checks repeatedly that a condition stays true.
pub(crate) fn check_throughout(what: &str, during: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < during {
        assert!(holds(), "{what}: no longer true after {:?}", start.elapsed());
        thread::sleep(Duration::from_millis(200));
    }
}

/// Prints a measurement with the name of its test, because tests run in parallel.
pub(crate) fn print_measurement(fact: &str) {
    let current = thread::current();
    println!("{}: {fact}", current.name().unwrap_or("e2e"));
}

/// Returns the wall clock in seconds since 1970, which all hosts of a lab share.
pub(crate) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Returns a duration in seconds.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
