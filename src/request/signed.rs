//! What a request claims, and whom it names: read from its parameters, nothing proved.

use std::sync::Arc;

use super::head::Authorization;
use super::inbound::InboundRequest;
use crate::config::Settings;
use crate::consumers::{Consumer, ConsumerList};
use crate::oauth::nonce::Nonce;
use crate::oauth::parameters::Parameters;
use crate::oauth::signature::{Signature, SignatureMethod};
use crate::oauth::timestamp::Timestamp;
use crate::policy::Policy;
use crate::refusal::{Refusal, RejectedParameters};

/// A request whose protocol parameters are complete, single and well-formed (RFC 5849 §3.1, §3.2).
#[derive(Debug)]
pub struct SignedRequest {
    pub(super) inbound: Box<InboundRequest>,
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
    pub fn parse_oauth(self: Box<Self>, settings: &Settings) -> Result<SignedRequest, Refusal> {
        let parameters = self.parameters(settings)?;
        let claims = Claims::read(&parameters, settings)?;
        Ok(SignedRequest { inbound: self, parameters, claims })
    }

    /// What can be said before a form body is read, as it must be before `100 Continue`: a header or query that is
    /// complete without the form is judged as far as it goes, all but the signature itself.
    pub(super) fn check_before_the_body(&self, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
        if !self.carries_credentials() {
            return Ok(());
        }
        let settings = &policy.settings;
        let parameters = self.parameters(settings)?;
        if !REQUIRED.iter().all(|name| parameters.has_protocol(name)) {
            return Ok(());
        }
        let claims = Claims::read(&parameters, settings)?;
        match claims.judge(policy, now) {
            // Where unknown consumers must not be told apart, the body is read for them as for any other.
            Err(refusal) if refusal.tells_consumers_apart() && !settings.refusals.reveal_unknown_consumer => Ok(()),
            judged => judged.map(|_| ()),
        }
    }

    /// The consumer key that header or query claim, for the log of what is refused before its body is read.
    pub(crate) fn claimed_key(&self, settings: &Settings) -> Option<String> {
        let parameters = self.parameters(settings).ok()?;
        parameters.protocol("oauth_consumer_key").and_then(|key| String::from_utf8(key.into_owned()).ok())
    }

    pub(super) fn parameters(&self, settings: &Settings) -> Result<Parameters, Refusal> {
        if self.authorization == Authorization::Several {
            return Err(Refusal::SeveralAuthorizations);
        }
        Parameters::collect(self.raw_parameters(), settings.limits.parameters).map_err(Refusal::Malformed)
    }
}

impl SignedRequest {
    /// Looks up the consumer, and judges all claims that need no proof: its state, the method, the time.
    ///
    /// # Errors
    /// The refusal that belongs to the first claim that does not stand.
    pub fn identify(self, policy: &Policy, now: Timestamp) -> Result<IdentifiedRequest, Refusal> {
        let candidate = Arc::clone(self.claims.judge(policy, now)?);
        Ok(IdentifiedRequest { candidate, signed: self })
    }

    /// The consumer key that the request claims, for the log.
    pub fn claimed_key(&self) -> &str {
        &self.claims.consumer_key
    }
}

impl Claims {
    /// What can be said of the claims without a proof: whom they name, with which method, at what time.
    ///
    /// Where unknown consumers must not be told apart, the time comes first: it alone is judged of all alike, and is said.
    pub(super) fn judge<'c>(&self, policy: &'c Policy, now: Timestamp) -> Result<&'c Arc<Consumer>, Refusal> {
        let settings = &policy.settings;
        if !settings.refusals.reveal_unknown_consumer {
            self.check_time(settings, now)?;
        }
        let identified = self.identify(&policy.consumers, now)?;
        self.check_method(&identified.signature_methods)?;
        self.check_time(settings, now)?;
        Ok(identified)
    }

    fn identify<'c>(&self, consumers: &'c ConsumerList, now: Timestamp) -> Result<&'c Arc<Consumer>, Refusal> {
        match consumers.get(&self.consumer_key) {
            None => Err(Refusal::ConsumerUnknown { key: self.consumer_key.clone() }),
            Some(consumer) if !consumer.enabled => Err(Refusal::ConsumerDisabled),
            Some(consumer) if !consumer.is_active(now) => Err(Refusal::ConsumerExpired),
            Some(consumer) => Ok(consumer),
        }
    }

    /// The method is the consumer's property, never the request's choice.
    fn check_method(&self, acceptable: &[SignatureMethod]) -> Result<(), Refusal> {
        if acceptable.contains(&self.method) {
            return Ok(());
        }
        Err(Refusal::SignatureMethodNotTheConsumers { given: self.method, acceptable: acceptable.to_vec() })
    }

    fn check_time(&self, settings: &Settings, now: Timestamp) -> Result<(), Refusal> {
        let window = settings.verify.window;
        let outside = window.check(self.timestamp, now);
        outside.map_err(|outside| Refusal::TimestampOutside { outside, acceptable: window.acceptable(now) })
    }

    /// A signature of another length than any of the keys' is wrong without an RSA operation.
    pub(super) fn check_length(&self, consumer: &Consumer) -> Result<&Signature, Refusal> {
        let signature = self.signature.as_ref().ok_or(Refusal::SignatureUndecodable)?;
        let actual = signature.as_bytes().len();
        let mut lengths = consumer.public_keys.iter().map(|key| key.signature_len());
        match lengths.next() {
            Some(first) if first != actual && !lengths.any(|length| length == actual) => {
                Err(Refusal::SignatureLength { expected: first, actual })
            }
            _ => Ok(signature),
        }
    }

    fn read(parameters: &Parameters, settings: &Settings) -> Result<Self, Refusal> {
        let absent: Vec<&'static str> = REQUIRED.into_iter().filter(|name| !parameters.has_protocol(name)).collect();
        if !absent.is_empty() {
            return Err(Refusal::ParametersAbsent(absent));
        }
        let names = parameters.repeated_protocol();
        if !names.is_empty() {
            let rejected = RejectedParameters::named(parameters, names.iter().map(String::as_str));
            return Err(Refusal::ParametersRepeated { names, rejected });
        }
        if let Some(name) = parameters.foreign_in_header() {
            let rejected = RejectedParameters::named(parameters, [name.as_str()]);
            return Err(Refusal::HeaderParameter { name, rejected });
        }
        let value = |name| parameters.protocol(name).unwrap_or_default();
        let rejected = |name, expected| {
            let rejected = RejectedParameters::named(parameters, [name]);
            Refusal::ParameterRejected { name, expected, rejected }
        };
        let method = read_method(&value("oauth_signature_method"), settings)?;
        if parameters.protocol("oauth_version").is_some_and(|version| &*version != b"1.0") {
            return Err(Refusal::VersionRejected);
        }
        let signature = parameters.signature().unwrap_or_default();
        if signature.is_empty() {
            return Err(rejected("oauth_signature", "a signature, not empty"));
        }
        let consumer_key = value("oauth_consumer_key");
        if consumer_key.is_empty() {
            return Err(rejected("oauth_consumer_key", "a consumer's key, not empty"));
        }
        let seconds = "the whole seconds since 1970 in at most 16 digits and nothing else";
        Ok(Self {
            consumer_key: read_consumer_key(&consumer_key)?,
            token: value("oauth_token").into_owned(),
            method,
            signature: Signature::decode(signature),
            timestamp: Timestamp::parse(&value("oauth_timestamp")).ok_or_else(|| rejected("oauth_timestamp", seconds))?,
            nonce: Nonce::new(value("oauth_nonce")).ok_or_else(|| rejected("oauth_nonce", "1 to 255 bytes long"))?,
        })
    }
}

/// RFC 5849 §3.1; `oauth_token` may be left out and `oauth_version` is optional.
const REQUIRED: [&str; 5] = ["oauth_consumer_key", "oauth_signature_method", "oauth_signature", "oauth_timestamp", "oauth_nonce"];

fn read_method(value: &[u8], settings: &Settings) -> Result<SignatureMethod, Refusal> {
    SignatureMethod::parse(value).ok_or_else(|| Refusal::SignatureMethodUnknown {
        given: String::from_utf8_lossy(value).into_owned(),
        acceptable: settings.verify.signature_methods.clone(),
    })
}

/// Keys are compared byte for byte; one that is no UTF-8 is no key of any consumer and is only shown.
fn read_consumer_key(value: &[u8]) -> Result<String, Refusal> {
    let unknown = |_| Refusal::ConsumerUnknown { key: String::from_utf8_lossy(value).into_owned() };
    String::from_utf8(value.to_vec()).map_err(unknown)
}
