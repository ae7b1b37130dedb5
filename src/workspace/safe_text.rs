//! Text of other programs, made safe for a report.

use crate::text::to_printable;

/// Length limit of a program's output in a report, in characters.
const TEXT_LENGTH_LIMIT: usize = 400;

/// Length limit of a git host's reasons, in characters.
const DETAILS_LENGTH_LIMIT: usize = 1000;

/// Makes text safe for a report: short, printable, and without the `user:token@` of a URL.
pub(super) fn safe_text(text: &str) -> String {
    safe_text_within(text, TEXT_LENGTH_LIMIT)
}

/// Makes the details of a report safe.
pub(super) fn safe_details(text: &str) -> String {
    safe_text_within(text, DETAILS_LENGTH_LIMIT)
}

/// Appends a sentence to the details of a report.
pub(super) fn append_detail(details: &mut String, more: &str) {
    if !more.is_empty() {
        let gap = if details.is_empty() { "" } else { "; " };
        *details = safe_details(&format!("{details}{gap}{more}"));
    }
}

/// Makes text safe for a report, with a limit of `length` characters.
fn safe_text_within(text: &str, length: usize) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let is_end = |c: char| c.is_whitespace() || c == '/';
        let authority = after.find(is_end).unwrap_or(after.len());
        let secret = after.get(..authority).and_then(|authority| authority.rfind('@'));
        rest = secret.and_then(|at| after.get(at + 1..)).unwrap_or(after);
    }
    clean.push_str(rest);
    to_printable(&clean, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_an_address_never_reaches_a_report() {
        let text = "fatal: Authentication failed for 'https://user:ghp_x@y@git.example/a.git/'\nssh://git@h/ x";
        assert_eq!(safe_text(text), "fatal: Authentication failed for 'https://git.example/a.git/' ssh://h/ x");
        assert_eq!(safe_text("https://git.example/@a"), "https://git.example/@a");
    }
}
