//! Command `history`.

use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::Error;
use crate::os::boot_time::{BootTime, Moment};
use crate::records::history::summary::Summary;
use crate::records::history::{Line, moment, read, timeline};
use crate::records::timeline::Strip;
use crate::text::json::Node;
use crate::text::utc::people;
use crate::text::{CommandOutput, Time, printable};

/// Limit on the length of a printed sentence, in characters.
const SENTENCE: usize = 1000;

/// Width of the column with event names.
const EVENT: usize = 19;

/// Output format of `history`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// True for JSON.
    pub json: bool,
    /// True for a summary instead of the events.
    pub summary: bool,
}

/// Prints the history at `path`: the entries of the last `since`, or all, oldest first. `now` is the wall clock's.
///
/// # Errors
/// Returns an error if no monitor has run here, or if the history cannot be read.
pub fn command(path: &Path, since: Option<Duration>, form: Form, now: Time) -> Result<CommandOutput, Error> {
    let Form { json, summary: is_summary } = form;
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        return Err(Error::NoMonitor { folder: folder.to_owned() });
    }
    let from = since.map_or(Time::default(), |since| now - since);
    let (mut entries, mut summary) = (Vec::new(), Summary::new(from));
    let mut unreadable = 0_usize;
    let mut times =
        timeline::place(&stamps(path)?, Moment { label: now, boot: BootTime::now() }, timeline::LONGEST_SHOWN)
            .into_iter();
    for line in read(path)? {
        let Line::Entry(entry) = line else {
            unreadable += 1;
            continue;
        };
        // An entry that was added since the times were read counts as now.
        let at = times.next().unwrap_or(now);
        if is_summary {
            // Entries before that time give the initial state.
            summary.add(at, &entry);
        } else if at >= from {
            entries.push(if json { entry.to_string() } else { row(&entry) });
        }
    }
    // A monitor that was killed counts as running until its last update, not until now.
    let until = || Strip::ended(&path.with_file_name("strip.json"), now).unwrap_or(now);
    let text = match (json, entries.is_empty()) {
        (true, _) if is_summary => format!("{}\n", summary.finish(until()).to_json().pretty()),
        (false, _) if is_summary => summary.finish(until()).to_text(),
        (true, true) => "[]\n".to_owned(),
        (true, false) => format!("[\n{}\n]\n", entries.join(",\n")),
        (false, true) if since.is_some() => "no history in that time\n".to_owned(),
        (false, true) => "no history yet\n".to_owned(),
        (false, false) => format!("{}\n", entries.join("\n")),
    };
    let warning = (unreadable > 0).then(|| format!("unreadable lines skipped: {unreadable}"));
    Ok(CommandOutput { text, warning, code: 0 })
}

/// Returns both clocks of every readable entry, in file order.
fn stamps(path: &Path) -> Result<Vec<Moment>, Error> {
    let stamp = |line| match line {
        Line::Entry(entry) => Some(timeline::stamp(&entry)),
        Line::Unreadable => None,
    };
    Ok(read(path)?.filter_map(stamp).collect())
}

fn row(entry: &Node) -> String {
    let text = |key| entry.get(key).and_then(|field| field.as_str()).unwrap_or_default();
    let event = printable(text("event"), EVENT);
    format!("{}  {event:EVENT$}  {}", people(moment(entry)), printable(text("text"), SENTENCE))
}
