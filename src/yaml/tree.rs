//! Which bytes of a text belong to which value: what an editor has to know to leave all others alone.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::document::MAX_DEPTH;

/// A document's values as ranges of bytes.
#[derive(Debug)]
pub struct Tree {
    /// The document's one value.
    pub top: Branch,
    /// Anchors by number, with the places where they stand.
    anchors: Vec<(usize, usize)>,
    /// Aliases by their anchor's number, with the places where they stand.
    aliases: Vec<(usize, usize)>,
}

/// One value. An anchor or tag before it is part of it; a comment behind it is not.
#[derive(Debug)]
pub struct Branch {
    /// The first byte. A block scalar begins with its first line of content, unless an anchor or tag stands before it.
    pub start: usize,
    /// One past the last byte that says something.
    pub end: usize,
    /// What it is.
    pub shape: Shape,
}

/// What a value looks like.
#[derive(Debug)]
pub enum Shape {
    /// Not written at all.
    Nothing,
    /// A plain or quoted text.
    Inline,
    /// A literal or folded text.
    Block,
    /// `*name`
    Alias,
    /// Keys and values.
    Map {
        /// Whether it stands in brackets.
        flow: bool,
        /// In their order.
        pairs: Vec<Pair>,
    },
    /// Values.
    List {
        /// Whether it stands in brackets.
        flow: bool,
        /// In their order.
        items: Vec<Branch>,
    },
}

/// A key and its value.
#[derive(Debug)]
pub struct Pair {
    /// The key's text; `None` if it is no text.
    pub key: Option<String>,
    /// The key's first byte.
    pub start: usize,
    /// One past the key's last byte.
    pub key_end: usize,
    /// The value.
    pub value: Branch,
}

impl Tree {
    /// Walks a text of one document.
    ///
    /// # Errors
    /// Where it stops being YAML 1.2, of which the parser that values come through bears more than this one; or where it is deeper
    /// than anything is read: what drops a tree calls itself for every level.
    pub fn of(text: &str) -> Result<Self, usize> {
        let mut builder =
            Builder { text, offsets: Offsets::of(text), open: Vec::new(), top: None, anchors: vec![], aliases: vec![] };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| builder.offsets.byte(error.marker().index()))?;
            builder.event(event, span);
            if builder.open.len() > MAX_DEPTH {
                return Err(builder.offsets.byte(span.start.index()));
            }
        }
        Ok(Self { top: builder.top.ok_or(0usize)?, anchors: builder.anchors, aliases: builder.aliases })
    }

    /// Where something outside of the range is an alias of something in it.
    pub fn used_outside(&self, start: usize, end: usize) -> Option<usize> {
        let inside = |at: usize| (start..end).contains(&at);
        let used = |id: usize| self.aliases.iter().find(|(of, at)| *of == id && !inside(*at));
        self.anchors.iter().filter(|(_, at)| inside(*at)).find_map(|(id, _)| used(*id)).map(|(_, at)| *at)
    }
}

impl Branch {
    /// The pairs of a map, and whether it stands in brackets.
    pub fn as_map(&self) -> Option<(bool, &[Pair])> {
        match &self.shape {
            Shape::Map { flow, pairs } => Some((*flow, pairs)),
            _ => None,
        }
    }

    /// The items of a list, and whether it stands in brackets.
    pub fn as_list(&self) -> Option<(bool, &[Self])> {
        match &self.shape {
            Shape::List { flow, items } => Some((*flow, items)),
            _ => None,
        }
    }

    /// A map's pair with this key.
    pub fn get(&self, key: &str) -> Option<&Pair> {
        self.as_map()?.1.iter().find(|pair| pair.key.as_deref() == Some(key))
    }
}

/// Makes the tree; a stack of its own instead of the call stack's.
struct Builder<'t> {
    text: &'t str,
    offsets: Offsets<'t>,
    open: Vec<Open>,
    top: Option<Branch>,
    anchors: Vec<(usize, usize)>,
    aliases: Vec<(usize, usize)>,
}

/// A container that is not at its end yet.
struct Open {
    start: usize,
    flow: bool,
    inside: Inside,
}

enum Inside {
    Map { pairs: Vec<Pair>, key: Option<Key> },
    List(Vec<Branch>),
}

/// A key that waits for its value.
struct Key {
    text: Option<String>,
    start: usize,
    end: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) {
        let start = self.offsets.byte(span.start.index());
        let end = self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, _) => {
                self.anchor(anchor, start);
                let branch = self.scalar(&text, style, start, end);
                self.add(branch, Some(text.as_ref()));
            }
            Event::Alias(id) => {
                self.aliases.push((id, start));
                self.add(Branch { start, end, shape: Shape::Alias }, None);
            }
            Event::MappingStart(anchor, _) => self.begin(anchor, start, end, Inside::Map { pairs: Vec::new(), key: None }),
            Event::SequenceStart(anchor, _) => self.begin(anchor, start, end, Inside::List(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => self.finish(start),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }

    fn anchor(&mut self, id: usize, at: usize) {
        if id > 0 {
            self.anchors.push((id, at));
        }
    }

    fn begin(&mut self, anchor: usize, start: usize, end: usize, inside: Inside) {
        self.anchor(anchor, start);
        let value = start + after_properties(&self.text[start..]);
        let bracket = end > start && self.text[value..].starts_with(['[', '{']);
        let flow = bracket || self.open.last().is_some_and(|open| open.flow);
        self.open.push(Open { start, flow, inside });
    }

    fn finish(&mut self, at: usize) {
        let Some(Open { start, flow, inside }) = self.open.pop() else { return };
        let (last, shape) = match inside {
            Inside::Map { pairs, .. } => (pairs.last().map(|pair| pair.value.end), Shape::Map { flow, pairs }),
            Inside::List(items) => (items.last().map(|item| item.end), Shape::List { flow, items }),
        };
        let closing = if flow { closing_bracket(self.text, last.unwrap_or(at)) } else { None };
        let end = closing.or(last).unwrap_or(at);
        self.add(Branch { start, end, shape }, None);
    }

    /// Hands a finished value, or a key, to what it stands in.
    fn add(&mut self, branch: Branch, text: Option<&str>) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.top = self.top.take().or(Some(branch)),
            Some(Inside::List(items)) => items.push(branch),
            Some(Inside::Map { pairs, key }) => match key.take() {
                None => *key = Some(Key { text: text.map(str::to_owned), start: branch.start, end: branch.end }),
                Some(Key { text, start, end }) => {
                    // The parser places a value that is not written at the next thing that is.
                    let nothing = matches!(branch.shape, Shape::Nothing);
                    let value = if nothing { Branch { start: end, end, ..branch } } else { branch };
                    pairs.push(Pair { key: text, start, key_end: end, value });
                }
            },
        }
    }

    fn scalar(&self, value: &str, style: ScalarStyle, start: usize, end: usize) -> Branch {
        match style {
            ScalarStyle::Plain if value.is_empty() => Branch { start, end: start, shape: Shape::Nothing },
            ScalarStyle::Plain => Branch { start, end, shape: Shape::Inline },
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let end = end_of_quoted(&self.text[..end], start).unwrap_or(end);
                Branch { start, end, shape: Shape::Inline }
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                Branch { start, end: self.end_of_block(value, end), shape: Shape::Block }
            }
        }
    }

    /// Empty lines at the end are part of a text that keeps them (`|+`).
    fn end_of_block(&self, value: &str, end: usize) -> usize {
        let keeps = value.ends_with("\n\n") || value == "\n";
        let text = &self.text[..end];
        if keeps {
            let text = text.trim_end_matches(' ');
            let text = text.strip_suffix('\n').unwrap_or(text);
            return text.strip_suffix('\r').unwrap_or(text).len();
        }
        text.trim_end_matches([' ', '\t', '\r', '\n']).len()
    }
}

/// Behind the bracket that closes what ends here. The parser's place for it is another one where a comma comes before it.
fn closing_bracket(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        let next = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        at += rest.len() - next.len();
        match next.chars().next()? {
            ']' | '}' => return Some(at + 1),
            '#' => at += next.find('\n')?,
            _ => return None,
        }
    }
}

/// The parser's span of a quoted text goes on to the next thing that is written.
fn end_of_quoted(text: &str, start: usize) -> Option<usize> {
    let open = start + after_properties(&text[start..]);
    let quote = *text.as_bytes().get(open)?;
    let mut bytes = text.bytes().enumerate().skip(open + 1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quote == b'"' => drop(bytes.next()),
            b'\'' if quote == b'\'' && text.as_bytes().get(at + 1) == Some(&b'\'') => drop(bytes.next()),
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where the value itself begins, behind anchors and tags.
pub fn after_properties(text: &str) -> usize {
    let mut rest = text;
    while rest.starts_with(['&', '!']) {
        let word = rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        rest = rest[word..].trim_start_matches([' ', '\t', '\r', '\n']);
    }
    text.len() - rest.len()
}

/// From characters, in which the parser counts, to bytes.
struct Offsets<'t> {
    text: &'t str,
    /// The byte offset of every [`Self::STEP`]th character; empty where every character is a byte.
    steps: Vec<usize>,
}

impl<'t> Offsets<'t> {
    const STEP: usize = 64;

    fn of(text: &'t str) -> Self {
        let steps = if text.is_ascii() { vec![] } else { text.char_indices().step_by(Self::STEP).map(|(at, _)| at).collect() };
        Self { text, steps }
    }

    fn byte(&self, character: usize) -> usize {
        if self.steps.is_empty() {
            return character.min(self.text.len());
        }
        let Some(from) = self.steps.get(character / Self::STEP) else { return self.text.len() };
        self.text[*from..].char_indices().nth(character % Self::STEP).map_or(self.text.len(), |(at, _)| from + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'t>(text: &'t str, key: &str) -> &'t str {
        let tree = Tree::of(text).unwrap();
        let value = &tree.top.get(key).unwrap().value;
        &text[value.start..value.end]
    }

    #[test]
    fn a_value_ends_before_the_comment_behind_it() {
        for (text, expected) in [
            ("a: x  # c\n", "x"),
            ("a: x\n  y # c\nb: z\n", "x\n  y"),
            ("a: \"x \\\" #\" # c\n", "\"x \\\" #\""),
            ("a: 'it''s\n  ' # c\nb: 1\n", "'it''s\n  '"),
            ("a: &b !!str \"x\" # c\n", "&b !!str \"x\""),
            ("a: [x, {y: z}] # c\nb: 1\n", "[x, {y: z}]"),
            ("a:\n  - b # c\n  # d\ne: f\n", "- b"),
            ("a:\n  b: c # d\n  # d\ne: f\n", "b: c"),
            ("a: |\n  x\n  y\n\n# c\nb: 1\n", "x\n  y"),
            ("a: |+\n  x\n\n\nb: 1\n", "x\n\n"),
            ("a: >-\r\n  x\r\n\r\nb: 1\r\n", "x"),
            ("ü: \"ä\" # ö\na: 'ß' # c\n", "'ß'"),
            ("{\"ü\": ä, a: ö, c: d}", "ö"),
            ("a: {b: [], c: } # d\n", "{b: [], c: }"),
            ("a: {b: {c: d}, # e\n # }\n } # f\n", "{b: {c: d}, # e\n # }\n }"),
            ("b: &x 1\na: *x # c\n", "*x"),
            ("a: # c\nb: 1\n", ""),
            ("{a: , b: 1}", ""),
        ] {
            assert_eq!(value(text, "a"), expected, "{text:?}");
        }
    }

    #[test]
    fn brackets_are_seen_whatever_stands_before_and_in_them() {
        for text in ["a: {b: 1}", "a: { b: 1 }", "a: &c { # d\n b: 1 }", "a: {}", "x: [ { b: 1 } ]\na: { b: [ 1 ] }"] {
            assert!(Tree::of(text).unwrap().top.get("a").unwrap().value.as_map().unwrap().0, "{text}");
        }
        assert!(!Tree::of("a: &c\n  b: [1]\n").unwrap().top.get("a").unwrap().value.as_map().unwrap().0);
    }

    #[test]
    fn what_an_alias_outside_needs_is_found() {
        let text = "a: &x [&y 1, *y]\nb: *x\n";
        let tree = Tree::of(text).unwrap();
        let list = &tree.top.get("a").unwrap().value;
        assert_eq!(tree.used_outside(list.start, list.end), Some(text.find("*x").unwrap()));
        assert_eq!(tree.used_outside(0, text.len()), None);
    }

    #[test]
    fn a_text_as_deep_as_a_million_levels_is_refused_and_breaks_nothing() {
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
            let deep = |levels: usize| format!("{}x{}", open.repeat(levels), close.repeat(levels));
            assert!(Tree::of(&deep(1_000_000)).is_err(), "{open}");
            assert!(Tree::of(&deep(MAX_DEPTH)).is_ok(), "{open}");
        }
    }

    #[test]
    fn a_text_beyond_ascii_is_counted_in_bytes() {
        let text = format!("{}a: x\n", "# äöü😀\n".repeat(100));
        assert_eq!(value(&text, "a"), "x");
    }
}
