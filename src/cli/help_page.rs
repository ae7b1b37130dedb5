//! Parser of the help texts.

/// Help of one command, or of the program.
pub(super) struct HelpPage {
    /// The command; empty for the program itself.
    pub(super) name: &'static str,
    pub(super) paragraphs: Vec<Paragraph>,
}

/// Paragraph of a help text.
pub(super) enum Paragraph {
    /// Sentences, joined to one line.
    Text(String),
    /// Synopses, a line each.
    Usage(Vec<&'static str>),
    /// A list, with its title if it has one.
    List(Option<&'static str>, Vec<ListItem>),
}

/// A line of a list: what may be typed, and what it means.
pub(super) struct ListItem {
    pub(super) head: &'static str,
    pub(super) text: String,
}

/// Option of a command.
pub(super) struct OptionEntry<'a> {
    /// Names, such as `-h` and `--help`.
    pub(super) names: Vec<&'static str>,
    /// Placeholder of its value, such as `FILE`.
    pub(super) placeholder: Option<&'static str>,
    /// Description.
    pub(super) text: &'a str,
}

impl HelpPage {
    /// Parses a help text. Paragraphs end at empty lines, and list items are indented by two spaces.
    pub(super) fn parse(name: &'static str, help: &'static str) -> Self {
        Self { name, paragraphs: help.trim_end().split("\n\n").map(parse_paragraph).collect() }
    }

    /// Returns every option once, even if it is listed for a standby and for a primary.
    pub(super) fn flags(&self) -> Vec<OptionEntry<'_>> {
        let mut flags: Vec<OptionEntry<'_>> = Vec::new();
        for item in self.items().filter(|item| item.head.starts_with('-')) {
            let (names, takes) = match item.head.rsplit_once(' ') {
                Some((names, takes)) if !takes.starts_with('-') => (names, Some(takes)),
                _ => (item.head, None),
            };
            let flag = OptionEntry { names: names.split(", ").collect(), placeholder: takes, text: &item.text };
            if !flags.iter().any(|known| known.names == flag.names) {
                flags.push(flag);
            }
        }
        flags
    }

    /// Returns the list items that are not options: the program's commands.
    pub(super) fn commands(&self) -> impl Iterator<Item = &ListItem> {
        self.items().filter(|item| !item.head.starts_with('-'))
    }

    fn items(&self) -> impl Iterator<Item = &ListItem> {
        self.paragraphs.iter().flat_map(|block| match block {
            Paragraph::List(_, items) => items.as_slice(),
            Paragraph::Text(_) | Paragraph::Usage(_) => &[],
        })
    }

    /// Returns the words that may follow the command's name, such as `pull` and `push` after `sync`.
    pub(super) fn argument_words(&self) -> Vec<&'static str> {
        let is_word = |word: &&str| word.starts_with(|char: char| char.is_ascii_lowercase());
        self.usage_lines()
            .filter_map(|line| line.split(' ').nth(2).filter(is_word))
            .flat_map(|word| word.split('|'))
            .collect()
    }

    /// True if the command takes a file as an argument.
    pub(super) fn takes_file(&self) -> bool {
        self.usage_lines().any(|line| line.ends_with("[FILE]"))
    }

    fn usage_lines(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.paragraphs.iter().filter_map(|block| match block {
            Paragraph::Usage(lines) => Some(lines),
            Paragraph::Text(_) | Paragraph::List(..) => None,
        });
        lines.flatten().copied()
    }
}

fn parse_paragraph(paragraph: &'static str) -> Paragraph {
    if let Some(usage) = paragraph.strip_prefix("Usage: ") {
        return Paragraph::Usage(usage.lines().map(str::trim).collect());
    }
    let (title, list) = match paragraph.split_once(":\n") {
        Some((title, list)) if list.starts_with("  ") => (Some(title), list),
        _ => (None, paragraph),
    };
    if !list.starts_with("  ") {
        return Paragraph::Text(paragraph.replace('\n', " "));
    }
    let mut items: Vec<ListItem> = Vec::new();
    for line in list.lines() {
        let text = line.trim_start();
        match items.last_mut() {
            Some(item) if line.len() - text.len() > 2 => {
                item.text.push(' ');
                item.text.push_str(text);
            }
            _ => {
                let (head, text) = text.split_once("  ").unwrap_or((text, ""));
                items.push(ListItem { head, text: text.trim_start().to_owned() });
            }
        }
    }
    Paragraph::List(title, items)
}
