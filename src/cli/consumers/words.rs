//! Texts of strangers in a terminal: harmless, and as wide as they are.

use std::ops::RangeInclusive;

pub(in crate::cli) use crate::harmless::harmless;

/// How many columns of a terminal a harmless text takes: what Unicode calls wide (UAX #11) takes two. Marks that take none are escaped.
pub(in crate::cli) fn width(text: &str) -> usize {
    let is_wide = |c: char| WIDE.iter().any(|block| block.contains(&c));
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Hangul, the scripts of China and Japan, full-width forms, pictures.
const WIDE: [RangeInclusive<char>; 8] = [
    '\u{1100}'..='\u{115f}',
    '\u{2e80}'..='\u{a4cf}',
    '\u{ac00}'..='\u{d7a3}',
    '\u{f900}'..='\u{faff}',
    '\u{fe30}'..='\u{fe6f}',
    '\u{ff01}'..='\u{ff60}',
    '\u{1f300}'..='\u{1faff}',
    '\u{20000}'..='\u{3fffd}',
];

#[cfg(test)]
mod tests {
    use super::{harmless, width};

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(["ab", "Zürich “é”", "報告書", "한글", "😀"].map(width), [2, 10, 6, 4, 2]);
        // A mark that would stand on the letter before it.
        assert_eq!(width(&harmless("e\u{301}")), 1 + "\\u{301}".len());
    }
}
