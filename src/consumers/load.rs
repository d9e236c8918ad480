//! consumers.yaml: from files to a list, or to every problem.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::credential_files::CredentialFiles;
use super::entries::{Placed, read_entries};
use super::files;
use super::identity::identity_value;
use super::model::{ConsumerKey, ConsumerList};
use crate::config::{self, Limits, Settings};
use crate::oauth::key::{Fingerprint, MIN_BITS};
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Timestamp;
use crate::tls;
use crate::yaml::{Document, Problem, Problems, Report, Severity};

/// What the configuration says about all consumers.
#[derive(Debug, Clone)]
pub struct LoadPolicy<'a> {
    /// For consumers that name none.
    pub signature_methods: &'a [SignatureMethod],
    /// Shorter keys are problems.
    pub min_key_bits: u32,
    /// All files together, in bytes.
    pub max_size: usize,
    /// For warnings about what is past.
    pub now: Timestamp,
    /// The list before: its keys need not be prepared again, and its rate limits go on.
    pub previous: Option<&'a ConsumerList>,
    /// What is in the files of `upstream_authorization`, while this policy is gone by.
    pub credential_files: Arc<CredentialFiles>,
}

impl<'a> LoadPolicy<'a> {
    /// As configured, at this moment, with nothing before.
    pub fn of(settings: &'a Settings) -> Self {
        Self {
            signature_methods: &settings.verify.signature_methods,
            min_key_bits: settings.verify.min_key_bits,
            max_size: settings.limits.consumers_file,
            ..Self::by_default()
        }
    }

    /// As without a configuration.
    pub fn by_default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            signature_methods: &[SignatureMethod::RsaSha1],
            min_key_bits: MIN_BITS,
            max_size: Limits::default().consumers_file,
            now: Timestamp::from_seconds(now.as_secs()),
            previous: None,
            credential_files: Arc::default(),
        }
    }
}

/// A list that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The consumers.
    pub list: ConsumerList,
    /// What somebody should know about them.
    pub warnings: Vec<Problem>,
    /// The files that they came from.
    pub files: Vec<PathBuf>,
}

/// Reads a consumers file, or a folder of such files.
///
/// # Errors
/// Every problem, and with them the warnings.
pub fn load(path: &FilePath, policy: &LoadPolicy<'_>) -> Result<Loaded, Problems> {
    load_documents(&files::read(path, policy.max_size)?, policy)
}

/// What is wrong with the certificates and the consumers of a configuration that can't be used, after what is wrong with that: whoever mends one
/// file wants to know about the other too.
pub fn problems_beside(refused: config::Refused) -> Problems {
    let config::Refused { problems: Problems(mut problems), draft } = refused;
    let Some((settings, document)) = draft.map(|draft| *draft) else { return Problems(problems) };
    match tls::load(&settings, &document, &tls::Files::default(), None, LoadPolicy::by_default().now) {
        Ok(loaded) => problems.extend(loaded.warnings),
        Err(Problems(more)) => problems.extend(more),
    }
    // Where they are has to be known; else their absence is a problem of the configuration.
    if settings.consumers != FilePath::new("") {
        match load(&settings.consumers, &LoadPolicy::of(&settings)) {
            Ok(loaded) => problems.extend(loaded.warnings),
            Err(Problems(more)) => problems.extend(more),
        }
    }
    Problems(problems)
}

/// As [`load`], of files that have been read already.
pub(super) fn load_documents(documents: &[Document], policy: &LoadPolicy<'_>) -> Result<Loaded, Problems> {
    let (mut report, entries) = read_entries(documents, policy);
    compare(&entries, &mut report);
    let failed = report.has_errors();
    let problems = report.into_problems(documents);
    if failed {
        return Err(Problems(problems));
    }
    let list = ConsumerList::shared(entries.into_iter().filter_map(|placed| placed.consumer));
    Ok(Loaded { list, warnings: problems, files: documents.iter().map(|document| document.file().to_owned()).collect() })
}

/// Finds what two entries may not have in common.
fn compare(entries: &[Placed], report: &mut Report) {
    let mut seen = Seen::default();
    for placed in entries {
        if let Some(key) = &placed.key {
            seen.add(key, placed, report);
        }
    }
}

/// The entries so far, by what is theirs alone.
#[derive(Default)]
struct Seen<'e> {
    keys: HashMap<&'e ConsumerKey, &'e Placed>,
    headers: HashMap<Cow<'e, str>, &'e Placed>,
    fingerprints: HashMap<Fingerprint, &'e Placed>,
}

impl<'e> Seen<'e> {
    fn add(&mut self, key: &'e ConsumerKey, placed: &'e Placed, report: &mut Report) {
        if let Some(first) = self.keys.get(key) {
            let message = format!("the consumer key {} stands twice, first in", quoted(key));
            let hint = "take one of the two out; for two public keys use public_keys";
            report.conflict(Severity::Error, placed.place("key"), first.place("key"), message, hint);
            return;
        }
        self.keys.insert(key, placed);
        if let Some(first) = self.headers.insert(identity_value(key.as_str()), placed) {
            let message = format!("in its header, {} looks to the application like the consumer key in", quoted(key));
            let hint = "give one of the two another key";
            report.conflict(Severity::Error, placed.place("key"), first.place("key"), message, hint);
        }
        for public_key in placed.consumer.iter().flat_map(|consumer| &consumer.public_keys) {
            self.add_public_key(public_key.fingerprint(), key, placed, report);
        }
    }

    fn add_public_key(&mut self, fingerprint: Fingerprint, key: &ConsumerKey, placed: &'e Placed, report: &mut Report) {
        let first = self.fingerprints.insert(fingerprint, placed);
        // A key that one consumer lists twice is warned of already.
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, placed)) {
            let message = format!("consumer {} has the same public key as the consumer in", quoted(key));
            let hint = "each can sign as the other; let each have its own";
            report.conflict(Severity::Warning, placed.place("key"), first.place("key"), message, hint);
        }
    }
}

/// As messages about one entry begin with it; a key may have quotes in it, and signs that turn the direction of writing.
fn quoted(key: &ConsumerKey) -> String {
    format!("\"{}\"", key.as_str().escape_debug())
}
