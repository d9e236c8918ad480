//! Any countersign.yaml is refused with problems that say something, or gives settings that a gateway can start with.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use countersign::config;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("countersign-fuzz-{}.yaml", std::process::id())));

fuzz_target!(|text: &[u8]| {
    std::fs::write(&*FILE, text).expect("a file in the temporary folder");
    match config::load(&FILE) {
        Ok(loaded) => {
            assert!(!loaded.settings.listen.is_empty() && !loaded.settings.upstream.servers.is_empty());
            assert!(!loaded.settings.verify.signature_methods.is_empty());
        }
        Err(problems) => assert!(problems.0.iter().any(|problem| problem.is_error() && !problem.to_string().is_empty())),
    }
});
