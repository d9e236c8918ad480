//! The sample application: knows nothing of OAuth, believes the gateway's header, and remembers what reached it.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request as the application saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Method and target.
    pub(super) line: String,
    /// The identity header, if there was one.
    pub(super) consumer: Option<String>,
    /// Whether credentials came through.
    pub(super) has_authorization: bool,
}

pub(super) struct Application {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Application {
    /// Starts it on a free port.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::default();
        tokio::spawn(serve(listener, Arc::clone(&seen)));
        Ok(Self { address, seen })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What reached it since this was last asked.
    pub(super) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &seen))));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(request: &Request<Incoming>, seen: &Mutex<Vec<Seen>>) -> Response<Full<Bytes>> {
    let consumer = request.headers().get("x-oauth-consumer").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let text = match &consumer {
        Some(consumer) => format!("Three invoices, {consumer}. (Your name came in X-OAuth-Consumer; I know nothing of OAuth.)\n"),
        None => "Nobody told me who you are.\n".to_owned(),
    };
    let has_authorization = request.headers().contains_key(AUTHORIZATION);
    let line = format!("{} {}", request.method(), request.uri());
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { line, consumer, has_authorization });
    Response::new(Full::new(Bytes::from(text)))
}
