//! Clock of this boot. It cannot be set, so it measures time between runs of different processes.

use std::time::Duration;

use crate::os::ChildCommand;

/// One tick of the kernel's process times, the same on every architecture that Rust's Linux targets support.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// Returns the time since boot, or `None` where `/proc` is hidden.
///
/// A process that starts now reports its start time. The sandbox of the sync units hides `/proc/uptime`.
pub(super) fn time_since_boot() -> Option<Duration> {
    parse_start_time(&ChildCommand::new("cat").arg("/proc/self/stat").run().ok()?.stdout)
}

/// Parses field 22 of `/proc/<pid>/stat`. Field 2 is a name in parentheses that may contain any character.
fn parse_start_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u32 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Some(CLOCK_TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_start_time_behind_any_program_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 12345 1000 50 18446744073709551615";
        assert_eq!(parse_start_time(stat), Some(Duration::from_millis(123_450)));
        assert_eq!(parse_start_time("7 (a) S 1"), None);
        assert!(time_since_boot().is_some());
    }
}
