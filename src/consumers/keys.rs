//! A consumer's public keys: the policy of the configuration on top of the one for all keys.

use std::sync::Arc;

use super::key_check::Warning;
use super::load::LoadPolicy;
use super::model::Consumer;
use crate::oauth::key::{KeyError, KeyForm, PublicKey};
use crate::oauth::timestamp::Timestamp;
use crate::yaml::{Fields, Node, Report};

/// Reads `public_key` or `public_keys`. `older` is the same consumer of the list before: its keys are used again.
pub(super) fn public_keys(
    fields: &mut Fields<'_>,
    policy: &LoadPolicy<'_>,
    older: Option<&Consumer>,
    report: &mut Report,
) -> Vec<Arc<PublicKey>> {
    let published_allowed = fields.get("allow_published_key").and_then(|node| node.flag(report)).unwrap_or(false);
    let reader = Reader { policy, older, published_allowed };
    match (fields.get("public_key"), fields.get("public_keys")) {
        (Some(one), None) => reader.read(&one, report).into_iter().collect(),
        (None, Some(several)) => reader.read_all(&several, report),
        (Some(one), Some(_)) => {
            report.problem(&one, "`public_key` and `public_keys` both stand here", "put all keys under public_keys");
            Vec::new()
        }
        (None, None) => {
            let hint = "paste the consumer's public key or certificate below `public_key: |`, indented";
            report.problem(fields.node(), "`public_key` is missing", hint);
            Vec::new()
        }
    }
}

struct Reader<'a> {
    policy: &'a LoadPolicy<'a>,
    older: Option<&'a Consumer>,
    published_allowed: bool,
}

impl Reader<'_> {
    fn read_all(&self, node: &Node<'_>, report: &mut Report) -> Vec<Arc<PublicKey>> {
        let entries = node.entries(report);
        if entries.is_empty() && node.value().is_sequence() {
            report.problem(node, "`public_keys` is an empty list", "list at least one key");
        }
        let mut keys: Vec<Arc<PublicKey>> = Vec::new();
        for entry in &entries {
            match self.read(entry, report) {
                Some(key) if keys.contains(&key) => report.warn(entry, "this key is listed twice", "take one of the two out"),
                key => keys.extend(key),
            }
        }
        keys
    }

    fn read(&self, node: &Node<'_>, report: &mut Report) -> Option<Arc<PublicKey>> {
        let text = node.text(report)?;
        let (key, form) = match PublicKey::from_text(text) {
            Ok(read) => read,
            Err(error) => {
                report.problem(node, format!("{}: {error}", node.label()), "");
                return None;
            }
        };
        self.check(&key, node, report)?;
        self.warn(&key, &form, node, report);
        self.share(key, node, report)
    }

    fn check(&self, key: &PublicKey, node: &Node<'_>, report: &mut Report) -> Option<()> {
        let (bits, floor) = (key.bits(), self.policy.min_key_bits);
        if bits < floor {
            report.problem(node, format!("{}: {}", node.label(), KeyError::TooShort { bits, floor }), "");
            return None;
        }
        if key.is_published() && !self.published_allowed {
            let message = Warning::Published.message();
            report.problem(node, message, "make a new key pair; for a demonstration write allow_published_key: true");
            return None;
        }
        Some(())
    }

    fn warn(&self, key: &PublicKey, form: &KeyForm, node: &Node<'_>, report: &mut Report) {
        if key.is_published() {
            let message = "anybody can sign as this consumer: the private half of its key stands in public documentation";
            report.warn(node, message, "never where it matters");
        }
        if key.bits() < RECOMMENDED_BITS {
            let message = Warning::Weak { bits: key.bits() }.message();
            report.warn(node, message, "ask for a new key, and list both under public_keys meanwhile");
        }
        if let KeyForm::Certificate { not_after, .. } = form
            && *not_after < self.policy.now.seconds()
        {
            let warning = Warning::Expired { not_after: Timestamp::from_seconds(*not_after) };
            report.warn(node, warning.message(), warning.hint());
        }
    }

    /// The same key out of the list before, ready for use as it is, or else the new one if it can be used.
    fn share(&self, key: PublicKey, node: &Node<'_>, report: &mut Report) -> Option<Arc<PublicKey>> {
        let known = self.older.and_then(|older| older.public_keys.iter().find(|known| ***known == key));
        if let Some(known) = known {
            return Some(Arc::clone(known));
        }
        if !key.is_verifiable() {
            report.problem(node, "signatures can't be verified with this key", "make a new pair of 2048 bits");
            return None;
        }
        Some(Arc::new(key))
    }
}

/// NIST SP 800-131A and everybody since.
pub(super) const RECOMMENDED_BITS: u32 = 2048;
