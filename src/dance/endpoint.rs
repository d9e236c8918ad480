//! Which of the dance's endpoints stands at a path.

use std::sync::Arc;

use http::Method;

use crate::config::{DancePaths, DanceSettings, Settings};
use crate::request::{Origin, Purpose};

/// What the gateway answers itself, on its public listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// For consumers: a signed request gets credentials.
    Signed(Purpose),
    /// For resource owners.
    Page(Page),
    /// Where an application that is a consumer publishes its key. The gateway is none, and the backend's would pass for its own.
    ConsumerInfo,
}

/// A page for whoever sits at the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Asks for consent (RFC 5849 §2.2).
    Authorize,
    /// What the user has allowed, and how to take it back.
    UserTokens,
    /// Asks for name and password, where the gateway has users of its own.
    SignIn,
    /// Ends that.
    SignOut,
    /// The style sheet of all of them.
    Style,
}

impl Endpoint {
    /// The one at a raw path, if there is a dance. Paths are compared byte for byte: another spelling of one is the backend's.
    pub fn at<'s>(path: &str, origin: &Origin, settings: &'s Settings) -> Option<(Self, &'s Arc<DanceSettings>)> {
        let dance = settings.dance.as_ref()?;
        let below = below_prefix(path, origin, settings)?;
        Self::below(below, &dance.paths).map(|endpoint| (endpoint, dance))
    }

    /// The one at a path as clients write it, where nothing in front takes anything off.
    pub fn at_public_path(path: &str, settings: &Settings) -> Option<Self> {
        let prefix = settings.public_url.as_ref().map_or("", |url| url.path.as_str());
        Self::below(path.strip_prefix(prefix)?, &settings.dance.as_ref()?.paths)
    }

    fn below(path: &str, paths: &DancePaths) -> Option<Self> {
        if path == paths.request_token {
            return Some(Self::Signed(Purpose::TemporaryCredentials));
        }
        if path == paths.access_token {
            return Some(Self::Signed(Purpose::TokenCredentials));
        }
        if path == paths.user_tokens {
            return Some(Self::Page(Page::UserTokens));
        }
        if path == CONSUMER_INFO {
            return Some(Self::ConsumerInfo);
        }
        let page = match path.strip_prefix(paths.authorize.as_str())? {
            "" => Page::Authorize,
            Page::SIGN_IN => Page::SignIn,
            Page::SIGN_OUT => Page::SignOut,
            Page::STYLE => Page::Style,
            _ => return None,
        };
        Some(Self::Page(page))
    }
}

impl Page {
    /// The methods that it takes, as `Allow` says it (RFC 9110 §10.2.1).
    pub fn allow(self) -> &'static str {
        match self {
            Self::Authorize | Self::UserTokens | Self::SignIn => "GET, HEAD, POST",
            Self::SignOut => "POST",
            Self::Style => "GET, HEAD",
        }
    }

    /// Whether it takes a method.
    pub fn takes(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Below `oauth.authorize`.
    pub const SIGN_IN: &str = "/sign-in";
    /// Below `oauth.authorize`.
    pub const SIGN_OUT: &str = "/sign-out";
    /// Below `oauth.authorize`.
    pub const STYLE: &str = "/style.css";
}

/// Where applications look for a consumer's name and key; not configurable, since it is they who know it.
const CONSUMER_INFO: &str = "/plugins/servlet/oauth/consumer-info";

/// What is before the endpoints' paths as clients see them: `public_url`'s path, else what a trusted proxy took off.
pub(super) fn public_prefix<'a>(origin: &'a Origin, settings: &'a Settings) -> &'a str {
    settings.public_url.as_ref().map_or(origin.prefix.as_str(), |url| url.path.as_str())
}

/// The path below the prefix; the prefix may have been taken off before, wholly or in part.
fn below_prefix<'p>(path: &'p str, origin: &Origin, settings: &Settings) -> Option<&'p str> {
    let left = public_prefix(origin, settings).strip_prefix(origin.prefix.as_str())?;
    path.strip_prefix(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_one_endpoint_and_what_is_near_it_is_none() {
        let paths = DancePaths::default();
        let at = |path: &str| Endpoint::below(path, &paths);
        assert_eq!(at("/plugins/servlet/oauth/request-token"), Some(Endpoint::Signed(Purpose::TemporaryCredentials)));
        assert_eq!(at("/plugins/servlet/oauth/access-token"), Some(Endpoint::Signed(Purpose::TokenCredentials)));
        assert_eq!(at("/plugins/servlet/oauth/authorize"), Some(Endpoint::Page(Page::Authorize)));
        assert_eq!(at("/plugins/servlet/oauth/authorize/sign-in"), Some(Endpoint::Page(Page::SignIn)));
        assert_eq!(at("/plugins/servlet/oauth/users/access-tokens"), Some(Endpoint::Page(Page::UserTokens)));
        assert_eq!(at("/plugins/servlet/oauth/consumer-info"), Some(Endpoint::ConsumerInfo));
        for other in [
            "/plugins/servlet/oauth/authorize/",
            "/plugins/servlet/oauth/authorized",
            "/plugins/servlet/oauth/Authorize",
            "/plugins/servlet/oauth/request%2Dtoken",
            "/plugins/servlet/oauth/request-token/",
            "//plugins/servlet/oauth/request-token",
            "/plugins/servlet/oauth/consumer-info/",
            "/",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }

    #[test]
    fn pages_are_read_and_forms_are_sent() {
        for (page, get, post) in [(Page::Authorize, true, true), (Page::SignOut, false, true), (Page::Style, true, false)] {
            assert_eq!(
                (page.takes(&Method::GET), page.takes(&Method::HEAD), page.takes(&Method::POST)),
                (get, get, post),
                "{page:?}"
            );
            assert!(!page.takes(&Method::PUT) && !page.takes(&Method::OPTIONS));
        }
    }
}
