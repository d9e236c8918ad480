//! Connections to the backend, kept alive and used again; one pool for each data-plane thread, so nothing is locked.
//!
//! A connection goes back only when both messages on it are complete and nothing else came: what a backend sends
//! unasked is never anybody's answer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::READ_AHEAD;
use super::stream::Stream;
use crate::config::{HostHeader, Server, Timeouts, Upstream};
use crate::oauth::base_string::Scheme;
use crate::refusal::Refusal;
use crate::request::{BodyError, OutgoingBody, Progress};
use crate::tls::Connector;

/// Idle connections by server.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: RefCell<HashMap<Key, Vec<Idle>>>,
    next: Cell<usize>,
}

/// What connections have to have in common to stand for each other: the server, and how TLS is spoken with it (0: not at
/// all). After a change of authorities or of the client certificate none from before is used again.
type Key = (Server, u64);

#[derive(Debug)]
struct Idle {
    sender: SendRequest<OutgoingBody>,
    since: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Lease {
    sender: SendRequest<OutgoingBody>,
    key: Key,
    /// Whether it answered a request before.
    reused: bool,
    /// Whether it is closed after this answer, whatever the backend thinks.
    last: bool,
    pool: Rc<Pool>,
}

impl Pool {
    /// Sends a request and waits for the head of the answer.
    ///
    /// A connection that turns out to be closed before anything of the request was written is replaced by a fresh one.
    /// One that breaks after that is replaced only for a request that may be sent twice (GET, HEAD or OPTIONS without a
    /// body, RFC 9110 §9.2.2): no POST is delivered twice.
    ///
    /// # Errors
    /// 502 or 504.
    pub(super) async fn send(
        self: &Rc<Self>,
        mut request: http::Request<OutgoingBody>,
        upstream: &Upstream,
        tls: Option<&Arc<Connector>>,
        times: &Timeouts,
    ) -> Result<(http::Response<Incoming>, Lease), Refusal> {
        let last = has_unexpected_body(&request);
        if last {
            request.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        }
        let progress = request.body().progress();
        loop {
            let mut lease = self.lease(upstream, tls, times.connect).await?;
            lease.last = last;
            if upstream.host == HostHeader::Upstream {
                let host = lease.key.0.authority.to_string().parse().expect("an authority is a header value");
                request.headers_mut().insert(http::header::HOST, host);
            }
            // Some backends close a connection after an answer without saying so, just when it is used again.
            let spare = (lease.reused && may_be_sent_twice(&request)).then(|| copy_without_body(&request));
            let answer = within(times.response, &progress, lease.sender.try_send_request(request)).await?;
            match answer {
                Ok(response) => return Ok((response, lease)),
                Err(mut failed) => match failed.take_message().or(spare) {
                    Some(again) if lease.reused => request = again,
                    _ => return Err(unanswered(failed.error())),
                },
            }
        }
    }

    /// Closes what has been idle for longer than `keep`, and what has not settled since the last time.
    pub(super) fn sweep(&self, keep: Duration) {
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain(|idle| {
                let age = idle.since.elapsed();
                age < keep && !idle.sender.is_closed() && (age < SETTLE || idle.sender.is_ready())
            });
            !connections.is_empty()
        });
    }

    /// Closes all idle connections.
    pub(super) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    async fn lease(
        self: &Rc<Self>,
        upstream: &Upstream,
        tls: Option<&Arc<Connector>>,
        connect: Duration,
    ) -> Result<Lease, Refusal> {
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let servers = (0..upstream.servers.len()).map(|i| &upstream.servers[(start.wrapping_add(i)) % upstream.servers.len()]);
        let mut last = String::new();
        for server in servers {
            let tls = tls.filter(|_| server.scheme == Scheme::Https);
            let key = (server.clone(), tls.map_or(0, |connector| connector.id));
            let idle = self.take_idle(&key);
            let lease = |sender, reused| Lease { sender, key, reused, last: false, pool: Rc::clone(self) };
            if let Some(sender) = idle {
                return Ok(lease(sender, true));
            }
            match open(server, upstream, tls, connect).await {
                Ok(sender) => return Ok(lease(sender, false)),
                Err(why) => last = format!("{server}: {why}"),
            }
        }
        Err(Refusal::UpstreamUnreachable(last))
    }

    fn take_idle(&self, key: &Key) -> Option<SendRequest<OutgoingBody>> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(key)?;
        // The one used last is the least likely to have been closed by the backend. One is ready only when its own task
        // has seen that both messages are complete and that nothing else came.
        let ready = connections.iter().rposition(|idle| idle.sender.is_ready())?;
        Some(connections.swap_remove(ready).sender)
    }

    fn put(&self, key: Key, sender: SendRequest<OutgoingBody>) {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.entry(key).or_default();
        if connections.len() < MAX_IDLE {
            connections.push(Idle { sender, since: Instant::now() });
        }
    }
}

impl Lease {
    /// Gives the connection back when the answer is complete; it is used again once it is ready.
    pub(super) fn finish(self) {
        if !self.last && !self.sender.is_closed() {
            self.pool.put(self.key, self.sender);
        }
    }
}

async fn open(
    server: &Server,
    upstream: &Upstream,
    tls: Option<&Arc<Connector>>,
    limit: Duration,
) -> Result<SendRequest<OutgoingBody>, String> {
    let connected = timeout(limit, connect(server, upstream, tls)).await;
    let stream = connected.map_err(|_| format!("no connection within {} s", limit.as_secs_f64()))??;
    let (sender, connection) = http1::Builder::new()
        .max_header_size(MAX_RESPONSE_HEAD)
        .max_buf_size(READ_AHEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| describe(&e))?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(error = %describe(&error), "a connection to the backend ended");
        }
    });
    Ok(sender)
}

/// A connection that is ready for a request: with TLS, one whose other end has shown who it is.
async fn connect(server: &Server, upstream: &Upstream, tls: Option<&Arc<Connector>>) -> Result<Stream, String> {
    let host = server.authority.bare_host();
    let port = server.authority.port().unwrap_or(server.scheme.default_port());
    let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    // Heads and small bodies are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    if server.scheme == Scheme::Http {
        return Ok(Stream::Plain(stream));
    }
    let connector = tls.ok_or("its settings for TLS are not known")?;
    let named = upstream.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(host);
    let name = ServerName::try_from(named.to_owned()).map_err(|_| format!("no certificate can be for {named}"))?;
    let shaken = TlsConnector::from(Arc::clone(&connector.config)).connect(name, stream).await;
    shaken.map(Stream::tls).map_err(|error| format!("the TLS handshake failed: {error}"))
}

/// Waits for an answer. The time begins anew with each piece of the request's body: the backend does not owe an answer
/// as long as the client is still sending, for which `timeouts.body` holds.
async fn within<T>(limit: Duration, progress: &Progress, answer: impl Future<Output = T>) -> Result<T, Refusal> {
    let mut answer = std::pin::pin!(answer);
    let mut left = limit;
    loop {
        if let Ok(answer) = timeout(left, &mut answer).await {
            return Ok(answer);
        }
        let quiet = progress.quiet_for();
        if quiet >= limit {
            return Err(Refusal::UpstreamTimeout { limit });
        }
        left = limit - quiet;
    }
}

/// Whether the request has a body where some backends expect none (RFC 9110 §9.3.1, §9.3.5). One that does not read it
/// would take it for the next request on the connection, and its answer for somebody else's.
fn has_unexpected_body(request: &http::Request<OutgoingBody>) -> bool {
    !request.body().is_end_stream() && !matches!(request.method().as_str(), "POST" | "PUT" | "PATCH")
}

fn may_be_sent_twice(request: &http::Request<OutgoingBody>) -> bool {
    matches!(request.method().as_str(), "GET" | "HEAD" | "OPTIONS")
        && request.body().is_end_stream()
        && request.extensions().get::<hyper::upgrade::OnUpgrade>().is_none()
}

fn copy_without_body(request: &http::Request<OutgoingBody>) -> http::Request<OutgoingBody> {
    let mut copy = http::Request::new(OutgoingBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Why there is no answer: the backend's doing, unless the client did not send its request to the end.
fn unanswered(error: &hyper::Error) -> Refusal {
    match causes(error).find_map(|cause| cause.downcast_ref()) {
        Some(BodyError::Timeout) => Refusal::BodyTimeout,
        Some(BodyError::Broken) => Refusal::BodyBroken,
        None => Refusal::UpstreamBroken(describe(error)),
    }
}

fn causes(error: &dyn std::error::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// An error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Idle connections kept for one server and thread; a burst's worth.
const MAX_IDLE: usize = 256;

/// The longest head of an answer, in bytes: all that is read ahead of it. nginx takes 4 KiB or 8 KiB by default, HAProxy 16 KiB.
const MAX_RESPONSE_HEAD: usize = READ_AHEAD;

/// How long a connection whose answer is complete may take to finish its request before it is dropped.
const SETTLE: Duration = Duration::from_secs(5);
