//! Lines for a terminal: labelled rows of at most 80 columns, whatever the names in them are made of.

use crate::host::printable;

/// The longest line, in columns.
const WIDTH: usize = 80;

/// Where the text of a row begins.
const INDENT: usize = 11;

/// The most characters of one row: what is longer was written by somebody who wants the rest out of sight.
const ROW: usize = 400;

/// A page that is filled from top to bottom.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Adds a line that begins at the margin.
    pub(super) fn line(&mut self, text: &str) {
        self.wrap("", 0, text);
    }

    /// Adds a row: a label, and a text that stays to the right of it.
    pub(super) fn row(&mut self, label: &str, text: &str) {
        self.wrap(label, INDENT, text);
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn wrap(&mut self, label: &str, indent: usize, text: &str) {
        let mut line = format!("{label:indent$}");
        for text in broken(&printable(text, ROW), WIDTH - indent) {
            line.push_str(&text);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
            line = " ".repeat(indent);
        }
    }
}

/// The text in lines of at most `room` columns, broken between words, and within one only where it fills a line.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) + width(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The columns of a character; two from where scripts begin that have wide ones. Some of them are narrow: then a line
/// is a little shorter than it could be.
fn width(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let mut page = Page::default();
        page.row("label", text);
        page.finish()
    }

    #[test]
    fn a_row_is_broken_between_words_and_stays_right_of_its_label() {
        let text = page(&"seven77 ".repeat(12));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], format!("label      {}", ["seven77"; 8].join(" ")));
        assert_eq!(lines[1], format!("           {}", ["seven77"; 4].join(" ")));
    }

    #[test]
    fn no_line_is_too_wide_whatever_it_is_made_of() {
        for hostile in ["x".repeat(1000), "界".repeat(300), "a 界\u{1b}[2J\u{202e}".repeat(100), String::new()] {
            for line in page(&hostile).lines() {
                assert!(columns(line) <= WIDTH && !line.contains('\u{1b}'), "{line}");
            }
        }
        assert_eq!(page(""), "label\n");
        assert_eq!(page("界界").lines().count(), 1);
    }
}
