//! The decoder reads a text in one way or refuses it; what it reads, the encoder writes in one normal form.
#![no_main]

use countersign::oauth::percent::{self, Plus};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for plus in [Plus::IsSpace, Plus::IsPlus] {
        let mut normal = Vec::new();
        let normalized = percent::normalize_into(&mut normal, text, plus);
        match percent::decode(text, plus) {
            Ok(decoded) => {
                assert_eq!(normal, percent::encode(&decoded).into_bytes());
                assert_eq!(percent::decode(&normal, plus).as_deref(), Ok(&*decoded));
            }
            Err(bad) => {
                assert_eq!(normalized, Err(bad));
                assert_eq!(text[bad.at], b'%');
            }
        }
    }
});
