//! What a change did, in a line or as JSON.

use serde_json::json;

use super::view;
use super::words::harmless;
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::consumers::edit::{FileFate, Written};
use crate::consumers::key_check::Warning;
use crate::yaml::Problem;

/// Prints a change that was made, and what somebody should know about it, but for what was said of its key before.
pub(super) fn show(verb: &str, written: &Written, said: &[Warning], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print(&format!("{:#}\n", json(verb, written)));
    }
    let is_new = |warning: &&Problem| !said.iter().any(|said| warning.message.ends_with(&said.message()));
    written.warnings.iter().filter(is_new).for_each(|warning| eprintln!("warning: {warning}"));
    print(&format!("{}\n", sentence(verb, written)))
}

fn sentence(verb: &str, written: &Written) -> String {
    let key = harmless(&written.key);
    let place = format!("{}:{}", written.file.display(), written.line);
    let consumer = written.after.as_ref().or(written.before.as_ref());
    let keys: Vec<String> = consumer.iter().flat_map(|consumer| view::fingerprints(consumer)).collect();
    let keys = if keys.is_empty() { String::new() } else { format!(", SHA-256 fingerprint {}", keys.join(" and ")) };
    match written.fate {
        FileFate::Changed => format!("{verb} consumer {key} in {place}{keys}"),
        FileFate::Created => format!("{verb} consumer {key} in the new file {place}{keys}"),
        FileFate::Deleted => format!("{verb} consumer {key} with its file {}{keys}", written.file.display()),
        FileFate::Unchanged => format!("consumer {key} in {place} is like that already{keys}"),
    }
}

/// The same for programs.
pub(super) fn json(verb: &str, written: &Written) -> serde_json::Value {
    let keys = |consumer: &Option<_>| consumer.as_ref().map(|consumer: &std::sync::Arc<_>| view::fingerprints(consumer));
    json!({
        "done": if written.fate == FileFate::Unchanged { "nothing" } else { verb },
        "key": written.key,
        "file": written.file,
        "line": written.line,
        "revision": written.revision.to_string(),
        "fingerprints_before": keys(&written.before),
        "fingerprints": keys(&written.after),
        "warnings": written.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
