//! Random secrets, and the hashes that are kept in their place.

use std::fmt::{self, Write};
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Random text: 256 bits for a cookie, a form or a header, letters and digits for a token of the dance. Neither `Debug` nor `Display`:
/// it comes out by [`Self::reveal`] alone.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// One that nobody knows.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> io::Result<Self> {
        Self::random_after("")
    }

    /// One that begins with a word by which people and scanners know what it is.
    ///
    /// # Errors
    /// As of [`Self::random`].
    pub fn random_after(prefix: &str) -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        fill(&mut bytes)?;
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// `length` letters and digits, evenly distributed: what the old providers' tokens look like, with 5.95 bits each.
    ///
    /// # Errors
    /// As of [`Self::random`].
    pub fn of_letters(length: usize) -> io::Result<Self> {
        let mut text = String::with_capacity(length);
        let mut bytes = [0; 2 * BYTES];
        while text.len() < length {
            fill(&mut bytes)?;
            // What is left of 256 after four times 62 would make some letters likelier than others.
            let even = bytes.iter().filter(|byte| usize::from(**byte) < 4 * LETTERS.len());
            text.extend(even.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).take(length - text.len()));
        }
        Ok(Self(text))
    }

    /// Whether that could be the text of a [`Self::random`] one.
    pub fn looks_like_one(text: &str) -> bool {
        URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == BYTES)
    }

    /// The text, for the one that it is made for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// Whether `text` is this secret; how long that takes says nothing about how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        self.hash().is_of(text)
    }
}

/// SHA-256 of a secret. That has 190 random bits or more, so there is nothing that a slow hash would keep from being guessed; the
/// verifier alone has 71, and is good for minutes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of what somebody sent.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The bytes, to be kept in a database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `text` is what was hashed, in constant time.
    pub fn is_of(&self, text: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &Self::of(text).0).is_ok()
    }

    /// What [`Self::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits, as [`fmt::Display`] writes them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_char('…')?;
        f.write_char(')')
    }
}

/// Random bytes from the system's generator.
pub(crate) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| io::Error::other("no random numbers"))
}

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// OWASP asks session identifiers for 64 bits of entropy, RFC 6749 §10.10 tokens for 128; more costs nothing.
const BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_secrets_are_alike_and_each_is_itself_alone() {
        let (one, other) = (Secret::random_after("cst_").unwrap(), Secret::random_after("cst_").unwrap());
        assert!(one.reveal().starts_with("cst_") && one.reveal().len() == "cst_".len() + 43);
        assert!(one.is(one.reveal()) && !one.is(other.reveal()));
        for wrong in ["", "cst_", &one.reveal()[1..], &format!("{} ", one.reveal())] {
            assert!(!one.is(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn letters_are_as_many_as_asked_for_and_all_of_them_come() {
        let text = Secret::of_letters(10_000).unwrap();
        assert_eq!(text.reveal().len(), 10_000);
        let seen: std::collections::BTreeSet<u8> = text.reveal().bytes().collect();
        assert!(seen.iter().eq(LETTERS.iter()), "{seen:?}");
        assert_eq!(Secret::of_letters(32).unwrap().reveal().len(), 32);
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_in_no_other_way() {
        let hash = SecretHash::of("abc");
        // FIPS 180-2, appendix B.1
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(SecretHash::from_hex(&hash.to_string()), Some(hash));
        for wrong in
            [&hash.to_string()[1..], &hash.to_string().to_uppercase(), &"ä".repeat(32), &format!("+{}", &hash.to_string()[1..])]
        {
            assert_eq!(SecretHash::from_hex(wrong), None, "{wrong}");
        }
    }
}
