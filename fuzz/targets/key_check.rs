//! Whatever is pasted as a key is refused in words, or comes out as a text that the consumers file takes for the same key.
#![no_main]

use countersign::consumers::key_check::check_at;
use countersign::oauth::key::{MIN_BITS, PublicKey};
use countersign::oauth::timestamp::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let report = check_at(text, MIN_BITS, Timestamp::from_seconds(1_800_000_000));
    match &report.key {
        Ok(checked) => {
            let (key, _) = PublicKey::from_text(&checked.pem).expect("a key that was checked");
            assert_eq!(key.fingerprint(), checked.fingerprint);
            assert!(report.json()["fingerprint"].is_string());
        }
        Err(wrong) => assert!(!wrong.message().is_empty() && !wrong.hint().is_empty()),
    }
});
