//! What a client is to do, and what is to become of it.

use serde_json::{Value, json};

use crate::support::Request;
use crate::tap::Exchange;
use crate::wire::{is_form, pairs, parameters, without_oauth};

/// One request of a driver.
pub(crate) struct Call {
    /// What the driver calls it; `None` for a request that the library makes beside the one that it is asked for.
    pub(crate) name: Option<&'static str>,
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    body: Body,
    /// The request must not say how long its body is.
    no_length: bool,
    /// The request must carry an `oauth_body_hash`.
    body_hash: bool,
    /// The user that the application must be told, if any.
    user: Option<&'static str>,
    pub(crate) outcome: Outcome,
}

enum Body {
    None,
    Form(Vec<(String, String)>),
    Json(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Admitted,
    Refused(u16, &'static str),
    /// The library itself fails before it sends anything.
    NeverSent,
}

/// What form encoding, percent encoding and signing can stumble over.
pub(crate) const HARD: &str = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";

/// Pairs whose names and values are hard to sign.
pub(crate) const HARD_PAIRS: &[(&str, &str)] = &[("q", HARD), (HARD, "v"), ("empty", ""), ("sum", "1+1=2")];

/// One name several times.
pub(crate) const REPEATED: &[(&str, &str)] = &[("a", "2"), ("a", "10"), ("a", ""), ("b", "x")];

/// A call that every driver understands in the same way.
pub(crate) fn usual(name: &'static str) -> Call {
    match name {
        "get_plain" => call("GET", name).at("/rest/example"),
        "get_hard" => call("GET", name).query(HARD_PAIRS),
        "get_repeated" => call("GET", name).query(REPEATED),
        "post_form" => call("POST", name).form(HARD_PAIRS),
        "post_form_repeated" => call("POST", name).form(REPEATED),
        "post_form_and_query" => call("POST", name).query(&[("a", "1")]).form(REPEATED),
        "post_json" => call("POST", name).json(object()),
        "put_form" => call("PUT", name).form(HARD_PAIRS),
        "put_json" => call("PUT", name).json(object()),
        "delete" => call("DELETE", name).query(&[("force", "yes please")]),
        _ => panic!("{name} is no usual call"),
    }
}

/// JSON with a name that would be an OAuth parameter in a form.
pub(crate) fn object() -> Value {
    json!({ "text": HARD, "oauth_token": "not a parameter" })
}

/// A request for `/name`, without parameters and body, that has to be admitted.
pub(crate) fn call(method: &'static str, name: &'static str) -> Call {
    let path = format!("/{name}");
    let (query, outcome) = (Vec::new(), Outcome::Admitted);
    Call { name: Some(name), method, path, query, body: Body::None, no_length: false, body_hash: false, user: None, outcome }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Call {
    pub(crate) fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    pub(crate) fn query(self, pairs: &[(&str, &str)]) -> Self {
        Self { query: owned(pairs), ..self }
    }

    pub(crate) fn form(self, pairs: &[(&str, &str)]) -> Self {
        Self { body: Body::Form(owned(pairs)), ..self }
    }

    pub(crate) fn json(self, value: Value) -> Self {
        Self { body: Body::Json(value), ..self }
    }

    pub(crate) fn without_length(self) -> Self {
        Self { no_length: true, ..self }
    }

    pub(crate) fn with_body_hash(self) -> Self {
        Self { body_hash: true, ..self }
    }

    /// The application must be told this user.
    pub(crate) fn acting_as(self, user: &'static str) -> Self {
        Self { user: Some(user), ..self }
    }

    /// The library makes this request of its own accord; the driver has no line for it.
    pub(crate) fn beside(self) -> Self {
        Self { name: None, ..self }
    }

    /// Signed in another way than RFC 5849 says, so that nobody can verify it.
    pub(crate) fn wrongly_signed(self) -> Self {
        self.refused(401, "signature_invalid")
    }

    pub(crate) fn refused(self, status: u16, problem: &'static str) -> Self {
        Self { outcome: Outcome::Refused(status, problem), ..self }
    }

    pub(crate) fn never_sent(self) -> Self {
        Self { outcome: Outcome::NeverSent, ..self }
    }

    /// The status that the driver must print.
    pub(crate) fn status(&self) -> u16 {
        match self.outcome {
            Outcome::Admitted => 200,
            Outcome::Refused(status, _) => status,
            Outcome::NeverSent => 0,
        }
    }

    /// Compares with what happened at the gateway and behind it.
    #[track_caller]
    pub(crate) fn check(&self, consumer: &str, seen: &Exchange) {
        let what = format!("{:?} {} {}: {seen:?}", self.name, self.method, self.path);
        self.check_sent(&seen.sent, &what);
        let answer = &seen.answer;
        match self.outcome {
            Outcome::Admitted => {
                assert_eq!(answer.response.status, 200, "{what}");
                let [reached] = &answer.reached[..] else {
                    panic!("reached the application {} times: {what}", answer.reached.len())
                };
                check_forwarded(consumer, &seen.sent, reached, &what);
                assert_eq!(reached.spellings_of("x-forwarded-user"), self.user.as_slice(), "{what}");
                for (twin, problem) in [(&seen.tampered, "signature_invalid"), (&seen.replay, "nonce_used")] {
                    assert_eq!((twin.response.status, twin.response.problem().as_deref()), (401, Some(problem)), "{what}");
                }
            }
            Outcome::Refused(status, problem) => {
                assert_eq!((answer.response.status, answer.response.problem().as_deref()), (status, Some(problem)), "{what}");
                assert!(answer.reached.is_empty(), "{what}");
            }
            Outcome::NeverSent => panic!("{what}"),
        }
        assert!(seen.tampered.reached.is_empty() && seen.replay.reached.is_empty(), "{what}");
    }

    /// The client sent what it was to send: else it would be another request that is judged.
    #[track_caller]
    fn check_sent(&self, sent: &Request, what: &str) {
        assert_eq!((&*sent.method, sent.path()), (self.method, &*self.path), "{what}");
        assert_eq!(own_pairs(sent.query().unwrap_or_default()), sorted(&self.query), "{what}");
        assert!(!self.body_hash || parameters(sent).iter().any(|parameter| parameter.name == "oauth_body_hash"), "{what}");
        assert!(!self.no_length || sent.field("content-length").is_none(), "{what}");
        match &self.body {
            Body::None => assert_eq!(sent.text(), "", "{what}"),
            Body::Form(pairs) => {
                assert!(is_form(sent), "{what}");
                assert_eq!(own_pairs(&sent.text()), sorted(pairs), "{what}");
            }
            Body::Json(value) => {
                assert!(!is_form(sent), "{what}");
                assert_eq!(&serde_json::from_slice::<Value>(&sent.body).unwrap(), value, "{what}");
            }
        }
    }
}

/// The application got the request as it was sent, without its credentials, and was told who signed it.
#[track_caller]
fn check_forwarded(consumer: &str, sent: &Request, reached: &Request, what: &str) {
    assert_eq!((&*reached.method, reached.path()), (&*sent.method, sent.path()), "{what}");
    assert_eq!(reached.query().unwrap_or_default(), without_oauth(sent.query().unwrap_or_default()), "{what}");
    let body = if is_form(sent) { without_oauth(&sent.text()).into_bytes() } else { sent.body.clone() };
    assert_eq!(reached.body, body, "{what}");
    assert_eq!(reached.field("content-type"), sent.field("content-type"), "{what}");
    assert_eq!(reached.spellings_of("x-oauth-consumer"), [consumer], "{what}");
    assert!(reached.spellings_of("authorization").is_empty(), "{what}");
}

/// The application's own pairs, decoded, in an order that does not depend on the client's.
fn own_pairs(text: &str) -> Vec<(String, String)> {
    sorted(&pairs(&without_oauth(text)))
}

fn sorted(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mut pairs = pairs.to_vec();
    pairs.sort();
    pairs
}
