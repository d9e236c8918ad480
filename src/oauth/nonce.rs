//! `oauth_nonce` (RFC 5849 §3.3).

/// A nonce as decoded: 1 to [`MAX_LENGTH`] bytes, any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// # Errors
    /// `None` if it is empty or longer than [`MAX_LENGTH`].
    pub fn new(decoded: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = decoded.into();
        (1..=MAX_LENGTH).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The decoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The longest nonce, in decoded bytes. RFC 5849 names no limit; clients in the field send 6 to 64 characters, and the
/// old providers kept nonces in columns of 255.
pub const MAX_LENGTH: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_has_at_least_one_byte_and_at_most_255() {
        assert!(Nonce::new("").is_none());
        assert!(Nonce::new("1").is_some());
        assert!(Nonce::new(vec![0; 255]).is_some());
        assert!(Nonce::new(vec![b'a'; 256]).is_none());
    }
}
