//! Helper process that ends the children of another process after that one died.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::os::process_tree::{self, OutputHandles};

/// Maximum length of a line, in bytes.
const MAX_LINE_BYTES: u64 = 1024;

/// Time between TERM and KILL.
const KILL_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Time after which an orphan that hangs in the kernel is abandoned although it got KILL.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval between two scans of the process table.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Reads from standard input which children another process starts and ends. At the end of the input, when that process
/// is gone, ends the remaining ones.
///
/// # Errors
/// If a signal that must not end this process cannot be caught.
pub fn end_orphans() -> io::Result<()> {
    // A terminal or a supervisor may send these to all processes at once; this one must end last.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let outputs = read_running(io::stdin().lock());
    if outputs.is_empty() {
        return Ok(());
    }
    let asked = Instant::now();
    let mut left = process_tree::find_tree(&outputs, &BTreeSet::new());
    process_tree::send_signal(&left, "TERM");
    while !left.is_empty() && asked.elapsed() < KILL_GRACE_PERIOD + KILL_TIMEOUT {
        thread::sleep(POLL_INTERVAL);
        left = process_tree::find_tree(&outputs, &left);
        if asked.elapsed() > KILL_GRACE_PERIOD {
            process_tree::send_signal(&left, "KILL");
        }
    }
    Ok(())
}

/// Reads to the end of the input and returns the outputs of the children that still run.
fn read_running(input: impl Read) -> OutputHandles {
    let mut running: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut input = BufReader::new(input);
    let mut line = String::new();
    // A line truncated by the writer's death names a child that was never started.
    while input.by_ref().take(MAX_LINE_BYTES).read_line(&mut line).is_ok() && line.ends_with('\n') {
        let mut words = line.split_whitespace();
        match words.next().and_then(|word| word.split_at_checked(1)) {
            Some(("+", id)) => drop(running.insert(id.to_owned(), words.flat_map(str::parse).collect())),
            Some(("-", id)) => drop(running.remove(id)),
            _ => {}
        }
        line.clear();
    }
    OutputHandles::new(running.into_values().flatten())
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
