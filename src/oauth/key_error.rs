//! What is wrong with a pasted key, and how to mend it.

use std::fmt;

use super::key::MAX_BITS;

/// What is wrong with a pasted key. The display text says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing there.
    Empty,
    /// Somebody pasted the private half.
    PrivateKey,
    /// More than one PEM block.
    SeveralKeys,
    /// A PEM block of another kind; the label.
    WrongLabel(String),
    /// A key in OpenSSH's or PuTTY's form.
    SshKey,
    /// A PEM block without an end, or text before and after it that is not base64.
    Garbled,
    /// The base64 decodes, but the bytes are no public key or certificate.
    NotAKey,
    /// A public key of another algorithm (its object identifier).
    NotRsa(String),
    /// Fewer bits than the floor.
    TooShort {
        /// The key's.
        bits: u32,
        /// The least that is accepted.
        floor: u32,
    },
    /// More than [`MAX_BITS`].
    TooLong {
        /// The key's.
        bits: u32,
    },
    /// The public exponent is even, 1, or beyond 33 bits.
    Exponent,
    /// The modulus is even.
    EvenModulus,
}

impl KeyError {
    /// What is wrong.
    pub fn message(&self) -> String {
        self.explain().0
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        self.explain().1
    }

    fn explain(&self) -> (String, &'static str) {
        match self {
            Self::Empty => ("the key is empty".into(), "paste the consumer's public key"),
            Self::PrivateKey => (
                "this is a private key, and by standing here it is exposed".into(),
                "make a new key pair and paste its public half (openssl rsa -in key.pem -pubout)",
            ),
            Self::SeveralKeys => ("there are several keys in one text".into(), "list them under public_keys, one each"),
            Self::WrongLabel(label) => {
                (format!("a PEM block \"{label}\" is no RSA public key"), "PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are")
            }
            Self::SshKey => ("this is an SSH key".into(), "convert it with: ssh-keygen -e -m PKCS8 -f key.pub"),
            Self::Garbled => (
                "this is neither PEM nor base64".into(),
                "check that the whole text from BEGIN to END was pasted, each line indented alike",
            ),
            Self::NotAKey => {
                ("the base64 decodes, but not to a public key or certificate".into(), "a line may be missing or pasted twice")
            }
            Self::NotRsa(oid) => (format!("this is no RSA key (its algorithm is {oid})"), "the RSA-* signature methods need one"),
            Self::TooShort { bits, floor } => {
                (format!("the key has {bits} bits, and at least {floor} are needed"), "make a new pair of 2048")
            }
            Self::TooLong { bits } => {
                (format!("the key has {bits} bits, and at most {MAX_BITS} are verified"), "make a new pair of 2048 to 4096")
            }
            Self::Exponent => {
                ("the public exponent must be odd and from 3 to 8589934591 (usually 65537)".into(), "make a new pair")
            }
            Self::EvenModulus => ("the modulus is even, so this is no RSA key".into(), "copy the key again"),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, hint) = self.explain();
        write!(f, "{message}; {hint}")
    }
}

impl std::error::Error for KeyError {}
