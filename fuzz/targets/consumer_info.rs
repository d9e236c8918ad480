//! Whatever an application answers is refused in words, or gives a consumer with a key and a name that a page can show.
#![no_main]

use countersign::consumers::import::{MAX_DOCUMENT, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok(found) => {
            assert!(bytes.len() <= MAX_DOCUMENT);
            assert!(!found.name.is_empty() && !found.name.chars().any(char::is_control));
            assert!(!found.description.chars().any(char::is_control));
            assert!(!found.public_key_text.is_empty());
            assert!(
                found.callback_url.is_none_or(|url| url.starts_with("http") && url.bytes().all(|byte| byte.is_ascii_graphic()))
            );
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
});
