//! The values of a text, through `serde_yaml`, within bounds.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_yaml::{Mapping, Value};

/// What a text held.
#[derive(Debug)]
pub struct Parsed {
    /// Everything; a streamed list is empty here.
    pub value: Value,
    /// Some map has a key twice; only the first counts here.
    pub repeated_keys: bool,
}

/// A top-level list whose entries are handed out one by one instead of being kept.
pub struct Streamed<'s> {
    /// The list's name.
    pub key: &'static str,
    /// Is given each entry's index and value.
    pub each: &'s mut dyn FnMut(usize, Value),
}

/// Why a text has no value.
#[derive(Debug)]
pub(super) enum Refused {
    /// Aliases make much out of little.
    Expansion,
    /// A value has a tag that means nothing here.
    Tag(String, serde_yaml::Error),
    Syntax(serde_yaml::Error),
}

/// Reads a text of one document.
pub(super) fn parse(text: &str, streamed: Option<Streamed<'_>>) -> Result<Parsed, Refused> {
    let mut state = State { budget: text.len().saturating_mul(EXPANSION) + SMALL, repeated_keys: false, tag: None, streamed };
    let result = Any::at(0, &mut state).deserialize(serde_yaml::Deserializer::from_str(text));
    match (result, state.tag) {
        (Ok(value), _) => Ok(Parsed { value, repeated_keys: state.repeated_keys }),
        (Err(_), _) if state.budget == 0 => Err(Refused::Expansion),
        (Err(error), Some(tag)) => Err(Refused::Tag(tag, error)),
        (Err(error), None) => Err(Refused::Syntax(error)),
    }
}

/// Reads a text that is one list, and gives whether some map in it has a key twice.
pub(super) fn parse_list(text: &str, each: &mut dyn FnMut(usize, Value)) -> Result<bool, Refused> {
    let budget = text.len().saturating_mul(EXPANSION) + SMALL;
    let mut state = State { budget, repeated_keys: false, tag: None, streamed: Some(Streamed { key: "", each }) };
    let list = Any { state: &mut state, depth: 1, hands_out: true };
    match list.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(_) => Ok(state.repeated_keys),
        Err(error) => Err(Refused::Syntax(error)),
    }
}

/// Without an alias no value costs more than this many times its text, so more than that is a bomb.
const EXPANSION: usize = 4;
/// For texts with next to nothing in them.
const SMALL: usize = 1024;

struct State<'s> {
    budget: usize,
    repeated_keys: bool,
    tag: Option<String>,
    streamed: Option<Streamed<'s>>,
}

impl State<'_> {
    fn spend<E: Error>(&mut self, cost: usize) -> Result<(), E> {
        self.budget = self.budget.saturating_sub(cost);
        if self.budget == 0 { Err(E::custom("too large")) } else { Ok(()) }
    }

    fn streams(&self, depth: usize, key: &Value) -> bool {
        depth == 0 && self.streamed.as_ref().is_some_and(|streamed| key.as_str() == Some(streamed.key))
    }
}

/// Reads any value.
struct Any<'a, 's> {
    state: &'a mut State<'s>,
    depth: usize,
    /// This is the streamed list, if it is a list.
    hands_out: bool,
}

impl<'a, 's> Any<'a, 's> {
    fn at(depth: usize, state: &'a mut State<'s>) -> Self {
        Self { state, depth, hands_out: false }
    }

    fn leaf<E: Error>(self, value: Value, extra: usize) -> Result<Value, E> {
        self.state.spend(1 + extra)?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.leaf(Value::Null, 0)
    }

    /// A document with nothing in it.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        self.leaf(flag.into(), 0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.leaf(number.into(), 0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.leaf(number.into(), 0)
    }

    // No setting needs more than 64 bits; as text the number is shown as it was written.
    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        self.leaf(number.to_string().into(), 40)
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        self.leaf(number.to_string().into(), 40)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.leaf(number.into(), 0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.leaf(text.into(), text.len())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        let cost = text.len();
        self.leaf(text.into(), cost)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.state.spend(1)?;
        let mut values = Vec::new();
        let mut index = 0;
        while let Some(value) = list.next_element_seed(Any::at(self.depth + 1, self.state))? {
            match &mut self.state.streamed {
                Some(streamed) if self.hands_out => (streamed.each)(index, value),
                _ => values.push(value),
            }
            index += 1;
        }
        Ok(Value::Sequence(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.state.spend(1)?;
        let mut values = Mapping::new();
        let depth = self.depth + 1;
        while let Some(key) = map.next_key_seed(Any::at(depth, self.state))? {
            let hands_out = self.state.streams(self.depth, &key) && !values.contains_key(&key);
            let value = map.next_value_seed(Any { state: self.state, depth, hands_out })?;
            if values.contains_key(&key) {
                self.state.repeated_keys = true;
            } else {
                values.insert(key, value);
            }
        }
        Ok(Value::Mapping(values))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        let (tag, content) = tagged.variant::<String>()?;
        if tag.is_empty() {
            return content.newtype_variant_seed(self);
        }
        self.state.tag = Some(tag);
        Err(A::Error::custom("a tag"))
    }
}
