//! The keys of one map: those that are asked for are known, and the others are problems.

use serde_yaml::{Mapping, Value};

use super::node::Node;
use super::report::Report;

/// A map that is read key by key.
pub struct Fields<'a> {
    node: &'a Node<'a>,
    map: &'a Mapping,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, or a problem if it is no map.
    pub fn of(node: &'a Node<'a>, report: &mut Report) -> Option<Self> {
        match node.value() {
            Value::Mapping(map) => Some(Self { node, map, known: Vec::new() }),
            _ => {
                report.wrong_type(node, "a map", "write `key: value` lines below it, indented alike");
                None
            }
        }
    }

    /// The map itself.
    pub fn node(&self) -> &'a Node<'a> {
        self.node
    }

    /// What stands under a known key.
    pub fn get(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.known.push(key);
        Some(Node::under(self.node, key, self.map.get(key)?))
    }

    /// As [`Self::get`]; that it is missing is a problem, with `hint` to say what to write.
    pub fn mandatory(&mut self, key: &'static str, report: &mut Report, hint: &str) -> Option<Node<'a>> {
        let found = self.get(key);
        if found.is_none() {
            report.problem(self.node, format!("`{key}` is missing"), hint);
        }
        found
    }

    /// A key that stands in the documentation, but means nothing to this version: taking it silently would be to promise
    /// what is not done.
    pub fn unsupported(&mut self, keys: &[&'static str], report: &mut Report) {
        for key in keys {
            if let Some(node) = self.get(key) {
                report.problem(&node, format!("`{}` is not supported by this version", node.label()), "take it out");
            }
        }
    }

    /// Makes a problem of every key that nobody asked for.
    pub fn finish(self, report: &mut Report) {
        for key in self.map.keys() {
            let name = key_text(key);
            if key.is_string() && self.known.contains(&name.as_str()) {
                continue;
            }
            let node = Node::under(self.node, &name, &Value::Null);
            report.problem(&node, format!("unknown key `{}`", node.label()), suggestion(&name, &self.known));
        }
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => "?".to_owned(),
    }
}

/// The known name nearest to `name`, or all of them.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(&normal(name), &normal(known)), known)).min();
    match near {
        // A third of the letters wrong is still a slip of the hand; more is another word.
        Some((distance, near)) if distance <= name.len().max(3) / 3 => format!("did you mean `{near}`?"),
        _ => format!("known are: {}", known.join(", ")),
    }
}

/// `maxAge` and `max-age` are `max_age` to the one who typed them. Cut: the distance takes time in proportion to both lengths.
fn normal(name: &str) -> String {
    name.chars().take(64).filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_gets_a_suggestion_and_another_word_the_list() {
        let known = ["max_age", "max_ahead", "body_hash"];
        for (name, near) in [("maxAge", "max_age"), ("max-ahead", "max_ahead"), ("max_aeg", "max_age"), ("bodyhash", "body_hash")]
        {
            assert_eq!(suggestion(name, &known), format!("did you mean `{near}`?"), "{name}");
        }
        for name in ["tolerance", "x", "", "äöü"] {
            assert_eq!(suggestion(name, &known), "known are: max_age, max_ahead, body_hash", "{name}");
        }
    }
}
