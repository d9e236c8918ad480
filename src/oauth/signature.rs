//! `oauth_signature_method` and `oauth_signature`: the RSA methods (RFC 5849 §3.4.3) and the value's encoding.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest;

/// The methods that are verified with a public key. Names are compared byte for byte (RFC 5849 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureMethod {
    /// RSASSA-PKCS1-v1_5 with SHA-1, the only RSA method of RFC 5849 (§3.4.3).
    RsaSha1,
    /// The same with SHA-256; an extension that newer client libraries know.
    RsaSha256,
    /// The same with SHA-512; the default of `atlassian-python-api`.
    RsaSha512,
}

impl SignatureMethod {
    /// Every method, in the order in which they are listed to a client.
    pub const ALL: [Self; 3] = [Self::RsaSha1, Self::RsaSha256, Self::RsaSha512];

    /// Reads a method's exact name; `None` for any other, `HMAC-SHA1` and `PLAINTEXT` included.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().as_bytes() == name)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaSha1 => "RSA-SHA1",
            Self::RsaSha256 => "RSA-SHA256",
            Self::RsaSha512 => "RSA-SHA512",
        }
    }

    /// The digest of `bytes` under this method's hash function.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::RsaSha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::RsaSha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::RsaSha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

impl fmt::Display for SignatureMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bytes of `oauth_signature` after base64: what the RSA operation is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Reads the decoded parameter: standard base64 with its padding and nothing besides (RFC 5849 §3.4.3, RFC 2045 §6.8).
    ///
    /// # Errors
    /// `None` for another alphabet, line breaks, missing padding, stray bits or an empty value.
    pub fn decode(text: &[u8]) -> Option<Self> {
        STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// Wraps raw signature bytes, as a signer has them.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw bytes, as long as the key's modulus if it is the key's signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parameter's value.
    pub fn encode(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

/// A signature opens nothing, but it authorizes: it is not printed.
impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_names_are_compared_byte_for_byte() {
        for name in ["rsa-sha1", "RSA-SHA1 ", "", "HMAC-SHA1", "PLAINTEXT", "RSA-SHA384"] {
            assert_eq!(SignatureMethod::parse(name.as_bytes()), None, "{name:?}");
        }
        for method in SignatureMethod::ALL {
            assert_eq!(SignatureMethod::parse(method.name().as_bytes()), Some(method));
            assert_eq!(method.to_string(), method.name());
        }
    }

    #[test]
    fn a_signature_is_written_as_it_is_read_and_printed_without_what_it_is() {
        let signature = Signature::decode(b"/+8=").unwrap();
        assert_eq!(signature.encode(), "/+8=");
        assert_eq!(format!("{signature:?}"), "Signature(2 bytes)");
    }

    #[test]
    fn only_one_spelling_of_a_signature_is_read() {
        assert_eq!(Signature::decode(b"/+8=").unwrap().as_bytes(), [0xff, 0xef]);
        for text in ["", "/+8", "_-8=", "/+8=\n", "/ 8=", "/+9=", "/+8==", "/+8=x", "%2F%2B8%3D"] {
            assert!(Signature::decode(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
