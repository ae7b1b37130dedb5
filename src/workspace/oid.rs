//! Ids of git objects.

use std::fmt;
use std::ops::Deref;

/// Ids of the empty tree in git's two hash formats. git knows them without an object.
const EMPTY_TREES: [&str; 2] =
    ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"];

/// Object id: 40 or 64 hexadecimal digits, lower case. It can be used wherever git takes a revision as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Oid(String);

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for Oid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Oid {
    /// Parses a full object id.
    pub fn parse(hash: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_whole = matches!(hash.len(), 40 | 64) && hash.bytes().all(is_hex);
        is_whole.then(|| Self(hash.to_owned()))
    }

    /// Returns the id of the empty tree in one of the hash formats.
    pub(super) fn empty_tree(is_sha256: bool) -> Self {
        Self(EMPTY_TREES[usize::from(is_sha256)].to_owned())
    }

    /// True for an id in git's longer hash format.
    pub(super) fn is_sha256(&self) -> bool {
        self.0.len() == 64
    }

    /// Returns the full object id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns an abbreviated object id for people.
    pub fn abbreviated(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_whole_or_none() {
        assert!(Oid::parse(&"0a".repeat(20)).is_some());
        assert!(Oid::parse(&"0a".repeat(32)).is_some());
        assert_eq!(Oid::parse(&"0A".repeat(20)), None);
        assert_eq!(Oid::parse("0a0a"), None);
        assert_eq!(Oid::parse(&"--".repeat(20)), None);
    }
}
