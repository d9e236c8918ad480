//! What a browser asks of one of the pages: taken apart, nothing trusted.

use std::collections::HashSet;
use std::net::IpAddr;

use http::HeaderMap;

use super::links::Links;
use crate::oauth::base_string::{Authority, Scheme};
use crate::request::Origin;
use crate::web::same_origin;

/// One request to a page.
#[derive(Debug)]
pub struct Visit {
    /// Its headers, as received.
    pub headers: HeaderMap,
    /// What the browser believes to talk to.
    pub origin: Origin,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Where the pages are.
    pub links: Links,
    /// What is in the query.
    pub query: Fields,
    /// What was sent with a POST; `None`: it is none.
    pub form: Option<Fields>,
}

impl Visit {
    /// The request token that it is about, if the parameter could be one.
    pub fn token(&self) -> Option<&str> {
        let fields = self.form.as_ref().unwrap_or(&self.query);
        fields.one("oauth_token").filter(|token| could_be_token(token))
    }

    /// Whether one of our own pages sent it, or a program.
    pub fn is_of_our_page(&self) -> bool {
        same_origin::is_of_this_origin(&self.headers, |origin| self.is_our_origin(origin))
    }

    /// Scheme, host and port all count: what is signed for the one is not for the other either.
    fn is_our_origin(&self, origin: &str) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        let port = |authority: &Authority, scheme: Scheme| authority.port().unwrap_or(scheme.default_port());
        let (scheme, authority) = (Scheme::parse(scheme), Authority::parse(authority));
        scheme.zip(authority).is_some_and(|(scheme, authority)| {
            let ours = &self.origin;
            scheme == ours.scheme
                && authority.host() == ours.authority.host()
                && port(&authority, scheme) == port(&ours.authority, ours.scheme)
        })
    }
}

/// Parameters of a query or a form.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Takes them apart.
    pub fn read(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The only value of a name. Of several, nobody knows which one is meant.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(other, _)| other == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }

    /// Whether each name stands once. Anybody may send thousands of them, and each is looked at once.
    pub fn is_plain(&self) -> bool {
        let mut seen = HashSet::with_capacity(self.0.len());
        self.0.iter().all(|(name, _)| seen.insert(name.as_str()))
    }
}

/// As all of ours are: letters and digits. What is not is never handed on.
fn could_be_token(text: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Twice as long as ours are.
const LONGEST_TOKEN: usize = 64;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::DancePaths;
    use http::{HeaderName, HeaderValue};

    pub(in crate::dance) fn visit(scheme: Scheme, authority: &str, headers: &[(&str, &str)]) -> Visit {
        let peer = IpAddr::from([127, 0, 0, 1]);
        let authority = Authority::parse(authority).unwrap();
        let origin = Origin { scheme, authority, prefix: String::new(), client: peer };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let links = Links::below("", &DancePaths::default());
        Visit { headers: map, origin, peer, links, query: Fields::default(), form: None }
    }

    #[test]
    fn our_origin_is_scheme_host_and_port() {
        let is_ours = |scheme, authority: &str, origin: &str| {
            visit(scheme, authority, &[("origin", origin), ("cookie", "a=b")]).is_of_our_page()
        };
        assert!(is_ours(Scheme::Https, "jira.example.com", "https://jira.example.com"));
        assert!(is_ours(Scheme::Https, "jira.example.com:443", "https://jira.example.com"));
        assert!(is_ours(Scheme::Http, "127.0.0.1:8080", "http://127.0.0.1:8080"));
        for other in [
            "http://jira.example.com",
            "https://jira.example.com:8443",
            "https://jira.example.com.evil.example",
            "https://evil.example",
            "https://x.jira.example.com",
            "null",
            "",
        ] {
            assert!(!is_ours(Scheme::Https, "jira.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_form_is_plain_if_each_name_stands_once() {
        let is_plain = |form: &str| Fields::read(form.as_bytes()).is_plain();
        assert!(is_plain("") && is_plain("a=1&b=1&A=1"));
        for wrong in ["a=1&b=1&a=1", "a=1&%61=2", "a&a", "=&="] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_letters_and_digits_and_stands_once() {
        let token = |query: &str| {
            let fields = Fields::read(query.as_bytes());
            Visit { query: fields, ..visit(Scheme::Http, "a", &[]) }.token().map(str::to_owned)
        };
        assert_eq!(token("a=b&oauth_token=Abc1").as_deref(), Some("Abc1"));
        for wrong in
            ["", "oauth_token=", "oauth_token=a&oauth_token=a", "oauth_token=a%26b", "oauth_token=%2F%2Fevil", "oauth_token=a%0D"]
        {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(token(&format!("oauth_token={}", "a".repeat(LONGEST_TOKEN + 1))), None);
    }
}
