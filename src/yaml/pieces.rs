//! A long list cut into pieces, each of which is read by itself: side by side, and without all events of a file in memory.
//!
//! Only a text that is nothing but one key and its entries is cut, and only between entries. A piece that is YAML by itself leaves
//! no quote, bracket or block open, and the next one begins where the whole text would go on with the next entry. Whatever is odd
//! (another key, an alias to another piece, a syntax error) is left to [`super::Document::parse`], which reads the text as a whole.

use serde_yaml::Value;

use super::document::MAX_DEPTH;
use super::place::too_deep;
use super::value;

/// A text that has to be read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odd;

/// The pieces of a text, in order.
#[derive(Debug)]
pub struct Pieces<'t> {
    rest: &'t str,
    /// How far the entries are indented.
    indent: usize,
    /// The index of the next entry.
    next: usize,
    /// A piece ends before the first entry beyond so many bytes.
    size: usize,
}

/// Some entries, as they stand in the text.
#[derive(Debug)]
pub struct Piece<'t> {
    text: &'t str,
    first: usize,
    entries: usize,
}

impl<'t> Pieces<'t> {
    /// Cuts the list under `key`, the only key of `text`.
    ///
    /// # Errors
    /// [`Odd`] if the text is of another shape.
    pub fn of(text: &'t str, key: &str) -> Result<Self, Odd> {
        Self::of_size(text, key, SIZE)
    }

    fn of_size(text: &'t str, key: &str, size: usize) -> Result<Self, Odd> {
        let (line, rest) = first_line_with_content(text).ok_or(Odd)?;
        let after_key = line.strip_prefix(key).and_then(|line| line.strip_prefix(':')).ok_or(Odd)?;
        let nothing_follows = is_blank(after_key) || (after_key.starts_with(' ') && has_no_content(after_key));
        let (first, _) = first_line_with_content(rest).ok_or(Odd)?;
        let indent = first.len() - first.trim_start_matches(' ').len();
        if !nothing_follows || !is_entry(first, indent) || has_other_breaks(text) {
            return Err(Odd);
        }
        Ok(Self { rest, indent, next: 0, size })
    }

    /// Cuts off the next piece.
    fn cut(&mut self) -> Result<Piece<'t>, Odd> {
        let (mut length, mut entries) = (0, 0);
        while length < self.rest.len() {
            let line = line_at(self.rest, length);
            if is_entry(line, self.indent) {
                if length > self.size && entries > 0 {
                    break;
                }
                entries += 1;
            } else if !line.is_empty() && !line.starts_with([' ', '#', '\r', '\n']) {
                return Err(Odd);
            }
            length += line.len();
        }
        let (text, rest) = self.rest.split_at(length);
        let first = self.next;
        (self.rest, self.next) = (rest, first + entries);
        Ok(Piece { text, first, entries })
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, Odd>;

    /// After [`Odd`] there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.cut();
        if piece.is_err() {
            self.rest = "";
        }
        Some(piece)
    }
}

impl Piece<'_> {
    /// Hands out each entry with its index in the whole list.
    ///
    /// # Errors
    /// [`Odd`], perhaps after some entries.
    pub fn parse(&self, mut each: impl FnMut(usize, Value)) -> Result<(), Odd> {
        // The list itself stands in a map.
        if has_other_breaks(self.text) || too_deep(self.text, MAX_DEPTH - 1).is_some() {
            return Err(Odd);
        }
        let mut found = 0;
        let mut count = |index: usize, value| {
            found += 1;
            each(self.first + index, value);
        };
        let repeated_keys = value::parse_list(self.text, &mut count).map_err(|_| Odd)?;
        if repeated_keys || found != self.entries { Err(Odd) } else { Ok(()) }
    }
}

/// The line that begins at `start`, with its end.
fn line_at(text: &str, start: usize) -> &str {
    let rest = &text[start..];
    rest.find('\n').map_or(rest, |end| &rest[..=end])
}

/// The first line that is not blank and no comment, and what comes after it.
fn first_line_with_content(text: &str) -> Option<(&str, &str)> {
    let mut start = 0;
    while start < text.len() {
        let line = line_at(text, start);
        start += line.len();
        if !has_no_content(line) {
            return Some((line, &text[start..]));
        }
    }
    None
}

fn has_no_content(line: &str) -> bool {
    let line = line.trim_start_matches(' ');
    is_blank(line) || line.starts_with('#')
}

fn is_blank(line: &str) -> bool {
    matches!(line, "" | "\n" | "\r\n")
}

/// Whether an entry begins here. Nothing that is open in a piece can go on at this column, except in quotes or brackets, and
/// these leave the piece without an end.
fn is_entry(line: &str, indent: usize) -> bool {
    let line = line.as_bytes();
    let (Some(before), Some(b'-')) = (line.get(..indent), line.get(indent)) else { return false };
    before.iter().all(|byte| *byte == b' ') && matches!(line.get(indent + 1), None | Some(b' ' | b'\r' | b'\n'))
}

/// Whether YAML sees more lines here than those that end in `\n`.
fn has_other_breaks(text: &str) -> bool {
    text.match_indices('\r').any(|(at, _)| text.as_bytes().get(at + 1) != Some(&b'\n'))
        || (!text.is_ascii() && text.contains(['\u{85}', '\u{2028}', '\u{2029}']))
}

/// Some hundred entries: their events stay in the processor's cache, and threads seldom ask for the next piece.
const SIZE: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::yaml::{Document, Report, Streamed};

    /// The entries piece by piece, each as small as can be.
    fn in_pieces(text: &str) -> Result<Vec<(usize, Value)>, Odd> {
        let mut entries = Vec::new();
        for piece in Pieces::of_size(text, "list", 0)? {
            piece?.parse(|index, value| entries.push((index, value)))?;
        }
        Ok(entries)
    }

    /// The entries of the text as a whole, if it is in order.
    fn as_a_whole(text: &str) -> Option<Vec<(usize, Value)>> {
        let (mut entries, mut report) = (Vec::new(), Report::default());
        let mut each = |index, value| entries.push((index, value));
        let parsed = Document::new("list.yaml", text).parse(&mut report, Some(Streamed { key: "list", each: &mut each }))?;
        let alone = parsed.value.as_mapping().is_some_and(|map| map.len() == 1 && map.contains_key("list"));
        (alone && !report.has_errors()).then_some(entries)
    }

    #[test]
    fn a_plain_list_is_read_in_pieces() {
        for text in [
            "list:\n  - a: 1\n    b: |\n      x\n      - y\n\n  - a: 2\n",
            "# first\n\nlist: # entries\n# more\n- a\n-\n  b: c\n- [d,\n  e]\n",
            "list:\r\n  - a: 1\r\n  - a: 2\r\n",
            "list:\n    - >\n      folded\n  # odd place\n    - 2",
            "list:\n  - &x a\n  - [&y 1, *y]\n",
        ] {
            let entries = in_pieces(text).unwrap_or_else(|Odd| panic!("{text}"));
            assert!(entries.len() >= 2, "{text}");
            assert_eq!(Some(entries), as_a_whole(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_sure_to_mean_the_same_in_pieces_is_left_to_the_whole() {
        for text in [
            "",
            "list: []\n",
            "list:\n",
            "list: null\n",
            "list: &a\n  - x\n",
            "list:# no comment\n  - x\n",
            "other: 1\nlist:\n  - x\n",
            "list:\n  - x\nother: 1\n",
            "list:\n  - x\nlist:\n  - y\n",
            "list:\n  - x\n...\n  - y\n",
            "list:\n  - x\r...\n  - y\n",
            "list:\n  -\n  - t\u{2028}...\n  -\n",
            "list:\n  - x\n---\n  - y\n",
            "# x\u{85}other: 1\nlist:\n  - y\n",
            "list:\n  - \"a\n  - b\"\n",
            "list:\n  - [a,\n  - b]\n",
            "list:\n  - &a x\n  - *a\n",
            "list:\n  - x\n - y\n",
            "list:\n  -\tx\n  - y\n",
            "list:\n  - { a: 1, a: 2 }\n",
            "list:\n  x\n",
        ] {
            assert_eq!(in_pieces(text), Err(Odd), "{text}");
        }
        assert_eq!(in_pieces(&format!("list:\n  - {}\n", "[".repeat(100_000))), Err(Odd));
    }

    /// Lines that go together often enough, and lines that seldom do.
    fn line() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            8 => prop::sample::select(vec![
                "  - a: 1", "    b: 2", "  - c", "  -", "  - - x", "    - y", "  - d: |", "      text", "", "  # comment",
                "  - \"e\"", "  - { f: 1, g: [2] }",
            ]),
            2 => prop::sample::select(vec![
                "  - \"q", "  - r\"", "  \"", "  - [f,", "  - g]", "  ]", "# comment", " ", "  - &h i", "  - *h", "  - ? j", "    : k",
                "...", "---", "  - >+", "  - 'l", "  m'", "- n", " - o", "   - p", "\r  - s", "  - t\u{2028}...", "  - !u v", "\t- w",
                "%x", "z: 0", "  - {a: 1,", "  b: 2}", "    a: 3", "  - a: '", "  -  a: 4", "     b: 5",
            ]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn what_is_read_in_pieces_is_what_the_whole_says(lines in prop::collection::vec(line(), 1..8)) {
            let text = format!("list:\n{}\n", lines.join("\n"));
            if let Ok(entries) = in_pieces(&text) {
                prop_assert_eq!(Some(entries), as_a_whole(&text), "{}", text);
            }
        }
    }
}
