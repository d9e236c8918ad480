//! Which bytes of a file somebody looked at.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Stands for the bytes of a file; a page carries it from when it was opened to when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(u128);

impl Revision {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What was sent is no revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRevision;

impl FromStr for Revision {
    type Err = NoRevision;

    fn from_str(text: &str) -> Result<Self, NoRevision> {
        let sound = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| sound).map(Self).ok_or(NoRevision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_comes_back_from_its_text() {
        let revision = Revision::of(b"consumers: []\n");
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_ne!(revision, Revision::of(b"consumers: [] \n"));
        for text in ["", "0", "+0000000000000000000000000000000", "zz"] {
            assert_eq!(text.parse::<Revision>(), Err(NoRevision), "{text}");
        }
    }
}
