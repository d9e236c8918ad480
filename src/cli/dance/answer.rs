//! What a server answered: the parameters that it gave, or the problem that it tells (OAuth Problem Reporting).

use http::header::{CONTENT_TYPE, DATE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::client::NoAnswer;
use crate::oauth::parameters::{Parameters, Raw};

/// An answer, read to its end or to [`MAX_BODY`] bytes.
pub(super) struct Answer {
    /// What was asked.
    pub(super) url: String,
    pub(super) status: StatusCode,
    fields: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why the server refuses, in OAuth's words.
pub(super) struct Problem {
    /// `oauth_problem`
    pub(super) code: String,
    parameters: Parameters,
}

pub(super) async fn read(url: &str, response: Response<Incoming>) -> Result<Answer, NoAnswer> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    while body.len() < MAX_BODY
        && let Some(frame) = incoming.frame().await
    {
        if let Ok(data) = frame.map_err(NoAnswer::from)?.into_data() {
            body.extend_from_slice(&data);
        }
    }
    body.truncate(MAX_BODY);
    Ok(Answer { url: url.to_owned(), status: head.status, fields: head.headers, body })
}

impl Answer {
    /// A parameter of the body of a 200 that tells no problem; not an empty one.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        if self.status != StatusCode::OK || self.is_page() || self.problem().is_some() {
            return None;
        }
        value(&self.body_parameters()?, name)
    }

    /// From the challenge, else from the body.
    pub(super) fn problem(&self) -> Option<Problem> {
        let challenges = self.fields.get_all(WWW_AUTHENTICATE).iter().filter_map(|challenge| {
            let (scheme, list) = challenge.as_bytes().split_at_checked("OAuth ".len())?;
            scheme.eq_ignore_ascii_case(b"OAuth ").then_some(list)
        });
        let read = challenges.filter_map(|list| Parameters::collect(Raw { header: Some(list), ..Raw::default() }, MANY).ok());
        let body = if self.is_page() { None } else { self.body_parameters() };
        read.chain(body).find_map(|parameters| Some(Problem { code: value(&parameters, "oauth_problem")?, parameters }))
    }

    /// Whether it is for a person's eyes.
    pub(super) fn is_page(&self) -> bool {
        self.field(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html") || kind.starts_with("application/xhtml"))
    }

    /// Where a redirect leads.
    pub(super) fn location(&self) -> Option<String> {
        let location = self.fields.get(LOCATION).filter(|_| self.status.is_redirection())?;
        Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
    }

    /// The server's clock, in seconds since 1970.
    pub(super) fn date(&self) -> Option<i64> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(self.field(DATE)?);
        parsed.ok().map(|time| time.as_second())
    }

    fn field(&self, name: HeaderName) -> Option<&str> {
        self.fields.get(name)?.to_str().ok()
    }

    fn body_parameters(&self) -> Option<Parameters> {
        Parameters::collect(Raw { form: Some(self.body.trim_ascii()), ..Raw::default() }, MANY).ok()
    }
}

impl Problem {
    /// One of the pairs that come with the code.
    pub(super) fn pair(&self, name: &str) -> Option<String> {
        value(&self.parameters, name)
    }
}

fn value(parameters: &Parameters, name: &str) -> Option<String> {
    let (_, value) = parameters.values(name).next()?;
    (!value.is_empty()).then(|| String::from_utf8_lossy(&value).into_owned())
}

/// In bytes: tokens and problems are far shorter, and of what the application says only the beginning is shown.
const MAX_BODY: usize = 64 * 1024;
/// Parameters in one answer; no provider sends more than a dozen.
const MANY: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, fields: &[(HeaderName, &str)], body: &str) -> Answer {
        let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Answer { url: "http://a/".into(), status: StatusCode::from_u16(status).unwrap(), fields, body: body.into() }
    }

    #[test]
    fn a_token_is_read_from_a_200_alone() {
        let body = "oauth_token=a%2Bb+c&oauth_token_secret=&oauth_callback_confirmed=true\n";
        let given = answer(200, &[], body);
        assert_eq!(given.given("oauth_token").as_deref(), Some("a+b c"));
        assert_eq!(given.given("oauth_token_secret"), None);
        assert_eq!(given.given("oauth_callback_confirmed").as_deref(), Some("true"));
        assert_eq!(answer(401, &[], body).given("oauth_token"), None);
        assert_eq!(answer(200, &[(CONTENT_TYPE, "text/html; charset=utf-8")], body).given("oauth_token"), None);
        assert_eq!(answer(200, &[], &format!("{body}&oauth_problem=nonce_used")).given("oauth_token"), None);
    }

    #[test]
    fn a_problem_is_read_from_the_challenge_or_the_body() {
        let challenge =
            "oauth realm=\"http%3A%2F%2Fa\", oauth_problem=\"timestamp_refused\", oauth_acceptable_timestamps=\"1-2\"";
        let told = answer(401, &[(WWW_AUTHENTICATE, "Basic realm=\"x\""), (WWW_AUTHENTICATE, challenge)], "").problem().unwrap();
        assert_eq!((told.code.as_str(), told.pair("oauth_acceptable_timestamps").as_deref()), ("timestamp_refused", Some("1-2")));
        let told = answer(401, &[], "oauth_problem=token_used&oauth_problem_advice=it%20was").problem().unwrap();
        assert_eq!((told.code.as_str(), told.pair("oauth_problem_advice").as_deref()), ("token_used", Some("it was")));
        for silent in [
            answer(401, &[(WWW_AUTHENTICATE, "OAuth realm=\"a\"")], ""),
            answer(401, &[(WWW_AUTHENTICATE, "OAuth broken"), (WWW_AUTHENTICATE, "OAuth")], "%"),
            answer(200, &[(CONTENT_TYPE, "text/html")], "oauth_problem=x"),
        ] {
            assert!(silent.problem().is_none());
        }
    }

    #[test]
    fn the_date_is_the_servers_clock() {
        // The example of RFC 9110 §5.6.7.
        assert_eq!(answer(200, &[(DATE, "Sun, 06 Nov 1994 08:49:37 GMT")], "").date(), Some(784_111_777));
        assert_eq!(answer(200, &[(DATE, "soon")], "").date(), None);
    }
}
