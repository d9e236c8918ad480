//! What the demo plays on: a running gateway with one consumer, an application behind it, and the consumer's key.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::application::Application;
use super::folder::Folder;
use super::scene::{Played, Scene};
use crate::cli::failure::Failure;
use crate::cli::keygen;
use crate::cli::signing::SigningKey;
use crate::clock::Clock;
use crate::config::{
    BodyHashPolicy, HostHeader, IdentityHeaders, Limits, Log, LogTarget, RefusalSettings, Reveal, Server, Settings, Timeouts,
    Upstream, VerifySettings,
};
use crate::consumers::{Consumer, ConsumerKey, ConsumerList, TwoLegged};
use crate::oauth::base_string::Authority;
use crate::oauth::key::{MIN_BITS, PublicKey};
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Window;
use crate::observe::Sink;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::serve::Running;

/// The consumer's key.
pub(super) const CONSUMER: &str = "demo";

pub(super) struct Stage {
    pub(super) key: SigningKey,
    pub(super) application: Application,
    gateway: Running,
    address: SocketAddr,
    access_log: PathBuf,
}

impl Stage {
    /// Makes the key, starts the application and the gateway on free ports.
    pub(super) async fn set(folder: &Folder) -> Result<Self, Failure> {
        let key = SigningKey::generate(2048)?;
        let pem = key.to_pem()?;
        keygen::create(&folder.path("demo.pem"), keygen::PRIVATE_MODE, &pem.private).map_err(super::cannot_start)?;
        let application = Application::start().await.map_err(super::cannot_start)?;
        let access_log = folder.path("access.log");
        let settings = settings(folder, application.address(), &access_log)?;
        let sink = Sink::open(&settings.log.file).map_err(super::cannot_start)?;
        let policy = Policy { settings: Arc::new(settings), consumers: Arc::new(consumers(&pem.public)?) };
        let gateway = Running::start(Arc::new(ArcSwap::from_pointee(policy)), sink, Clock::System)
            .map_err(|error| Failure::new(error.to_string()).hint(error.hint()))?;
        let address = *gateway.addresses().first().ok_or_else(|| Failure::new("the gateway has no address"))?;
        Ok(Self { key, application, gateway, address, access_log })
    }

    /// The gateway's URL of a target.
    pub(super) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Sends the request, and gathers what came of it at both ends and in the log.
    pub(super) async fn play(&self, scene: &Scene) -> Result<Played, Failure> {
        let lines_before = self.log_lines().len();
        let response = self.send(scene).await.map_err(|error| Failure::new(format!("the gateway gave no answer: {error}")))?;
        let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let log = self.log_line(lines_before).await;
        Ok(Played {
            status: response.status(),
            problem: challenge.and_then(|challenge| problem_of(&challenge)),
            text: String::from_utf8_lossy(response.body()).trim().to_owned(),
            log,
            seen: self.application.take_seen(),
        })
    }

    pub(super) fn sweep(&self) {
        self.gateway.sweep();
    }

    /// Ends the gateway.
    pub(super) async fn strike(self) {
        self.gateway.stop(Duration::from_secs(1)).await;
    }

    async fn send(&self, scene: &Scene) -> Result<Response<Bytes>, Box<dyn std::error::Error>> {
        let mut request = Request::get(scene.target).header(HOST, self.address.to_string());
        if let Some(authorization) = &scene.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (parts, body) = sender.send_request(request.body(Empty::<Bytes>::new())?).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }

    /// The line that the access log got for the last request; it is written when the answer has gone out.
    async fn log_line(&self, lines_before: usize) -> String {
        for _ in 0..LOG_TRIES {
            if let Some(line) = self.log_lines().get(lines_before) {
                let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                let text = |field: &str| entry[field].as_str().map(str::to_owned);
                let admitted = || format!("{} as {}", text("verdict").unwrap_or_default(), text("consumer").unwrap_or_default());
                return text("reason").unwrap_or_else(admitted);
            }
            self.gateway.shared().sink.flush();
            tokio::time::sleep(LOG_PAUSE).await;
        }
        "(nothing was logged)".to_owned()
    }

    fn log_lines(&self) -> Vec<String> {
        fs::read_to_string(&self.access_log).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// `oauth_problem` of a WWW-Authenticate header.
fn problem_of(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("oauth_problem=\"")?;
    rest.split_once('"').map(|(problem, _)| problem.to_owned())
}

fn settings(folder: &Folder, upstream: SocketAddr, access_log: &std::path::Path) -> Result<Settings, Failure> {
    let authority = Authority::parse(&upstream.to_string()).ok_or_else(|| Failure::new("no address for the application"))?;
    let upstream = Upstream { servers: vec![Server { authority }], host: HostHeader::AsReceived, max_in_flight: None };
    Ok(Settings {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        upstream: Arc::new(upstream),
        consumers: folder.path("consumers.yaml"),
        public_url: None,
        trusted_proxies: Vec::new(),
        state_directory: folder.path("state"),
        threads: NonZeroUsize::MIN,
        verify: VerifySettings {
            signature_methods: vec![SignatureMethod::RsaSha1],
            window: Window { max_age: 300, max_ahead: 300 },
            body_hash: BodyHashPolicy::IfPresent,
            min_key_bits: MIN_BITS,
        },
        routes: Routes::default(),
        identity_headers: IdentityHeaders {
            consumer: HeaderName::from_static("x-oauth-consumer"),
            user: HeaderName::from_static("x-forwarded-user"),
        },
        refusals: RefusalSettings { reveal: Reveal::Code, reveal_unknown_consumer: true },
        limits: Limits::default(),
        timeouts: Timeouts::default(),
        log: Log { file: LogTarget::File(access_log.to_owned()), ..Log::default() },
    })
}

fn consumers(public_key: &str) -> Result<ConsumerList, Failure> {
    let (public_key, _) = PublicKey::from_text(public_key).map_err(|error| Failure::new(error.to_string()))?;
    let key = ConsumerKey::new(CONSUMER).ok_or_else(|| Failure::new("no consumer key"))?;
    Ok(ConsumerList::new([Consumer {
        key,
        name: "Demo".to_owned(),
        description: String::new(),
        public_keys: vec![Arc::new(public_key)],
        callback_url: None,
        enabled: true,
        signature_methods: vec![SignatureMethod::RsaSha1],
        three_legged: false,
        two_legged: TwoLegged::default(),
        allow: None,
        allow_from: None,
        rate_limit: None,
        expires: None,
        allow_oauth_1_0: false,
        reveal: None,
    }]))
}

/// Two seconds together; a line is there within milliseconds.
const LOG_TRIES: u32 = 200;
const LOG_PAUSE: Duration = Duration::from_millis(10);
