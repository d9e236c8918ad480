//! A user's name as others write it, and a consumer key or user name as the value of a header.

use std::borrow::Cow;
use std::fmt::Write;

/// A user's name that a consumer, the application or a single sign-on wrote: UTF-8 without control characters, and of a length that
/// names have. Not one that reads as percent-encoded: to an application that decodes its header it would be another user's.
pub fn user_name(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_encoded = bytes.windows(3).any(|three| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit));
    let is_name = (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control) && !is_encoded;
    is_name.then(|| text.to_owned())
}

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

/// In bytes. The old providers' columns held so much; it goes into a header, where each byte may take three, and servers take lines of
/// 8 KiB by default.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_of_one_to_255_bytes_without_control_characters() {
        assert_eq!(user_name("Jürg O'Brien".as_bytes()).as_deref(), Some("Jürg O'Brien"));
        assert!(user_name(&[b'a'; 255]).is_some());
        assert!(user_name(b"100%").is_some() && user_name(b"a%2g").is_some());
        for wrong in [&b""[..], &[b'a'; 256], b"a\tb", b"a\nb", b"a\0", "a\u{85}".as_bytes(), b"a\xfcb"] {
            assert_eq!(user_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_two_users_from_outside_reach_the_application_by_one_name() {
        assert_eq!(identity_value("a b"), "a%20b");
        for wrong in [&b"a%20b"[..], b"%61dmin", b"J%c3%BCrg"] {
            assert_eq!(user_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn blanks_and_letters_beyond_ascii_are_encoded_and_nothing_else() {
        assert_eq!(identity_value("jira:1-2~%"), "jira:1-2~%");
        assert_eq!(identity_value("a b"), "a%20b");
        assert_eq!(identity_value("Jürg"), "J%C3%BCrg");
    }
}
