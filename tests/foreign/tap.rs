//! A wire tap between a client and the gateway: what the client signs is seen as it is sent, and is sent in three versions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::support::jira::small_jira;
use crate::support::{Backend, Client, Gateway, Request, Response, response};

/// A client's request, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) sent: Request,
    /// The same signature on another path, sent first: a nonce that this used up would spoil the answer.
    pub(crate) tampered: Verdict,
    /// The request as it came; the client gets this answer.
    pub(crate) answer: Verdict,
    /// The request once more.
    pub(crate) replay: Verdict,
}

/// The gateway's answer, and what it had sent to the application before.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) response: Response,
    pub(crate) reached: Vec<Request>,
}

/// What reached the application so far.
type Log = Arc<Mutex<Vec<Request>>>;

/// A gateway with an application behind it and a tap before it.
pub(crate) struct Tap {
    backend: Backend,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    #[expect(dead_code, reason = "held so that they run")]
    behind: (Gateway, Backend),
}

impl Tap {
    /// `configure` gets a builder that lacks only what the test wants to be different.
    pub(crate) fn start(configure: impl FnOnce(crate::support::gateway::Builder) -> crate::support::gateway::Builder) -> Self {
        let log = Log::default();
        let seen = Arc::clone(&log);
        let application = Backend::answering(move |request| {
            seen.lock().unwrap().push(request.clone());
            small_jira(request, "x-oauth-consumer")
        });
        let gateway = configure(Gateway::builder().upstream(&application)).start();
        let exchanges = Arc::<Mutex<Vec<Exchange>>>::default();
        let (kept, address) = (Arc::clone(&exchanges), gateway.address());
        // Without public_url the gateway verifies for the Host that the client named, which is the tap's.
        let backend = Backend::scripted(move |wire| {
            while let Some(sent) = wire.request() {
                let exchange = exchange(address, &sent, &log);
                // A client that asks for the end of the connection may read until it comes, as PHP's does.
                let last = sent.values("connection").iter().any(|value| value.to_ascii_lowercase().contains("close"));
                let answer = back(&exchange.answer.response, last);
                kept.lock().unwrap().push(exchange);
                if !wire.send(&answer) || last {
                    return;
                }
            }
        });
        Self { backend, exchanges, behind: (gateway, application) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.backend.address())
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }
}

fn exchange(gateway: SocketAddr, sent: &Request, log: &Log) -> Exchange {
    let ask = |request: &Request| {
        let before = log.lock().unwrap().len();
        let response = Client::connect(gateway).ask(bytes(request));
        Verdict { response, reached: log.lock().unwrap()[before..].to_vec() }
    };
    let (path, rest) = sent.target.split_at(sent.path().len());
    let tampered = ask(&Request { target: format!("{path}x{rest}"), ..sent.clone() });
    Exchange { sent: sent.clone(), tampered, answer: ask(sent), replay: ask(sent) }
}

/// The gateway's answer on the client's connection.
fn back(answer: &Response, last: bool) -> Vec<u8> {
    let hop = |name: &str| ["content-length", "transfer-encoding", "connection"].contains(&&*name.to_ascii_lowercase());
    let fields = answer.fields.iter().filter(|(name, _)| !hop(name)).map(|(name, value)| (&**name, &**value));
    let connection = ("Connection", if last { "close" } else { "keep-alive" });
    response(answer.status, &fields.chain([connection]).collect::<Vec<_>>(), &answer.body)
}

/// A request as it came.
fn bytes(request: &Request) -> Vec<u8> {
    assert!(request.values("transfer-encoding").is_empty(), "this tap passes on bodies of a known length: {request:?}");
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", &request.body].concat()
}
