//! A list of names that an agent may have chosen: bounded, and safe to print.

use crate::host::printable;
use crate::json::Value;

/// How many names are listed; of the rest, only the number is told.
const LISTED: usize = 5;

/// How many characters of each.
const LENGTH: usize = 80;

/// Names of branches or files, as far as a report has room for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first of them, printable.
    pub listed: Vec<String>,
    /// How many there are.
    pub count: u64,
}

impl Names {
    pub(in crate::sync) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::default();
        for name in names {
            if all.listed.len() < LISTED {
                all.listed.push(printable(&name, LENGTH));
            }
            all.count += 1;
        }
        all
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What people read: `a, b and 3 more`.
    #[must_use]
    pub fn words(&self) -> String {
        let listed = self.listed.join(", ");
        match self.count.saturating_sub(self.listed.len() as u64) {
            0 => listed,
            more => format!("{listed} and {more} more"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        Value::object([("count", self.count.into()), ("listed", self.listed.clone().into())])
    }

    pub(super) fn parse(value: &Value) -> Option<Self> {
        let count = value.get("count")?.as_u64()?;
        let listed = value.get("listed")?.as_array()?.iter().take(LISTED);
        let listed: Option<Vec<String>> = listed.map(|name| Some(printable(name.as_str()?, LENGTH))).collect();
        Some(Self { listed: listed?, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_counted_and_reads_back() {
        let names = Names::of((0..300).map(|n| format!("{n}\u{1b}[2J{}", "x".repeat(200))));
        assert_eq!((names.listed.len(), names.count), (LISTED, 300));
        assert!(names.words().ends_with(" and 295 more"));
        assert!(!names.words().contains('\u{1b}'));
        assert_eq!(Names::parse(&names.to_json()), Some(names));
        assert_eq!(Names::of(["a".to_owned(), "b".to_owned()]).words(), "a, b");
    }
}
