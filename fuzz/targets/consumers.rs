//! Any consumers file is refused with problems that say something, or gives consumers that each have a key to verify with.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use countersign::consumers::{self, LoadPolicy};
use countersign::oauth::key::MIN_BITS;
use countersign::oauth::signature::SignatureMethod;
use countersign::oauth::timestamp::Timestamp;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("countersign-fuzz-{}.yaml", std::process::id())));

fuzz_target!(|text: &[u8]| {
    std::fs::write(&*FILE, text).expect("a file in the temporary folder");
    let policy = LoadPolicy {
        signature_methods: &SignatureMethod::ALL,
        min_key_bits: MIN_BITS,
        max_size: 1024 * 1024,
        now: Timestamp::from_seconds(1_800_000_000),
        previous: None,
        credential_files: Arc::default(),
    };
    match consumers::load(&FILE, &policy) {
        Ok(loaded) => {
            for consumer in loaded.list.iter() {
                assert!(!consumer.public_keys.is_empty() && !consumer.signature_methods.is_empty());
            }
        }
        Err(problems) => assert!(problems.0.iter().any(|problem| problem.is_error() && !problem.to_string().is_empty())),
    }
});
