//! The name of a git object, checked once where it comes in. It knows no repository: that the
//! object exists is for others to say.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Oid(String);

/// The text is not the name of an object.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("not an object name: 40 or 64 lower-case hex digits are wanted")]
pub struct NotAnOid;

impl Oid {
    /// Takes `text` for an object's name if it has the form of one.
    pub fn new(text: impl Into<String>) -> Result<Self, NotAnOid> {
        let text = text.into();
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text))
        } else {
            Err(NotAnOid)
        }
    }

    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 10 digits, for people to read.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Oid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        Self::new(text)
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_or_sixty_four_lower_case_hex_digits_are_an_object_name() {
        assert!(Oid::new("a".repeat(40)).is_ok());
        assert!(Oid::new("0".repeat(64)).is_ok());
        assert_eq!(
            Oid::new("0123456789abcdef".repeat(4)).unwrap().short(),
            "0123456789"
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "abc",
            &"A".repeat(40),
            &"g".repeat(40),
            &"a".repeat(41),
            &"é".repeat(20),
        ] {
            assert_eq!(Oid::new(text), Err(NotAnOid), "{text}");
        }
    }
}
