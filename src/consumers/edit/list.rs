//! One change of one text: an entry added, changed or removed. Bytes in, bytes out.
//!
//! Whatever the splicing does, the outcome is read again and has to be exactly the intended list.

use serde_yaml::{Mapping, Value};

use super::fields::Field;
use super::lines;
use super::maps::{Stuck, Text};
use super::splices::Splices;
use crate::yaml::{Branch, Document, Lines, Pair, Report, Tree, flow};

/// What is to be done to a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    Add(&'a Mapping),
    Change(usize, &'a [Field]),
    Remove(usize),
}

/// The text after a step.
///
/// # Errors
/// Why it has to be done by hand.
pub(super) fn apply(text: &str, step: Step<'_>) -> Result<String, Stuck> {
    if let Some(completed) = completed(text, step)? {
        return apply(&completed, step);
    }
    let tree = Tree::of(text).map_err(|at| Stuck::new(at, TOO_LOOSE))?;
    let wanted = intended(values(text).ok_or(NO_YAML)?, step).ok_or(NO_YAML)?;
    // A block scalar takes in a comment below it that is indented as deeply, quotes do not; and one that keeps them (`|+`) takes
    // in the blank lines below it.
    for (lines, kept_above) in ATTEMPTS {
        let text = Text { text, tree: &tree, lines, kept_above };
        let new = text.step(step)?.apply(text.text);
        if let Some(new) = new.filter(|new| values(new).as_ref() == Some(&wanted) && Tree::of(new).is_ok()) {
            return Ok(new);
        }
    }
    Err(Stuck::new(entry_start(&tree, step), "what stands here is written in a way that is not edited in place"))
}

/// The entries of a text, each as it is written; `None` if there is no list.
pub(super) fn values(text: &str) -> Option<Value> {
    let mut report = Report::default();
    let parsed = Document::new("", text).parse(&mut report, None)?;
    (!report.has_errors() && parsed.value.get(LIST)?.is_sequence()).then_some(parsed.value)
}

/// Where each entry stands: the line of its dash or bracket, and the range of its bytes.
pub(super) fn ranges(text: &str, tree: &Tree) -> Vec<std::ops::Range<usize>> {
    let text = Text { text, tree, lines: Lines::Literal, kept_above: false };
    let Some((list, (in_brackets, items))) = text.list() else { return Vec::new() };
    let range = |at: usize| {
        let (from, to) = (items[at].start, items[at].end);
        if in_brackets { from..to } else { text.entry(list, items, at).unwrap_or(from..to) }
    };
    (0..items.len()).map(range).collect()
}

/// The text with a break at its end, if something would be written behind its last line. A block scalar that the file's end
/// cuts off gets its last break by that; so it is done first, and the outcome is what has to stay.
fn completed(text: &str, step: Step<'_>) -> Result<Option<String>, Stuck> {
    if text.ends_with('\n') {
        return Ok(None);
    }
    let tree = Tree::of(text).map_err(|at| Stuck::new(at, TOO_LOOSE))?;
    let at_the_end = match step {
        Step::Add(_) => true,
        Step::Change(at, _) => {
            let items = tree.top.get(LIST).and_then(|pair| pair.value.as_list()).map_or(&[][..], |(_, items)| items);
            items.get(at).is_some_and(|item| lines::next(text, item.end) == text.len())
        }
        Step::Remove(_) => false,
    };
    Ok(at_the_end.then(|| format!("{text}{}", lines::ending(text))))
}

/// The document as it has to be afterwards.
fn intended(mut document: Value, step: Step<'_>) -> Option<Value> {
    let list = document.get_mut(LIST)?.as_sequence_mut()?;
    match step {
        Step::Add(entry) => list.push(Value::Mapping(entry.clone())),
        Step::Remove(at) => drop((at < list.len()).then(|| list.remove(at))?),
        Step::Change(at, fields) => {
            let entry = list.get_mut(at)?.as_mapping_mut()?;
            fields.iter().for_each(|field| field.apply_to(entry));
        }
    }
    Some(document)
}

fn entry_start(tree: &Tree, step: Step<'_>) -> usize {
    let list = tree.top.get(LIST).map(|pair| &pair.value);
    match (step, list.and_then(Branch::as_list)) {
        (Step::Change(at, _) | Step::Remove(at), Some((_, items))) => items.get(at).map_or(0, |item| item.start),
        _ => list.map_or(0, |list| list.start),
    }
}

impl Text<'_> {
    fn list(&self) -> Option<(&Pair, (bool, &[Branch]))> {
        let pair = self.tree.top.get(LIST)?;
        Some((pair, pair.value.as_list()?))
    }

    fn step(&self, step: Step<'_>) -> Result<Splices, Stuck> {
        let (list, (in_brackets, items)) = self.list().ok_or(Stuck::new(0, "`consumers` is no list that stands here"))?;
        let mut splices = Splices::default();
        match step {
            Step::Add(entry) if in_brackets && !self.can_be_opened(list, items) => {
                self.add_in_brackets(list, items, entry, &mut splices)
            }
            Step::Add(entry) if items.is_empty() => self.add_first(list, entry, &mut splices)?,
            Step::Add(entry) => self.add(list, items, entry, &mut splices)?,
            Step::Change(at, fields) => self.change(items.get(at).ok_or(NO_YAML)?, fields, &mut splices)?,
            Step::Remove(at) if in_brackets => {
                let item = items.get(at).ok_or(NO_YAML)?;
                self.check_unused(item.start, item.end)?;
                self.take_from_brackets(item.start, item.end, true, &mut splices);
            }
            Step::Remove(at) => self.remove(list, items, at, &mut splices)?,
        }
        Ok(splices)
    }

    /// An empty list is opened into lines, except where it stands in brackets itself or has a comment in it.
    fn can_be_opened(&self, list: &Pair, items: &[Branch]) -> bool {
        let has_comment = self.text[list.value.start..list.value.end].contains('#');
        items.is_empty() && !has_comment && self.tree.top.as_map().is_some_and(|(in_brackets, _)| !in_brackets)
    }

    fn add_in_brackets(&self, list: &Pair, items: &[Branch], entry: &Mapping, splices: &mut Splices) {
        let new = flow(&Value::Mapping(entry.clone()));
        let Some(last) = items.last() else { return splices.insert(list.value.end - 1, new) };
        // One below the other, if that is how they stand.
        let before = &self.text[lines::start(self.text, last.start)..last.start];
        let separator = if lines::is_blank(before) { format!(",{}{before}", lines::ending(self.text)) } else { ", ".to_owned() };
        splices.insert(last.end, separator + &new);
    }

    fn add_first(&self, list: &Pair, entry: &Mapping, splices: &mut Splices) -> Result<(), Stuck> {
        splices.cut(self.after_colon(list)?..list.value.end);
        splices.insert(lines::next(self.text, list.value.end), self.joined(&self.entry_lines(entry, USUAL, USUAL)));
        Ok(())
    }

    fn add(&self, list: &Pair, items: &[Branch], entry: &Mapping, splices: &mut Splices) -> Result<(), Stuck> {
        let last = self.entry(list, items, items.len() - 1)?;
        let indent = lines::indent(&self.text[last.start..]);
        let column = self.first_pair_on(&items[items.len() - 1], last.start);
        let inner = column.map_or(USUAL, |column| column - indent);
        let mut new = self.entry_lines(entry, indent, inner);
        if items.len() > 1 && !self.kept_above && self.has_blank_line_before(last.start) {
            new.insert(0, String::new());
        }
        splices.insert(last.end, self.joined(&new));
        Ok(())
    }

    /// The column of the first key, if it stands on the line that begins here.
    fn first_pair_on(&self, item: &Branch, line: usize) -> Option<usize> {
        let (in_brackets, pairs) = item.as_map()?;
        let first = pairs.first().filter(|_| !in_brackets)?.start;
        (lines::start(self.text, first) == line).then(|| first - line)
    }

    fn entry_lines(&self, entry: &Mapping, indent: usize, inner: usize) -> Vec<String> {
        let column = indent + inner;
        let pair = |(key, value): (&Value, &Value)| {
            crate::yaml::Block::of(value, column, self.lines).lines(key.as_str().unwrap_or_default(), column)
        };
        let mut lines: Vec<String> = entry.iter().flat_map(pair).collect();
        if let Some(first) = lines.first_mut() {
            first.replace_range(indent..=indent, "-");
        }
        lines
    }

    fn change(&self, item: &Branch, fields: &[Field], splices: &mut Splices) -> Result<(), Stuck> {
        let (in_brackets, pairs) =
            item.as_map().ok_or(Stuck::new(item.start, "the whole entry is an alias; write it out here first"))?;
        let goes = |pair: &Pair| fields.iter().any(|field| Some(field.key) == pair.key.as_deref() && field.whole.is_none());
        let before = |pair: &Pair| pairs.iter().take_while(|other| other.start < pair.start).last();
        // Where both meet, the rest of a value that is there stands above a new one.
        let (there, new): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| item.get(field.key).is_some());
        for field in there.into_iter().chain(new) {
            match item.get(field.key) {
                Some(pair) if field.whole.is_none() => {
                    let alone = before(pair).is_none_or(|before| !goes(before));
                    // A map in which nothing is left is taken out once.
                    if first_about(fields, field) {
                        self.take_out(item, pair, alone, splices)?;
                    }
                }
                Some(pair) => self.change_pair(in_brackets, pair, field, fields, splices)?,
                None => {
                    if let Some(value) = field.whole.as_ref().filter(|_| first_about(fields, field)) {
                        // In brackets what stays has to stand before it.
                        let wanted = field.after.and_then(|key| item.get(key)).or(pairs.last()).ok_or(NO_YAML)?;
                        let up_to = pairs.iter().take_while(|other| other.start <= wanted.start);
                        let staying = up_to.filter(|other| !in_brackets || !goes(other)).last().ok_or(NO_YAML)?;
                        self.insert_after(in_brackets, staying, field.key, value, splices)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A pair that is there and stays there: its whole value, or one key of a map.
    fn change_pair(
        &self,
        in_brackets: bool,
        outer: &Pair,
        field: &Field,
        fields: &[Field],
        splices: &mut Splices,
    ) -> Result<(), Stuck> {
        let map = &outer.value;
        let shape = map.as_map().filter(|(in_brackets, _)| !in_brackets || !is_rearranged(fields, field.key));
        let (Some(key), Some((map_in_brackets, pairs))) = (field.inner, shape) else {
            return match field.whole.as_ref().filter(|_| first_about(fields, field)) {
                Some(value) => self.set(in_brackets, outer, value, splices),
                None => Ok(()),
            };
        };
        match (map.get(key), &field.value, pairs.last()) {
            (Some(pair), Some(value), _) => self.set(map_in_brackets, pair, value, splices),
            (Some(pair), None, _) => self.take_out(map, pair, true, splices),
            (None, Some(value), Some(last)) => self.insert_after(map_in_brackets, last, key, value, splices),
            (None, Some(_), None) => {
                let whole = field.whole.as_ref().filter(|_| first_about(fields, field));
                whole.into_iter().for_each(|value| splices.replace(map.start..map.end, flow(value)));
                Ok(())
            }
            (None, None, _) => Ok(()),
        }
    }

    fn remove(&self, list: &Pair, items: &[Branch], at: usize, splices: &mut Splices) -> Result<(), Stuck> {
        let entry = self.entry(list, items, at)?;
        self.check_unused(entry.start, entry.end)?;
        let mut cut = entry.clone();
        let followed_by_blank = entry.end == self.text.len() || self.is_blank_line(entry.end);
        // Of the two blank lines around it one goes too, unless it belongs to the text before it.
        if self.kept_above {
            cut.end = self.below(cut.end);
        } else if at > 0 && followed_by_blank && self.has_blank_line_before(entry.start) {
            let blank = lines::start(self.text, entry.start - 1);
            cut.start = if items[at - 1].end < blank { blank } else { cut.start };
        }
        splices.cut(cut);
        if items.len() == 1 {
            splices.insert(self.after_colon(list)?, " []");
        }
        Ok(())
    }

    /// The lines of an entry: from its dash to its last value, and the comments below that are indented as part of it.
    fn entry(&self, list: &Pair, items: &[Branch], at: usize) -> Result<std::ops::Range<usize>, Stuck> {
        let item = items.get(at).ok_or(NO_YAML)?;
        let from = match at.checked_sub(1) {
            Some(before) => lines::next(self.text, items[before].end),
            None => lines::next(self.text, self.after_colon(list)?),
        };
        let is_dash = |line: &str| {
            let line = line.trim_start_matches(' ');
            line.strip_prefix('-').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
        };
        let until = lines::next(self.text, item.start);
        let dash = lines::within(self.text, from..until).find(|(_, line)| is_dash(line));
        let (start, line) = dash.ok_or(Stuck::new(item.start, "there is no `- ` on a line of its own before this entry"))?;
        Ok(start..self.end_of_comments(lines::next(self.text, item.end), lines::indent(line)))
    }

    fn end_of_comments(&self, from: usize, indent: usize) -> usize {
        let mut end = from;
        for (at, line) in lines::within(self.text, from..self.text.len()) {
            let is_comment = line.trim_start_matches(' ').starts_with('#');
            if is_comment && lines::indent(line) > indent {
                end = at + line.len();
            } else if is_comment || !lines::is_blank(line) {
                break;
            }
        }
        end
    }

    fn has_blank_line_before(&self, line: usize) -> bool {
        line > 0 && self.is_blank_line(lines::start(self.text, line - 1))
    }

    fn is_blank_line(&self, at: usize) -> bool {
        lines::is_blank(&self.text[at..lines::next(self.text, at)])
    }
}

/// Whether keys of one map are taken out while others change: in brackets their commas would be in each other's way.
fn is_rearranged(fields: &[Field], key: &str) -> bool {
    let mut about = fields.iter().filter(|field| field.key == key);
    about.clone().count() > 1 && about.any(|field| field.value.is_none())
}

/// Whether no field before it is about the same key: what is written as a whole is written once.
fn first_about(fields: &[Field], field: &Field) -> bool {
    fields.iter().find(|other| other.key == field.key).is_some_and(|first| std::ptr::eq(first, field))
}

const ATTEMPTS: [(Lines, bool); 4] =
    [(Lines::Literal, false), (Lines::Quoted, false), (Lines::Literal, true), (Lines::Quoted, true)];
const LIST: &str = "consumers";
/// How far entries are indented, and what is in them, where nothing says otherwise.
const USUAL: usize = 2;
const TOO_LOOSE: &str = "not every reader of YAML takes what stands here; look for brackets that are closed less far to the right than their key, and for tabs";
/// The text was read as a list before it came here.
const NO_YAML: Stuck = Stuck { at: 0, why: "the file is no list of consumers" };
