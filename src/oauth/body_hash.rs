//! `oauth_body_hash`: the body of a request that is no form, bound to its signature.
//!
//! From the "OAuth Request Body Hash" draft (2009): base64 of the digest of the body, the digest being the signature
//! method's. Form bodies are signed as parameters and must not carry it (§4.1.1 of the draft).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::signature::SignatureMethod;

/// A claimed digest of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyHash(Vec<u8>);

impl BodyHash {
    /// Reads the decoded parameter.
    ///
    /// # Errors
    /// `None` if it is not standard base64 of exactly one digest of `method`.
    pub fn decode(text: &[u8], method: SignatureMethod) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        (bytes.len() == method.digest(b"").len()).then_some(Self(bytes))
    }

    /// The hash of a body, as a signer makes it.
    pub fn of(body: &[u8], method: SignatureMethod) -> Self {
        Self(method.digest(body))
    }

    /// The parameter's value.
    pub fn encode(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// Whether `body` is what was signed. Not constant in time: neither side is a secret.
    pub fn matches(&self, body: &[u8], method: SignatureMethod) -> bool {
        method.digest(body) == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drafts_example_matches() {
        let hash = BodyHash::decode(b"Lve95gjOVATpfV8EL5X4nxwjKHE=", SignatureMethod::RsaSha1).unwrap();
        assert!(hash.matches(b"Hello World!", SignatureMethod::RsaSha1));
        assert!(!hash.matches(b"Hello World", SignatureMethod::RsaSha1));
    }

    #[test]
    fn the_digest_is_the_methods() {
        let sha1 = BodyHash::of(b"x", SignatureMethod::RsaSha1).encode();
        assert!(BodyHash::decode(sha1.as_bytes(), SignatureMethod::RsaSha1).unwrap().matches(b"x", SignatureMethod::RsaSha1));
        assert!(BodyHash::decode(sha1.as_bytes(), SignatureMethod::RsaSha256).is_none());
        assert!(BodyHash::decode(b"", SignatureMethod::RsaSha1).is_none());
    }
}
