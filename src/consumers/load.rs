//! consumers.yaml: from files to a list, or to every problem.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use serde_yaml::Value;

use super::entry::{self, Entry};
use super::files;
use super::identity::identity_value;
use super::model::{Consumer, ConsumerKey, ConsumerList};
use crate::config::{self, Limits, Settings};
use crate::oauth::key::{Fingerprint, MIN_BITS};
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Timestamp;
use crate::yaml::{Document, Fields, Node, Path, Problem, Problems, Report, Severity, Step, Streamed};

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

/// What is wrong with the consumers of a configuration that can't be used, after what is wrong with that: whoever mends one
/// file wants to know about the other too.
pub fn problems_beside(refused: config::Refused) -> Problems {
    let config::Refused { problems: Problems(mut problems), draft } = refused;
    // Where they are has to be known; else their absence is a problem of the configuration.
    if let Some(settings) = draft.filter(|settings| settings.consumers != FilePath::new("")) {
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
    let consumers = entries.into_iter().filter_map(|placed| placed.entry.consumer);
    let list = ConsumerList::shared(consumers.map(|consumer| continuing(consumer, policy.previous)));
    Ok(Loaded { list, warnings: problems, files: documents.iter().map(|document| document.file().to_owned()).collect() })
}

struct Placed {
    document: usize,
    index: usize,
    entry: Entry,
}

impl Placed {
    fn place(&self, field: &str) -> (usize, Path) {
        let path = vec![Step::Key(LIST.to_owned()), Step::Index(self.index), Step::Key(field.to_owned())];
        (self.document, path)
    }
}

/// An entry on its way from the thread that reads YAML to the one that reads consumers.
type Raw = (usize, usize, Value);

/// Reads all documents. Preparing 100,000 keys takes about as long as parsing their YAML, so the two run side by side; the
/// values are dropped as soon as they are consumers, since all of them together would take several times the list's room.
fn read_entries(documents: &[Document], policy: &LoadPolicy<'_>) -> (Report, Vec<Placed>) {
    let (send, receive) = sync_channel(QUEUE);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| build_all(receive, policy));
        let mut report = Report::default();
        let mut broken = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            report.enter(at);
            if parse_document(at, document, &send, &mut report).is_none() {
                broken.push(at);
            }
        }
        drop(send);
        match reader.join() {
            Ok((of_entries, entries)) => {
                report.absorb(of_entries, &broken);
                (report, entries)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn build_all(receive: Receiver<Raw>, policy: &LoadPolicy<'_>) -> (Report, Vec<Placed>) {
    let mut report = Report::default();
    let build = |(document, index, value): Raw| {
        report.enter(document);
        let (top, list) = (Node::top(&Value::Null), Value::Null);
        let list = Node::under(&top, LIST, &list);
        let entry = entry::read(&Node::entry(&list, index, &value), policy, &mut report);
        Placed { document, index, entry }
    };
    let entries = receive.into_iter().map(build).collect();
    (report, entries)
}

/// `None` if the document is no YAML.
fn parse_document(at: usize, document: &Document, send: &SyncSender<Raw>, report: &mut Report) -> Option<()> {
    // The other side lives until this one is done; if it panicked, that is said when it is joined.
    let mut each = |index, value| drop(send.send((at, index, value)));
    let parsed = document.parse(report, Some(Streamed { key: LIST, each: &mut each }))?;
    let top = Node::top(&parsed.value);
    if top.is_null() {
        report.problem_at_line(0, "the file is empty", EMPTY_LIST);
    } else if let Some(fields) = Fields::of(&top, report) {
        check_top(fields, report);
    }
    Some(())
}

fn check_top(mut fields: Fields<'_>, report: &mut Report) {
    if let Some(list) = fields.mandatory(LIST, report, EMPTY_LIST)
        && !list.value().is_sequence()
    {
        report.wrong_type(&list, "a list", EMPTY_LIST);
    }
    fields.finish(report);
}

/// Finds what two entries may not have in common.
fn compare(entries: &[Placed], report: &mut Report) {
    let mut seen = Seen::default();
    for placed in entries {
        if let Some(key) = &placed.entry.key {
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
            let message = format!("the consumer key \"{key}\" stands twice, first in");
            let hint = "take one of the two out; for two public keys use public_keys";
            report.conflict(Severity::Error, placed.place("key"), first.place("key"), message, hint);
            return;
        }
        self.keys.insert(key, placed);
        if let Some(first) = self.headers.insert(identity_value(key.as_str()), placed) {
            let message = format!("in its header, \"{key}\" looks to the application like the consumer key in");
            let hint = "give one of the two another key";
            report.conflict(Severity::Error, placed.place("key"), first.place("key"), message, hint);
        }
        for public_key in placed.entry.consumer.iter().flat_map(|consumer| &consumer.public_keys) {
            self.add_public_key(public_key.fingerprint(), key, placed, report);
        }
    }

    fn add_public_key(&mut self, fingerprint: Fingerprint, key: &ConsumerKey, placed: &'e Placed, report: &mut Report) {
        let first = self.fingerprints.insert(fingerprint, placed);
        // A key that one consumer lists twice is warned of already.
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, placed)) {
            let message = format!("consumer \"{key}\" has the same public key as the consumer in");
            let hint = "each can sign as the other; let each have its own";
            report.conflict(Severity::Warning, placed.place("key"), first.place("key"), message, hint);
        }
    }
}

/// The consumer of the list before if nothing about it changed, and else the new one with the old one's spent budget.
fn continuing(mut consumer: Consumer, previous: Option<&ConsumerList>) -> Arc<Consumer> {
    let Some(older) = previous.and_then(|list| list.get(consumer.key.as_str())) else { return Arc::new(consumer) };
    if **older == consumer {
        return Arc::clone(older);
    }
    consumer.rate_limit = match (consumer.rate_limit, &older.rate_limit) {
        (Some(limit), Some(of_older)) => Some(limit.continuing(of_older)),
        (limit, _) => limit,
    };
    Arc::new(consumer)
}

const LIST: &str = "consumers";
const EMPTY_LIST: &str = "write `consumers:` and the entries below it, or `consumers: []` if there are none";
/// Entries between the two threads: enough that neither waits for the other's every step.
const QUEUE: usize = 256;
