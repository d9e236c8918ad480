//! No other site's page changes anything here in the name of whoever is signed in.
//!
//! One rule for all routes, before any handler: a handler that forgets to ask is none the worse.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{ProblemDocument, is_for_programs};
use crate::web::same_origin;

/// Lets through what only reads, and what our own pages, or programs, send.
pub(super) async fn require(request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !is_of_this_origin(request.headers()) {
        // Behind that stands what makes an administrator.
        let path = Some(request.uri().path()).filter(|path| !path.starts_with("/setup/")).unwrap_or("/setup/…");
        let method = request.method();
        tracing::warn!(%method, path, "a request that another site's page made was refused");
        return refused(path);
    }
    next.run(request).await
}

fn refused(path: &str) -> Response {
    if is_for_programs(path) {
        ProblemDocument::new(StatusCode::FORBIDDEN, "other_origin", "this came from another site's page, and nothing was changed")
            .into_response()
    } else {
        (StatusCode::FORBIDDEN, REFUSED).into_response()
    }
}

fn is_of_this_origin(headers: &HeaderMap) -> bool {
    same_origin::is_of_this_origin(headers, |origin| names_host(origin, headers))
}

fn names_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    !host.is_empty() && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

const REFUSED: &str = "this came from another site's page, and nothing was changed; open the page here and try again\n";

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let host = [("host", "127.0.0.1:9090")];
        let parsed = host
            .iter()
            .chain(lines)
            .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        parsed.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn our_own_pages_and_programs_are_let_through() {
        for lines in [
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:9090"), ("cookie", "a=b")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null"), ("cookie", "a=b")],
            &[("sec-fetch-site", "same-origin"), ("cookie", "a=b")],
            &[("origin", "http://127.0.0.1:9090"), ("cookie", "a=b")],
            &[("origin", "https://127.0.0.1:9090")],
            &[("cookie", "a=b")],
            &[],
        ] {
            assert!(is_of_this_origin(&headers(lines)), "{lines:?}");
        }
    }

    #[test]
    fn other_sites_are_not() {
        for lines in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:9090")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "http://127.0.0.1:9090.evil.example")],
            &[("origin", "http://evil.example")],
            &[("origin", "ftp://127.0.0.1:9090")],
            &[("origin", "127.0.0.1:9090")],
        ] {
            assert!(!is_of_this_origin(&headers(lines)), "{lines:?}");
        }
    }
}
