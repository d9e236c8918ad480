//! The three-legged dance, resolved and valid: `oauth` and `resource_owner`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;
use ipnet::IpNet;

use super::settings::Upstream;

/// `oauth`, with `resource_owner`
#[derive(Debug, Clone, PartialEq)]
pub struct DanceSettings {
    /// Where its endpoints are.
    pub paths: DancePaths,
    /// How long its credentials are good for.
    pub lifetimes: Lifetimes,
    /// How it is known who sits at the browser.
    pub resource_owner: ResourceOwner,
}

/// Paths below `public_url`'s; each begins with a slash, and no two are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DancePaths {
    /// Temporary credentials (RFC 5849 §2.1).
    pub request_token: String,
    /// Resource owner authorization (§2.2); what is below it is the dance's, too.
    pub authorize: String,
    /// Token credentials (§2.3), and their renewal.
    pub access_token: String,
    /// Where users see and revoke what they have allowed.
    pub user_tokens: String,
}

/// How long credentials are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// `request_token_ttl`
    pub request_token: Duration,
    /// `access_token_ttl`
    pub access_token: Duration,
    /// `session_ttl`: how long an access token can be renewed. Not shorter than `access_token`.
    pub session: Duration,
}

/// `resource_owner`: who tells the gateway which user sits at the browser.
#[derive(Debug, Clone, PartialEq)]
pub enum ResourceOwner {
    /// The application itself, asked with the browser's cookies.
    SessionProbe(SessionProbe),
    /// A single-sign-on proxy in front.
    TrustedHeader {
        /// The header that it sets.
        name: HeaderName,
        /// Its addresses; from others the header means nothing.
        from: Vec<IpNet>,
    },
    /// A file of users, with the gateway's own sign-in page.
    Users(PathBuf),
}

/// `session_probe`
#[derive(Debug, Clone, PartialEq)]
pub struct SessionProbe {
    /// The backend that is asked: one that requests are forwarded to anyway.
    pub upstream: Arc<Upstream>,
    /// What it is asked for.
    pub target: PathAndQuery,
    /// Where in its answer the user is.
    pub user: ProbedUser,
    /// Names that mean nobody, such as Jira's `anonymous`.
    pub anonymous: Vec<String>,
    /// The application's own sign-in page, with a place for where to come back to.
    pub login_url: LoginUrl,
}

/// Where a probe's answer names the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbedUser {
    /// `user_header`
    Header(HeaderName),
    /// `user_json_pointer` (RFC 6901)
    JsonPointer(String),
}

/// A URL with `{return_to}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUrl(String);

impl LoginUrl {
    /// What stands for the address to come back to, percent-encoded.
    pub const RETURN_TO: &str = "{return_to}";

    /// A template that leads somewhere: a path on this host, or an http or https URL; visible ASCII.
    pub fn new(template: &str) -> Option<Self> {
        let leads = (template.starts_with('/') && !template.starts_with("//") && !template.starts_with("/\\"))
            || template.starts_with("https://")
            || template.starts_with("http://");
        let plain = template.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        (leads && plain && template.contains(Self::RETURN_TO)).then(|| Self(template.to_owned()))
    }

    /// Where a browser is sent that has to come back to `address`.
    pub fn coming_back_to(&self, address: &str) -> String {
        self.0.replace(Self::RETURN_TO, &crate::oauth::percent::encode(address.as_bytes()))
    }
}

impl fmt::Display for LoginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for DancePaths {
    /// The old providers', which clients have in their settings.
    fn default() -> Self {
        Self {
            request_token: "/plugins/servlet/oauth/request-token".to_owned(),
            authorize: "/plugins/servlet/oauth/authorize".to_owned(),
            access_token: "/plugins/servlet/oauth/access-token".to_owned(),
            user_tokens: "/plugins/servlet/oauth/users/access-tokens".to_owned(),
        }
    }
}

impl Default for Lifetimes {
    /// The old providers': ten minutes, five years of 365 days, and thirty days more.
    fn default() -> Self {
        Self {
            request_token: Duration::from_secs(600),
            access_token: Duration::from_secs(157_680_000),
            session: Duration::from_secs(160_272_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_url_leads_somewhere_and_comes_back() {
        let url = LoginUrl::new("/login?back={return_to}&x=1").unwrap();
        assert_eq!(url.coming_back_to("/a?b=c&d"), "/login?back=%2Fa%3Fb%3Dc%26d&x=1");
        for wrong in [
            "",
            "/login",
            "login?b={return_to}",
            "//evil/{return_to}",
            "/\\evil/{return_to}",
            "javascript:{return_to}",
            "/a b{return_to}",
        ] {
            assert_eq!(LoginUrl::new(wrong), None, "{wrong}");
        }
    }
}
