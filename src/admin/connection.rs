//! Connections of administrators: few, and each of their waits has an end.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::socket::SocketFile;

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix {
        listener: tokio::net::UnixListener,
        /// The name that goes when nobody listens any more; a passed socket's is not ours.
        _name: Option<SocketFile>,
    },
}

/// Who is connected; an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// From this address, a loopback one.
    Address(IpAddr),
    /// Through the socket in the file system, as this user of the machine, if the system says so.
    Unix(Option<u32>),
}

impl Peer {
    /// The address, if it has one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unix(_) => None,
        }
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream, Peer),
    Unix(tokio::net::UnixStream, Peer),
}

/// Accepts and serves until it is told to stop, and then finishes what is in flight.
pub(super) async fn accept(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        // Whoever finds no place waits in the socket's queue.
        let next = async { (Arc::clone(&places).acquire_owned().await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while open.try_join_next().is_some() {}
        let (router, told) = (router.clone(), stop.clone());
        // A task of its own: a panic in it ends this one connection.
        match accepted {
            Ok(Accepted::Tcp(stream, peer)) => {
                let _ = stream.set_nodelay(true);
                open.spawn(async move {
                    serve(stream, peer, router, told).await;
                    drop(place)
                })
            }
            Ok(Accepted::Unix(stream, peer)) => open.spawn(async move {
                serve(stream, peer, router, told).await;
                drop(place)
            }),
            Err(error) => {
                tracing::debug!(%error, "an administrator's connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
    }
    drop(listener);
    let all_ended = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FINISH_WITHIN, all_ended).await;
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, Peer::Address(address.ip().to_canonical())))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred().ok().map(|credentials| credentials.uid());
                Ok(Accepted::Unix(stream, Peer::Unix(user)))
            }
        }
    }
}

/// Serves a connection to its end.
async fn serve<S>(stream: S, peer: Peer, router: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Arc::new(Progress::new());
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        progress.made();
        request.extensions_mut().insert(peer);
        let (answer, progress) = (router.call(request), Arc::clone(&progress));
        async move {
            let answer = answer.await;
            progress.made();
            answer as Result<_, Infallible>
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN).max_header_size(MAX_HEADER).half_close(false);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut ending = false;
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an administrator's connection ended");
                }
                return;
            }
            () = progress.stalls() => return,
            _ = stop.wait_for(|stop| *stop), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// When a request last began or was answered.
struct Progress {
    opened: Instant,
    /// In milliseconds after `opened`.
    last: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self { opened: Instant::now(), last: 0.into() }
    }

    fn made(&self) {
        self.last.store(u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Ends when nothing has happened for [`STALLED_AFTER`]: not a head, or nobody takes the answer.
    async fn stalls(&self) {
        loop {
            let due = self.opened + Duration::from_millis(self.last.load(Relaxed)) + STALLED_AFTER;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due.into()).await;
        }
    }
}

/// Some browsers with six connections each, scrapers and probes; all else is no administrator.
const MAX_CONNECTIONS: usize = 256;

/// For a request head, and between two of them: a browser connects again, a scraper does so anyway.
const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// Cookies and a bearer token take a few hundred bytes.
const MAX_HEADER: usize = 32 * 1024;

/// Above [`super::guard::ANSWER_WITHIN`].
const STALLED_AFTER: Duration = Duration::from_secs(75);

/// For what is in flight at the end.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// Out of descriptors, waiting is all there is.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
