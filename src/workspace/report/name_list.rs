//! List of names that an agent may have chosen: bounded and safe to print.

use crate::text::json::Value;
use crate::text::to_printable;
use crate::workspace::report::fields::Field;

/// Size limit of all lists in one report, in bytes; the remainder is in the file next to it.
pub(super) const LISTS_SIZE_LIMIT: usize = 64 * 1024;

/// Limit for the number of names in a sentence.
const SENTENCE_NAME_COUNT: usize = 5;

/// Length limit of a name in a sentence, in characters.
const SENTENCE_NAME_LENGTH_LIMIT: usize = 80;

/// Length limit of a name, in characters: that of a path, or of a branch with its files in conflict.
const NAME_LENGTH_LIMIT: usize = 64 * 1024;

/// Names of branches or files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    /// Printable names: all of them in the process that made the list, otherwise those that fit into the report.
    pub listed: Vec<String>,
    /// Number of names.
    pub count: u64,
}

impl NameList {
    pub(crate) fn from_names(names: impl IntoIterator<Item = String>) -> Self {
        let listed: Vec<String> = names.into_iter().map(|name| to_printable(&name, NAME_LENGTH_LIMIT)).collect();
        let count = listed.len() as u64;
        Self { listed, count }
    }

    /// True if the list is empty.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the number of names that are not listed.
    pub fn unlisted_count(&self) -> u64 {
        self.count.saturating_sub(self.listed.len() as u64)
    }

    /// Returns the names for a sentence: `a, b`, or `a, b, c, d, e and 3 more`.
    pub fn to_sentence(&self) -> String {
        let first =
            self.listed.iter().take(SENTENCE_NAME_COUNT).map(|name| to_printable(name, SENTENCE_NAME_LENGTH_LIMIT));
        let first: Vec<String> = first.collect();
        match self.count.saturating_sub(first.len() as u64) {
            0 => first.join(", "),
            more => format!("{} and {more} more", first.join(", ")),
        }
    }

    /// Returns the names for a sentence, and the file that lists all of them.
    pub fn to_sentence_with_source(&self, report: &str) -> String {
        let is_cut = self.count > SENTENCE_NAME_COUNT as u64;
        let source = if is_cut { format!(", listed in {report}") } else { String::new() };
        format!("{}{source}", self.to_sentence())
    }
}

impl Field for NameList {
    /// Converts the list to JSON with as many names as fit into `space` bytes, and reduces `space`.
    fn to_json(&self, space: &mut usize) -> Value {
        let mut listed: Vec<Value> = Vec::new();
        for name in &self.listed {
            let value = Value::from(name.as_str());
            let Some(rest) = space.checked_sub(value.to_string().len() + 1) else { break };
            *space = rest;
            listed.push(value);
        }
        Value::from_entries([("count", self.count.into()), ("listed", Value::from_items(listed))])
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        let count = value.get("count").and_then(|count| count.as_u64()).ok_or(key)?;
        let listed = value.get("listed").and_then(|listed| listed.as_array()).ok_or(key)?.iter();
        let listed = listed.map(|name| Some(to_printable(name.as_str()?, NAME_LENGTH_LIMIT)));
        Ok(Self { listed: listed.collect::<Option<_>>().ok_or(key)?, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_listed_and_a_sentence_has_the_first_of_them() {
        let names = NameList::from_names((0..300).map(|n| format!("{n}\u{1b}[2J{}", "x".repeat(200))));
        assert_eq!((names.listed.len(), names.count, names.unlisted_count()), (300, 300, 0));
        assert!(names.to_sentence().ends_with(" and 295 more"));
        assert!(names.to_sentence_with_source("FILE").ends_with(" and 295 more, listed in FILE"));
        assert!(!names.listed.concat().contains('\u{1b}'));
        assert_eq!(NameList::parse(&names.to_json(&mut LISTS_SIZE_LIMIT.clone()), "names"), Ok(names));
        assert_eq!(NameList::from_names(["a".to_owned(), "b".to_owned()]).to_sentence_with_source("FILE"), "a, b");
    }

    #[test]
    fn what_has_no_space_is_counted() {
        let names = NameList::from_names((0..100).map(|n| format!("{n:02}")));
        let mut space = 5 * 10 + 3;
        let read = NameList::parse(&names.to_json(&mut space), "names").unwrap();
        assert_eq!((read.listed.len(), read.count, read.unlisted_count()), (10, 100, 90));
        assert_eq!(NameList::parse(&names.to_json(&mut space), "names").unwrap().listed.len(), 0);
    }
}
