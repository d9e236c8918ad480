//! What a request claims, and whom it names: read from its parameters, nothing proved.

use std::sync::Arc;

use super::head::Authorization;
use super::inbound::InboundRequest;
use crate::consumers::{Consumer, ConsumerList};
use crate::oauth::nonce::Nonce;
use crate::oauth::parameters::Parameters;
use crate::oauth::signature::{Signature, SignatureMethod};
use crate::oauth::timestamp::Timestamp;
use crate::refusal::Refusal;

/// A request whose protocol parameters are complete, single and well-formed (RFC 5849 §3.1, §3.2).
#[derive(Debug)]
pub struct SignedRequest {
    pub(super) inbound: InboundRequest,
    pub(super) parameters: Parameters,
    pub(super) claims: Claims,
}

/// The protocol parameters, decoded.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) consumer_key: String,
    /// Empty for a request without a token.
    pub(super) token: Vec<u8>,
    pub(super) method: SignatureMethod,
    /// `None` if the value is no base64; said only after the cheaper checks.
    pub(super) signature: Option<Signature>,
    pub(super) timestamp: Timestamp,
    pub(super) nonce: Nonce,
}

/// A request that names a consumer which exists and is active. It may still be anybody's.
#[derive(Debug)]
pub struct IdentifiedRequest {
    pub(super) signed: SignedRequest,
    pub(super) candidate: Arc<Consumer>,
}

impl InboundRequest {
    /// Reads the claims. A form body must have been held before.
    ///
    /// # Errors
    /// 400-class refusals: absent, repeated, malformed or unacceptable parameters, in that order.
    pub fn parse_oauth(self, parameter_limit: usize) -> Result<SignedRequest, Refusal> {
        if self.authorization == Authorization::Several {
            return Err(Refusal::SeveralAuthorizations);
        }
        let parameters = Parameters::collect(self.raw_parameters(), parameter_limit).map_err(Refusal::Malformed)?;
        let claims = Claims::read(&parameters)?;
        Ok(SignedRequest { inbound: self, parameters, claims })
    }
}

impl SignedRequest {
    /// Looks up the consumer.
    ///
    /// # Errors
    /// [`Refusal::ConsumerUnknown`], [`Refusal::ConsumerDisabled`] or [`Refusal::ConsumerExpired`].
    pub fn identify(self, consumers: &ConsumerList, now: Timestamp) -> Result<IdentifiedRequest, Refusal> {
        let Some(candidate) = consumers.get(&self.claims.consumer_key) else {
            return Err(Refusal::ConsumerUnknown { key: self.claims.consumer_key });
        };
        match candidate {
            consumer if !consumer.enabled => Err(Refusal::ConsumerDisabled),
            consumer if !consumer.is_active(now) => Err(Refusal::ConsumerExpired),
            consumer => Ok(IdentifiedRequest { candidate: Arc::clone(consumer), signed: self }),
        }
    }

    /// The consumer key that the request claims, for the log.
    pub fn claimed_key(&self) -> &str {
        &self.claims.consumer_key
    }

    /// The claimed timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.claims.timestamp
    }

    /// The claimed method.
    pub fn signature_method(&self) -> SignatureMethod {
        self.claims.method
    }
}

impl Claims {
    fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let absent: Vec<&'static str> = REQUIRED.into_iter().filter(|name| parameters.protocol(name).is_none()).collect();
        if !absent.is_empty() {
            return Err(Refusal::ParametersAbsent(absent));
        }
        let repeated = parameters.repeated_protocol();
        if !repeated.is_empty() {
            return Err(Refusal::ParametersRepeated(repeated));
        }
        let value = |name| parameters.protocol(name).unwrap_or_default();
        let method = read_method(&value("oauth_signature_method"))?;
        if parameters.protocol("oauth_version").is_some_and(|version| &*version != b"1.0") {
            return Err(Refusal::VersionRejected);
        }
        let signature = value("oauth_signature");
        if signature.is_empty() {
            return Err(Refusal::ParameterRejected { name: "oauth_signature", expected: "a signature, not empty" });
        }
        Ok(Self {
            consumer_key: read_consumer_key(&value("oauth_consumer_key"))?,
            token: value("oauth_token").into_owned(),
            method,
            signature: Signature::decode(&signature),
            timestamp: Timestamp::parse(&value("oauth_timestamp")).ok_or(Refusal::ParameterRejected {
                name: "oauth_timestamp",
                expected: "the whole seconds since 1970 in at most 16 digits and nothing else",
            })?,
            nonce: Nonce::new(value("oauth_nonce"))
                .ok_or(Refusal::ParameterRejected { name: "oauth_nonce", expected: "1 to 255 bytes long" })?,
        })
    }
}

/// RFC 5849 §3.1; `oauth_token` may be left out and `oauth_version` is optional.
const REQUIRED: [&str; 5] = ["oauth_consumer_key", "oauth_signature_method", "oauth_signature", "oauth_timestamp", "oauth_nonce"];

fn read_method(value: &[u8]) -> Result<SignatureMethod, Refusal> {
    SignatureMethod::parse(value).ok_or_else(|| Refusal::SignatureMethodUnknown {
        given: String::from_utf8_lossy(value).into_owned(),
        acceptable: SignatureMethod::ALL.to_vec(),
    })
}

/// Keys are compared byte for byte; one that is no UTF-8 is no key of any consumer and is only shown.
fn read_consumer_key(value: &[u8]) -> Result<String, Refusal> {
    match value {
        [] => Err(Refusal::ParameterRejected { name: "oauth_consumer_key", expected: "a consumer's key, not empty" }),
        bytes => String::from_utf8(bytes.to_vec())
            .map_err(|_| Refusal::ConsumerUnknown { key: String::from_utf8_lossy(bytes).into_owned() }),
    }
}
