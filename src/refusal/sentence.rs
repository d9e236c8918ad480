//! The operator's sentence for each refusal: lower case, no full stop, both numbers, what to do where that is known.

use std::fmt;

use super::{Refusal, joined};
use crate::harmless::without_secrets;
use crate::oauth::parameters::{Malformed, Source};
use crate::oauth::timestamp::{OutsideWindow, Timestamp};

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("the route is signed, and the request carries no OAuth credentials"),
            Self::OtherScheme => f.write_str("the route is signed, and the Authorization header is of another scheme than OAuth"),
            Self::SeveralAuthorizations => f.write_str("there is more than one Authorization header"),
            Self::Malformed(malformed) => describe_malformed(f, malformed),
            Self::ParametersAbsent(names) => write!(f, "required parameters are absent: {}", names.join(", ")),
            Self::ParametersRepeated { names, .. } => write!(f, "these parameters stand more than once: {}", names.join(", ")),
            Self::ParameterRejected { name, expected, .. } => write!(f, "{name} must be {expected}"),
            Self::VersionRejected => f.write_str("oauth_version must be 1.0 where it is sent"),
            Self::SignatureMethodUnknown { given, acceptable } => {
                write!(f, "oauth_signature_method {} is not verified here; {} is", shown(given), joined(acceptable, ", "))
            }
            Self::SignatureMethodNotTheConsumers { given, acceptable } => {
                write!(f, "the consumer signs with {}, and the request says {given}", joined(acceptable, ", "))
            }
            Self::ConsumerUnknown { key } => write!(f, "no consumer has the key {}", shown(key)),
            Self::ConsumerDisabled => f.write_str("the consumer is disabled (enabled: false)"),
            Self::ConsumerExpired => f.write_str("the consumer has expired (expires)"),
            Self::HeaderParameter { name, .. } => write!(
                f,
                "the Authorization header holds the parameter {}, which is signed there but would not reach the application",
                shown(name)
            ),
            Self::TimestampOutside { outside, acceptable } => describe_timestamp(f, *outside, *acceptable),
            Self::TimestampForgotten { acceptable: (from, _) } => {
                write!(f, "nonces of that time are forgotten; only timestamps from {} on are accepted", from.seconds())
            }
            Self::SignatureUndecodable => f.write_str("oauth_signature is no base64 (was it percent-encoded?)"),
            Self::SignatureLength { expected, actual } => {
                write!(
                    f,
                    "the signature has {actual} bytes, and the consumer's key makes {expected}: another key or method signed"
                )
            }
            Self::SignatureMismatch { checked, .. } => write!(
                f,
                "the signature does not hold for {checked}: another key, URL or parameters were signed \
                 (if clients use another URL, see public_url and trusted_proxies)"
            ),
            Self::KeyWithdrawn => {
                f.write_str("the key that the signature holds under was taken off the consumer while the request was being read")
            }
            Self::BodyHashMismatch => f.write_str("the body is not the one that oauth_body_hash was made of"),
            Self::NonceUsed => f.write_str(
                "the nonce was used before with this timestamp: a replay, or a client that retries without signing again",
            ),
            Self::Token(problem) => problem.fmt(f),
            Self::TokensUnavailable(fault) => fault.fmt(f),
            Self::ThreeLeggedDenied => f.write_str("the consumer may not act with users' tokens (three_legged: false)"),
            Self::MethodNotAllowed { allow } => write!(f, "this endpoint takes {allow} alone"),
            Self::TwoLeggedDenied => f.write_str("the consumer may not call without a token (two_legged.allowed: false)"),
            Self::ImpersonationDenied => {
                f.write_str(
                    "the consumer may not name the user with xoauth_requestor_id (two_legged.impersonation: false, the token is another \
                     user's, or the name stands in the Authorization header alone)",
                )
            }
            Self::RouteDenied { ambiguity: None } => f.write_str("a route rule denies this to everybody"),
            Self::RouteDenied { ambiguity: Some(what) } => {
                write!(f, "the path has {what}, which a backend may read as one that a route rule denies")
            }
            Self::DestinationDenied(what) => write!(f, "the Destination header names a path {what}"),
            Self::ConsumerMayNotReach => f.write_str("the consumer's allow list does not cover this method and path"),
            Self::ConsumerMayNotComeFrom => f.write_str("the consumer's allow_from does not cover the client's address"),
            Self::RateLimited { retry_after } => {
                write!(f, "the consumer's rate limit is used up for another {:.3} s", retry_after.as_secs_f64())
            }
            Self::TooManyFailures { retry_after } => write!(
                f,
                "this address sent too many bad signatures in the consumer's name; it is heard again in {:.3} s",
                retry_after.as_secs_f64()
            ),
            Self::BadRequest(what) => f.write_str(what),
            Self::MethodUnknown => f.write_str("the request method is not one that is forwarded"),
            Self::TransferCodingUnknown => f.write_str("the transfer coding is not chunked alone"),
            Self::FormCoding => {
                f.write_str("a form body must be sent without Content-Encoding, or its parameters cannot be verified")
            }
            Self::TargetTooLong { limit, actual } => write!(f, "the target has {actual} bytes, and limits.target is {limit}"),
            Self::BodyTooLarge { limit } => write!(f, "the body is longer than limits.signed_body ({limit} bytes)"),
            Self::BodyTimeout => f.write_str("the body stopped coming (timeouts.body)"),
            Self::BodyBroken => f.write_str("the body ended early, or its framing is broken"),
            Self::NonceTableFull { limit, of_consumer: false } => {
                write!(f, "limits.nonces ({limit}) nonces are live; raise it, or lower verify.max_age")
            }
            Self::NonceTableFull { limit, of_consumer: true } => {
                write!(f, "the consumer has limits.nonces_per_consumer ({limit}) live nonces")
            }
            Self::NonceNotWritten { error } => {
                write!(
                    f,
                    "the nonce cannot be written to the state directory ({error}); make room there, or see who may write to it"
                )
            }
            Self::NonceUnclaimed { fault } => {
                write!(f, "the shared nonce store {fault}, so another instance may have accepted the request (see replay.shared)")
            }
            Self::HeldBodiesFull { limit } => {
                write!(f, "limits.held_bodies ({limit} bytes) is in use; raise it if that is no attack")
            }
            Self::ProbesBusy { limit } => {
                write!(f, "the backend is being asked about {limit} people at browsers, as many as it may be at once (session_probe)")
            }
            Self::UpstreamBusy { limit } => write!(f, "upstream.max_in_flight ({limit}) requests are in flight"),
            Self::UpstreamUnreachable(why) => write!(f, "the backend cannot be reached: {why}"),
            Self::UpstreamBroken(why) => write!(f, "the backend did not answer properly: {why}"),
            Self::UpstreamTimeout { limit } => {
                write!(f, "the backend did not answer within timeouts.response ({} s)", limit.as_secs_f64())
            }
        }
    }
}

fn describe_malformed(f: &mut fmt::Formatter<'_>, malformed: &Malformed) -> fmt::Result {
    match malformed {
        Malformed::BadEscape { source, name } => {
            write!(f, "the {} holds a % without two hexadecimal digits, in parameter {}", place(*source), shown(name))
        }
        Malformed::HeaderSyntax { expected, at } => {
            write!(f, "the Authorization header is malformed at byte {at} after OAuth: expected {expected}")
        }
        Malformed::TooMany { limit } => write!(f, "there are more than limits.parameters ({limit}) parameters"),
    }
}

fn describe_timestamp(f: &mut fmt::Formatter<'_>, outside: OutsideWindow, acceptable: (Timestamp, Timestamp)) -> fmt::Result {
    let (from, to) = (acceptable.0.seconds(), acceptable.1.seconds());
    match outside {
        OutsideWindow::Past { age } => write!(f, "oauth_timestamp is {age} s old; accepted now: {from} to {to}"),
        OutsideWindow::Future { ahead } => write!(f, "oauth_timestamp is {ahead} s ahead; accepted now: {from} to {to}"),
    }
}

fn place(source: Source) -> &'static str {
    match source {
        Source::Header => "Authorization header",
        Source::Query => "query",
        Source::Form => "form body",
    }
}

/// A value of the client's, quoted, with nothing in it that could end a log line or move a terminal's cursor.
fn shown(text: &str) -> String {
    let safe = without_secrets(text);
    let cut: String = safe.chars().take(SHOWN_VALUE).collect();
    let ellipsis = if cut.len() < safe.len() { "…" } else { "" };
    // What was cut out is seen to be, and is not taken for the client's own.
    let escaped = cut.split('…').map(|part| part.escape_default().to_string()).collect::<Vec<_>>().join("…");
    format!("\"{escaped}{ellipsis}\"")
}

/// How much of a client's value a sentence repeats, in characters.
const SHOWN_VALUE: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_client_cannot_break_a_line() {
        let refusal = Refusal::ConsumerUnknown { key: "a\r\n\u{1b}[31m\u{2028}\"".to_owned() };
        let text = refusal.to_string();
        assert!(text.chars().all(|c| (' '..='~').contains(&c)), "{text}");
    }

    #[test]
    fn a_signature_that_lost_its_separator_is_not_shown() {
        let refusal = Refusal::ConsumerUnknown { key: "oneXoauth_signature=c2ln".to_owned() };
        assert_eq!(refusal.to_string(), "no consumer has the key \"oneXoauth_sig…\"");
    }
}
