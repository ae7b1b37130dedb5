//! Command `history`.

use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::FileError;
use crate::os::boot_time::BootTime;
use crate::os::clock::Moment;
use crate::records::history::summary::HistorySummary;
use crate::records::history::{HistoryLine, entry_time, entry_times, read};
use crate::records::timeline::Timeline;
use crate::text::json::Node;
use crate::text::utc::format_time;
use crate::text::{CommandOutput, Time, to_printable};

/// Limit on the length of a printed sentence, in characters.
const MAX_TEXT_CHARS: usize = 1000;

/// Width of the column with event names.
const EVENT_COLUMN_WIDTH: usize = 19;

/// Output format of `history`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryFormat {
    /// True for JSON.
    pub json: bool,
    /// True for a summary instead of the events.
    pub summary: bool,
}

/// Prints the history at `path`: the entries of the last `since`, or all, oldest first. `now` is the wall clock's.
///
/// # Errors
/// Returns an error if no monitor has run here, or if the history cannot be read.
pub fn render_history(
    path: &Path,
    since: Option<Duration>,
    form: HistoryFormat,
    now: Time,
) -> Result<CommandOutput, FileError> {
    let HistoryFormat { json, summary: is_summary } = form;
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        return Err(FileError::MissingDirectory { folder: folder.to_owned() });
    }
    let from = since.map_or(Time::default(), |since| now - since);
    let (mut entries, mut summary) = (Vec::new(), HistorySummary::new(from));
    let mut unreadable = 0_usize;
    let mut times = entry_times::estimate_times(
        &entry_moments(path)?,
        Moment { wall_time: now, boot_time: BootTime::now() },
        entry_times::MAX_UNMEASURED_GAP_SHOWN,
    )
    .into_iter();
    for line in read(path)? {
        let HistoryLine::Entry(entry) = line else {
            unreadable += 1;
            continue;
        };
        // An entry that was added since the times were read counts as now.
        let at = times.next().unwrap_or(now);
        if is_summary {
            // Entries before that time give the initial state.
            summary.add(at, &entry);
        } else if at >= from {
            entries.push(if json { entry.to_string() } else { entry_row(&entry) });
        }
    }
    // A monitor that was killed counts as running until its last update, not until now.
    let until = || Timeline::stopped_at(&path.with_file_name("timeline.json"), now).unwrap_or(now);
    let text = match (json, entries.is_empty()) {
        (true, _) if is_summary => format!("{}\n", summary.finish(until()).to_json().to_pretty()),
        (false, _) if is_summary => summary.finish(until()).to_text(),
        (true, true) => "[]\n".to_owned(),
        (true, false) => format!("[\n{}\n]\n", entries.join(",\n")),
        (false, true) if since.is_some() => "no history in that time\n".to_owned(),
        (false, true) => "no history yet\n".to_owned(),
        (false, false) => format!("{}\n", entries.join("\n")),
    };
    let warning = (unreadable > 0).then(|| format!("unreadable lines skipped: {unreadable}"));
    Ok(CommandOutput { text, warning, exit_code: 0 })
}

/// Returns both clocks of every readable entry, in file order.
fn entry_moments(path: &Path) -> Result<Vec<Moment>, FileError> {
    let stamp = |line| match line {
        HistoryLine::Entry(entry) => Some(entry_times::entry_moment(&entry)),
        HistoryLine::Unreadable => None,
    };
    Ok(read(path)?.filter_map(stamp).collect())
}

fn entry_row(entry: &Node) -> String {
    let text = |key| entry.get(key).and_then(|field| field.as_str()).unwrap_or_default();
    let event = to_printable(text("event"), EVENT_COLUMN_WIDTH);
    format!(
        "{}  {event:EVENT_COLUMN_WIDTH$}  {}",
        format_time(entry_time(entry)),
        to_printable(text("text"), MAX_TEXT_CHARS)
    )
}
