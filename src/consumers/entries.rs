//! All entries of all files, read on several threads.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_yaml::Value;

use super::entry::{self, Entry};
use super::load::LoadPolicy;
use super::model::{Consumer, ConsumerKey, ConsumerList};
use crate::yaml::{Document, Fields, Node, Odd, Path, Piece, Pieces, Report, Step, Streamed};

/// An entry and where it stands.
pub(super) struct Placed {
    document: usize,
    index: usize,
    /// There even where the rest is of no use.
    pub(super) key: Option<ConsumerKey>,
    pub(super) consumer: Option<Arc<Consumer>>,
}

impl Placed {
    pub(super) fn place(&self, field: &str) -> (usize, Path) {
        let path = vec![Step::Key(LIST.to_owned()), Step::Index(self.index), Step::Key(field.to_owned())];
        (self.document, path)
    }
}

/// Reads all documents, in pieces where they are in order. Entries are consumers as soon as they are read: the values of
/// all together would take several times the list's room.
pub(super) fn read_entries(documents: &[Document], policy: &LoadPolicy<'_>) -> (Report, Vec<Placed>) {
    let queue = Mutex::new(Queue { documents: documents.iter().enumerate(), current: None, odd: HashSet::new(), given: 0 });
    let work = || {
        let mut parts = Vec::new();
        while let Some((document, number, piece)) = take(&queue) {
            match Part::read((document, documents[document].file()), number, &piece, policy) {
                Ok(part) => parts.push(part),
                Err(Odd) => give_up(&queue, document),
            }
        }
        parts
    };
    let mut parts = thread::scope(|scope| {
        let others: Vec<_> = (1..threads(documents, policy)).map(|_| scope.spawn(work)).collect();
        let mut parts = work();
        for other in others {
            parts.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        parts
    });
    let odd = queue.into_inner().unwrap_or_else(PoisonError::into_inner).odd;
    parts.retain(|part| !odd.contains(&part.document));
    parts.extend(odd.into_iter().map(|at| Part::read_whole(at, &documents[at], policy)));
    parts.sort_unstable_by_key(|part| (part.document, part.number));
    let (mut report, mut entries) = (Report::default(), Vec::with_capacity(parts.iter().map(|part| part.entries.len()).sum()));
    for part in parts {
        report.absorb(part.report);
        entries.extend(part.entries);
    }
    (report, entries)
}

/// At a start all cores; at a reload half of them, since the gateway serves meanwhile.
fn threads(documents: &[Document], policy: &LoadPolicy<'_>) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = if policy.previous.is_some() { cores / 2 } else { cores };
    let bytes: usize = documents.iter().map(|document| document.text().len()).sum();
    most.min(bytes / WORTH_A_THREAD).max(1)
}

/// The pieces that nobody has read yet.
struct Queue<'d, I> {
    documents: I,
    current: Option<(usize, Pieces<'d>)>,
    /// Documents that have to be read as a whole.
    odd: HashSet<usize>,
    /// How many pieces were taken.
    given: usize,
}

fn take<'d>(queue: &Mutex<Queue<'d, impl Iterator<Item = (usize, &'d Document)>>>) -> Option<(usize, usize, Piece<'d>)> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some((document, pieces)) = &mut queue.current {
            let document = *document;
            match pieces.next() {
                Some(Ok(piece)) if !queue.odd.contains(&document) => {
                    queue.given += 1;
                    return Some((document, queue.given, piece));
                }
                Some(Err(Odd)) => {
                    queue.odd.insert(document);
                }
                Some(Ok(_)) | None => {}
            }
            queue.current = None;
            continue;
        }
        let (at, document) = queue.documents.next()?;
        match Pieces::of(document.text(), LIST) {
            Ok(pieces) => queue.current = Some((at, pieces)),
            Err(Odd) => {
                queue.odd.insert(at);
            }
        }
    }
}

fn give_up<I>(queue: &Mutex<Queue<'_, I>>, document: usize) {
    queue.lock().unwrap_or_else(PoisonError::into_inner).odd.insert(document);
}

/// What a piece of a document gave, or a whole one.
struct Part<'d> {
    document: usize,
    /// The folder of its file.
    folder: &'d FilePath,
    number: usize,
    report: Report,
    entries: Vec<Placed>,
}

impl<'d> Part<'d> {
    fn new((document, file): (usize, &'d FilePath), number: usize) -> Self {
        let folder = file.parent().unwrap_or(FilePath::new(""));
        let mut part = Self { document, folder, number, report: Report::default(), entries: Vec::new() };
        part.report.enter(document);
        part
    }

    fn read(document: (usize, &'d FilePath), number: usize, piece: &Piece<'_>, policy: &LoadPolicy<'_>) -> Result<Self, Odd> {
        let mut part = Self::new(document, number);
        piece.parse(|index, value| part.add(index, &value, policy))?;
        Ok(part)
    }

    fn read_whole(at: usize, document: &'d Document, policy: &LoadPolicy<'_>) -> Self {
        let empty = || Self::new((at, document.file()), 0);
        let (mut part, mut report) = (empty(), Report::default());
        report.enter(at);
        let mut each = |index, value| part.add(index, &value, policy);
        match document.parse(&mut report, Some(Streamed { key: LIST, each: &mut each })) {
            Some(parsed) => check_top(&Node::top(&parsed.value), &mut report),
            // What seemed to be wrong with entries follows from that.
            None => part = empty(),
        }
        part.report.absorb(report);
        part
    }

    fn add(&mut self, index: usize, value: &Value, policy: &LoadPolicy<'_>) {
        let (top, list) = (Node::top(&Value::Null), Value::Null);
        let list = Node::under(&top, LIST, &list);
        let Entry { key, consumer } = entry::read(&Node::entry(&list, index, value), self.folder, policy, &mut self.report);
        let consumer = consumer.map(|consumer| continuing(consumer, policy.previous));
        self.entries.push(Placed { document: self.document, index, key, consumer });
    }
}

fn check_top(top: &Node<'_>, report: &mut Report) {
    if top.is_null() {
        report.problem_at_line(0, "the file is empty", EMPTY_LIST);
        return;
    }
    let Some(mut fields) = Fields::of(top, report) else { return };
    if let Some(list) = fields.mandatory(LIST, report, EMPTY_LIST)
        && !list.value().is_sequence()
    {
        report.wrong_type(&list, "a list", EMPTY_LIST);
    }
    fields.finish(report);
}

/// The consumer of the list before if nothing about it changed, and else the new one with the old one's activity and spent budget.
fn continuing(mut consumer: Consumer, previous: Option<&ConsumerList>) -> Arc<Consumer> {
    let Some(older) = previous.and_then(|list| list.get(consumer.key.as_str())) else { return Arc::new(consumer) };
    if **older == consumer {
        return Arc::clone(older);
    }
    consumer.activity = Arc::clone(&older.activity);
    consumer.rate_limit = match (consumer.rate_limit, &older.rate_limit) {
        (Some(limit), Some(of_older)) => Some(limit.continuing(of_older)),
        (limit, _) => limit,
    };
    Arc::new(consumer)
}

const LIST: &str = "consumers";
const EMPTY_LIST: &str = "write `consumers:` and the entries below it, or `consumers: []` if there are none";
/// Some milliseconds' work; a thread is started in less than a tenth of one.
const WORTH_A_THREAD: usize = 256 * 1024;
