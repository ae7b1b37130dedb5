//! The process that ends what another one has started, once that one is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{
    BufRead, BufReader, Read, {self},
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::os::process_tree::{
    Outputs, {self},
};

/// The longest line that is read, in bytes.
const LINE_LIMIT: u64 = 1024;

/// The time that orphans may take to end when asked to.
const GRACE: Duration = Duration::from_secs(2);

/// The time after which an orphan is left that not even KILL ends, because the kernel holds it.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// The time between two looks at the processes of this host.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Reads what another process starts, from standard input, and ends what is left of that when it is gone.
///
/// # Errors
/// When a signal that must not end this process cannot be caught.
pub fn end_orphans() -> io::Result<()> {
    // A terminal or a supervisor may send one of these to everything at once, and this process ends last.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let outputs = read_running(io::stdin().lock());
    if outputs.is_empty() {
        return Ok(());
    }
    let asked = Instant::now();
    let mut left = process_tree::find(&outputs, &BTreeSet::new());
    process_tree::signal(&left, "TERM");
    while !left.is_empty() && asked.elapsed() < GRACE + KILL_TIMEOUT {
        thread::sleep(POLL_INTERVAL);
        left = process_tree::find(&outputs, &left);
        if asked.elapsed() > GRACE {
            process_tree::signal(&left, "KILL");
        }
    }
    Ok(())
}

/// Reads to the end of the input, and returns the outputs of what still runs then.
fn read_running(input: impl Read) -> Outputs {
    let mut running: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut input = BufReader::new(input);
    let mut line = String::new();
    // A line that its writer's death has cut off names no child that was started.
    while input.by_ref().take(LINE_LIMIT).read_line(&mut line).is_ok() && line.ends_with('\n') {
        let mut words = line.split_whitespace();
        match words.next().and_then(|word| word.split_at_checked(1)) {
            Some(("+", id)) => drop(running.insert(id.to_owned(), words.flat_map(str::parse).collect())),
            Some(("-", id)) => drop(running.remove(id)),
            _ => {}
        }
        line.clear();
    }
    Outputs::new(running.into_values().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_empty(input: &[u8]) -> bool {
        read_running(input).is_empty()
    }

    #[test]
    fn what_has_ended_is_forgotten_and_a_cut_line_names_nothing() {
        assert!(!is_empty(b"+1 10 11\n+2 20\n-1\n"));
        assert!(is_empty(b"+1 10 11\n+2 20\n-1\n-2\n"));
        assert!(is_empty(b"+x\n?\n\n-\n+1 ten\n+3 30"));
        assert!(is_empty(&[b'+'; 5000]));
    }
}
