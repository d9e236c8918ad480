//! Texts of strangers, as they can be shown in a terminal and on a page.

/// With everything escaped that is not to be seen, or that changes how the rest is seen: controls, U+202E and its like.
pub(crate) fn harmless(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.chars().map(escaped).collect()
}

/// As [`harmless`], where several lines may be shown as such.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// Up to where a signature begins. Where a `?`, `=` or `&` was lost on the way, a path, name or value goes on with the parameters that
/// stood beside it, and the signature among them is good until its nonce has been used.
pub(crate) fn without_signature(text: &str) -> &str {
    match text.find(SIGNATURE) {
        Some(at) if !matches!(&text[at..], "oauth_signature" | "oauth_signature_method") => &text[..at + SIGNATURE.len()],
        _ => text,
    }
}

/// How the signature's name begins; short, since its last letters may be what was broken.
const SIGNATURE: &str = "oauth_sig";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_lost_its_separator_is_cut_off() {
        assert_eq!(without_signature("/xoauth_nonce=n&oauth_signature=c2ln&a=b"), "/xoauth_nonce=n&oauth_sig");
        assert_eq!(without_signature("oneXoauth_signature=c2ln"), "oneXoauth_sig");
        assert_eq!(without_signature("oauth_signaturec2ln"), "oauth_sig");
        assert_eq!(without_signature("oauth_signature_methodc2ln"), "oauth_sig");
        assert_eq!(without_signature("oauth_signature"), "oauth_signature");
        assert_eq!(without_signature("oauth_signature_method"), "oauth_signature_method");
    }

    #[test]
    fn what_is_not_to_be_seen_is_escaped() {
        assert_eq!(harmless("O'Brien \"Jürg\" \\ 日本"), "O'Brien \"Jürg\" \\ 日本");
        assert_eq!(harmless("a\u{1b}[31m\u{202e}b\u{2028}\n\u{200b}"), "a\\u{1b}[31m\\u{202e}b\\u{2028}\\n\\u{200b}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(harmless_lines("O'Brien \"Jürg\" \\ 日本\nb"), "O'Brien \"Jürg\" \\ 日本\nb");
        assert_eq!(harmless_lines("a\u{1b}[31m\u{202e}b\u{2066}\u{200b}\t"), "a\\u{1b}[31m\\u{202e}b\\u{2066}\\u{200b}\\t");
    }
}
