//! Values as YAML: plain where every reader takes the text for a text, else in quotes; a text of several lines as a literal block.

use serde_yaml::{Mapping, Value};

/// A value in a block map: what stands behind the colon, and the lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Behind the colon; empty if everything stands below.
    pub head: String,
    /// Whole lines, indented, without their ends.
    pub below: Vec<String>,
}

/// How a text of several lines is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// As a literal block where that is possible.
    Literal,
    /// In quotes with `\n`: a comment below that is indented like a block's line can't become part of it.
    Quoted,
}

impl Block {
    /// The value of a key that is indented by `indent`.
    pub fn of(value: &Value, indent: usize, lines: Lines) -> Self {
        match value {
            Value::String(text) if lines == Lines::Literal => Self::literal(text, indent),
            Value::Sequence(values) if lines == Lines::Literal && values.iter().any(is_literal) => {
                Self { head: String::new(), below: values.iter().flat_map(|value| item(value, indent + INDENT)).collect() }
            }
            _ => Self { head: flow(value), below: Vec::new() },
        }
    }

    fn literal(text: &str, indent: usize) -> Self {
        if !can_be_literal(text) {
            return Self { head: inline(text, false), below: Vec::new() };
        }
        let (head, content) = match text.strip_suffix('\n') {
            Some(content) => ("|", content),
            None => ("|-", text),
        };
        let blanks = " ".repeat(indent + INDENT);
        let line = |line: &str| if line.is_empty() { String::new() } else { format!("{blanks}{line}") };
        Self { head: head.to_owned(), below: content.split('\n').map(line).collect() }
    }

    /// `key: value`, as whole lines.
    pub fn lines(&self, key: &str, indent: usize) -> Vec<String> {
        let blank = if self.head.is_empty() { "" } else { " " };
        let first = format!("{}{key}:{blank}{}", " ".repeat(indent), self.head);
        std::iter::once(first).chain(self.below.iter().cloned()).collect()
    }
}

fn item(value: &Value, indent: usize) -> Vec<String> {
    let Block { head, below } = Block::of(value, indent, Lines::Literal);
    std::iter::once(format!("{}- {head}", " ".repeat(indent))).chain(below).collect()
}

fn is_literal(value: &Value) -> bool {
    value.as_str().is_some_and(can_be_literal)
}

/// The value on one line, as it may stand in brackets too.
pub fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => inline(text, true),
        Value::Sequence(values) => format!("[{}]", values.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Mapping(map) if map.is_empty() => "{}".to_owned(),
        Value::Mapping(map) => format!("{{ {} }}", pairs(map)),
        // Nothing of ours has a tag.
        Value::Tagged(tagged) => flow(&tagged.value),
    }
}

/// `key: value, key: value`
fn pairs(map: &Mapping) -> String {
    map.iter().map(|(key, value)| format!("{}: {}", flow(key), flow(value))).collect::<Vec<_>>().join(", ")
}

/// The value of a key in a block map on one line.
fn inline(text: &str, in_brackets: bool) -> String {
    if is_plain(text, in_brackets) { text.to_owned() } else { quoted(text) }
}

/// Whether YAML 1.1 and 1.2 both read the bare text as itself.
fn is_plain(text: &str, in_brackets: bool) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " -_./:=+*&?%@~$!'()\"|;".contains(c) || (!in_brackets && c == ',');
    let begins = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.');
    text.chars().next().is_some_and(begins)
        && text.len() <= MAX_PLAIN
        && text.chars().all(allowed)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !(in_brackets && has_odd_colon(text))
        && !looks_like_something_else(text)
}

/// In brackets old parsers end a key or a text at some colons.
fn has_odd_colon(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| !text[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '/'))
}

/// Numbers, flags and nothing, in the forms of any version.
fn looks_like_something_else(text: &str) -> bool {
    let numeric = |byte: u8| byte.is_ascii_hexdigit() || b"xXoO_.:".contains(&byte);
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
        || (text.bytes().next().as_ref().is_some_and(begins) && text.bytes().all(numeric))
        || serde_yaml::from_str::<Value>(text).ok().as_ref().and_then(Value::as_str) != Some(text)
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_shown(c) => quoted.push(c),
            c => quoted.push_str(&escape(u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(c: u32) -> String {
    match c {
        0..=0xff => format!("\\x{c:02X}"),
        0x100..=0xffff => format!("\\u{c:04X}"),
        _ => format!("\\U{c:08X}"),
    }
}

/// Whether a reader sees the character, and where it stands: signs that turn the direction of writing are not shown.
fn is_shown(c: char) -> bool {
    c.is_alphanumeric() || c.escape_debug().len() == 1 || c == '\''
}

fn can_be_literal(text: &str) -> bool {
    let content = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !content.is_empty()
        && !content.ends_with('\n')
        && !content.starts_with([' ', '\n', '\t'])
        && !content.split('\n').any(|line| line.ends_with([' ', '\t']))
        && content.chars().all(|c| c == '\n' || is_shown(c))
}

const INDENT: usize = 2;
/// Longer than any base64 of a key of 8192 bits; longer texts are read in quotes as well.
const MAX_PLAIN: usize = 4096;
/// What some version of YAML reads as a flag or as nothing.
const WORDS: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_a_map(value: &Value, lines: Lines) -> String {
        format!("list:\n  - k: 1\n{}\n", Block::of(value, 4, lines).lines("v", 4).join("\n"))
    }

    fn read(text: &str) -> Value {
        let read: Value = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        read["list"][0]["v"].clone()
    }

    fn comes_back(text: &str) {
        let value = Value::from(text);
        for lines in [Lines::Literal, Lines::Quoted] {
            let written = in_a_map(&value, lines);
            assert_eq!(read(&written), value, "{written}");
            assert!(saphyr_reads(&written, text), "{written}");
        }
        let written = format!("list: [{{ k: 1, v: {} }}]", flow(&value));
        assert_eq!(read(&written), value, "{written}");
        assert!(saphyr_reads(&written, text), "{written}");
    }

    /// The other parser reads the same.
    fn saphyr_reads(written: &str, text: &str) -> bool {
        let events = saphyr_parser::Parser::new_from_str(written).map_while(Result::ok);
        events.into_iter().any(|(event, _)| matches!(event, saphyr_parser::Event::Scalar(read, ..) if read == text))
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "",
            " ",
            "yes",
            "No",
            "null",
            "~",
            "0x10",
            "0o7",
            "010",
            "1e3",
            "1_000",
            "12:30:45",
            "1.5",
            ".inf",
            ".",
            "-",
            "- x",
            "a: b",
            "a #b",
            "#x",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%x",
            "@x",
            "`x`",
            "'x'",
            "\"x\"",
            "a\"b",
            "it's",
            "{a",
            "a]",
            "a,b",
            "[",
            "?",
            "? x",
            ":",
            "a:",
            "::1",
            "fd00::/8",
            "x ",
            " x",
            "tab\there",
            "\t",
            "a\nb",
            "a\nb\n",
            "\n",
            "\n\n",
            "a\n\n",
            "\na\n",
            " a\nb\n",
            "a \nb\n",
            "a\r\nb\r\n",
            "\r",
            "é",
            "日本",
            "😀",
            "e\u{301}",
            "\u{202e}x",
            "a\u{85}b",
            "a\u{2028}b\n",
            "\u{feff}x",
            "\u{7f}",
            "\u{0}",
            "\u{200b}",
            "\u{fffe}",
            "\u{10ffff}",
            "https://a.example/cb?x=1&y=2#z",
            "2027-01-01",
            "2027-01-01T12:00:00Z",
            "---",
            "...",
            "--- a\n--- b\n",
            "a\n# b\n",
            "1d",
            "1s",
            "/rest/**",
            "10.0.0.0/8",
            "10.0.0.1",
            "=",
            "<<",
            "\\",
            "a\\nb",
            "true ",
            "TRUE",
            "Null",
        ] {
            comes_back(text);
        }
    }

    #[test]
    fn what_needs_no_quotes_has_none() {
        for text in [
            "reports",
            "https://a.example/cb?x=1&y=2",
            "/rest/**",
            "10.0.0.0/8",
            "2027-01-01",
            "1s",
            "RSA-SHA1",
            "Jürg",
            "MIIB/+w==",
        ] {
            assert_eq!(inline(text, true), text);
        }
        assert_eq!(inline("\u{202e}x\u{7f}\u{e0001}", false), "\"\\u202Ex\\x7F\\U000E0001\"");
        assert_eq!(inline("Nightly, https://a.example", false), "Nightly, https://a.example");
        assert_eq!(Block::of(&"a\nb\n".into(), 4, Lines::Literal).lines("k", 4), ["    k: |", "      a", "      b"]);
        let keys = Value::Sequence(vec!["a\nb\n".into(), "c".into()]);
        assert_eq!(Block::of(&keys, 0, Lines::Literal).lines("k", 0), ["k:", "  - |", "    a", "    b", "  - c"]);
    }

    #[test]
    fn containers_come_back() {
        let value: Value =
            serde_yaml::from_str("[{ path: /a, methods: [GET, yes] }, {}, [], null, 5, true, \"5\", \"x\\ny\\n\"]").unwrap();
        for lines in [Lines::Literal, Lines::Quoted] {
            assert_eq!(read(&in_a_map(&value, lines)), value);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "(\\PC|[-:#,'\"\\[\\]{}&*!|>%@` \t\r\n0-9a-fx~?.]|\\p{C}){0,24}") {
            comes_back(&text);
        }
    }
}
