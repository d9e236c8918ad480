//! Where in a text the values of certain paths stand.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser};

use super::node::{Path, Step};

/// The paths that somebody asks the lines of.
pub(super) type Wanted = HashSet<Path>;

/// The lines of the wanted paths, and the keys that stand twice in a map.
#[derive(Debug, Default)]
pub(super) struct Places {
    lines: HashMap<Path, usize>,
    pub(super) repeated: Vec<Repeated>,
}

/// A key that stands twice in one map.
#[derive(Debug)]
pub(super) struct Repeated {
    pub(super) key: String,
    /// The line of the first.
    pub(super) first: usize,
    /// The line of the second.
    pub(super) second: usize,
}

impl Places {
    /// Walks the text once. It was read by another parser already; where this one refuses it, what comes later has no line.
    pub(super) fn find(text: &str, wanted: &Wanted) -> Self {
        let mut walk = Walk { wanted, path: Path::new(), open: Vec::new(), places: Self::default() };
        // Event by event: the parser's own loader calls itself for every level.
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            walk.event(event, span.start.line());
        }
        walk.places
    }

    /// The line of a wanted path; 0 if it was not found.
    pub(super) fn line(&self, path: &[Step]) -> usize {
        self.lines.get(path).copied().unwrap_or(0)
    }
}

/// The line where values are nested deeper than `most`, or brackets end in nothing.
///
/// The parser that values come through takes time in the square of the depth (hours for a megabyte of brackets), and this
/// one does not. It is asked only about texts that could be so deep.
pub(super) fn too_deep(text: &str, most: usize) -> Option<usize> {
    if !may_be_deep(text, most) {
        return None;
    }
    let mut depth = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => return Some(error.marker().line()),
        };
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        if depth > most {
            return Some(span.start.line());
        }
    }
    None
}

/// The line where a second document begins.
pub(super) fn second_document(text: &str) -> Option<usize> {
    let events = Parser::new_from_str(text).map_while(Result::ok);
    let mut starts = events.filter(|(event, _)| matches!(event, Event::DocumentStart(_)));
    starts.nth(1).map(|(_, span)| span.start.line())
}

/// Counts brackets without asking which of them stand in texts and comments.
fn may_be_deep(text: &str, most: usize) -> bool {
    // Most files end here, and this loop is several times as fast as the next.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= most {
        return false;
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

struct Walk<'w> {
    wanted: &'w Wanted,
    path: Path,
    open: Vec<Open>,
    places: Places,
}

/// A container that is not at its end yet.
enum Open {
    Map { seen: HashMap<String, usize>, at_value: bool },
    List { next: usize },
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) => self.leaf(Some(&text), line),
            Event::Alias(_) => self.leaf(None, line),
            Event::MappingStart(..) => {
                self.begin(None, line);
                self.open.push(Open::Map { seen: HashMap::new(), at_value: false });
            }
            Event::SequenceStart(..) => {
                self.begin(None, line);
                self.open.push(Open::List { next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                self.end();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }

    fn leaf(&mut self, text: Option<&str>, line: usize) {
        self.begin(text, line);
        self.end();
    }

    /// A key, or a value: both make the path longer until their end.
    fn begin(&mut self, text: Option<&str>, line: usize) {
        match self.open.last_mut() {
            None => {}
            Some(Open::List { next }) => {
                self.path.push(Step::Index(*next));
                *next += 1;
            }
            // The path has the key already, and so does the line: it is the key's.
            Some(Open::Map { at_value: true, .. }) => return,
            Some(Open::Map { seen, .. }) => {
                let key = text.unwrap_or("?").to_owned();
                self.path.push(Step::Key(key.clone()));
                if let Some(first) = seen.get(&key).copied() {
                    self.places.repeated.push(Repeated { key, first, second: line });
                    return;
                }
                seen.insert(key, line);
            }
        }
        if self.wanted.contains(&self.path) {
            self.places.lines.insert(self.path.clone(), line);
        }
    }

    fn end(&mut self) {
        match self.open.last_mut() {
            // The key stays on the path until its value is over.
            Some(Open::Map { at_value: at_value @ false, .. }) => *at_value = true,
            Some(Open::Map { at_value, .. }) => {
                *at_value = false;
                self.path.pop();
            }
            Some(Open::List { .. }) => {
                self.path.pop();
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, path: &[Step]) -> usize {
        Places::find(text, &Wanted::from([path.to_vec()])).line(path)
    }

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn a_value_is_where_its_key_is_and_an_entry_where_it_begins() {
        let text = "# a\na: [x,\n  y]\n? [k, l]\n: z\nb:\n  - c: |\n      d: 1\n    d: e\n  -\n    c: 2\n";
        for (path, at) in [
            (vec![key("a")], 2),
            (vec![key("a"), Step::Index(1)], 3),
            (vec![key("b"), Step::Index(0), key("d")], 9),
            (vec![key("b"), Step::Index(1)], 11),
            (vec![key("b"), Step::Index(1), key("c")], 11),
            (vec![key("nowhere")], 0),
        ] {
            assert_eq!(line(text, &path), at, "{path:?}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_found_at_any_depth() {
        let found = Places::find("a: 1\nb:\n  - { c: 1,\n      c: 2 }\na: 2\n", &Wanted::new()).repeated;
        let found: Vec<_> = found.iter().map(|repeat| (repeat.key.as_str(), repeat.first, repeat.second)).collect();
        assert_eq!(found, [("c", 3, 4), ("a", 1, 5)]);
    }

    #[test]
    fn brackets_in_texts_are_not_depth() {
        let texts = "- \":-[\"\n".repeat(300);
        assert_eq!(too_deep(&texts, 128), None);
        assert_eq!(too_deep(&format!("\n{}", "[".repeat(300)), 128), Some(2));
    }
}
