//! Texts of strangers, as they can be shown in a terminal and on a page.

use std::borrow::Cow;

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

/// With what only the client and the gateway are to know cut out: signature, token, verifier, session handle. Where a `?`, `=` or `&` was
/// lost on the way, a path, name or value goes on with the parameters that stood beside it, and they are good until the request was let in.
pub(crate) fn without_secrets(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let shown: Vec<Cow<'_, str>> = text.split('&').map(without_secret).collect();
    Cow::Owned(shown.join("&"))
}

fn without_secret(parameter: &str) -> Cow<'_, str> {
    let is_secrets = |at: &usize| SECRETS.iter().any(|name| parameter[*at..].starts_with(name));
    match parameter.match_indices(PREFIX).map(|(at, _)| at).find(is_secrets) {
        // A name alone, such as that of a parameter that is missing: no secret has small letters only.
        Some(at) if !parameter[at..].bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            Cow::Owned(format!("{}…", &parameter[..at + LENGTH]))
        }
        _ => Cow::Borrowed(parameter),
    }
}

const PREFIX: &str = "oauth_";

/// How the names begin; short, since their last letters may be what was broken.
const SECRETS: [&str; 4] = ["oauth_sig", "oauth_tok", "oauth_ver", "oauth_ses"];

const LENGTH: usize = "oauth_sig".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_lost_its_separator_is_cut_out() {
        let is_shown = |text: &str, as_text: &str| assert_eq!(without_secrets(text), as_text, "{text}");
        is_shown("/xoauth_nonce=n&oauth_signature=c2ln&a=b", "/xoauth_nonce=n&oauth_sig…&a=b");
        is_shown("/x&oauth_session_handle=H1&oauth_token=T1", "/x&oauth_ses…&oauth_tok…");
        is_shown("/oauth_verifier%3DV1", "/oauth_ver…");
        is_shown("oneXoauth_consumer_key=x;oauth_signature=c2ln", "oneXoauth_consumer_key=x;oauth_sig…");
        is_shown("oauth_signaturec2ln", "oauth_sig…");
        is_shown("oauth_signature_methodc2ln", "oauth_sig…");
        is_shown("oauth_token=", "oauth_tok…");
        for whole in ["", "/a&b", "oauth_signature", "oauth_signature_method", "oauth_token&oauth_verifier", "/oauth_nonce=n1"] {
            is_shown(whole, whole);
        }
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
