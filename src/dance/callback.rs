//! `oauth_callback`: where a resource owner is sent with the verifier (RFC 5849 §2.1).
//!
//! Only what a consumer signed or was configured with gets here, so a callback leads to whom the consumer trusts. What is checked is
//! that a browser reads it as we do, and that it leads out of the gateway and nowhere else.

use url::Url;

use crate::tokens::Callback;

/// Reads a callback as it was signed: `oob`, or an absolute http or https URL.
///
/// # Errors
/// `None` for everything else: other schemes, relative URLs, user names in the authority, fragments, and whatever browsers mend
/// before they read it (blanks, control characters, backslashes), or that is longer than [`MAX`] bytes.
pub fn read(text: &[u8]) -> Option<Callback> {
    if text == b"oob" {
        return Some(Callback::OutOfBand);
    }
    let text = std::str::from_utf8(text).ok().filter(|text| is_plain(text))?;
    let rest = without_scheme(text)?;
    let url = Url::parse(text).ok()?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty()) && !rest.starts_with('/');
    let is_bare = url.username().is_empty() && url.password().is_none() && !rest.split(['/', '?']).next()?.contains('@');
    (has_host && is_bare).then(|| Callback::Url(text.to_owned()))
}

/// What follows `http://` or `https://`, in whatever case (RFC 3986 §3.1).
fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")).then_some(rest)
}

/// The callback with the parameters that the consumer waits for (RFC 5849 §2.2) after its own.
pub fn with_parameters(callback: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = callback.to_owned();
    for (name, value) in pairs {
        let separator = match url.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        url.push_str(separator);
        url.push_str(name);
        url.push('=');
        url.push_str(&crate::oauth::percent::encode(value.as_bytes()));
    }
    url
}

/// Host and port, as a person should see them before they are sent there; international names as their ASCII form.
pub fn host(callback: &str) -> String {
    let url = Url::parse(callback).ok();
    let host = |url: &Url| Some(format!("{}{}", url.host_str()?, url.port().map_or_else(String::new, |port| format!(":{port}"))));
    url.as_ref().and_then(host).unwrap_or_default()
}

/// Visible ASCII without what begins a fragment or is read as a slash.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && !b"#\\\"<>^`{|}".contains(&byte))
}

/// The longest callback, in bytes: what all browsers and servers take as a URL.
pub const MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_oob_or_an_absolute_url() {
        assert_eq!(read(b"oob"), Some(Callback::OutOfBand));
        for url in [
            "http://127.0.0.1:8000/cb",
            "https://a.example",
            "https://a.example/cb?x=1&y=%20",
            "http://[::1]/",
            "https://a.example/?mail=a@b",
        ] {
            assert_eq!(read(url.as_bytes()), Some(Callback::Url(url.to_owned())), "{url}");
        }
        let long = format!("https://a.example/{}", "a".repeat(MAX));
        for wrong in [
            "",
            "OOB",
            "oob ",
            "//evil",
            "/\\evil",
            "/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a/",
            "https://good.example@evil",
            "https://good.example:x@evil/",
            "https://a.example/\r\nSet-Cookie: a",
            "https://a.example/#x",
            "https:///evil",
            "https:evil",
            "https://",
            "https://a.example\\@evil",
            "https://ä.example/",
            "myapp://cb",
            "https://a b/",
            "https://a.example:99999/",
            &long,
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn parameters_come_after_the_callbacks_own() {
        let with = |callback| with_parameters(callback, &[("oauth_token", "a"), ("oauth_verifier", "b c")]);
        assert_eq!(with("http://a/cb"), "http://a/cb?oauth_token=a&oauth_verifier=b%20c");
        assert_eq!(with("http://a/cb?x=1"), "http://a/cb?x=1&oauth_token=a&oauth_verifier=b%20c");
        assert_eq!(with("http://a/cb?"), "http://a/cb?oauth_token=a&oauth_verifier=b%20c");
        assert_eq!(with("http://a/cb?x&"), "http://a/cb?x&oauth_token=a&oauth_verifier=b%20c");
    }

    #[test]
    fn a_person_sees_the_host_that_the_browser_goes_to() {
        assert_eq!(host("https://good.example.evil.com/good.example"), "good.example.evil.com");
        assert_eq!(host("http://127.0.0.1:8000/cb"), "127.0.0.1:8000");
    }
}
