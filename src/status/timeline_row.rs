//! Line for the last 24 hours.
//!
//! The signs are ASCII: a host reached by ssh often has no UTF-8 locale, and a page pasted into a ticket must look the
//! same. Colours add no information.

use crate::records::timeline::TimelineCell;
use crate::text::table::{TextColour, TextTable};

/// Sign, tone and legend of each cell.
const CELL_SIGNS: [(TimelineCell, &str, TextColour, &str); 5] = [
    (TimelineCell::Healthy, ".", TextColour::Good, " healthy, "),
    (TimelineCell::UpstreamsDown, "x", TextColour::Bad, " failing, "),
    (TimelineCell::Active, "#", TextColour::Unusual, " active, "),
    (TimelineCell::Held, "=", TextColour::Unusual, " held, "),
    (TimelineCell::MonitorDown, "_", TextColour::Bad, " monitor down"),
];

/// Adds the timeline, oldest half hour first, and its legend.
pub(super) fn add_rows(page: &mut TextTable, cells: &[TimelineCell]) {
    let sign = |cell: &TimelineCell| {
        CELL_SIGNS.iter().find(|(known, ..)| known == cell).map(|&(_, sign, tone, _)| (tone, sign))
    };
    page.add_coloured_parts("24 h", cells.iter().filter_map(sign));
    let legend: Vec<_> = CELL_SIGNS.iter().flat_map(|&(_, sign, _, words)| [sign, words]).collect();
    page.add_row("", &legend.concat());
}
