//! What differs between two lists.

use std::sync::Arc;

use super::model::ConsumerList;

/// How many consumers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Only in the newer list.
    pub added: usize,
    /// Only in the older list.
    pub removed: usize,
    /// In both, and not alike.
    pub changed: usize,
}

impl Changes {
    /// From `older` to `newer`. What did not change is the same consumer in both, so that this needs no look inside.
    pub fn between(older: &ConsumerList, newer: &ConsumerList) -> Self {
        let mut changes = Self::default();
        for consumer in newer.iter() {
            match older.get(consumer.key.as_str()) {
                None => changes.added += 1,
                Some(known) if !Arc::ptr_eq(known, consumer) => changes.changed += 1,
                Some(_) => {}
            }
        }
        let kept = newer.len() - changes.added;
        changes.removed = older.len() - kept;
        changes
    }

    /// Whether the lists are alike.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
