//! What DER bytes hold, told by their shape and not by the label over them.

use rsa::pkcs1::der::{Decode, Header, Length, Reader, SliceReader, Tag};
use x509_cert::request::CertReq;

use super::{KeyKind, Wrong};
use crate::oauth::key::KeyError;

/// The three that a consumer's key may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    Spki,
    Pkcs1,
    Certificate,
}

impl Contents {
    /// By the types of what stands in the outer sequence: each form that people have keys in differs in them.
    pub(super) fn of(der: &[u8]) -> Result<Self, Wrong> {
        check_length(der)?;
        let not_a_key = || Wrong::Key(KeyError::NotAKey);
        match tags(der).ok_or_else(not_a_key)?[..] {
            // RFC 5280 §4.1
            [Tag::Sequence, Tag::BitString] => Ok(Self::Spki),
            // RFC 8017 §A.1.1
            [Tag::Integer, Tag::Integer] => Ok(Self::Pkcs1),
            // RFC 2986 §4.2 and RFC 5280 §4.1
            [Tag::Sequence, Tag::Sequence, Tag::BitString] if CertReq::from_der(der).is_ok() => Err(Wrong::CertificateRequest),
            [Tag::Sequence, Tag::Sequence, Tag::BitString] => Ok(Self::Certificate),
            // RFC 8017 §A.1.2 and openssl's own form for DSA: numbers alone
            [Tag::Integer, Tag::Integer, Tag::Integer, ..]
            // RFC 5915 §3
            | [Tag::Integer, Tag::OctetString, ..]
            // RFC 5208 §5
            | [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Err(Wrong::PrivateKey { encrypted: false }),
            // RFC 5208 §6
            [Tag::Sequence, Tag::OctetString] => Err(Wrong::PrivateKey { encrypted: true }),
            // RFC 7292 §4
            [Tag::Integer, Tag::Sequence, ..] => Err(Wrong::KeyStore),
            // RFC 2315 §7
            [Tag::ObjectIdentifier, ..] => Err(Wrong::Bundle),
            _ => Err(not_a_key()),
        }
    }

    /// The label that is right.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Spki => "PUBLIC KEY",
            Self::Pkcs1 => "RSA PUBLIC KEY",
            Self::Certificate => "CERTIFICATE",
        }
    }

    /// Whether a label is right; old tools have two more for certificates.
    pub(super) fn is_labelled(self, label: &str) -> bool {
        label == self.label() || self == Self::Certificate && matches!(label, "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    pub(super) fn kind(self) -> KeyKind {
        match self {
            Self::Spki => KeyKind::Spki,
            Self::Pkcs1 => KeyKind::Pkcs1,
            Self::Certificate => KeyKind::Certificate,
        }
    }
}

/// A key that lost or gained a line says so itself.
fn check_length(der: &[u8]) -> Result<(), Wrong> {
    let header = SliceReader::new(der).and_then(|mut reader| Ok((Header::decode(&mut reader)?, reader.position())));
    let Ok((Header { tag: Tag::Sequence, length }, start)) = header else { return Ok(()) };
    let whole = (start + length).unwrap_or(Length::MAX);
    let (says, has) = (usize::try_from(whole).unwrap_or(usize::MAX), der.len());
    if says == has { Ok(()) } else { Err(Wrong::Length { says, has }) }
}

/// The tags of the outer sequence's first elements.
fn tags(der: &[u8]) -> Option<Vec<Tag>> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = Header::decode(&mut reader).ok().filter(|header| header.tag == Tag::Sequence)?;
    let mut inside = SliceReader::new(reader.read_slice(header.length).ok()?).ok()?;
    let mut tags = Vec::new();
    while !inside.is_finished() && tags.len() < MAX_TAGS {
        let element = Header::decode(&mut inside).ok()?;
        inside.read_slice(element.length).ok()?;
        tags.push(element.tag);
    }
    Some(tags)
}

/// One more than any form above needs to be told from the others.
const MAX_TAGS: usize = 4;
