//! The pairs of one map in a text: set, put in, taken out.

use serde_yaml::Value;

use super::lines;
use super::splices::Splices;
use crate::yaml::{Block, Branch, Lines, Pair, Shape, Tree, after_properties, flow};

/// A text with the places of its values.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) tree: &'t Tree,
    pub(super) lines: Lines,
    /// Whether a text above would take in blank lines that come to stand below it: none may.
    pub(super) kept_above: bool,
}

/// Why something cannot be edited in place: where it stands, and a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

impl Stuck {
    pub(super) fn new(at: usize, why: &'static str) -> Self {
        Self { at, why }
    }
}

impl Text<'_> {
    /// Gives a pair that is there another value.
    pub(super) fn set(&self, in_brackets: bool, pair: &Pair, value: &Value, splices: &mut Splices) -> Result<(), Stuck> {
        let old = &pair.value;
        self.check_unused(old.start, old.end)?;
        if in_brackets {
            return self.set_in_brackets(pair, value, splices);
        }
        let colon = self.after_colon(pair)?;
        let Block { head, below } = Block::of(value, self.column(pair)?, self.lines);
        let same_line = self.text[colon..old.start.max(colon)].find('\n').is_none();
        let last_line = match &old.shape {
            Shape::Nothing => {
                self.insert_head(colon, &head, splices);
                colon
            }
            Shape::Block => {
                let header = self.header(colon);
                splices.replace(header.clone(), head);
                let content = lines::next(self.text, colon);
                if old.end > content {
                    splices.cut(content..lines::next(self.text, old.end));
                    old.end
                } else {
                    colon
                }
            }
            _ if same_line => {
                let from = if head.is_empty() { colon } else { old.start };
                splices.replace(from..old.end, head);
                old.end
            }
            _ => {
                self.insert_head(colon, &head, splices);
                splices.cut(lines::next(self.text, colon)..lines::next(self.text, old.end));
                old.end
            }
        };
        splices.insert(lines::next(self.text, last_line), self.joined(&below));
        Ok(())
    }

    /// Puts a pair in behind another.
    pub(super) fn insert_after(
        &self,
        in_brackets: bool,
        pair: &Pair,
        key: &str,
        value: &Value,
        splices: &mut Splices,
    ) -> Result<(), Stuck> {
        if in_brackets {
            // Without a blank, old parsers take `key:,` for a text.
            let comma = if matches!(pair.value.shape, Shape::Nothing) { " , " } else { ", " };
            splices.insert(self.pair_end(pair), format!("{comma}{key}: {}", flow(value)));
            return Ok(());
        }
        let column = self.column(pair)?;
        let new = Block::of(value, column, self.lines).lines(key, column);
        splices.insert(lines::next(self.text, self.pair_end(pair)), self.joined(&new));
        Ok(())
    }

    /// Takes a pair out; `alone` if the pair before it stays.
    pub(super) fn take_out(&self, map: &Branch, pair: &Pair, alone: bool, splices: &mut Splices) -> Result<(), Stuck> {
        self.check_unused(pair.start, pair.value.end)?;
        let end = self.pair_end(pair);
        if map.as_map().is_some_and(|(in_brackets, _)| in_brackets) {
            self.take_from_brackets(pair.start, end, alone, splices);
            return Ok(());
        }
        self.column(pair)?;
        let line = lines::start(self.text, pair.start);
        let before = &self.text[line..pair.start];
        if lines::is_blank(before) {
            splices.cut(line..self.below(lines::next(self.text, end)));
        } else {
            // It stands behind the entry's dash, which stays.
            let from = line + before.trim_end_matches(' ').len();
            splices.cut(from..lines::end(self.text, end));
        }
        Ok(())
    }

    /// Takes something out of brackets, with the comma behind it; the last one with the comma before it, unless that goes
    /// already with what stood there.
    pub(super) fn take_from_brackets(&self, start: usize, end: usize, alone: bool, splices: &mut Splices) {
        let behind = self.after_blanks(end);
        if self.text[behind..].starts_with(',') {
            let to = behind + 1;
            let line = lines::start(self.text, start);
            let rest = &self.text[to..lines::end(self.text, to)];
            if lines::is_blank(&self.text[line..start]) && lines::is_blank(rest) {
                return splices.cut(line..lines::next(self.text, to));
            }
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            return splices.cut(start..to + blanks);
        }
        match self.comma_before(start).filter(|_| alone) {
            Some(comma) if lines::is_blank(&self.text[comma + 1..start]) => splices.cut(comma..end),
            Some(comma) => {
                splices.cut(comma..comma + 1);
                splices.cut(start..end);
            }
            None => splices.cut(start..end),
        }
    }

    /// Refuses a range that something outside needs.
    pub(super) fn check_unused(&self, start: usize, end: usize) -> Result<(), Stuck> {
        match self.tree.used_outside(start, end) {
            Some(at) => {
                Err(Stuck::new(at, "this alias repeats a value that would change with it; write the value out here first"))
            }
            None => Ok(()),
        }
    }

    /// The column of a pair in a block map.
    pub(super) fn column(&self, pair: &Pair) -> Result<usize, Stuck> {
        let before = &self.text[lines::start(self.text, pair.start)..pair.start];
        if before.chars().all(|c| matches!(c, ' ' | '-')) {
            return Ok(before.len());
        }
        Err(Stuck::new(
            pair.start,
            "the line is written in a way that is not edited in place; write `key: value` on a line of its own",
        ))
    }

    /// Lines with the text's own breaks.
    pub(super) fn joined(&self, lines: &[String]) -> String {
        let ending = lines::ending(self.text);
        lines.iter().flat_map(|line| [line, ending]).collect()
    }

    /// Where the pair ends, whether or not its value is written.
    fn pair_end(&self, pair: &Pair) -> usize {
        match pair.value.shape {
            Shape::Nothing => self.after_colon(pair).unwrap_or(pair.key_end),
            _ => pair.value.end,
        }
    }

    /// Behind the colon of a pair.
    pub(super) fn after_colon(&self, pair: &Pair) -> Result<usize, Stuck> {
        let rest = &self.text[pair.key_end..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        if rest[blanks..].starts_with(':') {
            return Ok(pair.key_end + blanks + 1);
        }
        Err(Stuck::new(pair.start, "there is no `:` behind this key; write `key: value`"))
    }

    /// Where lines that are taken out end: blank ones go with them if a text above would take those in.
    pub(super) fn below(&self, line: usize) -> usize {
        let blank =
            lines::within(self.text, line..self.text.len()).take_while(|(_, line)| self.kept_above && lines::is_blank(line));
        blank.last().map_or(line, |(at, last)| at + last.len())
    }

    fn set_in_brackets(&self, pair: &Pair, value: &Value, splices: &mut Splices) -> Result<(), Stuck> {
        match pair.value.shape {
            Shape::Nothing => splices.insert(self.after_colon(pair)?, format!(" {}", flow(value))),
            _ => splices.replace(pair.value.start..pair.value.end, flow(value)),
        }
        Ok(())
    }

    fn insert_head(&self, colon: usize, head: &str, splices: &mut Splices) {
        if !head.is_empty() {
            splices.insert(colon, format!(" {head}"));
        }
    }

    /// `|-` and the like, with anchors and tags before it; not the comment behind it.
    fn header(&self, colon: usize) -> std::ops::Range<usize> {
        let rest = &self.text[colon..];
        let start = colon + rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let indicator = start + after_properties(&self.text[start..]);
        let rest = &self.text[indicator..];
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        start..indicator + end
    }

    /// Behind blanks, line breaks and comments.
    fn after_blanks(&self, mut at: usize) -> usize {
        loop {
            let rest = &self.text[at..];
            let next = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            at += rest.len() - next.len();
            if !next.starts_with('#') {
                return at;
            }
            at = lines::next(self.text, at);
        }
    }

    /// The comma before something in brackets, comments between them looked over.
    fn comma_before(&self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            let line = lines::start(self.text, at);
            let part = &self.text[line..at];
            let part = part.split_once(" #").map_or(part, |(part, _)| part);
            let part = if part.trim_start().starts_with('#') { "" } else { part.trim_end() };
            match part.chars().next_back() {
                Some(',') => return Some(line + part.len() - 1),
                Some(_) => return None,
                None if line == 0 => return None,
                None => at = line - 1,
            }
        }
    }
}
