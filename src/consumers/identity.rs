//! A consumer key or user name as the value of a header.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every byte outside 0x21–0x7E percent-encoded: a blank or a byte that is not ASCII would not reach every
/// backend as it was sent.
///
/// `%` itself stays, so that names without such bytes pass unchanged; that two consumer keys then look alike is found when
/// the list is loaded.
pub fn identity_value(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(text);
    }
    let mut value = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            value.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_letters_beyond_ascii_are_encoded_and_nothing_else() {
        assert_eq!(identity_value("jira:1-2~%"), "jira:1-2~%");
        assert_eq!(identity_value("a b"), "a%20b");
        assert_eq!(identity_value("Jürg"), "J%C3%BCrg");
    }
}
