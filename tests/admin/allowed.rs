//! What users allow a consumer, by the dance.

use crate::browser::{Browser, hidden};
use crate::support::{Gateway, KeyPair, Response, Signing, signed};

/// A gateway with a dance, whose users a single-sign-on proxy names: the test.
pub(crate) const DANCE: &str = "oauth: {}\nresource_owner: { trusted_header: { name: X-SSO-User, from: [127.0.0.1/32] } }";

const REQUEST_TOKEN: &str = "/plugins/servlet/oauth/request-token";
const AUTHORIZE: &str = "/plugins/servlet/oauth/authorize";
const ACCESS_TOKEN: &str = "/plugins/servlet/oauth/access-token";

/// A consumer with its key.
pub(crate) struct App {
    key: &'static str,
    pair: &'static KeyPair,
}

impl App {
    pub(crate) fn new(key: &'static str, pair: &'static KeyPair) -> Self {
        Self { key, pair }
    }

    fn signs(&self) -> Signing {
        signed(self.key, self.pair)
    }

    /// A request token.
    #[track_caller]
    pub(crate) fn request_token(&self, gateway: &Gateway) -> String {
        let answer = gateway.ask(&self.signs().post(REQUEST_TOKEN).set("oauth_callback", "oob"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        of(&answer, "oauth_token")
    }

    /// What an exchange comes to.
    #[track_caller]
    pub(crate) fn exchange(&self, gateway: &Gateway, token: &str, verifier: &str) -> Response {
        gateway.ask(&self.signs().post(ACCESS_TOKEN).set("oauth_token", token).set("oauth_verifier", verifier))
    }

    /// The access token that a user gives it.
    #[track_caller]
    pub(crate) fn allowed_by(&self, gateway: &Gateway, user: &str) -> String {
        let token = self.request_token(gateway);
        let verifier = allow(gateway, &token, user);
        let answer = self.exchange(gateway, &token, &verifier);
        assert_eq!(answer.status, 200, "{}", answer.text());
        of(&answer, "oauth_token")
    }

    /// What a call with a token comes to: the status, or the problem.
    #[track_caller]
    pub(crate) fn verdict(&self, gateway: &Gateway, token: &str) -> String {
        let answer = gateway.ask(&self.signs().set("oauth_token", token));
        answer.problem().unwrap_or_else(|| answer.status.to_string())
    }
}

/// The user says yes on the page that asks, and reads the verifier from the next one.
#[track_caller]
pub(crate) fn allow(gateway: &Gateway, token: &str, user: &str) -> String {
    let mut browser = Browser::at(gateway.address());
    let path = format!("{AUTHORIZE}?oauth_token={token}");
    let asked = browser.send("GET", &path, &[("x-sso-user", user), ("sec-fetch-site", "none")], "");
    assert_eq!(asked.status, 200, "{}", asked.text());
    let fields = ["csrf", "oauth_token"].map(|name| format!("{name}={}", hidden(&asked.text(), name)));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-sso-user", user),
        ("origin", &*format!("http://{}", gateway.address())),
        ("sec-fetch-site", "same-origin"),
    ];
    let allowed = browser.send("POST", AUTHORIZE, &headers, &format!("decision=allow&{}", fields.join("&")));
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    let page = allowed.text();
    let code = page.split_once(" id=\"verifier\"").unwrap_or_else(|| panic!("no verifier in {page}")).1;
    code.split_once('>').unwrap().1.split_once('<').unwrap().0.trim().to_owned()
}

/// A value of a form.
#[track_caller]
fn of(answer: &Response, name: &str) -> String {
    let text = answer.text();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("no {name} in {text}")).1.to_owned()
}
