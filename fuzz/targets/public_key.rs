//! Any text that somebody pastes as a key is refused or becomes a key within the policy, the same one with other line ends.
#![no_main]

use countersign::oauth::key::{MAX_BITS, MIN_BITS, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match PublicKey::from_text(text) {
        Ok((key, _)) => {
            assert!((MIN_BITS..=MAX_BITS).contains(&key.bits()));
            let (again, _) = PublicKey::from_text(&text.replace('\n', "\r\n")).expect("a key that was read once");
            assert_eq!(again.fingerprint(), key.fingerprint());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
