//! Logging: priorities for journald, a time of day elsewhere.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};

use crate::text::to_printable;

/// Maximum length of a logged message, in characters.
const MAX_MESSAGE_CHARS: usize = 2000;

/// Starts logging to standard error, from level `info` unless `RUST_LOG` sets another.
///
/// Under systemd each line starts with its priority, which journald strips (sd-daemon(3)); elsewhere with the time. A
/// second call has no effect.
pub fn start_logging() {
    let format = if is_journal() { write_for_journald } else { write_for_people };
    let started = Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_env("RUST_LOG")
        .target(Target::Stderr)
        .format(move |out, record| format(out, record))
        .try_init();
    if started.is_err() {
        log::debug!("logging is already set up");
    }
}

/// True if standard error is the journal. `JOURNAL_STREAM` alone does not prove it: desktop sessions inherit it.
fn is_journal() -> bool {
    let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

fn write_for_journald(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(out, "<{priority}>{}", printable_message(record))
}

fn write_for_people(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let time = time_of_day(time.unwrap_or_default());
    let level = match record.level() {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info => "",
        Level::Debug => "debug: ",
        Level::Trace => "trace: ",
    };
    writeln!(out, "{time} {level}{}", printable_message(record))
}

fn printable_message(record: &Record<'_>) -> String {
    to_printable(&record.args().to_string(), MAX_MESSAGE_CHARS)
}

/// Formats the time of day, in UTC.
fn time_of_day(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs() % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: fn(&mut dyn Write, &Record<'_>) -> io::Result<()>, level: Level, text: &str) -> String {
        let mut out = Vec::new();
        format(&mut out, &Record::builder().level(level).args(format_args!("{text}")).build()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn journald_reads_the_priority() {
        assert_eq!(written(write_for_journald, Level::Error, "gone"), "<3>gone\n");
        assert_eq!(written(write_for_journald, Level::Info, "here"), "<6>here\n");
    }

    #[test]
    fn a_hostile_message_stays_one_line() {
        let line = written(write_for_journald, Level::Warn, "name\n<0>forged \x1b[2J");
        assert_eq!(line, "<4>name <0>forged [2J\n");
    }

    #[test]
    fn people_read_the_time() {
        assert_eq!(time_of_day(Duration::from_secs(1_700_000_000)), "22:13:20Z");
        let line = written(write_for_people, Level::Warn, "careful");
        assert!(line.ends_with("Z warning: careful\n"), "{line}");
    }
}
