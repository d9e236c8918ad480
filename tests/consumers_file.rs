//! What people write into countersign.yaml and consumers.yaml, and what they are told about it.

use std::path::Path;

use countersign::consumers::{self, LoadPolicy};
use countersign::oauth::signature::SignatureMethod;
use countersign::oauth::timestamp::Timestamp;

fn policy() -> LoadPolicy<'static> {
    LoadPolicy {
        signature_methods: &[SignatureMethod::RsaSha1],
        min_key_bits: 1024,
        max_size: 16 << 20,
        now: Timestamp::from_seconds(1_800_000_000),
        previous: None,
    }
}

#[test]
fn the_consumer_of_the_old_documentation_loads_with_a_warning() {
    let loaded = consumers::load(Path::new("tests/data/google-consumer.yaml"), &policy()).unwrap();
    assert_eq!(loaded.list.get("www.google.com").unwrap().name, "iGoogle");
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().all(|warning| warning.starts_with("tests/data/google-consumer.yaml:6: ")), "{warnings:#?}");
    assert!(warnings[0].contains("1024 bits"), "{warnings:#?}");
    assert!(warnings[1].contains("only a key holder"), "{warnings:#?}");
}
