//! Texts of strangers, harmless in a terminal.

/// With everything escaped that is not to be seen, or that changes how the rest is seen: controls, U+202E and its like.
pub(super) fn harmless(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_is_not_to_be_seen_is_escaped() {
        assert_eq!(harmless("O'Brien \"Jürg\" \\ 日本"), "O'Brien \"Jürg\" \\ 日本");
        assert_eq!(harmless("a\u{1b}[31m\u{202e}b\u{2028}\n\u{200b}"), "a\\u{1b}[31m\\u{202e}b\\u{2028}\\n\\u{200b}");
    }
}
