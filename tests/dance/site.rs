//! A gateway with the dance, its clients and its users.

use crate::form::{Form, text_of};
use crate::support::gateway::Builder;
use crate::support::{Backend, Browser, CONSUMER, Consumer, Gateway, KeyPair, RSA_1024, RSA_2048, Response, Signing, signed};

pub(crate) const REQUEST_TOKEN: &str = "/plugins/servlet/oauth/request-token";
pub(crate) const AUTHORIZE: &str = "/plugins/servlet/oauth/authorize";
pub(crate) const ACCESS_TOKEN: &str = "/plugins/servlet/oauth/access-token";
pub(crate) const USER_TOKENS: &str = "/plugins/servlet/oauth/users/access-tokens";

/// Where the usual consumer wants its users back.
pub(crate) const CALLBACK: &str = "https://reports.example.com/callback?state=1%202";

/// The usual consumer, and one that is not it.
pub(crate) const REPORTING: Client = Client { key: CONSUMER, pair: || &RSA_2048 };
pub(crate) const OTHER: Client = Client { key: "other", pair: || &RSA_1024 };

/// A gateway with the dance, in front of a backend that records.
pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) backend: Backend,
}

/// A consumer, with its private key.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) key: &'static str,
    pair: fn() -> &'static KeyPair,
}

/// A resource owner at a browser. The single-sign-on proxy before the gateway, which the test is, says who it is.
pub(crate) struct Owner {
    pub(crate) browser: Browser,
    name: Option<&'static str>,
}

/// What the gateway gives a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) token: String,
    pub(crate) secret: String,
    /// Empty where there is none.
    pub(crate) session_handle: String,
}

impl Site {
    /// Where a header says who the resource owner is.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with(|builder| builder)
    }

    /// The same, with more settings.
    #[track_caller]
    pub(crate) fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        Self::living("{}", settings)
    }

    /// The same, with what `oauth` says.
    #[track_caller]
    pub(crate) fn living(oauth: &str, settings: impl FnOnce(Builder) -> Builder) -> Self {
        Self::before(Backend::start(), oauth, settings)
    }

    /// The same, in front of this backend.
    #[track_caller]
    pub(crate) fn before(backend: Backend, oauth: &str, settings: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = [REPORTING, OTHER].iter().fold(Gateway::builder(), |builder, client| builder.consumer(client.entry()));
        let builder = builder.upstream(&backend).setting(&format!("oauth: {oauth}"));
        let gateway = settings(builder.setting(SIGN_ON)).start();
        Self { gateway, backend }
    }

    pub(crate) fn alice(&self) -> Owner {
        self.user("alice")
    }

    pub(crate) fn user(&self, name: &'static str) -> Owner {
        Owner { browser: Browser::at(self.gateway.address()), name: Some(name) }
    }

    /// A browser at which nobody is known to sit.
    pub(crate) fn nobody(&self) -> Owner {
        Owner { browser: Browser::at(self.gateway.address()), name: None }
    }

    /// Temporary credentials of the usual consumer, whose users go to [`CALLBACK`].
    #[track_caller]
    pub(crate) fn request_token(&self) -> Given {
        self.request_token_of(REPORTING, CALLBACK)
    }

    #[track_caller]
    pub(crate) fn request_token_of(&self, client: Client, callback: &str) -> Given {
        Given::of(&self.gateway.ask(&client.request_token(callback)))
    }

    /// What the exchange of a request token comes to.
    #[track_caller]
    pub(crate) fn exchange(&self, token: &str, verifier: &str) -> Response {
        self.gateway.ask(&REPORTING.exchange(token, verifier))
    }

    /// What the renewal of an access token comes to.
    #[track_caller]
    pub(crate) fn renew(&self, token: &str, session_handle: &str) -> Response {
        self.gateway.ask(&REPORTING.renewal(token, session_handle))
    }

    /// What a request with an access token comes to.
    #[track_caller]
    pub(crate) fn call(&self, token: &str) -> Response {
        self.gateway.ask(&REPORTING.call(token))
    }

    /// The whole dance: alice allows it, and the consumer has its access token.
    #[track_caller]
    pub(crate) fn access_token(&self) -> Given {
        self.access_token_of(REPORTING, "alice")
    }

    #[track_caller]
    pub(crate) fn access_token_of(&self, client: Client, user: &'static str) -> Given {
        let token = self.request_token_of(client, CALLBACK).token;
        let verifier = self.user(user).allows(&token);
        Given::of(&self.gateway.ask(&client.exchange(&token, &verifier)))
    }
}

impl Client {
    pub(crate) const fn new(key: &'static str, pair: fn() -> &'static KeyPair) -> Self {
        Self { key, pair }
    }

    /// The entry in consumers.yaml.
    pub(crate) fn entry(self) -> Consumer {
        Consumer::new(self.key, (self.pair)())
    }

    pub(crate) fn signs(self) -> Signing {
        signed(self.key, (self.pair)())
    }

    pub(crate) fn request_token(self, callback: &str) -> Signing {
        self.signs().post(REQUEST_TOKEN).set("oauth_callback", callback)
    }

    pub(crate) fn exchange(self, token: &str, verifier: &str) -> Signing {
        self.signs().post(ACCESS_TOKEN).set("oauth_token", token).set("oauth_verifier", verifier)
    }

    pub(crate) fn renewal(self, token: &str, session_handle: &str) -> Signing {
        self.signs().post(ACCESS_TOKEN).set("oauth_token", token).set("oauth_session_handle", session_handle)
    }

    pub(crate) fn call(self, token: &str) -> Signing {
        self.signs().get("/rest/issue?id=1").set("oauth_token", token)
    }
}

impl Owner {
    /// Opens a page.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.browser.send("GET", path, &[&[("sec-fetch-site", "none")], &self.headers()[..]].concat(), "")
    }

    /// Opens the page that asks for consent.
    #[track_caller]
    pub(crate) fn opens(&mut self, token: &str) -> Response {
        self.get(&authorize(token))
    }

    /// Sends a form from a page of this site.
    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let origin = format!("http://{}", self.browser.address);
        self.post_from(path, fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")])
    }

    /// Sends a form with these headers about where it comes from.
    #[track_caller]
    pub(crate) fn post_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        let own = self.headers();
        self.browser.post_from(path, fields, &[headers, &own[..]].concat())
    }

    /// Opens the page that asks for consent, and presses a button there.
    #[track_caller]
    pub(crate) fn decides(&mut self, token: &str, decision: &str) -> Response {
        let page = self.opens(token);
        assert_eq!(page.status, 200, "{}", page.text());
        let form = Form::with(&page.text(), "name=\"decision\"");
        let action = form.action.clone().unwrap_or_else(|| authorize(token));
        self.post(&action, &form.fields(&[("decision", decision)]))
    }

    /// Allows it, and gives the verifier that goes to [`CALLBACK`].
    #[track_caller]
    pub(crate) fn allows(mut self, token: &str) -> String {
        let answer = self.decides(token, "allow");
        called_back(&answer, token)
    }

    /// Allows it, and gives the code on the page.
    #[track_caller]
    pub(crate) fn allows_out_of_band(mut self, token: &str) -> String {
        shown_code(&self.decides(token, "allow"))
    }

    #[track_caller]
    pub(crate) fn denies(mut self, token: &str) {
        let answer = self.decides(token, "deny");
        assert_eq!(called_back(&answer, token), "denied");
    }

    /// Takes back what this consumer may do, on the page of authorised applications and the one that asks whether that is meant.
    #[track_caller]
    pub(crate) fn revokes(&mut self, consumer: &str) {
        let form = self.revocation_of(consumer);
        let answer = self.post(USER_TOKENS, &form.fields(&[]));
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(answer.field("location").unwrap().starts_with(USER_TOKENS), "{answer:?}");
    }

    /// The form that takes it back.
    #[track_caller]
    pub(crate) fn revocation_of(&mut self, consumer: &str) -> Form {
        let page = self.get(USER_TOKENS).text();
        let row = page.split("<tr>").find(|row| row.contains(consumer)).unwrap_or_else(|| panic!("no {consumer} on {page}"));
        let link = row.split_once(" href=\"").unwrap().1.split_once('"').unwrap().0;
        let asked = self.get(&crate::form::unescaped(link));
        assert_eq!(asked.status, 200, "{}", asked.text());
        Form::with(&asked.text(), "name=\"revoke\"")
    }

    fn headers(&self) -> Vec<(&'static str, &'static str)> {
        self.name.map(|name| ("x-sso-user", name)).into_iter().collect()
    }
}

impl Given {
    /// What stands in the body of a 200.
    #[track_caller]
    pub(crate) fn of(answer: &Response) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let [token, secret] = ["oauth_token", "oauth_token_secret"].map(|name| answer.pair(name).unwrap());
        Self { token, secret, session_handle: answer.pair("oauth_session_handle").unwrap_or_default() }
    }
}

pub(crate) fn authorize(token: &str) -> String {
    format!("{AUTHORIZE}?oauth_token={token}")
}

/// The verifier in an answer that leads to [`CALLBACK`].
#[track_caller]
pub(crate) fn called_back(answer: &Response, token: &str) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.field("location").unwrap();
    let rest = location.strip_prefix(&format!("{CALLBACK}&oauth_token={token}&oauth_verifier="));
    rest.unwrap_or_else(|| panic!("leads to {location}")).to_owned()
}

/// The code on the page for a client that can't be called back.
#[track_caller]
pub(crate) fn shown_code(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    text_of(&answer.text(), "verifier").unwrap_or_else(|| panic!("no code on {}", answer.text()))
}

/// Who sits at the browser is what a header says that comes from this machine.
pub(crate) const SIGN_ON: &str = "resource_owner: { trusted_header: { name: X-SSO-User, from: [127.0.0.1/32] } }";
