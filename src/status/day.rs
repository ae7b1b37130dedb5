//! The last 24 hours in one line.
//!
//! Its signs are ASCII everywhere: a host over ssh often has no UTF-8 locale, and a page that is pasted into a ticket
//! must read there as it did on the terminal. Colours say nothing more.

use crate::records::timeline::Cell;
use crate::text::table::{Page, Tone};

/// Every cell, its sign, how it matters, and what the legend says.
const SIGNS: [(Cell, &str, Tone, &str); 5] = [
    (Cell::Healthy, ".", Tone::Good, " healthy, "),
    (Cell::Failing, "x", Tone::Bad, " failing, "),
    (Cell::Active, "#", Tone::Unusual, " active, "),
    (Cell::Held, "=", Tone::Unusual, " held, "),
    (Cell::MonitorDown, "_", Tone::Bad, " monitor down"),
];

/// Adds the strip, the oldest half hour first, and what its signs mean.
pub(super) fn rows(page: &mut Page, cells: &[Cell]) {
    let sign = |cell: &Cell| SIGNS.iter().find(|(known, ..)| known == cell).map(|&(_, sign, tone, _)| (tone, sign));
    page.parts("24 h", cells.iter().filter_map(sign));
    let legend: Vec<_> = SIGNS.iter().flat_map(|&(_, sign, _, words)| [sign, words]).collect();
    page.row("", &legend.concat());
}
