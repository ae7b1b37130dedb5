//! Running commands, and waiting for what they bring about.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a command said and whether it succeeded.
pub(crate) struct Answer {
    /// Whether it exited with 0.
    pub(crate) ok: bool,
    /// Its stdout and then its stderr.
    pub(crate) text: String,
}

/// Runs a command to its end, with nothing to read.
pub(crate) fn ask(command: &mut Command) -> Answer {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    Answer { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

/// Runs a command that must succeed.
pub(crate) fn must(command: &mut Command) -> String {
    let answer = ask(command);
    assert!(answer.ok, "{command:?} failed:\n{}", answer.text);
    answer.text
}

/// Waits until `look` finds something.
pub(crate) fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < within, "waited {within:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Checks again and again that something stays as it is.
pub(crate) fn always(what: &str, during: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < during {
        assert!(holds(), "{what}: no longer true after {:?}", start.elapsed());
        thread::sleep(Duration::from_millis(200));
    }
}

/// Prints a measured fact under the name of the test it belongs to, for several tests run at once.
pub(crate) fn report(fact: &str) {
    let current = thread::current();
    println!("{}: {fact}", current.name().unwrap_or("e2e"));
}

/// The wall clock in seconds since 1970, which all hosts of a lab share.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Seconds.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
