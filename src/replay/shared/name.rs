//! What nonces are called in the store: whoever reads there learns nothing of consumers, and nobody can choose two that collide.

use aws_lc_rs::hmac;

use crate::config::StoreKey;
use crate::oauth::nonce::Nonce;
use crate::oauth::timestamp::Timestamp;

/// Makes names, all instances the same.
#[derive(Debug)]
pub(super) struct Names {
    key: hmac::Key,
}

/// The name of a nonce: 128 bits of a keyed hash of (consumer, token, timestamp, nonce).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimId([u8; 16]);

impl Names {
    pub(super) fn new(key: &StoreKey) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) }
    }

    /// Both sides of each border are unambiguous: lengths are hashed too.
    pub(super) fn name(&self, consumer: &str, token: &[u8], stamp: Timestamp, nonce: &Nonce) -> ClaimId {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(&[OF_NONCE]);
        mac.update(&(consumer.len() as u64).to_le_bytes());
        mac.update(consumer.as_bytes());
        mac.update(&stamp.seconds().to_le_bytes());
        mac.update(&(token.len() as u64).to_le_bytes());
        mac.update(token);
        mac.update(nonce.as_bytes());
        ClaimId(first_half(&mac.sign()))
    }

    /// Tells whether another instance has the same key, and not what it is.
    pub(super) fn key_check(&self) -> String {
        let check = first_half(&hmac::sign(&self.key, &[OF_KEY]));
        check[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl ClaimId {
    /// The key under which the store has it.
    pub(super) fn key(self) -> Vec<u8> {
        [PREFIX, &self.0].concat()
    }
}

fn first_half(tag: &hmac::Tag) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&tag.as_ref()[..16]);
    half
}

/// Two uses of one key never hash the same text.
const OF_NONCE: u8 = 1;
const OF_KEY: u8 = 2;

/// A store may hold other things; an ACL can be limited to what begins so.
const PREFIX: &[u8] = b"countersign:n:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumer_token_stamp_nonce_and_key_each_make_another_name() {
        let names = Names::new(&StoreKey::new([7; 32]));
        let stamp = Timestamp::from_seconds;
        let nonce = |text: &str| Nonce::new(text).unwrap();
        let all = [
            names.name("a", b"", stamp(1), &nonce("n")),
            names.name("an", b"", stamp(1), &nonce("n")),
            names.name("a", b"n", stamp(1), &nonce("n")),
            names.name("a", b"", stamp(1), &nonce("nn")),
            names.name("a", b"", stamp(2), &nonce("n")),
            Names::new(&StoreKey::new([8; 32])).name("a", b"", stamp(1), &nonce("n")),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(all[0], Names::new(&StoreKey::new([7; 32])).name("a", b"", stamp(1), &nonce("n")), "on every instance");
    }

    #[test]
    fn the_check_tells_keys_apart() {
        let check = |byte| Names::new(&StoreKey::new([byte; 32])).key_check();
        assert_eq!(check(7), check(7));
        assert_ne!(check(7), check(8));
        assert_eq!(check(7).len(), 16);
    }
}
