//! From a pasted text to the bytes in it: tidied, without armour, decoded.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{Mended, Wrong, ssh};
use crate::oauth::key::{KeyError, MAX_TEXT};

/// The bytes of one block.
#[derive(Debug)]
pub(super) struct Pasted {
    /// The label of its armour.
    pub(super) label: Option<String>,
    pub(super) der: Vec<u8>,
    pub(super) is_ssh: bool,
}

impl Pasted {
    /// Finds the one block in a text; what had to be done for it goes into `mended`.
    pub(super) fn read(text: &str, mended: &mut Vec<Mended>) -> Result<Self, Wrong> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::Garbled.into());
        }
        let text = tidied(text, mended);
        // First of all: whatever else is wrong with a text, a secret in it has to be called one.
        find_secret(&text)?;
        find_foreign(&text)?;
        if let Some(body) = between(&text, SSH2_BEGIN, SSH2_END) {
            mended.push(Mended::Ssh);
            return Ok(Self::ssh(ssh::from_block(body)?));
        }
        if ssh::is_key_line(&text) {
            let lines = text.lines().filter(|line| ssh::is_key_line(line)).count();
            if lines > 1 {
                return Err(Wrong::Several(lines));
            }
            mended.push(Mended::Ssh);
            return Ok(Self::ssh(ssh::from_line(&text)?));
        }
        match text.matches(BEGIN).count() {
            0 => Self::without_armour(&text, mended),
            1 => Self::with_armour(&text, mended),
            several => Err(Wrong::Several(several)),
        }
    }

    fn ssh(der: Vec<u8>) -> Self {
        Self { label: None, der, is_ssh: true }
    }

    fn without_armour(text: &str, mended: &mut Vec<Mended>) -> Result<Self, Wrong> {
        let is_name = text.lines().count() == 1 && [".pem", ".pub", ".crt", ".cer", ".key"].iter().any(|end| text.ends_with(end));
        if is_name {
            return Err(Wrong::FileName);
        }
        let is_fingerprint = text.starts_with("SHA256:") || text.starts_with("MD5:") || is_hexadecimal(text);
        if is_fingerprint {
            return Err(Wrong::Fingerprint);
        }
        let der = decode(text, 1)?;
        mended.push(Mended::NoArmour);
        Ok(Self { label: None, der, is_ssh: false })
    }

    fn with_armour(text: &str, mended: &mut Vec<Mended>) -> Result<Self, Wrong> {
        // What `openssl x509 -text` prints before the block is no harm.
        let (before, block) = text.split_once(BEGIN).ok_or(KeyError::Garbled)?;
        let (label, rest) = block.split_once("-----").ok_or(KeyError::Garbled)?;
        if !LABELS.contains(&label) {
            return Err(foreign_label(label));
        }
        let body = match rest.split_once(END) {
            Some((body, end)) if end.trim_end().strip_suffix("-----").is_some_and(|end| end == label) => body,
            // What follows the block could be half of another key.
            Some(_) => return Err(KeyError::Garbled.into()),
            None => {
                mended.push(Mended::NoEnd);
                rest
            }
        };
        let der = decode(body, before.matches('\n').count() + 1)?;
        Ok(Self { label: Some(label.to_owned()), der, is_ssh: false })
    }
}

/// Takes off what copying adds.
fn tidied(text: &str, mended: &mut Vec<Mended>) -> String {
    let mut tidy = Tidy { text: text.to_owned(), mended };
    tidy.step(Mended::Invisible, |text| text.replace(INVISIBLE, ""));
    tidy.step(Mended::LineEnds, |text| text.replace("\r\n", "\n").replace('\r', "\n"));
    tidy.text = tidy.text.trim_matches('\n').to_owned();
    tidy.step(Mended::Quotes, |text| unquoted(text).to_owned());
    tidy.step(Mended::Escapes, |text| text.replace("\\r", "").replace("\\n", "\n"));
    tidy.step(Mended::Blanks, |text| text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned());
    tidy.text
}

struct Tidy<'m> {
    text: String,
    mended: &'m mut Vec<Mended>,
}

impl Tidy<'_> {
    fn step(&mut self, what: Mended, change: impl FnOnce(&str) -> String) {
        let changed = change(&self.text);
        if changed != self.text {
            self.mended.push(what);
            self.text = changed;
        }
    }
}

/// Without the quotes around the whole, and the comma after them, of a line of JSON or of a program.
fn unquoted(text: &str) -> &str {
    let trimmed = text.trim().trim_end_matches([',', ';']).trim_end();
    let inside = ['"', '\'', '`'].iter().find_map(|quote| trimmed.strip_prefix(*quote)?.strip_suffix(*quote));
    inside.unwrap_or(text)
}

/// Texts that hold a private key, in the forms that are not told by their DER.
fn find_secret(text: &str) -> Result<(), Wrong> {
    let is_private = |line: &str| line.contains("PRIVATE KEY") && (line.contains("BEGIN ") || line.contains("-----"));
    if text.lines().any(is_private) || text.contains("PuTTY-User-Key-File") {
        // RFC 7468 §11, RFC 1421 §4.6.1.1 and PuTTY's appendix on its files.
        let putty = text.lines().any(|line| line.strip_prefix("Encryption:").is_some_and(|how| how.trim() != "none"));
        let encrypted = putty || text.contains("BEGIN ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED");
        return Err(Wrong::PrivateKey { encrypted });
    }
    let is_jwk = text.starts_with('{') && text.contains("\"d\"");
    if is_jwk || text.contains("<InverseQ>") || text.contains("<D>") {
        return Err(Wrong::PrivateKey { encrypted: false });
    }
    Ok(())
}

/// Texts that hold no key of ours.
fn find_foreign(text: &str) -> Result<(), Wrong> {
    match text {
        "" => Err(KeyError::Empty.into()),
        text if text.contains("BEGIN PGP ") => Err(Wrong::Pgp),
        text if text.starts_with('{') => Err(Wrong::Jwk),
        text if text.starts_with('<') => Err(Wrong::Xml),
        _ => Ok(()),
    }
}

fn foreign_label(label: &str) -> Wrong {
    match label {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Wrong::CertificateRequest,
        "PKCS7" | "CMS" => Wrong::Bundle,
        "EC PARAMETERS" => Wrong::OtherAlgorithm("elliptic curves (EC)".into()),
        "DSA PUBLIC KEY" | "DSA PARAMETERS" => Wrong::OtherAlgorithm("DSA".into()),
        other => Wrong::Label(other.chars().take(MAX_LABEL).collect()),
    }
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end).map_or(rest, |(body, _)| body))
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.chars().filter(|c| !matches!(c, ':' | ' '));
    // SHA-1 has 40, SHA-256 has 64; a key in base64 has ten times as many, and letters beyond f among them.
    matches!(digits.clone().count(), 32 | 40 | 64) && digits.clone().all(|c| c.is_ascii_hexdigit())
}

/// Base64 in lines; `first` is the number of the first.
fn decode(text: &str, first: usize) -> Result<Vec<u8>, Wrong> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=') || c.is_whitespace();
    let odd = text.lines().enumerate().find_map(|(at, line)| Some((at, line.chars().find(|c| !is_base64(*c))?)));
    if let Some((at, character)) = odd {
        return Err(Wrong::Character { character, line: first + at });
    }
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    LENIENT.decode(compact).ok().filter(|der| !der.is_empty()).ok_or(Wrong::Key(KeyError::NotAKey))
}

/// Padding may be missing, as it does not carry information in a key.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Byte order mark, blanks and joiners without width, soft hyphen, marks of direction.
const INVISIBLE: [char; 8] = ['\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{ad}', '\u{200e}', '\u{200f}'];
const LABELS: [&str; 5] = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const SSH2_BEGIN: &str = "---- BEGIN SSH2 PUBLIC KEY ----";
const SSH2_END: &str = "---- END SSH2 PUBLIC KEY ----";
/// As much of a label as is shown; the longest of RFC 7468 has 23.
const MAX_LABEL: usize = 40;
