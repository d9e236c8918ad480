//! A consumer and the list of them, valid by construction.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};
use http::Method;
use ipnet::IpNet;

use super::upstream_authorization::UpstreamAuthorization;
use crate::config::Reveal;
use crate::oauth::key::PublicKey;
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Timestamp;
use crate::observe::ConsumerActivity;
use crate::request::is_in;
use crate::routes::Allow;

/// `oauth_consumer_key`: 1 to [`ConsumerKey::MAX`] bytes without control characters; compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerKey(Arc<str>);

impl ConsumerKey {
    /// The longest key, in bytes: what the old providers' column held.
    pub const MAX: usize = 255;

    /// # Errors
    /// `None` for an empty or over-long key, or one with control characters.
    pub fn new(text: &str) -> Option<Self> {
        let valid = !text.is_empty() && text.len() <= Self::MAX && !text.chars().any(char::is_control);
        valid.then(|| Self(text.into()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ConsumerKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Somebody who signs requests with a private RSA key. Two are equal if they were configured alike.
#[derive(Debug, PartialEq)]
pub struct Consumer {
    /// Who it is on the wire.
    pub key: ConsumerKey,
    /// Shown to people.
    pub name: String,
    /// Shown to people.
    pub description: String,
    /// One, or several while a key is rolled over; never empty.
    pub public_keys: Vec<Arc<PublicKey>>,
    /// Where authorization comes back to when the consumer sends no callback.
    pub callback_url: Option<String>,
    /// False: every request is refused.
    pub enabled: bool,
    /// What it may sign with; never empty.
    pub signature_methods: Vec<SignatureMethod>,
    /// Whether it may ask for tokens.
    pub three_legged: bool,
    /// What it may do without a token.
    pub two_legged: TwoLegged,
    /// What it may reach; `None`: everything that the routes allow.
    pub allow: Option<Vec<Allow>>,
    /// Where it may come from; `None`: anywhere.
    pub allow_from: Option<Vec<IpNet>>,
    /// How often it may call.
    pub rate_limit: Option<RateLimit>,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// Whether it may leave out `oauth_callback` (OAuth 1.0, open to session fixation).
    pub allow_oauth_1_0: bool,
    /// The credential that the backend gets with its requests; `None`: none.
    pub upstream_authorization: Option<UpstreamAuthorization>,
    /// What its refusals tell it; `None`: as configured for all.
    pub reveal: Option<Reveal>,
    /// What it has done lately.
    pub activity: Arc<ConsumerActivity>,
}

/// What a consumer may do without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoLegged {
    /// Whether it may at all.
    pub allowed: bool,
    /// The user that the backend is told; `None`: the consumer and no user.
    pub execute_as: Option<String>,
    /// Whether it may name the user itself (`xoauth_requestor_id`).
    pub impersonation: bool,
}

impl Default for TwoLegged {
    fn default() -> Self {
        Self { allowed: true, execute_as: None, impersonation: false }
    }
}

impl Consumer {
    /// Whether it can be used at `now`: enabled, and not past its expiry.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.enabled && self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether it can be used at `now`, in a word: `enabled`, `disabled` or `expired`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (self.enabled, self.is_active(now)) {
            (false, _) => "disabled",
            (true, true) => "enabled",
            (true, false) => "expired",
        }
    }

    /// The settings that are others in `newer`, by their names in the file.
    pub fn differences(&self, newer: &Self) -> Vec<&'static str> {
        // All by name, so that no setting is forgotten here that comes in later.
        let Self {
            key: _,
            name,
            description,
            public_keys,
            callback_url,
            enabled,
            signature_methods,
            three_legged,
            two_legged,
            allow,
            allow_from,
            rate_limit,
            expires,
            allow_oauth_1_0,
            upstream_authorization,
            reveal,
            activity: _,
        } = self;
        let differences = [
            ("name", *name != newer.name),
            ("description", *description != newer.description),
            ("public_keys", *public_keys != newer.public_keys),
            ("callback_url", *callback_url != newer.callback_url),
            ("enabled", *enabled != newer.enabled),
            ("signature_methods", *signature_methods != newer.signature_methods),
            ("three_legged", *three_legged != newer.three_legged),
            ("two_legged", *two_legged != newer.two_legged),
            ("allow", *allow != newer.allow),
            ("allow_from", *allow_from != newer.allow_from),
            ("rate_limit", *rate_limit != newer.rate_limit),
            ("expires", *expires != newer.expires),
            ("allow_oauth_1_0", *allow_oauth_1_0 != newer.allow_oauth_1_0),
            ("upstream_authorization", *upstream_authorization != newer.upstream_authorization),
            ("refusals", *reveal != newer.reveal),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Whether `allow` covers the request.
    pub fn may_reach(&self, method: &Method, raw_path: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.iter().any(|entry| entry.covers(method, raw_path)))
    }

    /// Whether `allow_from` covers the address.
    pub fn may_come_from(&self, address: IpAddr) -> bool {
        self.allow_from.as_ref().is_none_or(|nets| is_in(nets, address))
    }
}

/// `rate_limit: { requests, per }` and its running state.
pub struct RateLimit {
    requests: NonZeroU32,
    per: Duration,
    limiter: Arc<DefaultDirectRateLimiter>,
}

impl RateLimit {
    /// `requests` at once, and refilled evenly over `per`.
    ///
    /// # Errors
    /// `None` if `per` is too short to be divided by `requests` (less than a nanosecond each).
    pub fn new(requests: NonZeroU32, per: Duration) -> Option<Self> {
        let quota = Quota::with_period(per / requests.get())?.allow_burst(requests);
        Some(Self { requests, per, limiter: Arc::new(DefaultDirectRateLimiter::direct(quota)) })
    }

    /// Takes one request from the budget.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn take(&self) -> Result<(), Duration> {
        use governor::clock::{Clock, DefaultClock};
        self.limiter.check().map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// The same limit with the state of `older`, if that had the same numbers: a reload gives nobody a fresh budget.
    #[must_use]
    pub fn continuing(self, older: &Self) -> Self {
        if &self == older { Self { limiter: Arc::clone(&older.limiter), ..self } } else { self }
    }
}

impl PartialEq for RateLimit {
    fn eq(&self, other: &Self) -> bool {
        (self.requests, self.per) == (other.requests, other.per)
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({} per {:?})", self.requests, self.per)
    }
}

/// An immutable list, as one reading of the file gave it.
#[derive(Debug, Default)]
pub struct ConsumerList {
    by_key: HashMap<ConsumerKey, Arc<Consumer>>,
}

impl ConsumerList {
    /// A list of consumers with distinct keys; of two with the same key the reader has made a problem already.
    pub fn new(consumers: impl IntoIterator<Item = Consumer>) -> Self {
        Self::shared(consumers.into_iter().map(Arc::new))
    }

    /// As [`Self::new`], of consumers that may be in another list too.
    pub fn shared(consumers: impl IntoIterator<Item = Arc<Consumer>>) -> Self {
        Self { by_key: consumers.into_iter().map(|consumer| (consumer.key.clone(), consumer)).collect() }
    }

    /// The consumer with exactly this key.
    pub fn get(&self, key: &str) -> Option<&Arc<Consumer>> {
        self.by_key.get(key)
    }

    /// All consumers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Consumer>> {
        self.by_key.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}
