//! Texts of strangers, harmless in a terminal.

use std::ops::RangeInclusive;

/// With everything escaped that is not to be seen, or that changes how the rest is seen: controls, U+202E and its like.
pub(super) fn harmless(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

/// How many columns of a terminal a harmless text takes: what Unicode calls wide (UAX #11) takes two. Marks that take none are escaped.
pub(super) fn width(text: &str) -> usize {
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
    fn what_is_not_to_be_seen_is_escaped() {
        assert_eq!(harmless("O'Brien \"Jürg\" \\ 日本"), "O'Brien \"Jürg\" \\ 日本");
        assert_eq!(harmless("a\u{1b}[31m\u{202e}b\u{2028}\n\u{200b}"), "a\\u{1b}[31m\\u{202e}b\\u{2028}\\n\\u{200b}");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(["ab", "Zürich “é”", "報告書", "한글", "😀"].map(width), [2, 10, 6, 4, 2]);
        // A mark that would stand on the letter before it.
        assert_eq!(width(&harmless("e\u{301}")), 1 + "\\u{301}".len());
    }
}
