//! Answers to a browser: a page, or where to go next.

use askama::Template;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::layout::Layout;
use crate::refusal::Refusal;

/// What an endpoint of the dance answers, and what the log says of it.
#[derive(Debug)]
pub struct DanceAnswer {
    /// What goes out.
    pub response: Response<Bytes>,
    /// `admitted`: a consumer was proved; `anonymous`: a browser's; else why there is no answer but an apology.
    pub verdict: &'static str,
    /// Who sits at the browser.
    pub user: Option<String>,
    /// The operator's sentence.
    pub reason: Option<String>,
}

impl DanceAnswer {
    /// To a browser, about which nothing is proved; with all headers of [`HEADERS`] that it has not yet.
    pub(super) fn of(mut response: Response<Bytes>) -> Self {
        for (name, value) in HEADERS {
            response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
        Self { response, verdict: "anonymous", user: None, reason: None }
    }

    /// A page.
    pub(super) fn page(status: StatusCode, template: &impl Template) -> Self {
        Self::page_with_forms_to(status, template, "'self'")
    }

    /// A page whose forms are answered with a redirect. `targets`: where forms may lead, as the Content Security Policy says it.
    pub(super) fn page_with_forms_to(status: StatusCode, template: &impl Template, targets: &str) -> Self {
        let (status, text) = match template.render() {
            Ok(text) => (status, text),
            Err(error) => {
                tracing::error!(%error, "a page cannot be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be made; the gateway's log says why\n".to_owned())
            }
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        let policy = format!("{CONTENT_POLICY}; form-action {targets}");
        headers
            .insert(CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(CONTENT_POLICY)));
        Self::of(response)
    }

    /// A page that only says something, and may lead on.
    pub(super) fn message(status: StatusCode, layout: Layout, title: &str, text: &str, link: Option<(String, &str)>) -> Self {
        Self::page(status, &Message { layout, title, text, link })
    }

    /// Leads the browser to another page, which it asks for with a GET (RFC 9110 §15.4.4).
    pub(super) fn redirect(location: &str) -> Self {
        let Ok(location) = HeaderValue::try_from(location) else {
            tracing::error!("a browser cannot be led on: the address is no header value");
            let mut response = Response::new(Bytes::from_static(b"this address cannot be gone to\n"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return Self::of(response);
        };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, location);
        Self::of(response)
    }

    /// The style sheet of all pages.
    pub(super) fn style() -> Self {
        let mut response = Response::new(Bytes::from_static(include_bytes!("../web/style.css")));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Self::of(response)
    }

    /// What the gateway does not publish, since it is no consumer of anybody's.
    pub fn nothing_here() -> Self {
        let mut response = Response::new(Bytes::from_static(b"this gateway is no consumer, and publishes nothing of one\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Self::of(response)
    }

    /// With a cookie; one that is no header value is never ours.
    #[must_use]
    pub(super) fn with_cookie(mut self, cookie: Option<String>) -> Self {
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            self.response.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    /// With who sits at the browser.
    #[must_use]
    pub(super) fn to(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// With the operator's sentence, where a page says no.
    #[must_use]
    pub(super) fn noting(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// An apology for what went wrong behind this page: the person is told that, the operator why.
    #[must_use]
    pub(super) fn because_of(mut self, refusal: &Refusal) -> Self {
        if let Some(seconds) = refusal.retry_after() {
            self.response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        Self { verdict: refusal.code(), reason: Some(refusal.to_string()), ..self }
    }
}

#[derive(Template)]
#[template(path = "dance/pages/message.html")]
struct Message<'a> {
    layout: Layout,
    title: &'a str,
    text: &'a str,
    link: Option<(String, &'a str)>,
}

/// Pages have a style sheet of ours and nothing else, no script at all, and stand in no frame.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'";

/// On every answer to a browser. No Cross-Origin-Opener-Policy: clients open the page in a window of its own, and wait until that is
/// closed or calls them back.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Other sites never learn the address, which has the request token in it. Pages say `same-origin` of themselves, which goes before
    // this (HTML, "The meta element"): with no-referrer their own forms would say that they come from nowhere (`Origin: null`).
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
