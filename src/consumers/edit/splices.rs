//! Ranges of a text that are replaced, all at once: what is in none of them stays as it is, byte for byte.

use std::ops::Range;

/// Replacements in one text.
#[derive(Debug, Default)]
pub(super) struct Splices(Vec<(Range<usize>, String)>);

impl Splices {
    pub(super) fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.0.push((range, with.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    pub(super) fn cut(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    /// The new text; `None` if two replacements are about the same bytes.
    pub(super) fn apply(mut self, text: &str) -> Option<String> {
        // Stable: what is inserted at one place comes in the order in which it was asked for.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut new, mut at) = (String::with_capacity(text.len() + 1024), 0);
        for (range, with) in self.0 {
            new.push_str(text.get(at..range.start)?);
            new.push_str(&with);
            at = range.end;
        }
        new.push_str(text.get(at..)?);
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_outside_of_the_replacements_stays() {
        let mut splices = Splices::default();
        splices.insert(6, "3");
        splices.cut(4..6);
        splices.replace(0..1, "A");
        splices.insert(6, "4");
        assert_eq!(splices.apply("abcdefg").as_deref(), Some("Abcd34g"));
    }

    #[test]
    fn two_replacements_of_the_same_bytes_are_none() {
        let mut splices = Splices::default();
        splices.cut(0..3);
        splices.cut(2..4);
        assert_eq!(splices.apply("abcdefg"), None);
    }
}
