//! The configuration, resolved and valid: what the rest of the program sees. Values not written have their defaults here.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;

use super::admin::AdminSettings;
use super::dance::DanceSettings;
use super::replay::SharedReplay;
use super::tls::{Listener, UpstreamTls};
use crate::oauth::base_string::{Authority, Scheme};
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Window;
use crate::routes::{Routes, Rule};

/// Everything in countersign.yaml.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The public listeners; at least one.
    pub listen: Vec<Listener>,
    /// The backend for all routes that name no other.
    pub upstream: Arc<Upstream>,
    /// The consumers file, or a folder of such files.
    pub consumers: PathBuf,
    /// What clients sign; `None`: taken from each request.
    pub public_url: Option<PublicUrl>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where state is kept over a restart.
    pub state_directory: PathBuf,
    /// Data-plane threads.
    pub threads: NonZeroUsize,
    /// How signatures are checked.
    pub verify: VerifySettings,
    /// The nonce store that several instances share; `None`: this is the only one.
    pub replay: Option<SharedReplay>,
    /// Which requests need one.
    pub routes: Routes,
    /// How the backend is told who was verified.
    pub identity_headers: IdentityHeaders,
    /// What a refusal tells the caller.
    pub refusals: RefusalSettings,
    /// Sizes and counts.
    pub limits: Limits,
    /// Times.
    pub timeouts: Timeouts,
    /// Where lines go.
    pub log: Log,
    /// The three-legged dance; `None`: there is none, and no token is good.
    pub dance: Option<Arc<DanceSettings>>,
    /// The administrator's listener; `None`: there is none.
    pub admin: Option<AdminSettings>,
}

impl Settings {
    /// Where a request that this rule decides goes; without a rule, or without an upstream of its own, where all go.
    pub fn upstream_of<'a>(&'a self, rule: Option<&'a Rule>) -> &'a Arc<Upstream> {
        rule.and_then(|rule| rule.upstream.as_ref()).unwrap_or(&self.upstream)
    }

    /// Gives the rules their lines in the file.
    pub(super) fn place_rules(&mut self, lines: &[usize]) {
        let rules = self.routes.rules().iter().cloned();
        let placed = rules.enumerate().map(|(at, rule)| Rule { line: lines.get(at).copied().unwrap_or(0), ..rule });
        self.routes = Routes::new(placed.collect());
    }
}

/// `upstream`: the backend's servers and how they are spoken to.
#[derive(Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Tried in turn; at least one.
    pub servers: Vec<Server>,
    /// Which Host the backend sees.
    pub host: HostHeader,
    /// Requests in flight to all servers together before the gateway answers 503; `None`: no limit of its own.
    pub max_in_flight: Option<NonZeroUsize>,
    /// How its https servers are spoken to; `None`: it has none.
    pub tls: Option<UpstreamTls>,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Whether it is spoken to in clear text or TLS.
    pub scheme: Scheme,
    /// Host and port as written; the scheme's port if none is.
    pub authority: Authority,
}

impl fmt::Display for Server {
    /// The authority, and the scheme where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => write!(f, "{}", self.authority),
            Scheme::Https => write!(f, "https://{}", self.authority),
        }
    }
}

/// `upstream.host`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostHeader {
    /// The client's own.
    AsReceived,
    /// The server's authority.
    Upstream,
}

/// `public_url`: what clients believe to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Its scheme.
    pub scheme: Scheme,
    /// Its host and port.
    pub authority: Authority,
    /// Its path without a slash at the end: the prefix of the dance's endpoints and the end of the realm, but no part of what is signed.
    pub path: String,
}

/// `verify`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySettings {
    /// For consumers that name none.
    pub signature_methods: Vec<SignatureMethod>,
    /// How old and how far ahead a timestamp may be.
    pub window: Window,
    /// What is asked of bodies that are no form.
    pub body_hash: BodyHashPolicy,
    /// Consumers' keys need this many bits.
    pub min_key_bits: u32,
}

/// `verify.body_hash`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyHashPolicy {
    /// Checked where it is sent.
    IfPresent,
    /// Asked of every request that has a body which is no form.
    Required,
    /// Signed like any parameter, never compared with the body.
    Ignore,
}

/// `identity_headers`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// Carries the consumer key.
    pub consumer: HeaderName,
    /// Carries the user, if there is one.
    pub user: HeaderName,
}

/// `refusals`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalSettings {
    /// How much of the reason the caller is told.
    pub reveal: Reveal,
    /// False: an unknown consumer is told the same as one with a wrong signature.
    pub reveal_unknown_consumer: bool,
}

/// `refusals.reveal`, each including the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reveal {
    /// The problem code and what OAuth Problem Reporting adds to it.
    Code,
    /// The sentence that the operator reads (`oauth_problem_advice`).
    Diagnosis,
    /// The base string that the gateway made (`oauth_signature_base_string`).
    BaseString,
}

/// `limits`; sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A request head.
    pub header: usize,
    /// A request target.
    pub target: usize,
    /// A body that is held because it is signed.
    pub signed_body: usize,
    /// All held bodies together.
    pub held_bodies: usize,
    /// Parameters of one request.
    pub parameters: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Live nonces.
    pub nonces: usize,
    /// Live nonces of one consumer.
    pub nonces_per_consumer: usize,
    /// The consumers file.
    pub consumers_file: usize,
    /// HTTP/2 streams of one connection.
    pub h2_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: 32 * KIB,
            target: 8 * KIB,
            signed_body: MIB,
            held_bodies: 64 * MIB,
            parameters: 10_000,
            connections: 10_000,
            connections_per_address: 1_000,
            nonces: 4_000_000,
            nonces_per_consumer: 2_000_000,
            consumers_file: 128 * MIB,
            h2_streams: 64,
        }
    }
}

/// `timeouts`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request head, from its first byte.
    pub header: Duration,
    /// Between two pieces of a request body, and for a client to take a piece of the answer.
    pub body: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
    /// For a connection to the backend.
    pub connect: Duration,
    /// For the backend's answer to begin, and between two pieces of it.
    pub response: Duration,
    /// For requests in flight when the gateway is told to stop.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}

/// `log`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How diagnostics look; the access log is always JSON.
    pub format: LogFormat,
    /// Which diagnostics are written.
    pub level: LogLevel,
    /// Where the access log and diagnostics go.
    pub file: LogTarget,
    /// Where changes to consumers are recorded.
    pub audit: LogTarget,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: LogLevel::Info, file: LogTarget::Stderr, audit: LogTarget::Stderr }
    }
}

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// `log.level`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs somebody.
    Error,
    /// And what may.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And everything else; still no secrets.
    Trace,
}

/// `log.file`, `log.audit`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error, which the service manager keeps.
    Stderr,
    /// A file, appended to, opened again on SIGHUP.
    File(PathBuf),
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
