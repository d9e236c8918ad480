//! A thousand random sequences of edits on ugly generated files: after each the file is exactly the intended list, and what was
//! not edited has the same bytes.

use proptest::prelude::*;
use serde_yaml::{Mapping, Value};

use super::fields::{Field, effective};
use super::list::{self, Step};
use crate::yaml::Tree;

/// Random bytes as a row of decisions: shorter rows and smaller numbers make simpler files.
struct Choices(std::vec::IntoIter<u8>);

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % count
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn often(&mut self) -> bool {
        self.below(3) == 1
    }
}

/// A file with up to five entries.
fn file(choices: &mut Choices) -> String {
    let mut text = choices.one_of(&["", "# head\n\n", "---\n", "%YAML 1.2\n---\n", "# ü 日本 😀\n"]).to_owned();
    let comment = choices.one_of(&["", " # list", "   "]);
    let entries = choices.below(6);
    let indent = choices.one_of(&[2, 0, 4]);
    match (entries, choices.below(8)) {
        (0, _) => text += &format!("consumers: []{comment}\n"),
        (_, 7) => {
            let all: Vec<String> = (0..entries).map(|at| flow_entry(choices, at, 2)).collect();
            text += &format!("consumers: [\n  {} # last\n  ]\n", all.join(choices.one_of(&[", ", ",\n  ", ", # c\n  "])));
        }
        _ => {
            text += &format!("consumers:{comment}\n");
            for at in 0..entries {
                text += &block_entry(choices, at, indent);
            }
        }
    }
    text += choices.one_of(&["", "# tail\n", "\n\n", "...\n"]);
    if choices.often() && !text.contains("...") {
        text.truncate(text.trim_end_matches('\n').len());
    }
    if choices.often() { text.replace('\n', "\r\n") } else { text }
}

fn block_entry(choices: &mut Choices, at: usize, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let mut text = choices.one_of(&["", "\n", "# about the next\n", "\n  # about the next\n\n"]).to_owned();
    if choices.below(5) == 4 {
        return format!("{text}{blanks}- {}{}\n", flow_entry(choices, at, indent + 4), choices.one_of(&["", " # flow"]));
    }
    let inner = choices.one_of(&["", "  ", " "]);
    let column = format!("{blanks}  {inner}");
    let first = choices.one_of(&["- ", "-", "- # dash\n", "-\n", "- &entry\n"]);
    let first = if first == "-" { "- " } else { first };
    text += &blanks;
    text += first;
    text += if first.ends_with('\n') { column.as_str() } else { inner };
    text += &format!("key: {}\n", key(choices, at));
    for field in fields(choices, column.len()) {
        text += choices.one_of(&["", "", "\n", "    # between\n"]);
        text += &format!("{column}{field}\n");
    }
    text +=
        &choices.one_of(&["", "", "COLUMN# callback_url: https://a.example/\n", "\nCOLUMN# out\n"]).replace("COLUMN", &column);
    text
}

fn key(choices: &mut Choices, at: usize) -> String {
    match choices.below(4) {
        0 => format!("k{at}"),
        1 => format!("\"k{at}\""),
        2 => format!("'k{at}' # the key"),
        _ => format!("k{at}    # the key"),
    }
}

fn fields(choices: &mut Choices, column: usize) -> Vec<String> {
    let deep = " ".repeat(column + 2);
    let name = choices.one_of(&[
        "A",
        "\"A # b\"",
        "'it''s'",
        "ü 日本 # name",
        "&name B",
        "two\nDEEPlines # c",
        "|-\nDEEPblock",
        "!!str C",
    ]);
    let mut fields = vec![format!("name: {}", name.replace("DEEP", &deep))];
    for (key, values) in FIELDS {
        if choices.often() {
            fields.push(format!("{key}:{}", choices.one_of(values).replace("DEEP", &deep)));
        }
    }
    fields
}

fn flow_entry(choices: &mut Choices, at: usize, indent: usize) -> String {
    let separator =
        choices.one_of(&[", ", ",", ",\n", " ,\n# in brackets\n"]).replace('\n', &format!("\n{}", " ".repeat(indent)));
    let mut fields = vec![format!("key: k{at}"), format!("name: {}", choices.one_of(&["A", "\"A, b\"", "'}'", "ü"]))];
    for field in [
        "enabled: false",
        "\"description\": x",
        "two_legged: { allowed: false }",
        "allow_from: [10.0.0.0/8, \"::1\"]",
        "expires: ",
    ] {
        if choices.often() {
            fields.push(field.to_owned());
        }
    }
    format!("{{{}{}}}", fields.join(&separator), choices.one_of(&["", " ", ","]))
}

const FIELDS: &[(&str, &[&str])] = &[
    (
        "public_key",
        &[
            " |\nDEEPa\nDEEPb",
            " | # pem\nDEEPa\nDEEP# b\n\nDEEPc\n",
            " abc",
            " \"a\\nb\\n\"",
            " >\nDEEPa\nDEEPb",
            " |+\nDEEPa\n\n",
            " |4-\nDEEP  a",
        ],
    ),
    ("description", &[" x", "", " # nothing", " 'a\n\nDEEPb' # c", " \"a\\\n  DEEPb\"", "\nDEEPplain below", " \"#\""]),
    ("enabled", &[" true", "   false   # off", "\nDEEP# why\nDEEPtrue"]),
    (
        "two_legged",
        &[
            " {}",
            " { allowed: true }",
            "\nDEEPallowed: false # c\nDEEP# d\nDEEPimpersonation: true",
            " {allowed: true,\nDEEPexecute_as: u # v\nDEEP}",
        ],
    ),
    ("allow", &["\nDEEP- { path: /a }\nDEEP- path: /b\nDEEP  methods: [GET]", " [{ path: /a }] # all", " &allow []"]),
];

/// Something that is done to a list with `count` entries.
enum Edit {
    Add(Mapping),
    Change(usize, Vec<Field>),
    Remove(usize),
}

fn edit(choices: &mut Choices, count: usize) -> Edit {
    match (choices.below(4), count) {
        (0, _) | (_, 0) => {
            let mut entry = Mapping::new();
            entry.insert("key".into(), format!("new{}", choices.below(100)).into());
            change(choices).iter().for_each(|field| field.apply_to(&mut entry));
            Edit::Add(entry)
        }
        (1, _) => Edit::Remove(choices.below(count)),
        _ => Edit::Change(choices.below(count), change(choices)),
    }
}

fn change(choices: &mut Choices) -> Vec<Field> {
    let mut fields = Vec::new();
    for key in ["name", "description", "public_key", "callback_url"] {
        if choices.often() {
            let text = choices.one_of(&[
                "B",
                "yes",
                "0x10",
                "a\nb\n",
                "# x",
                "a: b",
                "\u{202e}ü",
                "",
                " c ",
                "a\r\nb",
                "-----BEGIN\n+/=\n-----END\n",
            ]);
            fields.push(Field::new(key, (key == "name" || !choices.often()).then(|| text.into())));
        }
    }
    if choices.often() {
        fields.push(Field::new("enabled", Some(choices.often().into())));
    }
    if choices.often() {
        let keys: Value = ["a\nb\n", "c"].iter().copied().collect();
        fields.push(Field { after: Some("public_key"), ..Field::new("public_keys", Some(keys)) });
        fields.push(Field::new("public_key", None));
    }
    for inner in ["allowed", "impersonation"] {
        if choices.often() {
            let value = (!choices.often()).then(|| choices.often().into());
            fields.push(Field { inner: Some(inner), ..Field::new("two_legged", value) });
        }
    }
    if choices.often() {
        let allow = serde_yaml::from_str("[{ path: /x, methods: [GET] }]").unwrap();
        fields.push(Field::new("allow", (!choices.often()).then_some(allow)));
    }
    fields
}

fn entries(text: &str) -> Vec<Value> {
    let document: Value = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    document["consumers"].as_sequence().unwrap_or_else(|| panic!("no list:\n{text}")).clone()
}

/// Whether a text is left of another if some characters are taken out.
fn is_part_of(less: &str, text: &str) -> bool {
    let mut characters = text.chars();
    less.chars().all(|wanted| characters.any(|c| c == wanted))
}

/// How many bytes both begin with, and both end with.
fn in_common(a: &str, b: &str) -> (usize, usize) {
    let before = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let after = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    (before, after)
}

/// Equal, but for the last break of a block text that the file's end cut off.
fn are_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.strip_suffix('\n').unwrap_or(a) == b.strip_suffix('\n').unwrap_or(b),
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| are_alike(value, other)))
        }
        (a, b) => a == b,
    }
}

/// The text without these bytes, and perhaps without the blank line before them, or those below that a `|+` would take in.
fn without(text: &str, range: &std::ops::Range<usize>) -> Vec<String> {
    let (before, after) = (&text[..range.start], &text[range.end..]);
    let less = before.strip_suffix("\r\n").or(before.strip_suffix('\n')).unwrap_or(before);
    let below = if before.contains("|+") { after.trim_start_matches(['\r', '\n']) } else { after };
    vec![format!("{before}{after}"), format!("{less}{after}"), format!("{before}{below}")]
}

/// Does it, checks it, and gives the new text; `None` if it has to be done by hand.
fn edited(old: &str, edit: &Edit) -> Option<String> {
    let mut wanted = entries(old);
    let tree = Tree::of(old).unwrap_or_else(|_| panic!("only one of the two parsers reads this:\n{old}"));
    let ranges = list::ranges(old, &tree);
    let (new, untouched) = match edit {
        Edit::Add(entry) => {
            wanted.push(Value::Mapping(entry.clone()));
            let new = list::apply(old, Step::Add(entry)).ok()?;
            let old = if ranges.is_empty() && old.contains(" []") { old.replacen(" []", "", 1) } else { old.to_owned() };
            // A last line without a break gets one.
            let (before, after) = in_common(old.trim_end(), new.trim_end());
            (new, before + after >= old.trim_end().len())
        }
        Edit::Remove(at) => {
            wanted.remove(*at);
            let new = list::apply(old, Step::Remove(*at)).ok()?;
            let untouched = without(old, &ranges[*at]).iter().any(|text| *text == new.replacen("consumers: []", "consumers:", 1));
            let in_brackets = ranges.iter().any(|range| old[range.clone()].starts_with('{'));
            // In brackets a comma goes too, perhaps beyond a comment.
            let outside = old.matches('#').count() - old[ranges[*at].clone()].matches('#').count();
            let only_less = is_part_of(&new, old) && new.matches('#').count() == outside;
            (new.clone(), untouched || (in_brackets && only_less))
        }
        Edit::Change(at, fields) => {
            let entry = wanted[*at].as_mapping_mut().unwrap();
            let fields = effective(fields.clone(), entry);
            fields.iter().for_each(|field| field.apply_to(entry));
            let new = list::apply(old, Step::Change(*at, &fields)).ok()?;
            let range = &ranges[*at];
            let after = old[range.end..].trim_end();
            let after = if old.contains("|+") { after.trim_start_matches(['\r', '\n']) } else { after };
            let untouched = new.starts_with(&old[..range.start]) && new.trim_end().ends_with(after);
            (new, untouched)
        }
    };
    let found = entries(&new);
    assert!(
        found.len() == wanted.len() && found.iter().zip(&wanted).all(|(a, b)| are_alike(a, b)),
        "old:\n{old}\nnew:\n{new}\nwanted: {wanted:?}"
    );
    assert!(untouched, "bytes outside were changed; old:\n{old}\nnew:\n{new}");
    Some(new)
}

#[test]
fn a_text_that_keeps_the_blank_lines_below_it_gets_none_by_an_edit() {
    let two = "consumers:\n- key: k\n\n- key: a\n  name: |+\n    A\n\n";
    let below = format!("{two}- {{ key: b }}\n\n# tail\n");
    let new: Mapping = serde_yaml::from_str("key: new").unwrap();
    let name_alone = "consumers:\n- name: |+\n    A\n  key: k\n\n- key: b\n";
    let no_key = [Field::new("key", None)];
    for (old, step, expected) in [
        (two, Step::Add(&new), format!("{two}- key: new\n")),
        (&below, Step::Remove(2), format!("{two}# tail\n")),
        (name_alone, Step::Change(0, &no_key), "consumers:\n- name: |+\n    A\n- key: b\n".to_owned()),
    ] {
        assert_eq!(list::apply(old, step).as_ref(), Ok(&expected), "{old}");
    }
}

#[test]
fn what_is_new_in_the_last_value_stands_above_a_new_value() {
    let old = "consumers:\n- key: k\n  two_legged:\n    allowed: true\n";
    let inner = Field { inner: Some("impersonation"), ..Field::new("two_legged", Some(true.into())) };
    let fields = effective(vec![Field::new("description", Some("d".into())), inner], entries(old)[0].as_mapping().unwrap());
    let expected = format!("{old}    impersonation: true\n  description: d\n");
    assert_eq!(list::apply(old, Step::Change(0, &fields)), Ok(expected));
}

#[test]
fn a_thousand_random_sequences_of_edits_leave_what_was_intended_and_nothing_else() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let counts = std::cell::Cell::new((0, 0));
    let bytes = prop::collection::vec(any::<u8>(), 20..200);
    let result = runner.run(&bytes, |bytes| {
        let mut choices = Choices(bytes.into_iter());
        let mut text = file(&mut choices);
        if serde_yaml::from_str::<Value>(&text).is_err() {
            return Err(TestCaseError::reject("no YAML"));
        }
        for _ in 0..4 {
            let edit = edit(&mut choices, entries(&text).len());
            let (done, by_hand) = counts.get();
            match edited(&text, &edit) {
                Some(new) => {
                    counts.set((done + 1, by_hand));
                    text = new;
                }
                None => counts.set((done, by_hand + 1)),
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (done, by_hand) = counts.get();
    println!("{done} edits done, {by_hand} left to be done by hand");
    assert!(by_hand * 1000 < done, "{done} edits were done, and {by_hand} were not");
}
