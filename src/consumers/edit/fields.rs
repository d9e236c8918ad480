//! What of an entry is changed, as keys and values of YAML.

use serde_yaml::{Mapping, Value};

/// One key of an entry, or one key of a map in it, and the value that it gets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) key: &'static str,
    /// The key inside of `key`'s map.
    pub(super) inner: Option<&'static str>,
    /// `None` takes it out.
    pub(super) value: Option<Value>,
    /// All of `key`'s value afterwards; `None` if it is gone.
    pub(super) whole: Option<Value>,
    /// Behind which key a new one is put; at the end if that is not there.
    pub(super) after: Option<&'static str>,
}

impl Field {
    pub(super) fn new(key: &'static str, value: Option<Value>) -> Self {
        Self { key, inner: None, value, whole: None, after: None }
    }

    /// Whether an entry is like that already.
    pub(super) fn holds_in(&self, entry: &Mapping) -> bool {
        let found = entry.get(self.key);
        let found = match self.inner {
            Some(inner) => found.and_then(|map| map.get(inner)),
            None => found,
        };
        found == self.value.as_ref()
    }

    /// What it makes of an entry. A map that has nothing left in it goes too.
    pub(super) fn apply_to(&self, entry: &mut Mapping) {
        let value = match self.inner {
            None => self.value.clone(),
            Some(inner) => {
                let mut map = entry.get(self.key).and_then(Value::as_mapping).cloned().unwrap_or_default();
                put(&mut map, inner, self.value.clone());
                (!map.is_empty()).then_some(Value::Mapping(map))
            }
        };
        put(entry, self.key, value);
    }
}

/// The fields that change something, each told what its map looks like before it.
pub(super) fn effective(fields: Vec<Field>, entry: &Mapping) -> Vec<Field> {
    let mut after = entry.clone();
    let mut effective = Vec::new();
    for field in fields {
        if !field.holds_in(&after) {
            field.apply_to(&mut after);
            effective.push(field);
        }
    }
    for field in &mut effective {
        field.whole = after.get(field.key).cloned();
    }
    effective
}

fn put(map: &mut Mapping, key: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(map.insert(key.into(), value)),
        None => drop(map.shift_remove(key)),
    }
}
