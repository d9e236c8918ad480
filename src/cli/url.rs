//! The URL of a request to be signed: exactly what will be sent, or an error that says what to change.

use std::str::FromStr;

use http::Uri;

use crate::oauth::base_string::{Authority, BaseStringUri, Scheme};

/// An absolute http or https URL without userinfo and fragment.
#[derive(Debug, Clone)]
pub(super) struct RequestUrl {
    text: String,
    uri: Uri,
    scheme: Scheme,
    authority: Authority,
}

impl RequestUrl {
    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The raw query, without the `?`.
    pub(super) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Path and query as they are sent.
    pub(super) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Host and port, the port only where one is written.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The same as it stands in the URL.
    pub(super) fn written_authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// The port that is connected to.
    pub(super) fn port(&self) -> u16 {
        self.authority.port().unwrap_or_else(|| self.scheme.default_port())
    }

    pub(super) fn base_string_uri(&self) -> BaseStringUri {
        BaseStringUri::new(self.scheme, &self.authority, self.uri.path())
    }
}

impl FromStr for RequestUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("a URL begins with http:// or https://")?;
        let scheme = Scheme::parse(scheme).ok_or_else(|| format!("the scheme is http or https, not {scheme}"))?;
        if text.contains('#') {
            return Err("a fragment (#…) is never sent to a server; leave it out, or write %23 for a # that is meant".into());
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || r#"<>"\^`"#.contains(*c)) {
            let escaped = crate::oauth::percent::encode(bad.to_string().as_bytes());
            return Err(format!("{bad:?} cannot stand in a URL; percent-encode it as {escaped}"));
        }
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        if authority.contains('@') {
            return Err("a user name or password in the URL is not signed; leave it out".into());
        }
        let authority = Authority::parse(authority)
            .ok_or_else(|| format!("{authority:?} is no host or host:port; write an international name as xn--…"))?;
        let uri = text.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { text: text.to_owned(), uri, scheme, authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_without_being_changed() {
        let url: RequestUrl = "HTTP://Example.com:80?a=%7e&b".parse().unwrap();
        assert_eq!(url.base_string_uri().as_str(), "http://example.com/");
        assert_eq!(url.query(), Some("a=%7e&b"));
        let url: RequestUrl = "https://[::1]:8443//a/../%7Eb/".parse().unwrap();
        assert_eq!(url.base_string_uri().as_str(), "https://[::1]:8443//a/../%7Eb/");
        assert_eq!(url.query(), None);
    }

    #[test]
    fn what_is_not_sent_as_written_is_refused_with_the_reason() {
        for (text, reason) in [
            ("example.com/x", "begins with"),
            ("ftp://example.com", "not ftp"),
            ("http://example.com/#top", "fragment"),
            ("http://u:p@example.com/", "user name"),
            ("http://example.com/a b", "%20"),
            ("http://example.com/\u{e9}", "%C3%A9"),
            ("http:///x", "no host"),
            ("http://example.com:99999/", "no host"),
        ] {
            let error = text.parse::<RequestUrl>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
