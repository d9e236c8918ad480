//! A JSON object, and nothing else: serde takes an array for a struct too, member by member.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A value that was written as an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u8,
        b: u8,
    }

    #[test]
    fn an_array_is_no_object() {
        let read = |text| serde_json::from_str::<Object<Pair>>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"a":1,"b":2}"#), Ok(Object(Pair { a: 1, b: 2 })));
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok(), "which is why this is here");
        assert_eq!(read("[1,2]").unwrap_err(), "invalid type: sequence, expected an object at line 1 column 0");
        for text in ["null", "1", r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2,"a":1}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
