//! What the demo plays on: a running gateway with one consumer, an application behind it, and the consumer's key.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{Request, Response};
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
use crate::config::Source;
use crate::consumers::reload::{self, ReloadThread, Reloader};
use crate::observe::{Audit, Sink};
use crate::serve::Running;
use crate::sockets::PassedSockets;
use crate::yaml::Problems;

/// The consumer's key.
pub(super) const CONSUMER: &str = "demo";

pub(super) struct Stage {
    pub(super) key: SigningKey,
    pub(super) application: Application,
    gateway: Running,
    address: SocketAddr,
    access_log: PathBuf,
    /// Watches the two files as long as the demo is up.
    _reloading: ReloadThread,
}

impl Stage {
    /// Makes the key and the files, starts the application and the gateway on free ports.
    pub(super) async fn set(folder: &Folder) -> Result<Self, Failure> {
        let key = SigningKey::generate(2048)?;
        let pem = key.to_pem()?;
        let application = Application::start().await.map_err(super::cannot_start)?;
        let entry = keygen::yaml_entry(CONSUMER, "Demo", &pem)?;
        let files = [
            ("demo.pem", &pem.private),
            ("consumers.yaml", &format!("consumers:\n{entry}")),
            ("countersign.yaml", &configuration(application.address())),
        ];
        for (name, text) in files {
            keygen::create(&folder.path(name), keygen::PRIVATE_MODE, text).map_err(super::cannot_start)?;
        }
        let source = Source::File(folder.path("countersign.yaml"));
        let (reloader, _) = Reloader::start(source).map_err(|problems| unusable(&problems))?;
        let policy = reloader.policy();
        let log = policy.load().settings.log.clone();
        let sink = Sink::open(&log.file).map_err(super::cannot_start)?;
        let audit = Audit::open(&log, &sink).map_err(super::cannot_start)?;
        let gateway = Running::start(policy, sink, audit, Clock::System, PassedSockets::default())
            .map_err(|error| Failure::new(error.to_string()).hint(error.hint()))?;
        let (address, _) = *gateway.listening().first().ok_or_else(|| Failure::new("the gateway has no address"))?;
        let reloading = reload::spawn(reloader).map_err(super::cannot_start)?;
        Ok(Self { key, application, gateway, address, access_log: folder.path("access.log"), _reloading: reloading })
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
        self.gateway.stop(tokio::time::sleep(Duration::from_secs(1))).await;
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

/// A real countersign.yaml: what is not written has its default.
fn configuration(upstream: SocketAddr) -> String {
    format!(
        "listen: 127.0.0.1:0\nupstream: http://{upstream}\nconsumers: consumers.yaml\nstate_directory: state\n\
         threads: 1\nlog: {{ file: access.log }}\n"
    )
}

fn unusable(problems: &Problems) -> Failure {
    Failure::new(format!("the demo's own configuration has problems: {problems}"))
}

/// Two seconds together; a line is there within milliseconds.
const LOG_TRIES: u32 = 200;
const LOG_PAUSE: Duration = Duration::from_millis(10);
