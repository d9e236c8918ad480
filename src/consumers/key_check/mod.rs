//! What a pasted key is, for the person who pasted it: the key that it holds, what had to be mended, what to be warned of, or what is
//! wrong and how to mend it.
//!
//! More forms are understood here than in the consumers file: what comes out is a PEM text that the file takes as it is.

mod contents;
mod mended;
mod paste;
mod ssh;
mod warning;
mod wrong;

use rsa::pkcs1::der::pem::{self, LineEnding};
use serde_json::{Value, json};

use super::model::{ConsumerKey, ConsumerList};
use crate::clock::Clock;
use crate::oauth::key::{Fingerprint, KeyError, KeyForm, PublicKey};
use crate::oauth::timestamp::Timestamp;
use contents::Contents;
pub use mended::Mended;
use paste::Pasted;
pub use warning::Warning;
pub use wrong::Wrong;

/// What there is to say about a pasted text.
#[derive(Debug)]
pub struct KeyReport {
    /// The key, or why there is none.
    pub key: Result<CheckedKey, Wrong>,
    /// What was not as it should be, and does not matter any more.
    pub mended: Vec<Mended>,
    /// What somebody should know before the key is used.
    pub warnings: Vec<Warning>,
}

/// A key that a consumer may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedKey {
    /// What it was pasted as.
    pub kind: KeyKind,
    /// The size of the modulus.
    pub bits: u32,
    /// Identifies the key to people.
    pub fingerprint: Fingerprint,
    /// The mended text, for the consumers file: PEM `CERTIFICATE` for a certificate, and else PEM `PUBLIC KEY`.
    pub pem: String,
    /// What the certificate says, where it is one.
    pub certificate: Option<CertificateFacts>,
}

/// What a key was pasted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A `SubjectPublicKeyInfo`.
    Spki,
    /// A PKCS#1 `RSAPublicKey`.
    Pkcs1,
    /// An X.509 certificate.
    Certificate,
    /// A line of OpenSSH's or a block of RFC 4716.
    Ssh,
}

/// What a certificate says about itself; none of it matters for the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's distinguished name.
    pub subject: String,
    /// Begin of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
}

/// Looks at a pasted text. Keys with fewer bits than `min_bits` are refused.
pub fn check(text: &str, min_bits: u32) -> KeyReport {
    check_at(text, min_bits, Clock::System.wall())
}

/// As [`check`], at some time: it matters for what is said about dates.
pub fn check_at(text: &str, min_bits: u32, now: Timestamp) -> KeyReport {
    let mut mended = Vec::new();
    let key = Pasted::read(text, &mut mended).and_then(|pasted| CheckedKey::of(pasted, min_bits, &mut mended));
    let warnings = key.as_ref().map(|key| warning::of(key, now)).unwrap_or_default();
    KeyReport { key, mended, warnings }
}

impl KeyReport {
    /// Adds a warning if another consumer than `own` has the key already.
    #[must_use]
    pub fn compared_with(mut self, list: &ConsumerList, own: Option<&str>) -> Self {
        let Ok(key) = &self.key else { return self };
        let has_it = |key_of: &Fingerprint| *key_of == key.fingerprint;
        let others = list.iter().filter(|consumer| Some(consumer.key.as_str()) != own);
        let mut users: Vec<&ConsumerKey> = others
            .filter(|consumer| consumer.public_keys.iter().any(|key| has_it(&key.fingerprint())))
            .map(|consumer| &consumer.key)
            .collect();
        users.sort_unstable();
        self.warnings.extend(users.into_iter().map(|user| Warning::UsedBy(user.clone())));
        self
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let words = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>();
        let mended = words(&mut self.mended.iter().map(ToString::to_string));
        let warnings = words(&mut self.warnings.iter().map(ToString::to_string));
        match &self.key {
            Ok(key) => json!({
                "ok": true, "kind": key.kind.name(), "bits": key.bits, "fingerprint": key.fingerprint.to_string(),
                "certificate": key.certificate.as_ref().map(CertificateFacts::json), "public_key": key.pem,
                "mended": mended, "warnings": warnings,
            }),
            Err(wrong) => json!({
                "ok": false, "error": wrong.message(), "hint": wrong.hint(), "exposed": wrong.is_exposed(),
                "mended": mended, "warnings": warnings,
            }),
        }
    }
}

impl CheckedKey {
    fn of(pasted: Pasted, min_bits: u32, mended: &mut Vec<Mended>) -> Result<Self, Wrong> {
        let (contents, der) = (Contents::of(&pasted.der)?, &pasted.der);
        if let Some(label) = pasted.label.filter(|label| !contents.is_labelled(label)) {
            mended.push(Mended::Label { was: label, is: contents.label() });
        }
        let (key, certificate) = match contents {
            Contents::Spki => (PublicKey::from_spki(der)?, None),
            Contents::Pkcs1 => (PublicKey::from_pkcs1(der)?, None),
            Contents::Certificate => {
                let (key, form) = PublicKey::from_certificate(der)?;
                (key, CertificateFacts::of(form))
            }
        };
        let (bits, floor) = (key.bits(), min_bits);
        if bits < floor {
            return Err(KeyError::TooShort { bits, floor }.into());
        }
        if !key.is_verifiable() {
            return Err(Wrong::Unverifiable);
        }
        let pem = match contents {
            Contents::Certificate => as_pem(contents.label(), der)?,
            Contents::Spki | Contents::Pkcs1 => key.to_pem(),
        };
        let kind = if pasted.is_ssh { KeyKind::Ssh } else { contents.kind() };
        Ok(Self { kind, bits, fingerprint: key.fingerprint(), pem, certificate })
    }

    /// Whether the private half of this key can be read in public documentation.
    pub fn is_published(&self) -> bool {
        crate::oauth::key::PUBLISHED.contains(&self.fingerprint)
    }
}

impl CertificateFacts {
    fn of(form: KeyForm) -> Option<Self> {
        let KeyForm::Certificate { subject, not_before, not_after } = form else { return None };
        let [not_before, not_after] = [not_before, not_after].map(Timestamp::from_seconds);
        Some(Self { subject, not_before, not_after })
    }

    fn json(&self) -> Value {
        let [not_before, not_after] = [self.not_before, self.not_after].map(warning::date);
        json!({ "subject": self.subject, "not_before": not_before, "not_after": not_after })
    }
}

impl KeyKind {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spki => "public key",
            Self::Pkcs1 => "public key (PKCS#1)",
            Self::Certificate => "certificate",
            Self::Ssh => "SSH public key",
        }
    }
}

fn as_pem(label: &'static str, der: &[u8]) -> Result<String, Wrong> {
    pem::encode_string(label, LineEnding::LF, der).map_err(|_| KeyError::NotAKey.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::key::MIN_BITS;

    const PASTED: &str = include_str!("../../../tests/vectors/pasted_keys.txt");
    const TUTORIAL: &str = include_str!("../../../tests/data/keys/atlassian-tutorial.pub");
    /// In 2027, when the certificate among them is past its end.
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn checked(text: &str) -> KeyReport {
        check_at(text, MIN_BITS, NOW)
    }

    /// Name, expectation, text.
    fn vectors() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        PASTED.split("\n== ").skip(1).map(|vector| {
            let (name, rest) = vector.split_once("\nexpect: ").unwrap();
            let (expected, text) = rest.split_once('\n').unwrap();
            (name, expected, text)
        })
    }

    fn key() -> (&'static str, CheckedKey) {
        let (_, _, text) = vectors().next().unwrap();
        (text, checked(text).key.unwrap())
    }

    #[test]
    fn everything_that_people_paste_becomes_the_key_or_is_told_what_it_is() {
        let (_, wanted) = key();
        for (name, expected, text) in vectors() {
            let (outcome, words) = expected.split_once(' ').unwrap();
            match (outcome, checked(text).key) {
                ("key", Ok(found)) => assert_eq!((found.kind.name(), found.fingerprint), (words, wanted.fingerprint), "{name}"),
                ("refused", Err(wrong)) => assert!(!wrong.is_exposed() && wrong.message().contains(words), "{name}: {wrong}"),
                ("exposed", Err(wrong)) => assert!(wrong.is_exposed() && wrong.message().contains(words), "{name}: {wrong}"),
                (_, outcome) => panic!("{name}: {outcome:?}"),
            }
        }
        assert!(vectors().count() > 40);
    }

    #[test]
    fn no_refusal_shows_what_was_pasted() {
        for (name, _, text) in vectors() {
            let report = checked(text).json().to_string();
            let shown = text
                .lines()
                .filter(|line| line.len() > 30 && !report.contains("\"ok\":true"))
                .find(|line| report.contains(*line));
            assert_eq!(shown, None, "{name}");
        }
    }

    #[test]
    fn what_comes_out_is_what_the_consumers_file_takes() {
        for (name, _, text) in vectors() {
            if let Ok(found) = checked(text).key {
                let (key, form) = PublicKey::from_text(&found.pem).unwrap();
                assert_eq!(key.fingerprint(), found.fingerprint, "{name}");
                assert_eq!(matches!(form, KeyForm::Certificate { .. }), found.kind == KeyKind::Certificate, "{name}");
                let again = checked(&found.pem);
                assert_eq!((again.key.unwrap().pem, again.mended), (found.pem, Vec::new()), "{name}");
            }
        }
    }

    #[test]
    fn what_copying_adds_is_mended_and_told() {
        let (text, wanted) = key();
        let without_end = text.trim_end().rsplit_once('\n').unwrap().0;
        let bare: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let cases = [
            (text.to_owned(), vec![]),
            (text.replace('\n', "\r\n"), vec![Mended::LineEnds]),
            (text.replace('\n', "\r"), vec![Mended::LineEnds]),
            (text.replace('\n', "\\n"), vec![Mended::Escapes]),
            (format!("\"{}\",\n", text.replace('\n', "\\r\\n")), vec![Mended::Quotes, Mended::Escapes]),
            (format!("\u{feff}{text}"), vec![Mended::Invisible]),
            (text.replace('\n', "\u{200b} \n\t"), vec![Mended::Invisible, Mended::Blanks]),
            (format!("\n\n{text}\n\n"), vec![]),
            (bare, vec![Mended::NoArmour]),
            (without_end.to_owned(), vec![Mended::NoEnd]),
            (text.replace("PUBLIC KEY", "CERTIFICATE"), vec![Mended::Label { was: "CERTIFICATE".into(), is: "PUBLIC KEY" }]),
        ];
        for (text, mended) in cases {
            let report = checked(&text);
            assert_eq!(report.mended, mended, "{text:?}");
            assert_eq!(report.key.unwrap().pem, wanted.pem, "{text:?}");
        }
    }

    #[test]
    fn weak_and_published_keys_are_warned_of_and_short_ones_refused() {
        assert_eq!(checked(TUTORIAL).warnings, [Warning::Published]);
        let short = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0YjCwIfYoprq/FQO6lb3asXrxLlJFuCvtinTF5p0GxvQGu5O3gYytUvtC2JlYzypSRjVxw\
                     xrsuRcP3e641SdASwfrmzyvIgP08N4S0IFzEURkV1wp/IpH7kH41EtbmUmrXSwfNZsnQRE5SYSOhh+LcK2wyQkdgcMv11l4KoBkcwIDAQAB";
        assert_eq!(checked(short).warnings, [Warning::Published, Warning::Weak { bits: 1024 }]);
        let refused = check_at(short, 2048, NOW).key.unwrap_err();
        assert_eq!(refused, Wrong::Key(KeyError::TooShort { bits: 1024, floor: 2048 }));
    }

    #[test]
    fn a_certificate_tells_its_subject_and_its_dates_which_do_not_matter() {
        let text = vectors().find(|(name, ..)| *name == "a certificate").unwrap().2;
        let report = checked(text);
        let facts = report.key.as_ref().unwrap().certificate.clone().unwrap();
        assert!(facts.subject.starts_with("CN="), "{facts:?}");
        assert!(facts.not_before < facts.not_after && facts.not_after < NOW, "{facts:?}");
        assert_eq!(report.warnings, [Warning::Expired { not_after: facts.not_after }]);
        let early = check_at(text, MIN_BITS, Timestamp::from_seconds(0)).warnings;
        assert_eq!(early, [Warning::NotYet { not_before: facts.not_before }]);
    }
}
