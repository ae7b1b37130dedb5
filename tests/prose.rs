//! The language of comments, messages and documents: `.github/CONTRIBUTING.md` has the rules.

#![allow(clippy::unwrap_used, reason = "an unreadable source file is a failed test")]

#[path = "support/source_files.rs"]
mod source_files;

use std::path::Path;

use source_files::read_source_files;

/// Maximum width of a line of code, in columns.
const MAX_COLUMNS: usize = 120;

/// First words that a doc comment must not have. It begins with a verb or a noun of the field.
const PRONOUNS: [&str; 14] = [
    "It",
    "Its",
    "What",
    "Whether",
    "How",
    "Who",
    "Whose",
    concat!("Who", "ever"),
    concat!("No", "body"),
    concat!("Some", "body"),
    "Where",
    "So",
    "Nothing",
    concat!("Every", "body"),
];

/// System user whose name is a term of the field.
const UNPRIVILEGED_USER: &str = concat!("no", "body");

/// Words and phrases that hide who does what, split so that this file does not contain them.
const BANNED: [(&str, &str); 20] = [
    ("some", "body"),
    ("no", "body"),
    ("who", "ever"),
    ("whom", "ever"),
    ("any", "body"),
    ("every", "body"),
    ("a", "new"),
    ("make ", "way"),
    ("makes ", "way"),
    ("at ", "home"),
    ("in ", "earnest"),
    ("put ", "away"),
    ("stand in ", "the way"),
    ("stands in ", "the way"),
    ("word of ", "its own"),
    ("shown ", "life"),
    ("shows ", "life"),
    ("no ", "life"),
    ("its ", "death"),
    ("wants to be ", "told"),
];

#[test]
fn doc_comments_begin_with_a_verb_or_a_noun() {
    let mut wrong = Vec::new();
    for (path, text) in read_source_files("", &["rs"]) {
        let mut before = "";
        for (number, line) in text.lines().map(str::trim).enumerate() {
            let first = doc(line).and_then(|text| text.split(|c: char| !c.is_alphabetic()).next());
            if doc(before).is_none() && first.is_some_and(|word| PRONOUNS.contains(&word)) {
                wrong.push(place(&path, number, line));
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_messages_and_documents_name_who_does_what() {
    let mut wrong = Vec::new();
    for (path, text) in read_source_files("", &["rs", "md", "nix", "service", "timer", "conf", "rules"]) {
        let (is_code, is_test) = (path.extension().is_some_and(|kind| kind == "rs"), path.starts_with("tests"));
        for (number, line) in text.lines().enumerate() {
            let is_spoken = if is_code { line.contains("//") || line.contains('"') } else { !is_test };
            let user = UNPRIVILEGED_USER;
            let names = [format!("`{user}`"), format!("\"{user}\""), format!("={user}"), format!("user {user}")];
            let line = names.iter().fold(line.to_lowercase(), |line, name| line.replace(name, ""));
            let is_banned = |(start, end): &(&str, &str)| has_phrase(&line, &format!("{start}{end}"));
            if is_spoken && BANNED.iter().any(is_banned) {
                wrong.push(place(&path, number, &line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_fit_the_width() {
    let mut wrong = Vec::new();
    for (path, text) in read_source_files("", &["rs", "md", "nix", "sh", "service", "timer", "conf", "rules"]) {
        let is_markdown = path.extension().is_some_and(|kind| kind == "md");
        let mut is_code_block = false;
        for (number, line) in text.lines().enumerate() {
            is_code_block ^= is_markdown && line.trim_start().starts_with("```");
            // Tables and the output of programs cannot be wrapped.
            let is_exempt = line.contains("http") || is_markdown && (is_code_block || line.starts_with('|'));
            if line.chars().count() > MAX_COLUMNS && !is_exempt {
                wrong.push(place(&path, number, line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn place(path: &Path, number: usize, line: &str) -> String {
    format!("{}:{}: {}", path.display(), number + 1, line.trim())
}

fn doc(line: &str) -> Option<&str> {
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim)
}

/// True if the line has the phrase between word boundaries.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(phrase).any(|(at, _)| {
        !is_letter(line[..at].chars().next_back()) && !is_letter(line[at + phrase.len()..].chars().next())
    })
}
