//! SSH public keys (RFC 4253 §6.6): the same two numbers in another envelope.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::RsaPublicKey;
use rsa::pkcs1::der::Encode;
use rsa::pkcs1::der::asn1::UintRef;

use super::Wrong;
use crate::oauth::key::KeyError;

/// Whether a line is a key in the form of `authorized_keys`, without options before it.
pub(super) fn is_key_line(line: &str) -> bool {
    let kind = line.split_whitespace().next().unwrap_or_default();
    KINDS.iter().any(|(prefix, _)| kind.starts_with(prefix)) && line.split_whitespace().nth(1).is_some()
}

/// The PKCS#1 `RSAPublicKey` of a key line.
pub(super) fn from_line(line: &str) -> Result<Vec<u8>, Wrong> {
    from_base64(line.split_whitespace().nth(1).unwrap_or_default())
}

/// The same of a block's base64 (RFC 4716 §3), without the lines of its header.
pub(super) fn from_block(body: &str) -> Result<Vec<u8>, Wrong> {
    let mut continued = false;
    let is_base64 = |line: &&str| {
        // A header's line may go on in the next one after a backslash (RFC 4716 §3.3).
        let is_header = std::mem::replace(&mut continued, false) || line.contains(':');
        continued = is_header && line.ends_with('\\');
        !is_header
    };
    from_base64(&body.lines().map(str::trim).filter(is_base64).collect::<String>())
}

fn from_base64(text: &str) -> Result<Vec<u8>, Wrong> {
    let blob = STANDARD.decode(text).map_err(|_| Wrong::Key(KeyError::NotAKey))?;
    let mut rest = &blob[..];
    let kind = String::from_utf8_lossy(take(&mut rest)?);
    if kind != "ssh-rsa" {
        return Err(other_kind(&kind));
    }
    let (exponent, modulus) = (take(&mut rest)?, take(&mut rest)?);
    let key = UintRef::new(modulus).and_then(|modulus| Ok(RsaPublicKey { modulus, public_exponent: UintRef::new(exponent)? }));
    key.and_then(|key| key.to_der()).map_err(|_| Wrong::Key(KeyError::NotAKey))
}

fn other_kind(kind: &str) -> Wrong {
    let known = KINDS.iter().find(|(prefix, _)| kind.starts_with(prefix));
    known.map_or(Wrong::Key(KeyError::NotAKey), |(_, name)| Wrong::OtherAlgorithm((*name).to_owned()))
}

/// A length in four bytes, and as many bytes (RFC 4251 §5).
fn take<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Wrong> {
    let taken = rest.split_first_chunk().and_then(|(length, after)| after.split_at_checked(u32::from_be_bytes(*length) as usize));
    let (field, after) = taken.ok_or(Wrong::Key(KeyError::NotAKey))?;
    *rest = after;
    Ok(field)
}

const KINDS: [(&str, &str); 6] = [
    ("ssh-rsa", "RSA"),
    ("ssh-dss", "DSA"),
    ("ssh-ed25519", "Ed25519"),
    ("ecdsa-sha2-", "elliptic curves (EC)"),
    ("sk-ssh-", "a security token"),
    ("sk-ecdsa-", "a security token"),
];
