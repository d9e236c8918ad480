//! Where the document is: the base URL that an administrator gives, and where the application says it is instead.

use url::{Host, Url};

use super::error::ImportError;

/// An http or https URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    url: Url,
    host: Host<String>,
}

impl Target {
    /// The document's URL below a base URL; the document's own is taken too.
    pub(super) fn of_base(text: &str, http_allowed: bool) -> Result<Self, ImportError> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => ImportError::NoScheme { url: text.to_owned() },
            error => ImportError::NoUrl { url: text.to_owned(), why: error.to_string() },
        })?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ImportError::NoUrl { url: text.to_owned(), why: "a base URL has neither ? nor #".into() });
        }
        let base = url.path().strip_suffix(PATH).unwrap_or(url.path()).trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{PATH}"));
        let target = Self::of(url)?;
        if !target.is_https() && !http_allowed {
            return Err(ImportError::ClearText { host: target.host().to_owned() });
        }
        Ok(target)
    }

    /// Where a `Location` leads, if that is the same application: the same host, and no way back from https.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, ImportError> {
        let elsewhere = || ImportError::Elsewhere { location: location.to_owned() };
        let target = self.url.join(location).map_err(|_| elsewhere()).and_then(Self::of)?;
        let same_server = target.url.scheme() == self.url.scheme() && target.port() == self.port();
        // Each with its own usual port, or an unusual one for the new scheme.
        let upgrade = target.is_https() && !self.is_https();
        if target.host != self.host || !(same_server || upgrade) {
            return Err(elsewhere());
        }
        if leads_to_sign_in(&target.url) {
            return Err(ImportError::SignIn);
        }
        Ok(target)
    }

    fn of(mut url: Url) -> Result<Self, ImportError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ImportError::OtherScheme { scheme: url.scheme().to_owned() });
        }
        let Some(host) = url.host().map(|host| host.to_owned()) else {
            return Err(ImportError::NoUrl { url: url.into(), why: "it has no host".into() });
        };
        url.set_fragment(None);
        Ok(Self { url, host })
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn parsed_host(&self) -> Host<&str> {
        match &self.host {
            Host::Domain(name) => Host::Domain(name),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        }
    }

    /// As it stands in a URL: an IPv6 address in brackets.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// The value of the Host header: never with the user that a URL may name, since the document is asked for anonymously.
    pub(super) fn authority(&self) -> String {
        self.url.port().map_or_else(|| self.host().to_owned(), |port| format!("{}:{port}", self.host()))
    }

    /// Path and query.
    pub(super) fn path(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

/// By the names that applications and single sign-on services give to their pages.
fn leads_to_sign_in(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    ["login", "signin", "sign-in", "sign_in", "sso", "saml"].iter().any(|word| path.contains(word))
}

/// Where Jira, Confluence and their relatives publish it.
const PATH: &str = "/plugins/servlet/oauth/consumer-info";

#[cfg(test)]
mod tests {
    use super::*;

    fn https(base: &str) -> Result<Target, ImportError> {
        Target::of_base(base, false)
    }

    #[test]
    fn the_document_is_below_the_base_url() {
        for (base, path) in [
            ("https://jira.example.com", "/plugins/servlet/oauth/consumer-info"),
            ("https://jira.example.com/", "/plugins/servlet/oauth/consumer-info"),
            ("https://jira.example.com/jira/", "/jira/plugins/servlet/oauth/consumer-info"),
            ("https://jira.example.com/jira/plugins/servlet/oauth/consumer-info", "/jira/plugins/servlet/oauth/consumer-info"),
        ] {
            assert_eq!(https(base).unwrap().path(), path, "{base}");
        }
    }

    #[test]
    fn a_url_without_scheme_or_of_another_scheme_or_without_host_is_refused() {
        assert!(matches!(https("jira.example.com"), Err(ImportError::NoScheme { .. })));
        for url in ["file:///etc/passwd", "ftp://a/", "gopher://a/", "data:text/xml,x", "javascript:alert(1)", "unix:/run/x"] {
            assert!(matches!(https(url), Err(ImportError::OtherScheme { .. })), "{url}");
        }
        for url in ["https://", "https://a/?x=1", "https://a/#x", "https://[::1/", "https://a b/", "https://1.2.3.4.5/"] {
            assert!(matches!(https(url), Err(ImportError::NoUrl { .. })), "{url}");
        }
        assert!(matches!(https("http://a/"), Err(ImportError::ClearText { .. })));
        assert!(Target::of_base("http://a/", true).is_ok());
    }

    #[test]
    fn an_address_is_the_same_in_every_notation() {
        for url in [
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://①②⑦.0.0.1/",
        ] {
            assert_eq!(https(url).unwrap().host, Host::<String>::Ipv4([127, 0, 0, 1].into()), "{url}");
        }
        assert!(matches!(https("https://[::ffff:127.0.0.1]/").unwrap().parsed_host(), Host::Ipv6(_)));
    }

    #[test]
    fn a_user_in_the_url_is_never_sent_and_never_taken_for_the_host() {
        let target = https("https://9.9.9.9:secret@app.example.com:8443/").unwrap();
        assert_eq!((target.host(), target.authority().as_str()), ("app.example.com", "app.example.com:8443"));
    }

    #[test]
    fn redirects_stay_on_the_host_and_never_leave_https() {
        let target = https("https://app.example.com/").unwrap();
        for (location, path) in [("/x?y=1#z", "/x?y=1"), ("https://app.example.com:443/y", "/y"), ("//app.example.com/z", "/z")] {
            assert_eq!(target.redirected(location).unwrap().path(), path, "{location}");
        }
        let elsewhere = [
            "https://169.254.169.254/",
            "https://127.0.0.1/",
            "http://app.example.com/",
            "https://app.example.com:22/",
            "//b.example.com/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://",
            "https://app.example.com./",
        ];
        for location in elsewhere {
            assert!(matches!(target.redirected(location), Err(ImportError::Elsewhere { .. })), "{location}");
        }
        assert!(matches!(target.redirected("file:///etc/passwd"), Err(ImportError::OtherScheme { .. })));
        assert!(matches!(target.redirected("/login.jsp?os_destination=x"), Err(ImportError::SignIn)));
        let clear = Target::of_base("http://app.example.com/", true).unwrap();
        assert!(clear.redirected("https://app.example.com/").is_ok());
    }
}
