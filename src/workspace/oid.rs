//! Ids of git objects.

/// Object id of a commit: 40 or 64 hexadecimal digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oid(String);

impl Oid {
    /// Parses a full object id.
    #[must_use]
    pub fn parse(hash: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_whole = matches!(hash.len(), 40 | 64) && hash.bytes().all(is_hex);
        is_whole.then(|| Self(hash.to_owned()))
    }

    /// Returns the full object id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns an abbreviated object id for people.
    #[must_use]
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
