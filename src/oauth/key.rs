//! RSA public keys: every form that people paste, the policy for them, and verification (RFC 5849 §3.4.3, RFC 8017 §8.2.2).
//!
//! This file makes [`SignatureValid`], the proof that a signature holds, and nothing else does.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaParameters};
use rsa::pkcs1::RsaPublicKey as Pkcs1PublicKey;
use rsa::pkcs1::der::pem::{self, LineEnding};
use rsa::pkcs1::der::{Decode, Encode, asn1::BitStringRef};
use rsa::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use sha1::Digest;

use super::armour::{Label, read_armour};
use super::base_string::SignatureBaseString;
use super::signature::{Signature, SignatureMethod};

pub use super::armour::MAX_TEXT;
pub use super::key_error::KeyError;

/// An RSA public key that passed the policy: 1024 to 8192 bits, odd modulus, odd exponent of 3 to 2³³ − 1.
pub struct PublicKey {
    /// PKCS#1 `RSAPublicKey`.
    pkcs1: Box<[u8]>,
    bits: u32,
    fingerprint: Fingerprint,
    /// A parsed key of aws-lc binds one method; each is made when it is first needed.
    verifiers: [OnceLock<Box<Parsed>>; SignatureMethod::ALL.len()],
}

/// A parsed key that is kept.
struct Parsed {
    key: ParsedPublicKey,
    _place: Place,
}

/// One of [`MAX_PARSED`] places for parsed keys.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let taken = PARSED.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        (taken < MAX_PARSED).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        PARSED.fetch_sub(1, Ordering::Relaxed);
    }
}

static PARSED: AtomicUsize = AtomicUsize::new(0);

/// How many parsed keys the process keeps, at about 2.7 KiB each; a key beyond them is parsed for each request, which
/// costs that request some microseconds and nobody else anything.
const MAX_PARSED: usize = 32_768;

/// Proof that a consumer's private key signed the base string at hand.
#[derive(Debug)]
pub struct SignatureValid(());

/// Why a signature does not hold under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureInvalid {
    /// Not as long as the modulus; no RSA operation was spent. Both in bytes.
    Length {
        /// What the key's signatures have.
        expected: usize,
        /// What was sent.
        actual: usize,
    },
    /// The RSA operation says no: another key, another base string or another digest.
    Mismatch,
}

/// SHA-256 of the DER `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// How a key was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyForm {
    /// PEM `PUBLIC KEY` or bare base64 of a `SubjectPublicKeyInfo`.
    Spki,
    /// PEM `RSA PUBLIC KEY` or bare base64 of a PKCS#1 `RSAPublicKey`.
    Pkcs1,
    /// An X.509 certificate; only its key counts.
    Certificate {
        /// The subject's distinguished name.
        subject: String,
        /// Begin of validity, seconds since 1970. Neither matters for the key; both are shown to people.
        not_before: u64,
        /// End of validity, likewise.
        not_after: u64,
    },
}

/// The fewest bits that are ever accepted: the old consumers' own size; below, a key can be factored at home.
pub const MIN_BITS: u32 = 1024;
/// The most bits that are accepted: what aws-lc verifies, and enough work for one request.
pub const MAX_BITS: u32 = 8192;

/// SHA-256 fingerprints of the key pairs whose private half is printed in documentation: the Atlassian tutorial's
/// `hardcoded-consumer` and the OAuth project's own test key.
pub const PUBLISHED: [Fingerprint; 2] = [
    Fingerprint::from_hex("0d939804900859a7df3d6b4b48d74a8cc94a6534f2f5bcb86dba401f7a721556"),
    Fingerprint::from_hex("929f67e9de77c702618a99ad51cfe82b8e018feab4e53a79884e1b66dbc78016"),
];

impl PublicKey {
    /// Reads a key as people paste it: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`) or bare base64, with any
    /// line ends, blanks, tabs, a byte order mark, or the two characters `\n` where line breaks were lost.
    ///
    /// # Errors
    /// [`KeyError`]; its text says what to do about it.
    pub fn from_text(text: &str) -> Result<(Self, KeyForm), KeyError> {
        let (label, der) = read_armour(text)?;
        match label {
            Some(Label::Spki) => Ok((Self::from_spki(&der)?, KeyForm::Spki)),
            Some(Label::Pkcs1) => Ok((Self::from_pkcs1(&der)?, KeyForm::Pkcs1)),
            Some(Label::Certificate) => Self::from_certificate(&der),
            None => Self::from_any_der(&der),
        }
    }

    /// Reads a PKCS#1 `RSAPublicKey` (RFC 8017 §A.1.1) in DER.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] or what the policy says against the numbers.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let numbers = Pkcs1PublicKey::from_der(der).map_err(|_| KeyError::NotAKey)?;
        let modulus = numbers.modulus.as_bytes();
        let bits = modulus.first().map_or(0, |first| modulus.len() as u32 * 8 - first.leading_zeros());
        if bits < MIN_BITS {
            return Err(KeyError::TooShort { bits, floor: MIN_BITS });
        }
        if bits > MAX_BITS {
            return Err(KeyError::TooLong { bits });
        }
        if modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::EvenModulus);
        }
        check_exponent(numbers.public_exponent.as_bytes())?;
        let fingerprint = Fingerprint(sha2::Sha256::digest(to_spki(der).ok_or(KeyError::NotAKey)?).into());
        Ok(Self { pkcs1: der.into(), bits, fingerprint, verifiers: Default::default() })
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 §4.1) in DER.
    ///
    /// # Errors
    /// As [`Self::from_pkcs1`], and [`KeyError::NotRsa`] for a key of another algorithm.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::NotAKey)?;
        if info.algorithm.oid != rsa::pkcs1::ALGORITHM_OID {
            return Err(KeyError::NotRsa(info.algorithm.oid.to_string()));
        }
        Self::from_pkcs1(info.subject_public_key.as_bytes().ok_or(KeyError::NotAKey)?)
    }

    /// The size of the modulus.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The size of a signature under this key, in bytes (RFC 8017 §8.2.1: the modulus' length).
    pub fn signature_len(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Identifies the key to people and finds the same key under two consumers.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The key as PEM `PUBLIC KEY`.
    pub fn to_pem(&self) -> String {
        let pem = to_spki(&self.pkcs1).and_then(|der| pem::encode_string("PUBLIC KEY", LineEnding::LF, &der).ok());
        pem.expect("from_pkcs1 wrote this key as SubjectPublicKeyInfo before")
    }

    /// Whether the private half of this key can be read in public documentation.
    pub fn is_published(&self) -> bool {
        PUBLISHED.contains(&self.fingerprint)
    }

    /// Checks an RSASSA-PKCS1-v1_5 signature (RFC 8017 §8.2.2).
    ///
    /// # Errors
    /// [`SignatureInvalid::Length`] before any RSA operation, [`SignatureInvalid::Mismatch`] after one.
    pub fn verify(
        &self,
        method: SignatureMethod,
        base_string: &SignatureBaseString,
        signature: &Signature,
    ) -> Result<SignatureValid, SignatureInvalid> {
        self.verify_bytes(method, base_string.as_bytes(), signature).map(SignatureValid)
    }

    /// The check alone, over any message: for test vectors of the algorithm. It proves nothing about a request.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_bytes(&self, method: SignatureMethod, message: &[u8], signature: &Signature) -> Result<(), SignatureInvalid> {
        let (expected, actual) = (self.signature_len(), signature.as_bytes().len());
        if expected != actual {
            return Err(SignatureInvalid::Length { expected, actual });
        }
        let holds = match self.kept_parsed(method) {
            Some(parsed) => parsed.verify_sig(message, signature.as_bytes()).is_ok(),
            None => self.parse(method).is_some_and(|parsed| parsed.verify_sig(message, signature.as_bytes()).is_ok()),
        };
        if holds { Ok(()) } else { Err(SignatureInvalid::Mismatch) }
    }

    /// Whether the verifying library takes the key too; asked once when a list is loaded, so that no request finds out.
    pub fn is_verifiable(&self) -> bool {
        self.parse(SignatureMethod::RsaSha1).is_some()
    }

    /// The key as parsed before, or parsed now and kept if there is room for it.
    fn kept_parsed(&self, method: SignatureMethod) -> Option<&ParsedPublicKey> {
        let verifier = &self.verifiers[method as usize];
        if let Some(parsed) = verifier.get() {
            return Some(&parsed.key);
        }
        let place = Place::take()?;
        let parsed = Parsed { key: self.parse(method)?, _place: place };
        Some(&verifier.get_or_init(|| Box::new(parsed)).key)
    }

    fn parse(&self, method: SignatureMethod) -> Option<ParsedPublicKey> {
        ParsedPublicKey::new(parameters(method), &self.pkcs1).ok()
    }

    /// Reads the key of an X.509 certificate in DER.
    ///
    /// # Errors
    /// As [`Self::from_spki`].
    pub fn from_certificate(der: &[u8]) -> Result<(Self, KeyForm), KeyError> {
        use x509_cert::certificate::{CertificateInner, Raw};
        // `Raw` bears the serial numbers and dates of old tools that RFC 5280 forbids.
        let certificate = CertificateInner::<Raw>::from_der(der).map_err(|_| KeyError::NotAKey)?;
        let body = certificate.tbs_certificate;
        let info = body.subject_public_key_info.to_der().map_err(|_| KeyError::NotAKey)?;
        let form = KeyForm::Certificate {
            subject: body.subject.to_string(),
            not_before: body.validity.not_before.to_unix_duration().as_secs(),
            not_after: body.validity.not_after.to_unix_duration().as_secs(),
        };
        Ok((Self::from_spki(&info)?, form))
    }

    fn from_any_der(der: &[u8]) -> Result<(Self, KeyForm), KeyError> {
        if is_private_key(der) {
            return Err(KeyError::PrivateKey);
        }
        match Self::from_spki(der) {
            Err(KeyError::NotAKey) => {}
            result => return Ok((result?, KeyForm::Spki)),
        }
        match Self::from_pkcs1(der) {
            Err(KeyError::NotAKey) => Self::from_certificate(der),
            result => Ok((result?, KeyForm::Pkcs1)),
        }
    }
}

#[cfg(test)]
impl SignatureValid {
    /// A proof of nothing, for tests of what comes after the proof.
    pub(crate) fn for_tests() -> Self {
        Self(())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits, {})", self.bits, self.fingerprint)
    }
}

impl Fingerprint {
    const fn from_hex(text: &str) -> Self {
        let (text, mut bytes, mut at) = (text.as_bytes(), [0; 32], 0);
        while at < 64 {
            let digit = match text[at] {
                digit @ b'0'..=b'9' => digit - b'0',
                letter => letter - b'a' + 10,
            };
            bytes[at / 2] = bytes[at / 2] << 4 | digit;
            at += 1;
        }
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

fn is_private_key(der: &[u8]) -> bool {
    rsa::pkcs8::PrivateKeyInfo::from_der(der).is_ok() || rsa::pkcs1::RsaPrivateKey::from_der(der).is_ok()
}

/// FIPS 186-4 asks for e > 2¹⁶, but old keys have 3 or 17; 33 bits, which take five bytes, is the most that aws-lc takes.
fn check_exponent(big_endian: &[u8]) -> Result<(), KeyError> {
    if big_endian.len() > 5 {
        return Err(KeyError::Exponent);
    }
    let value = big_endian.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let sound = (3..1 << 33).contains(&value) && value % 2 == 1;
    if sound { Ok(()) } else { Err(KeyError::Exponent) }
}

fn to_spki(pkcs1: &[u8]) -> Option<Vec<u8>> {
    let algorithm =
        AlgorithmIdentifierRef { oid: rsa::pkcs1::ALGORITHM_OID, parameters: Some(rsa::pkcs1::der::asn1::AnyRef::NULL) };
    let info = SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(pkcs1).ok()? };
    info.to_der().ok()
}

fn parameters(method: SignatureMethod) -> &'static RsaParameters {
    match method {
        SignatureMethod::RsaSha1 => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        SignatureMethod::RsaSha256 => &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        SignatureMethod::RsaSha512 => &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    }
}

#[cfg(test)]
mod tests {
    use rsa::pkcs1::UintRef;
    use rsa::pkcs1::der::{Document, pem::PemLabel};
    use rsa::pkcs8::PrivateKeyInfo;

    use super::*;
    use base64::Engine;

    const TUTORIAL: &str = include_str!("../../tests/data/keys/atlassian-tutorial.pub");
    const PRIVATE: &str = include_str!("../../tests/data/keys/rsa-1024-a.pem");

    fn key(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, KeyError> {
        let numbers =
            Pkcs1PublicKey { modulus: UintRef::new(modulus).unwrap(), public_exponent: UintRef::new(exponent).unwrap() };
        PublicKey::from_pkcs1(&numbers.to_der().unwrap())
    }

    /// The greatest number of so many bits; it is odd.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] >>= bits.div_ceil(8) * 8 - bits;
        bytes
    }

    fn read(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_text(text).map(|(key, _)| key)
    }

    #[test]
    fn a_modulus_has_1024_to_8192_bits_and_is_odd() {
        for (bits, signature) in [(1024, 128), (1025, 129), (2048, 256), (8191, 1024), (8192, 1024)] {
            let key = key(&modulus(bits), &[3]).unwrap();
            assert_eq!((key.bits() as usize, key.signature_len()), (bits, signature));
        }
        assert_eq!(key(&modulus(1023), &[3]), Err(KeyError::TooShort { bits: 1023, floor: 1024 }));
        assert_eq!(key(&modulus(8193), &[3]), Err(KeyError::TooLong { bits: 8193 }));
        let mut even = modulus(1024);
        even[127] = 0xfe;
        assert_eq!(key(&even, &[3]), Err(KeyError::EvenModulus));
    }

    #[test]
    fn an_exponent_is_odd_and_has_at_most_33_bits() {
        for sound in [&[3][..], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert!(key(&modulus(1024), sound).is_ok(), "{sound:?}");
        }
        for wrong in [&[0][..], &[1], &[2], &[4], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 3], &[1, 0, 0, 0, 0, 0, 0, 0, 3]]
        {
            assert_eq!(key(&modulus(1024), wrong), Err(KeyError::Exponent), "{wrong:?}");
        }
    }

    #[test]
    fn keys_are_the_same_if_their_numbers_are() {
        let tutorial = read(TUTORIAL).unwrap();
        assert_eq!(tutorial, read(&tutorial.to_pem()).unwrap());
        assert_ne!(tutorial, key(&modulus(1024), &[3]).unwrap());
        assert_ne!(key(&modulus(1024), &[3]), key(&modulus(1024), &[5]));
        let fingerprint = "0d939804900859a7df3d6b4b48d74a8cc94a6534f2f5bcb86dba401f7a721556";
        assert_eq!(tutorial.fingerprint().to_string(), fingerprint);
        assert_eq!(format!("{tutorial:?}"), format!("PublicKey(2048 bits, {fingerprint})"));
        assert_eq!(format!("{:?}", tutorial.fingerprint()), format!("Fingerprint({fingerprint})"));
    }

    #[test]
    fn every_private_half_is_called_one() {
        let pkcs8 = Document::from_pem(PRIVATE).unwrap().1;
        let pkcs1 = PrivateKeyInfo::from_der(pkcs8.as_bytes()).unwrap().private_key;
        let armoured = pem::encode_string(rsa::pkcs1::RsaPrivateKey::PEM_LABEL, LineEnding::LF, pkcs1).unwrap();
        let bare = [pkcs8.as_bytes(), pkcs1].map(|der| base64::prelude::BASE64_STANDARD.encode(der));
        for text in [PRIVATE, &armoured, &bare[0], &bare[1], "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none"] {
            assert_eq!(read(text), Err(KeyError::PrivateKey), "{text}");
        }
    }

    #[test]
    fn a_text_that_holds_no_one_key_is_refused_for_what_it_is() {
        let longest = "A".repeat(65_536);
        for (text, error) in [
            ("", KeyError::Empty),
            ("\u{feff} \n", KeyError::Empty),
            ("ssh-rsa AAAAB3NzaC1yc2E= me@example.com", KeyError::SshKey),
            ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", KeyError::SshKey),
            (&read(TUTORIAL).unwrap().to_pem().repeat(2), KeyError::SeveralKeys),
            ("-----BEGIN PUBLIC KEY-----\nAAAA", KeyError::Garbled),
            ("no base64!", KeyError::Garbled),
            ("AAAA", KeyError::NotAKey),
            (&longest, KeyError::NotAKey),
            (&format!("{longest}AAAA"), KeyError::Garbled),
        ] {
            assert_eq!(read(text), Err(error), "{}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_and_how_to_mend_it() {
        let hint = "convert it with: ssh-keygen -e -m PKCS8 -f key.pub";
        assert_eq!((KeyError::SshKey.message().as_str(), KeyError::SshKey.hint()), ("this is an SSH key", hint));
        assert_eq!(KeyError::SshKey.to_string(), format!("this is an SSH key; {hint}"));
    }

    #[test]
    fn parsed_keys_are_kept_while_there_is_room() {
        let key = read(TUTORIAL).unwrap();
        assert!(key.kept_parsed(SignatureMethod::RsaSha1).is_some());
        // More than there are places, one after the other.
        assert!((0..=MAX_PARSED).all(|_| Place::take().is_some()));
    }
}
