//! `If-Match` (RFC 9110 §13.1.1): a change only of what the caller has seen. A consumer's entity tag is the revision of its file.

use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::admin::problem::ProblemDocument;
use crate::consumers::edit::Revision;

/// The revision that the consumer's file has to have still; `None`: any, as long as the consumer is there.
pub(super) fn seen(headers: &HeaderMap) -> Result<Option<Revision>, ProblemDocument> {
    let mut lines = headers.get_all(IF_MATCH).into_iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (line.to_str().unwrap_or_default().trim(), lines.next()) {
        ("*", None) => Ok(None),
        (text, None) => {
            let tag = opaque(text.strip_prefix("W/").unwrap_or(text)).ok_or_else(malformed)?;
            let strong = if tag.len() + 2 == text.len() { tag.parse().ok() } else { None };
            // A weak tag, or one that was never ours, matches no file: this one's bytes are no list of consumers.
            Ok(Some(strong.unwrap_or_else(|| Revision::of(text.as_bytes()))))
        }
        (_, Some(_)) => Err(malformed()),
    }
}

/// The header of an answer.
pub(super) fn tag(revision: Revision) -> [(HeaderName, HeaderValue); 1] {
    // Hexadecimal digits in quotes are a value of a header.
    let value = HeaderValue::try_from(format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    [(ETAG, value)]
}

fn opaque(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"').filter(|tag| !tag.contains('"'))
}

fn malformed() -> ProblemDocument {
    ProblemDocument::new(StatusCode::BAD_REQUEST, "bad_if_match", "If-Match is not one entity tag in double quotes, nor *")
        .hint("send the ETag that came with the consumer")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "\"00112233445566778899aabbccddeeff\"";

    fn of(lines: &[&str]) -> Result<Option<Revision>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_str(line).unwrap());
        }
        seen(&headers).map_err(drop)
    }

    #[test]
    fn a_tag_of_ours_is_a_revision_and_no_other_one_is() {
        let revision: Revision = OURS.trim_matches('"').parse().unwrap();
        assert_eq!(of(&[OURS]), Ok(Some(revision)));
        assert_eq!(tag(revision), [(ETAG, HeaderValue::from_static(OURS))]);
        assert_eq!((of(&[]), of(&["*"])), (Ok(None), Ok(None)));
        for other in ["\"x\"", "\"\"", "W/\"\"", &format!("W/{OURS}")] {
            let seen = of(&[other]).unwrap().unwrap();
            assert!(seen != revision, "{other}");
        }
    }

    #[test]
    fn what_is_no_tag_is_refused_and_not_taken_for_no_condition() {
        for lines in [&["x"][..], &[""], &["\"x"], &["\"x\", \"y\""], &["*", "*"], &[OURS, OURS], &["W/x"], &["\""]] {
            assert_eq!(of(lines), Err(()), "{lines:?}");
        }
    }
}
