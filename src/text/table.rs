//! Terminal output: labelled rows, wrapped at 80 columns.

use std::borrow::Cow;

use crate::text::printable;

/// Maximum width of a line, in columns.
const WIDTH: usize = 80;

/// Column where the text of a row starts.
const INDENT: usize = 11;

/// Maximum length of a row, in characters. A longer, probably hostile, text must not push the rest off the screen.
const ROW: usize = 400;

/// Severity of a text, shown as a colour. The text itself states the severity too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good state.
    Good,
    /// Unusual state.
    Unusual,
    /// Problem that needs a person.
    Bad,
}

impl Tone {
    /// Returns the text with terminal colour codes.
    #[must_use]
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Good => "32",
            Self::Unusual => "33",
            Self::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Page of output, filled from top to bottom.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
    /// True if the terminal shows colours.
    colour: bool,
}

impl Page {
    pub(crate) fn new(colour: bool) -> Self {
        Self { text: String::new(), colour }
    }

    /// Adds a line without an indent.
    pub(crate) fn line(&mut self, tone: Option<Tone>, text: &str) {
        self.wrap("", 0, tone, text);
    }

    /// Adds a row: a label, and a text wrapped to the right of it.
    pub(crate) fn row(&mut self, label: &str, text: &str) {
        self.wrap(label, INDENT, None, text);
    }

    /// Adds a row with a coloured label.
    pub(crate) fn toned(&mut self, label: &str, tone: Tone, text: &str) {
        self.wrap(label, INDENT, Some(tone), text);
    }

    /// Adds a row of coloured parts that fit on one line.
    pub(crate) fn parts<'a>(&mut self, label: &str, parts: impl Iterator<Item = (Tone, &'a str)>) {
        let mut line = format!("{label:INDENT$}");
        for (tone, part) in parts {
            line.push_str(&self.paint(Some(tone), part));
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Adds wrapped lines. Colours the label, or the whole text if there is no label.
    fn wrap(&mut self, label: &str, indent: usize, tone: Option<Tone>, text: &str) {
        let gap = " ".repeat(indent.saturating_sub(label.len()));
        let mut start = if label.is_empty() { gap } else { self.paint(tone, label).into_owned() + &gap };
        let tone = tone.filter(|_| label.is_empty());
        for text in broken(&printable(text, ROW), WIDTH - indent) {
            let line = start + &self.paint(tone, &text);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
            start = " ".repeat(indent);
        }
    }

    fn paint<'a>(&self, tone: Option<Tone>, text: &'a str) -> Cow<'a, str> {
        match tone {
            Some(tone) if self.colour => tone.paint(text).into(),
            _ => text.into(),
        }
    }
}

/// Wraps the text into lines of at most `room` columns, between words; splits only words longer than a line.
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

/// Returns the columns of a character: two from U+1100 up, where the first wide script starts. Narrow characters above
/// it only make a line shorter than necessary.
fn width(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let mut page = Page::new(false);
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
    fn colours_change_nothing_but_the_colour() {
        let mut page = Page::new(true);
        page.toned("label", Tone::Bad, "text");
        page.line(Some(Tone::Good), "line");
        page.parts("parts", [(Tone::Unusual, "##"), (Tone::Good, "..")].into_iter());
        let expected = "\u{1b}[31mlabel\u{1b}[0m      text\n\u{1b}[32mline\u{1b}[0m\n\
                        parts      \u{1b}[33m##\u{1b}[0m\u{1b}[32m..\u{1b}[0m\n";
        assert_eq!(page.finish(), expected);
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
