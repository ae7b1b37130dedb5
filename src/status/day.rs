//! Line for the last 24 hours.
//!
//! The signs are ASCII: a host reached by ssh often has no UTF-8 locale, and a page pasted into a ticket must look the
//! same. Colours add no information.

use crate::records::timeline::Cell;
use crate::text::table::{Page, Tone};

/// Sign, tone and legend of each cell.
const SIGNS: [(Cell, &str, Tone, &str); 5] = [
    (Cell::Healthy, ".", Tone::Good, " healthy, "),
    (Cell::Failing, "x", Tone::Bad, " failing, "),
    (Cell::Active, "#", Tone::Unusual, " active, "),
    (Cell::Held, "=", Tone::Unusual, " held, "),
    (Cell::MonitorDown, "_", Tone::Bad, " monitor down"),
];

/// Adds the timeline, oldest half hour first, and its legend.
pub(super) fn rows(page: &mut Page, cells: &[Cell]) {
    let sign = |cell: &Cell| SIGNS.iter().find(|(known, ..)| known == cell).map(|&(_, sign, tone, _)| (tone, sign));
    page.parts("24 h", cells.iter().filter_map(sign));
    let legend: Vec<_> = SIGNS.iter().flat_map(|&(_, sign, _, words)| [sign, words]).collect();
    page.row("", &legend.concat());
}
