//! Why a request is stopped: status, `oauth_problem`, blame, and the messages for the caller and for the operator.
//!
//! Two audiences: the operator reads the [`Display`](std::fmt::Display) text with both numbers in it; the caller gets the
//! code and what OAuth Problem Reporting adds to it, and more only where `refusals.reveal` says so. Neither text ever
//! holds a signature, a secret or an Authorization value.

mod rejected;
mod sentence;

use std::time::Duration;

use http::StatusCode;

use crate::config::Reveal;
use crate::oauth::base_string::SignatureBaseString;
use crate::oauth::parameters::Malformed;
use crate::oauth::percent;
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::{OutsideWindow, Timestamp};
use crate::replay::ClaimFault;
use crate::tokens::{StoreFault, TokenProblem};

pub use rejected::RejectedParameters;

/// Everything that stops a request.
#[derive(Debug)]
pub enum Refusal {
    /// A signed route, and nothing signed.
    NoCredentials,
    /// A signed route, and an Authorization header of another scheme.
    OtherScheme,
    /// More than one Authorization header.
    SeveralAuthorizations,
    /// The parameters have no single reading.
    Malformed(Malformed),
    /// Required parameters are not there.
    ParametersAbsent(Vec<&'static str>),
    /// Protocol parameters stand more than once.
    ParametersRepeated {
        /// Their names.
        names: Vec<String>,
        /// All of them.
        rejected: RejectedParameters,
    },
    /// A protocol parameter has a value that it must not have.
    ParameterRejected {
        /// The parameter.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        rejected: RejectedParameters,
    },
    /// `oauth_version` is there and not `1.0`.
    VersionRejected,
    /// A method that is not verified here, `HMAC-SHA1` and `PLAINTEXT` among them.
    SignatureMethodUnknown {
        /// What was asked for, as decoded.
        given: String,
        /// What the gateway would take.
        acceptable: Vec<SignatureMethod>,
    },
    /// A method that this consumer does not use.
    SignatureMethodNotTheConsumers {
        /// What was asked for.
        given: SignatureMethod,
        /// What the consumer uses.
        acceptable: Vec<SignatureMethod>,
    },
    /// No consumer has this key.
    ConsumerUnknown {
        /// The claimed key, as decoded.
        key: String,
    },
    /// The consumer is switched off.
    ConsumerDisabled,
    /// The consumer's time is over.
    ConsumerExpired,
    /// The Authorization header holds a parameter that is not OAuth's and would not be forwarded.
    HeaderParameter {
        /// Its name.
        name: String,
        /// It, and what else has that name.
        rejected: RejectedParameters,
    },
    /// The timestamp lies outside the window.
    TimestampOutside {
        /// On which side and how far.
        outside: OutsideWindow,
        /// What was accepted at that moment.
        acceptable: (Timestamp, Timestamp),
    },
    /// The timestamp is one whose nonces are forgotten already.
    TimestampForgotten {
        /// What is accepted.
        acceptable: (Timestamp, Timestamp),
    },
    /// `oauth_signature` is no base64.
    SignatureUndecodable,
    /// The signature is not as long as the consumer's modulus; both in bytes.
    SignatureLength {
        /// The modulus'.
        expected: usize,
        /// The signature's.
        actual: usize,
    },
    /// The RSA operation says no.
    SignatureMismatch {
        /// The method and base string URI that the gateway took for the client's.
        checked: String,
        /// What the gateway checked the signature against.
        base_string: Box<SignatureBaseString>,
    },
    /// The key that the signature holds under was taken off the consumer while the request was being read.
    KeyWithdrawn,
    /// The body is not the one whose hash was signed.
    BodyHashMismatch,
    /// The nonce was seen within the window.
    NonceUsed,
    /// The token, or what goes with it, is not good for this.
    Token(TokenProblem),
    /// A token can't be given, changed or looked up now.
    TokensUnavailable(StoreFault),
    /// The consumer may not call without a token.
    TwoLeggedDenied,
    /// The consumer may not use tokens, nor ask for them.
    ThreeLeggedDenied,
    /// The consumer may not name the user.
    ImpersonationDenied,
    /// A route rule denies it to everybody.
    RouteDenied {
        /// What in the path has two readings, if that is why.
        ambiguity: Option<&'static str>,
    },
    /// The `Destination` header names a path that the request may not touch.
    DestinationDenied(
        /// What of that path.
        &'static str,
    ),
    /// The consumer's `allow` does not cover it.
    ConsumerMayNotReach,
    /// The consumer's `allow_from` does not cover the address.
    ConsumerMayNotComeFrom,
    /// The consumer's `rate_limit` is used up.
    RateLimited {
        /// Until there is budget again.
        retry_after: Duration,
    },
    /// This address sent too many bad signatures in this consumer's name.
    TooManyFailures {
        /// Until it is listened to again.
        retry_after: Duration,
    },
    /// The head has no single meaning.
    BadRequest(&'static str),
    /// An endpoint of the gateway's own that takes other methods.
    MethodNotAllowed {
        /// What it takes, as `Allow` says it (RFC 9110 §10.2.1).
        allow: &'static str,
    },
    /// A request method that is not forwarded.
    MethodUnknown,
    /// A transfer coding other than `chunked` alone.
    TransferCodingUnknown,
    /// A form with a content coding: what was signed cannot be read.
    FormCoding,
    /// The target is longer than `limits.target`; both in bytes.
    TargetTooLong {
        /// The limit.
        limit: usize,
        /// The target's length.
        actual: usize,
    },
    /// A body that has to be held is longer than `limits.signed_body`.
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    BodyTimeout,
    /// The body ended before it was complete, or its framing is broken.
    BodyBroken,
    /// All nonces that may be live are.
    NonceTableFull {
        /// `limits.nonces`, or the consumer's share of it.
        limit: usize,
        /// Whether it is the consumer's share that is used up.
        of_consumer: bool,
    },
    /// The nonce cannot be written to the journal, and would be forgotten if the process ended.
    NonceNotWritten {
        /// What the disk says.
        error: std::io::ErrorKind,
    },
    /// The store that the instances share does not say that no other accepted the nonce.
    NonceUnclaimed {
        /// What is wrong with it.
        fault: ClaimFault,
    },
    /// All memory for held bodies is in use.
    HeldBodiesFull {
        /// `limits.held_bodies`, in bytes.
        limit: usize,
    },
    /// The backend is asked about as many people at browsers as it may be at once.
    ProbesBusy {
        /// How many those are.
        limit: usize,
    },
    /// The backend has as many requests as it may have at once.
    UpstreamBusy {
        /// `upstream.max_in_flight`.
        limit: usize,
    },
    /// No connection to the backend.
    UpstreamUnreachable(String),
    /// The backend did not answer properly.
    UpstreamBroken(String),
    /// The backend did not answer in time.
    UpstreamTimeout {
        /// `timeouts.response`.
        limit: Duration,
    },
}

/// Who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// Whoever runs the gateway.
    Operator,
    /// Whoever runs the backend.
    Upstream,
}

/// What every refusal has.
struct Facts {
    status: StatusCode,
    code: &'static str,
    /// Whether the code is one of OAuth Problem Reporting's and goes to the caller as `oauth_problem`.
    is_problem: bool,
    blame: Blame,
}

impl Refusal {
    /// The HTTP status, always 400 or above.
    pub fn status(&self) -> StatusCode {
        self.facts().status
    }

    /// One word for logs and metrics: the `oauth_problem` where there is one.
    pub fn code(&self) -> &'static str {
        self.facts().code
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.facts().blame
    }

    /// Whether the code goes to the caller as `oauth_problem`.
    pub fn is_oauth_problem(&self) -> bool {
        self.facts().is_problem
    }

    /// Whether the refusal depends on whether a consumer exists.
    pub fn tells_consumers_apart(&self) -> bool {
        matches!(
            self,
            Self::ConsumerUnknown { .. }
                | Self::ConsumerDisabled
                | Self::ConsumerExpired
                | Self::SignatureMethodNotTheConsumers { .. }
                | Self::TooManyFailures { .. }
                | Self::SignatureUndecodable
                | Self::SignatureLength { .. }
                | Self::SignatureMismatch { .. }
                | Self::KeyWithdrawn
        )
    }

    /// `Retry-After`, in whole seconds and at least one.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after } | Self::TooManyFailures { retry_after } => {
                Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0))
            }
            // The oldest nonces leave the table within seconds, an operator makes room in more; bodies and requests in flight end sooner.
            Self::NonceTableFull { .. } | Self::NonceNotWritten { .. } => Some(5),
            // A store that is restarted is there again within seconds.
            Self::NonceUnclaimed { .. } => Some(2),
            // Request tokens expire within minutes, an operator makes room on the disk in more.
            Self::TokensUnavailable(_) => Some(5),
            Self::HeldBodiesFull { .. } | Self::UpstreamBusy { .. } | Self::ProbesBusy { .. } => Some(1),
            _ => None,
        }
        .map(|seconds| seconds.max(1))
    }

    /// The pairs that OAuth Problem Reporting adds to `oauth_problem`, unencoded, and what `reveal` adds to those.
    pub fn problem_pairs(&self, reveal: Reveal) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("oauth_problem", self.code().to_owned())];
        pairs.extend(self.extra_pair());
        if reveal >= Reveal::Diagnosis {
            pairs.push(("oauth_problem_advice", self.to_string()));
        }
        if let (Reveal::BaseString, Self::SignatureMismatch { base_string, .. }) = (reveal, self) {
            pairs.push(("oauth_signature_base_string", base_string.to_string()));
        }
        pairs
    }

    fn extra_pair(&self) -> Option<(&'static str, String)> {
        match self {
            Self::ParametersAbsent(names) => Some(("oauth_parameters_absent", names.join("&"))),
            Self::Token(TokenProblem::VerifierAbsent) => Some(("oauth_parameters_absent", "oauth_verifier".to_owned())),
            Self::Token(TokenProblem::SessionHandleAbsent) => {
                Some(("oauth_parameters_absent", "oauth_session_handle".to_owned()))
            }
            Self::ParametersRepeated { rejected, .. }
            | Self::HeaderParameter { rejected, .. }
            | Self::ParameterRejected { rejected, .. } => Some(("oauth_parameters_rejected", rejected.as_str().to_owned())),
            Self::Malformed(Malformed::BadEscape { name, .. }) => {
                Some(("oauth_parameters_rejected", RejectedParameters::unreadable(name).as_str().to_owned()))
            }
            Self::VersionRejected => Some(("oauth_acceptable_versions", "1.0-1.0".to_owned())),
            Self::SignatureMethodUnknown { acceptable, .. } | Self::SignatureMethodNotTheConsumers { acceptable, .. } => {
                Some(("oauth_acceptable_signature_methods", joined(acceptable, "&")))
            }
            Self::TimestampOutside { acceptable: (from, to), .. } | Self::TimestampForgotten { acceptable: (from, to) } => {
                Some(("oauth_acceptable_timestamps", format!("{}-{}", from.seconds(), to.seconds())))
            }
            _ => None,
        }
    }

    fn facts(&self) -> Facts {
        use Blame::{Client, Operator};
        let problem = |status, code| Facts { status, code, is_problem: true, blame: Client };
        let plain = |status, code, blame| Facts { status, code, is_problem: false, blame };
        match self {
            Self::NoCredentials | Self::OtherScheme => plain(StatusCode::UNAUTHORIZED, "no_credentials", Client),
            Self::ParametersAbsent(_) => problem(StatusCode::BAD_REQUEST, "parameter_absent"),
            Self::SeveralAuthorizations
            | Self::Malformed(_)
            | Self::HeaderParameter { .. }
            | Self::ParametersRepeated { .. }
            | Self::ParameterRejected { .. } => problem(StatusCode::BAD_REQUEST, "parameter_rejected"),
            Self::VersionRejected => problem(StatusCode::BAD_REQUEST, "version_rejected"),
            Self::SignatureMethodUnknown { .. } | Self::SignatureMethodNotTheConsumers { .. } => {
                problem(StatusCode::BAD_REQUEST, "signature_method_rejected")
            }
            Self::ConsumerUnknown { .. } => problem(StatusCode::UNAUTHORIZED, "consumer_key_unknown"),
            Self::ConsumerDisabled | Self::ConsumerExpired => problem(StatusCode::UNAUTHORIZED, "consumer_key_rejected"),
            Self::TimestampOutside { .. } | Self::TimestampForgotten { .. } => {
                problem(StatusCode::UNAUTHORIZED, "timestamp_refused")
            }
            Self::SignatureUndecodable
            | Self::SignatureLength { .. }
            | Self::SignatureMismatch { .. }
            | Self::KeyWithdrawn
            | Self::BodyHashMismatch => problem(StatusCode::UNAUTHORIZED, "signature_invalid"),
            Self::NonceUsed => problem(StatusCode::UNAUTHORIZED, "nonce_used"),
            Self::Token(absent @ (TokenProblem::VerifierAbsent | TokenProblem::SessionHandleAbsent)) => {
                problem(StatusCode::BAD_REQUEST, absent.code())
            }
            Self::Token(token) => problem(StatusCode::UNAUTHORIZED, token.code()),
            Self::TokensUnavailable(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "tokens_unavailable", Operator),
            Self::MethodNotAllowed { .. } => plain(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", Client),
            Self::TwoLeggedDenied | Self::ThreeLeggedDenied | Self::ImpersonationDenied => {
                problem(StatusCode::UNAUTHORIZED, "permission_denied")
            }
            Self::RouteDenied { .. } | Self::DestinationDenied(_) | Self::ConsumerMayNotReach | Self::ConsumerMayNotComeFrom => {
                problem(StatusCode::FORBIDDEN, "permission_denied")
            }
            Self::RateLimited { .. } => plain(StatusCode::TOO_MANY_REQUESTS, "rate_limited", Client),
            Self::TooManyFailures { .. } => plain(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", Client),
            Self::BadRequest(_) | Self::BodyBroken => plain(StatusCode::BAD_REQUEST, "bad_request", Client),
            Self::MethodUnknown => plain(StatusCode::NOT_IMPLEMENTED, "method_unknown", Client),
            Self::TransferCodingUnknown => plain(StatusCode::NOT_IMPLEMENTED, "transfer_coding_unknown", Client),
            Self::FormCoding => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "form_coding", Client),
            Self::TargetTooLong { .. } => plain(StatusCode::URI_TOO_LONG, "target_too_long", Client),
            Self::BodyTooLarge { .. } => plain(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Client),
            Self::BodyTimeout => plain(StatusCode::REQUEST_TIMEOUT, "body_timeout", Client),
            Self::NonceTableFull { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "nonce_table_full", Operator),
            Self::NonceNotWritten { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "nonce_not_written", Operator),
            Self::NonceUnclaimed { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "nonce_unclaimed", Operator),
            Self::HeldBodiesFull { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "held_bodies_full", Operator),
            Self::ProbesBusy { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "probes_busy", Operator),
            Self::UpstreamBusy { .. } => plain(StatusCode::SERVICE_UNAVAILABLE, "upstream_busy", Operator),
            Self::UpstreamUnreachable(_) => plain(StatusCode::BAD_GATEWAY, "upstream_unreachable", Blame::Upstream),
            Self::UpstreamBroken(_) => plain(StatusCode::BAD_GATEWAY, "upstream_broken", Blame::Upstream),
            Self::UpstreamTimeout { .. } => plain(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", Blame::Upstream),
        }
    }
}

fn joined(methods: &[SignatureMethod], separator: &str) -> String {
    methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(separator)
}

/// The realm and the pairs as `WWW-Authenticate: OAuth` carries them (RFC 5849 §3.5.1); the realm is percent-encoded too.
pub fn challenge(realm: &str, pairs: &[(&'static str, String)]) -> String {
    let mut value = format!("OAuth realm=\"{}\"", percent::encode(realm.as_bytes()));
    for (name, text) in pairs {
        value.push_str(&format!(", {name}=\"{}\"", percent::encode(text.as_bytes())));
    }
    value
}

/// The pairs as the body carries them: a form in OAuth's encoding.
pub fn problem_body(pairs: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, text)| format!("{name}={}", percent::encode(text.as_bytes()))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_and_the_body_are_percent_encoded() {
        let refusal = Refusal::ParametersAbsent(vec!["oauth_nonce", "oauth_timestamp"]);
        let pairs = refusal.problem_pairs(Reveal::Code);
        assert_eq!(
            challenge("https://a/", &pairs),
            "OAuth realm=\"https%3A%2F%2Fa%2F\", oauth_problem=\"parameter_absent\", \
             oauth_parameters_absent=\"oauth_nonce%26oauth_timestamp\""
        );
        assert_eq!(problem_body(&pairs), "oauth_problem=parameter_absent&oauth_parameters_absent=oauth_nonce%26oauth_timestamp");
    }

    #[test]
    fn a_wait_is_never_rounded_down_to_nothing() {
        let wait = |millis| Refusal::RateLimited { retry_after: Duration::from_millis(millis) }.retry_after();
        assert_eq!((wait(0), wait(1), wait(1001)), (Some(1), Some(1), Some(2)));
    }
}
