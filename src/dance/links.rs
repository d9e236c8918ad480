//! Where the pages are, as the browser knows it.

use crate::config::{DancePaths, Settings};
use crate::request::Origin;

use super::endpoint::{Page, public_prefix};

/// The paths of all pages, with what is before them on the outside.
#[derive(Debug, Clone)]
pub struct Links {
    authorize: String,
    user_tokens: String,
    /// What all pages have in common, for cookies.
    below: String,
}

impl Links {
    /// Those of a request.
    pub fn of(origin: &Origin, settings: &Settings, paths: &DancePaths) -> Self {
        Self::below(public_prefix(origin, settings), paths)
    }

    pub(super) fn below(prefix: &str, paths: &DancePaths) -> Self {
        let (authorize, user_tokens) = (format!("{prefix}{}", paths.authorize), format!("{prefix}{}", paths.user_tokens));
        let below = shared_folder(&authorize, &user_tokens).to_owned();
        Self { authorize, user_tokens, below }
    }

    /// Where consent is asked for.
    pub fn authorize(&self) -> &str {
        &self.authorize
    }

    /// Where users see what they have allowed.
    pub fn user_tokens(&self) -> &str {
        &self.user_tokens
    }

    /// Where users of the gateway's own sign in.
    pub fn sign_in(&self) -> String {
        format!("{}{}", self.authorize, Page::SIGN_IN)
    }

    /// The same, for whoever goes on to the page for a request token if there is one.
    pub fn sign_in_for(&self, token: Option<&str>) -> String {
        let sign_in = self.sign_in();
        token.map_or_else(|| sign_in.clone(), |token| with_token(&sign_in, token))
    }

    /// Where they sign out.
    pub fn sign_out(&self) -> String {
        format!("{}{}", self.authorize, Page::SIGN_OUT)
    }

    /// The style sheet.
    pub fn style(&self) -> String {
        format!("{}{}", self.authorize, Page::STYLE)
    }

    /// A cookie's path: no wider than the pages need, so that the application gets as few of ours as can be.
    pub fn cookie_path(&self) -> &str {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/%".contains(&byte);
        // What a proxy took off may be anything; a cookie's attributes end at a semicolon.
        if self.below.bytes().all(is_plain) { &self.below } else { "/" }
    }

    /// The page for a request token if there is one, else the user's own.
    pub fn back_to(&self, token: Option<&str>) -> String {
        token.map_or_else(|| self.user_tokens.clone(), |token| with_token(&self.authorize, token))
    }
}

/// A path of ours with the one parameter that pages hand on.
fn with_token(path: &str, token: &str) -> String {
    format!("{path}?oauth_token={token}")
}

/// The longest folder that both paths are in; cookies' paths end without a slash (RFC 6265 §5.1.4).
fn shared_folder<'p>(one: &'p str, other: &str) -> &'p str {
    let folder_of = |path: &'p str| path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut folder = folder_of(one);
    while !other.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
        folder = folder_of(folder);
    }
    if folder.is_empty() { "/" } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookies_path_is_the_folder_of_all_pages() {
        let with = |prefix: &str, authorize: &str, user_tokens: &str| {
            let paths = DancePaths { authorize: authorize.to_owned(), user_tokens: user_tokens.to_owned(), ..Default::default() };
            Links::below(prefix, &paths).cookie_path().to_owned()
        };
        assert_eq!(
            with("", "/plugins/servlet/oauth/authorize", "/plugins/servlet/oauth/users/access-tokens"),
            "/plugins/servlet/oauth"
        );
        assert_eq!(with("/jira", "/oauth/authorize", "/oauthx/tokens"), "/jira");
        assert_eq!(with("", "/authorize", "/tokens"), "/");
        assert_eq!(with("/a;b", "/authorize", "/tokens"), "/");
    }
}
