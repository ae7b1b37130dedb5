//! Terminal output: labelled rows, wrapped at 80 columns.

use std::borrow::Cow;

use crate::text::to_printable;

/// Maximum width of a line, in columns.
const MAX_LINE_COLUMNS: usize = 80;

/// Column where the text of a row starts.
const LABEL_COLUMNS: usize = 11;

/// Maximum length of a row, in characters. A longer, probably hostile, text must not push the rest off the screen.
const MAX_ROW_CHARS: usize = 400;

/// Severity of a text, shown as a colour. The text itself states the severity too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextColour {
    /// Good state.
    Good,
    /// Unusual state.
    Unusual,
    /// Problem that needs a person.
    Bad,
}

impl TextColour {
    /// Returns the text with terminal colour codes.
    pub fn colour_text(self, text: &str) -> String {
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
pub(crate) struct TextTable {
    text: String,
    /// True if the terminal shows colours.
    has_colours: bool,
}

impl TextTable {
    pub(crate) fn new(colour: bool) -> Self {
        Self { text: String::new(), has_colours: colour }
    }

    /// Adds a line without an indent.
    pub(crate) fn add_line(&mut self, tone: Option<TextColour>, text: &str) {
        self.add_wrapped("", 0, tone, text);
    }

    /// Adds a row: a label, and a text wrapped to the right of it.
    pub(crate) fn add_row(&mut self, label: &str, text: &str) {
        self.add_wrapped(label, LABEL_COLUMNS, None, text);
    }

    /// Adds a row with a coloured label.
    pub(crate) fn add_coloured_row(&mut self, label: &str, tone: TextColour, text: &str) {
        self.add_wrapped(label, LABEL_COLUMNS, Some(tone), text);
    }

    /// Adds a row of coloured parts that fit on one line.
    pub(crate) fn add_coloured_parts<'a>(&mut self, label: &str, parts: impl Iterator<Item = (TextColour, &'a str)>) {
        let mut line = format!("{label:LABEL_COLUMNS$}");
        for (tone, part) in parts {
            line.push_str(&self.colour_text(Some(tone), part));
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Adds wrapped lines. Colours the label, or the whole text if there is no label.
    fn add_wrapped(&mut self, label: &str, indent: usize, tone: Option<TextColour>, text: &str) {
        let gap = " ".repeat(indent.saturating_sub(label.len()));
        let mut start = if label.is_empty() { gap } else { self.colour_text(tone, label).into_owned() + &gap };
        let tone = tone.filter(|_| label.is_empty());
        for text in wrap_text(&to_printable(text, MAX_ROW_CHARS), MAX_LINE_COLUMNS - indent) {
            let line = start + &self.colour_text(tone, &text);
            self.text.push_str(line.trim_end());
            self.text.push('\n');
            start = " ".repeat(indent);
        }
    }

    fn colour_text<'a>(&self, tone: Option<TextColour>, text: &'a str) -> Cow<'a, str> {
        match tone {
            Some(tone) if self.has_colours => tone.colour_text(text).into(),
            _ => text.into(),
        }
    }
}

/// Wraps the text into lines of at most `room` columns, between words; splits only words longer than a line.
fn wrap_text(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && count_columns(&line) + 1 + count_columns(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if count_columns(&line) + char_columns(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

fn count_columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// Returns the columns of a character: two from U+1100 up, where the first wide script starts. Narrow characters above
/// it only make a line shorter than necessary.
fn char_columns(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let mut page = TextTable::new(false);
        page.add_row("label", text);
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
        let mut page = TextTable::new(true);
        page.add_coloured_row("label", TextColour::Bad, "text");
        page.add_line(Some(TextColour::Good), "line");
        page.add_coloured_parts("parts", [(TextColour::Unusual, "##"), (TextColour::Good, "..")].into_iter());
        let expected = "\u{1b}[31mlabel\u{1b}[0m      text\n\u{1b}[32mline\u{1b}[0m\n\
                        parts      \u{1b}[33m##\u{1b}[0m\u{1b}[32m..\u{1b}[0m\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn no_line_is_too_wide_whatever_it_is_made_of() {
        for hostile in ["x".repeat(1000), "界".repeat(300), "a 界\u{1b}[2J\u{202e}".repeat(100), String::new()] {
            for line in page(&hostile).lines() {
                assert!(count_columns(line) <= MAX_LINE_COLUMNS && !line.contains('\u{1b}'), "{line}");
            }
        }
        assert_eq!(page(""), "label\n");
        assert_eq!(page("界界").lines().count(), 1);
    }
}
