//! A file's text, and its one YAML document.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::node::Step;
use super::place::{Places, Wanted, second_document, too_deep};
use super::problem::Problem;
use super::report::{Report, quote};
use super::scalar::size_text;
use super::value::{self, Parsed, Refused, Streamed};

/// The text of one file.
#[derive(Debug)]
pub struct Document {
    file: PathBuf,
    text: String,
    has_byte_order_mark: bool,
}

impl Document {
    /// A text that did not come from a file, or came from one already.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), has_byte_order_mark: false }
    }

    /// Reads a file of at most `cap` bytes. A byte order mark is taken off.
    ///
    /// # Errors
    /// Why it can't be read, or is no text.
    pub fn read(file: &Path, cap: usize) -> Result<Self, Problem> {
        let bytes = read_bytes(file, cap)?;
        let mut text =
            String::from_utf8(bytes).map_err(|error| not_utf8(file, error.as_bytes(), error.utf8_error().valid_up_to()))?;
        let has_byte_order_mark = text.starts_with(BYTE_ORDER_MARK);
        if has_byte_order_mark {
            text.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        Ok(Self { file: file.to_owned(), text, has_byte_order_mark })
    }

    /// Where it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mark = if self.has_byte_order_mark { BYTE_ORDER_MARK.to_string() } else { String::new() };
        [mark.as_bytes(), self.text.as_bytes()].concat()
    }

    /// The same file with another text.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self { file: self.file.clone(), text, has_byte_order_mark: self.has_byte_order_mark }
    }

    /// The document's values, or a problem at the line where it stops being YAML. The report has entered this document.
    pub fn parse(&self, report: &mut Report, streamed: Option<Streamed<'_>>) -> Option<Parsed> {
        if let Some(line) = too_deep(&self.text, MAX_DEPTH) {
            let message = format!("more than {MAX_DEPTH} lists and maps stand in each other, or brackets are not closed");
            report.problem_at_line(line, message, "look here for a [ or { too many");
            return None;
        }
        match value::parse(&self.text, streamed) {
            Ok(parsed) => {
                if parsed.repeated_keys {
                    self.report_repeated_keys(report);
                }
                Some(parsed)
            }
            Err(refused) => {
                self.report_refusal(&refused, report);
                None
            }
        }
    }

    /// The lines of the first `count` entries of a top-level list.
    pub fn lines_of_entries(&self, key: &str, count: usize) -> Vec<usize> {
        let path = |index| vec![Step::Key(key.to_owned()), Step::Index(index)];
        let places = Places::find(&self.text, &(0..count).map(path).collect());
        (0..count).map(|index| places.line(&path(index))).collect()
    }

    fn report_repeated_keys(&self, report: &mut Report) {
        let repeated = Places::find(&self.text, &Wanted::new()).repeated;
        if repeated.is_empty() {
            report.problem_at_line(0, "a key stands twice in the same map", "take one of them out");
        }
        for repeat in repeated {
            let message = format!("`{}` stands twice in the same map, first in line {}", repeat.key, repeat.first);
            report.problem_at_line(repeat.second, message, "take one of the two out");
        }
    }

    fn report_refusal(&self, refused: &Refused, report: &mut Report) {
        match refused {
            Refused::Expansion => report.problem_at_line(
                self.line_of_first_alias(),
                "aliases (`*name`) make this document several times as large as its text",
                "write the values out",
            ),
            Refused::Tag(tag, error) => {
                let line = error.location().map_or(0, |location| location.line());
                report.problem_at_line(line, format!("the tag {} means nothing here", quote(tag)), "write the value without it");
            }
            Refused::Syntax(error) => self.report_syntax(error, report),
        }
    }

    fn report_syntax(&self, error: &serde_yaml::Error, report: &mut Report) {
        let Some(location) = error.location() else {
            let line = second_document(&self.text).unwrap_or(0);
            report.problem_at_line(line, "a second YAML document begins", "a file holds one; take the --- line out");
            return;
        };
        let message = format!("this is no valid YAML: {}", first_line(&error.to_string()));
        report.problem_at_line(location.line(), message, self.syntax_hint(location.line()));
    }

    fn line_of_first_alias(&self) -> usize {
        self.text.lines().position(|line| line.contains('*')).map_or(0, |at| at + 1)
    }

    fn syntax_hint(&self, line: usize) -> &'static str {
        // Where the parser notices it, and the lines before.
        let near: Vec<&str> = self.text.lines().take(line).skip(line.saturating_sub(3)).collect();
        if near.iter().any(|text| text.trim_start_matches(' ').starts_with('\t')) {
            "indent with blanks; YAML takes no tabs"
        } else if near.iter().any(|text| is_part_of_key(text.trim())) {
            "indent all lines of the key alike, and deeper than `public_key: |`"
        } else {
            "look here and in the line before for wrong indentation, a missing quote, or a missing blank after `:`"
        }
    }
}

/// PEM armour, or a line of base64.
fn is_part_of_key(line: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    line.starts_with("-----") || (line.len() > 32 && line.bytes().all(base64))
}

fn read_bytes(file: &Path, cap: usize) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "let the user that the gateway runs as read it",
            _ => "",
        };
        Problem::of_file(file, format!("can't be read: {error}"), hint)
    };
    // Asked before the file is opened: opening a named pipe waits for a writer.
    let kind = std::fs::metadata(file).map_err(unreadable)?;
    check_kind(file, &kind)?;
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).unwrap_or(cap).min(cap) + 1);
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(cap as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > cap {
        let message = format!("is larger than {}", size_text(cap));
        return Err(Problem::of_file(file, message, "a consumers file may be made larger with limits.consumers_file"));
    }
    Ok(bytes)
}

fn check_kind(file: &Path, kind: &Metadata) -> Result<(), Problem> {
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "is a folder" } else { "is no regular file" };
    Err(Problem::of_file(file, format!("{what} where a file is needed"), "name a YAML file"))
}

fn not_utf8(file: &Path, bytes: &[u8], valid: usize) -> Problem {
    let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let message = if utf16 { "is UTF-16 text" } else { "has bytes that are no UTF-8 text" };
    Problem { line, ..Problem::of_file(file, message, "save the file as UTF-8") }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What serde_yaml bears; no key of ours is deeper than six.
pub(super) const MAX_DEPTH: usize = 128;
const BYTE_ORDER_MARK: char = '\u{feff}';
