//! Why a pasted text is no key that a consumer may have.

use std::fmt;

use crate::oauth::key::KeyError;

/// What is wrong. [`Self::message`] says what it is, [`Self::hint`] how to mend it; neither shows any of the text but a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// What the consumers file would say too.
    Key(KeyError),
    /// Somebody pasted the private half.
    PrivateKey {
        /// Whether a passphrase guards it.
        encrypted: bool,
    },
    /// A PKCS#12 or Java keystore holds private keys.
    KeyStore,
    /// PKCS#10: what a certificate is asked for with.
    CertificateRequest,
    /// PKCS#7: a bundle of certificates.
    Bundle,
    /// OpenPGP.
    Pgp,
    /// A JSON Web Key.
    Jwk,
    /// .NET's `<RSAKeyValue>` or another XML text.
    Xml,
    /// A name of a file instead of what is in it.
    FileName,
    /// The fingerprint of a key instead of the key.
    Fingerprint,
    /// A public key for other signatures; the algorithm's name.
    OtherAlgorithm(String),
    /// Several blocks or lines.
    Several(usize),
    /// A PEM block of a kind that is no key; its label.
    Label(String),
    /// A character that no base64 has.
    Character {
        /// Which.
        character: char,
        /// Where, counted from 1.
        line: usize,
    },
    /// The key says how long it is.
    Length {
        /// In bytes.
        says: usize,
        /// In bytes.
        has: usize,
    },
    /// The library that verifies does not take it.
    Unverifiable,
}

impl Wrong {
    /// Whether a secret was shown, and a new key pair is needed.
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::PrivateKey { .. } | Self::KeyStore)
    }

    /// What is wrong.
    pub fn message(&self) -> String {
        match self {
            Self::Key(error) => error.message(),
            Self::PrivateKey { encrypted: false } => {
                "this is the private half of a key pair, and by standing here it is exposed: whoever has seen it can sign".into()
            }
            Self::PrivateKey { encrypted: true } => {
                "this is the private half of a key pair, exposed by standing here: only its passphrase still guards it".into()
            }
            Self::KeyStore => "this is a key store with the private key in it, which is exposed by standing here".into(),
            Self::CertificateRequest => "this is a certificate request, which asks for a certificate and is none".into(),
            Self::Bundle => "this is a bundle of certificates (PKCS#7)".into(),
            Self::Pgp => "this is a PGP key; consumers sign with plain RSA keys".into(),
            Self::Jwk => "this is a JSON Web Key".into(),
            Self::Xml => "this is XML; a key in PEM or base64 is needed".into(),
            Self::FileName => "this looks like the name of a file, not like what is in it".into(),
            Self::Fingerprint => "this looks like a key's fingerprint, from which the key cannot be told".into(),
            Self::OtherAlgorithm(name) => format!("this is no RSA key but one for {name}"),
            Self::Several(count) => format!("there are {count} keys or certificates in one text"),
            Self::Label(label) => format!("a PEM block {label:?} is no public key"),
            Self::Character { character, line } => {
                format!("line {line} has a {character:?}, which neither PEM nor base64 has there")
            }
            Self::Length { says, has } if says > has => format!("the key is cut off: {has} of its {says} bytes are here"),
            Self::Length { says, has } => format!("the key has {says} bytes, and {has} are here"),
            Self::Unverifiable => "signatures can't be verified with this key".into(),
        }
    }

    /// How to mend it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Key(error) => error.hint(),
            Self::PrivateKey { .. } | Self::KeyStore => {
                "make a new key pair (countersign keygen), keep its private half with the consumer, and paste the public one"
            }
            Self::CertificateRequest => "take the key out of it: openssl req -in request.pem -noout -pubkey",
            Self::Bundle => "take the consumer's own certificate out of it: openssl pkcs7 -in bundle.p7b -print_certs",
            Self::Pgp | Self::OtherAlgorithm(_) => "make an RSA pair: countersign keygen --out NAME",
            Self::Jwk => "have whoever gave it to you write the key as PEM; it begins with -----BEGIN PUBLIC KEY-----",
            Self::Xml => "paste only what stands in <publicKey>; of an <RSAKeyValue> ask for the key as PEM",
            Self::FileName => "open the file, and paste the text in it",
            Self::Fingerprint => "paste the key itself; its fingerprint is shown then, to be compared",
            Self::Several(_) => "paste one; a consumer's second key has an entry of its own under public_keys",
            Self::Label(_) => "PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are",
            Self::Character { .. } => "copy the key again, from BEGIN to END, as plain text",
            Self::Length { says, has } if says > has => "copy the key again, to its last line",
            Self::Length { .. } => "copy the key again; a line may stand in it twice",
            Self::Unverifiable => "make a new pair of 2048 bits",
        }
    }
}

impl From<KeyError> for Wrong {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::PrivateKey => Self::PrivateKey { encrypted: false },
            KeyError::NotRsa(oid) => Self::OtherAlgorithm(algorithm_name(&oid).map_or(oid, str::to_owned)),
            error => Self::Key(error),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message(), self.hint())
    }
}

impl std::error::Error for Wrong {}

/// The algorithms of RFC 3279, RFC 4055, RFC 5480 and RFC 8410.
fn algorithm_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.10046.2.1" | "1.2.840.113549.1.3.1" => "Diffie-Hellman",
        "1.2.840.10045.2.1" => "elliptic curves (EC)",
        "1.2.840.113549.1.1.10" => "RSA-PSS signatures alone",
        "1.2.840.113549.1.1.7" => "RSA encryption alone",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return None,
    })
}
