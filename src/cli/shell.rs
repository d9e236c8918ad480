//! Words for a POSIX shell.

/// The word as a shell reads it back unchanged.
pub(super) fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn only_harmless_words_stand_unquoted() {
        assert_eq!(quote("--data-raw"), "--data-raw");
        assert_eq!(quote("http://a/?x=1&y=$HOME"), "'http://a/?x=1&y=$HOME'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("~/x"), "'~/x'");
    }
}
