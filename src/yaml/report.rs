//! Collects what is wrong while values are read, and finds the lines when all is read.

use std::collections::HashMap;
use std::path::Path as StdPath;

use serde_yaml::Value;

use super::document::Document;
use super::node::{Node, Path};
use super::place::{Places, Wanted};
use super::problem::{Problem, Severity};

/// Everything that was found so far, in any number of documents.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
    document: usize,
    about: Option<String>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug)]
struct Finding {
    document: usize,
    place: Place,
    severity: Severity,
    message: String,
    hint: String,
    /// Where its like stands; the line goes to the end of the message.
    other: Option<(usize, Path)>,
}

#[derive(Debug)]
enum Place {
    Line(usize),
    Path(Path),
}

impl Report {
    /// From here on nodes are of the document with this index.
    pub fn enter(&mut self, document: usize) {
        self.document = document;
        self.about = None;
    }

    /// From here on messages begin with this.
    pub fn about(&mut self, subject: Option<String>) {
        self.about = subject;
    }

    /// Something that makes the file unusable.
    pub fn problem(&mut self, node: &Node<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Place::Path(node.path()), Severity::Error, message.into(), hint.into());
    }

    /// Something that somebody should know.
    pub fn warn(&mut self, node: &Node<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Place::Path(node.path()), Severity::Warning, message.into(), hint.into());
    }

    /// As [`Self::problem`], about a value that was read before.
    pub fn problem_at(&mut self, path: Path, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Place::Path(path), Severity::Error, message.into(), hint.into());
    }

    /// As [`Self::warn`], about a value that was read before.
    pub fn warn_at(&mut self, path: Path, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Place::Path(path), Severity::Warning, message.into(), hint.into());
    }

    /// A problem with the whole document, at a line that is known already.
    pub fn problem_at_line(&mut self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Place::Line(line), Severity::Error, message.into(), hint.into());
    }

    /// A finding at one place that names another: both are (document, path). The message ends before the other's line.
    pub fn conflict(&mut self, severity: Severity, at: (usize, Path), other: (usize, Path), message: String, hint: &str) {
        let (document, place) = (at.0, Place::Path(at.1));
        self.keep(Finding { document, place, severity, message, hint: hint.to_owned(), other: Some(other) });
    }

    /// A value of another kind than it should be.
    pub fn wrong_type(&mut self, node: &Node<'_>, wanted: &str, hint: &str) {
        let label = node.label();
        let subject = if label.is_empty() { "the file".to_owned() } else { format!("`{label}`") };
        let message = match node.value() {
            Value::Null => format!("{subject} has no value; it has to be {wanted}"),
            value => format!("{subject} has to be {wanted}, and is {}", describe(value)),
        };
        self.problem(node, message, hint);
    }

    /// Whether anything makes the files unusable.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Takes over what another report found.
    pub fn absorb(&mut self, other: Self) {
        let mut room = [MAX_KEPT.saturating_sub(self.errors), MAX_KEPT.saturating_sub(self.warnings)];
        self.findings.extend(other.findings.into_iter().filter(|finding| {
            let room = &mut room[usize::from(finding.severity == Severity::Warning)];
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        }));
        self.errors += other.errors;
        self.warnings += other.warnings;
    }

    /// All findings with their lines, in the order of files and lines.
    pub fn into_problems(mut self, documents: &[Document]) -> Vec<Problem> {
        let places = self.places(documents);
        self.findings.sort_by_key(|finding| (finding.document, finding.line(&places)));
        let more = self.more(documents);
        let problems = self.findings.into_iter().map(|finding| finding.into_problem(&places, documents));
        problems.chain(more).collect()
    }

    /// Says that findings were dropped.
    fn more(&self, documents: &[Document]) -> Option<Problem> {
        let errors = self.errors.saturating_sub(MAX_KEPT);
        let dropped = errors + self.warnings.saturating_sub(MAX_KEPT);
        let message = format!("and {dropped} more of these");
        let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
        let file = documents.first().map_or(StdPath::new(""), Document::file);
        (dropped > 0).then(|| Problem { severity, ..Problem::of_file(file, message, "") })
    }

    fn places(&self, documents: &[Document]) -> HashMap<usize, Places> {
        let mut wanted: HashMap<usize, Wanted> = HashMap::new();
        let mut want = |document: usize, path: &Path| {
            wanted.entry(document).or_default().insert(path.clone());
        };
        for finding in &self.findings {
            if let Place::Path(path) = &finding.place {
                want(finding.document, path);
            }
            if let Some((document, path)) = &finding.other {
                want(*document, path);
            }
        }
        wanted.into_iter().map(|(at, wanted)| (at, Places::find(documents[at].text(), &wanted))).collect()
    }

    fn add(&mut self, place: Place, severity: Severity, message: String, hint: String) {
        let message = match &self.about {
            Some(subject) => format!("{subject}: {message}"),
            None => message,
        };
        self.keep(Finding { document: self.document, place, severity, message, hint, other: None });
    }

    fn keep(&mut self, finding: Finding) {
        let count = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX_KEPT {
            self.findings.push(finding);
        }
    }
}

impl Finding {
    fn line(&self, places: &HashMap<usize, Places>) -> usize {
        match &self.place {
            Place::Line(line) => *line,
            Place::Path(path) => places.get(&self.document).map_or(0, |places| places.line(path)),
        }
    }

    fn into_problem(self, places: &HashMap<usize, Places>, documents: &[Document]) -> Problem {
        let line = self.line(places);
        let message = match &self.other {
            Some((document, path)) => {
                let other = places.get(document).map_or(0, |places| places.line(path));
                format!("{} {}:{other}", self.message, documents[*document].file().display())
            }
            None => self.message,
        };
        let file = documents[self.document].file().to_owned();
        Problem { file, line, severity: self.severity, message, hint: self.hint }
    }
}

/// What somebody wrote, in their own words where they are short.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => quote(text),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a map".to_owned(),
        Value::Tagged(tagged) => format!("tagged {}", quote(&tagged.tag.to_string())),
    }
}

/// The text in quotes, cut: a whole key pasted into the wrong place need not stand in a log.
pub(super) fn quote(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}

/// Nobody reads more, and a file can have a problem in every third byte.
const MAX_KEPT: usize = 1000;
