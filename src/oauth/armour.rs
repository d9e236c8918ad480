//! The text around a key: PEM as people paste it, or bare base64.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::key_error::KeyError;

/// What a PEM block says that it holds.
pub(super) enum Label {
    /// `PUBLIC KEY`.
    Spki,
    /// `RSA PUBLIC KEY`.
    Pkcs1,
    /// `CERTIFICATE`, by any of its names.
    Certificate,
}

/// Takes off the PEM armour (RFC 7468), if there is one, and decodes the base64.
pub(super) fn read_armour(text: &str) -> Result<(Option<Label>, Vec<u8>), KeyError> {
    let text = text.trim_start_matches('\u{feff}').replace("\\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if text.len() > MAX_TEXT {
        return Err(KeyError::Garbled);
    }
    if text.contains("PRIVATE KEY-----") || text.starts_with("PuTTY-User-Key-File") {
        return Err(KeyError::PrivateKey);
    }
    if text.starts_with("ssh-") || text.contains("SSH2 PUBLIC KEY") {
        return Err(KeyError::SshKey);
    }
    if text.matches(BEGIN).count() > 1 {
        return Err(KeyError::SeveralKeys);
    }
    let Some(start) = text.find(BEGIN) else {
        return Ok((None, decode_base64(text)?));
    };
    // What `openssl x509 -text` prints before the block is no harm; what follows the block could be half of another key.
    let (label, rest) = text[start + BEGIN.len()..].split_once("-----").ok_or(KeyError::Garbled)?;
    let (body, end) = rest.split_once("-----END ").ok_or(KeyError::Garbled)?;
    if end.trim() != format!("{label}-----") {
        return Err(KeyError::Garbled);
    }
    let label = match label {
        "PUBLIC KEY" => Label::Spki,
        "RSA PUBLIC KEY" => Label::Pkcs1,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Label::Certificate,
        other => return Err(KeyError::WrongLabel(other.escape_debug().to_string())),
    };
    Ok((Some(label), decode_base64(body)?))
}

/// Base64 with blanks anywhere; padding may be missing, as it does not carry information in a key.
fn decode_base64(text: &str) -> Result<Vec<u8>, KeyError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let compact: String = text.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').collect();
    LENIENT.decode(compact).ok().filter(|der| !der.is_empty()).ok_or(KeyError::Garbled)
}

const BEGIN: &str = "-----BEGIN ";

/// Key text beyond this is not looked at, in bytes: a certificate of an 8192-bit key with a long subject has about 6 KiB.
pub const MAX_TEXT: usize = 64 * 1024;
