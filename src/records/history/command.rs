//! Command `history`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::FileError;
use crate::os::boot_time::BootTime;
use crate::os::clock::Moment;
use crate::records::history::entry_times;
use crate::records::history::lines::{HistoryLine, entry_time, read};
use crate::records::history::summary::{HistorySummary, SummarizedEntry};
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
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        return Err(FileError::MissingDirectory { folder: folder.to_owned() });
    }
    let from = since.map_or(Time::default(), |since| now - since);
    // A year of rows is as large as the files, so they share one text.
    let (mut moments, mut rows, mut row_starts) = (Vec::new(), String::new(), Vec::new());
    let mut summarized = Vec::new();
    let mut unreadable = 0_usize;
    for line in read(path)? {
        let HistoryLine::Entry(entry) = line else {
            unreadable += 1;
            continue;
        };
        moments.push(entry_times::entry_moment(&entry));
        row_starts.push(rows.len());
        // Writing to a string cannot fail.
        let _ = match form {
            HistoryFormat { summary: true, .. } => {
                summarized.push(SummarizedEntry::read(&entry));
                Ok(())
            }
            HistoryFormat { json: true, .. } => write!(rows, ",\n{entry}"),
            HistoryFormat { json: false, .. } => writeln!(rows, "{}", entry_row(&entry)),
        };
    }
    let read_at = Moment { wall_time: now, boot_time: BootTime::now() };
    let times = entry_times::estimate_times(&moments, read_at, entry_times::MAX_UNMEASURED_GAP_SHOWN);
    let text = if form.summary {
        let mut summary = HistorySummary::new(from);
        // Entries before that time give the initial state.
        times.iter().zip(&summarized).for_each(|(at, entry)| summary.add(*at, entry));
        // A monitor that was killed counts as running until its last update, not until now.
        let summary = summary.finish(Timeline::stopped_at(&path.with_file_name("timeline.json"), now).unwrap_or(now));
        if form.json { format!("{}\n", summary.to_json().to_pretty()) } else { summary.to_text() }
    } else {
        // The times never run backwards.
        let first = times.partition_point(|at| *at < from);
        rows.drain(..row_starts.get(first).copied().unwrap_or(rows.len()));
        match (form.json, rows.is_empty()) {
            (true, true) => "[]\n".to_owned(),
            (true, false) => {
                rows.replace_range(..1, "[");
                rows + "\n]\n"
            }
            (false, true) if since.is_some() => "no history in that time\n".to_owned(),
            (false, true) => "no history yet\n".to_owned(),
            (false, false) => rows,
        }
    };
    let warning = (unreadable > 0).then(|| format!("unreadable lines skipped: {unreadable}"));
    Ok(CommandOutput { text, warning, exit_code: 0 })
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
