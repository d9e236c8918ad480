//! One connection of a client: hyper's HTTP/1.1 with the timeouts that it leaves to us.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, sleep_until};

use super::exchange::exchange;
use super::limits::Place;
use super::plane::{Drain, Plane};
use crate::config::{Limits, Timeouts};
use crate::request::Peer;

/// Serves a connection to its end.
pub(super) async fn serve(plane: Rc<Plane>, stream: TcpStream, peer: Peer, place: Rc<Place>, limits: Limits, times: Timeouts) {
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::new());
    let io = Watched { io: TokioIo::new(stream), activity: Arc::clone(&activity), lingering: None };
    let service = service_fn(|request| {
        let (plane, activity, place) = (Rc::clone(&plane), Arc::clone(&activity), Rc::clone(&place));
        async move { Ok::<_, Infallible>(exchange(plane, activity, peer, place, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.max_header_size(limits.header).max_headers(MAX_HEADERS).half_close(false);
    let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
    let mut drain = plane.drain.clone();
    let mut draining = false;
    loop {
        tokio::select! {
            ended = &mut connection => {
                report(&plane, peer, ended);
                break;
            }
            () = watch(&activity, &times) => break,
            _ = drain.wait_for(|drain| *drain != Drain::Running), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Heads that hyper itself refuses (a bare 400 or 431 before our code) are told to the operator.
fn report(plane: &Plane, peer: Peer, ended: hyper::Result<()>) {
    let Err(error) = ended else { return };
    if error.is_parse() {
        plane.shared.counts.add("bad_head");
        tracing::info!(verdict = "bad_head", peer = %peer.address, status = if error.is_parse_too_large() { 431 } else { 400 }, reason = %error);
    } else {
        tracing::debug!(peer = %peer.address, %error, "a connection ended");
    }
}

/// Ends when a timeout has passed. The deadline moves with every request, so it is looked at again when it comes
/// instead of being set anew each time.
async fn watch(activity: &Activity, times: &Timeouts) {
    while let Some(deadline) = activity.deadline(times) {
        sleep_until(deadline.into()).await;
    }
}

/// What a connection is doing, as seen from its socket and its service.
///
/// Only the connection's own thread uses it; it is made of atomics because hyper wants a socket that it could hand over
/// in an upgrade to be `Send`.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// One of the phases below, since a moment: `moment * 4 + phase`, the moment in milliseconds after `opened`.
    phase: AtomicU64,
    /// Since when the client has not taken what we have for it, in milliseconds after `opened`; [`NEVER`]: it takes it.
    write_stalled: AtomicU64,
    /// Whether a request's body may still be coming when the connection is closed.
    linger: AtomicBool,
}

/// Between requests.
const IDLE: u64 = 0;
/// A head is coming.
const HEAD: u64 = 1;
/// A request is being answered; its own timeouts hold.
const BUSY: u64 = 2;
const NEVER: u64 = u64::MAX;

impl Activity {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            // A new connection owes a head at once.
            phase: HEAD.into(),
            write_stalled: NEVER.into(),
            linger: false.into(),
        }
    }

    /// A head is complete. `has_body`: something follows it.
    pub(super) fn begin(&self, has_body: bool) {
        self.phase.store(BUSY, Relaxed);
        self.linger.store(has_body, Relaxed);
    }

    /// An answer is complete.
    pub(super) fn end(&self) {
        self.enter(IDLE);
    }

    /// The moment to look again, or `None` if one of the timeouts has passed.
    fn deadline(&self, times: &Timeouts) -> Option<Instant> {
        let phase = self.phase.load(Relaxed);
        let since = self.opened + Duration::from_millis(phase / 4);
        let due = match phase % 4 {
            IDLE => Some(since + times.idle),
            HEAD => Some(since + times.header),
            _ => Some(self.write_stalled.load(Relaxed))
                .filter(|stalled| *stalled != NEVER)
                .map(|stalled| self.opened + Duration::from_millis(stalled) + times.body),
        };
        let now = Instant::now();
        // Never further than a glance: an idle connection may begin a head, a busy one may stall, in the meantime.
        let glance = now + GLANCE.min(times.header).min(times.body);
        due.is_none_or(|due| due > now).then(|| due.map_or(glance, |due| due.min(glance)))
    }

    fn received(&self) {
        if self.phase.load(Relaxed) % 4 == IDLE {
            self.enter(HEAD);
        }
    }

    fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        match &result {
            Poll::Ready(_) => self.write_stalled.store(NEVER, Relaxed),
            Poll::Pending if self.write_stalled.load(Relaxed) == NEVER => {
                self.write_stalled.store(self.millis(), Relaxed);
            }
            Poll::Pending => {}
        }
        result
    }

    fn enter(&self, phase: u64) {
        self.phase.store(self.millis() * 4 + phase, Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NEVER / 8)
    }
}

/// A socket that notes what happens on it, and that closes without destroying an answer on its way.
struct Watched {
    io: TokioIo<TcpStream>,
    activity: Arc<Activity>,
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl Read for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        if result.is_ready() {
            self.activity.received();
        }
        result
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.activity.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.activity.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Closing a socket with unread bytes resets the connection, and the reset can overtake the answer (RFC 9112 §9.6).
    /// So our side is closed first, and what still comes is read and thrown away, within bounds.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            std::task::ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            if !this.activity.linger.load(Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering =
            this.lingering.get_or_insert_with(|| Lingering { until: Box::pin(sleep(LINGER_FOR)), left: LINGER_BYTES });
        loop {
            if lingering.left == 0 || lingering.until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut scratch = [0; 8192];
            let mut buffer = tokio::io::ReadBuf::new(&mut scratch);
            match std::task::ready!(tokio::io::AsyncRead::poll_read(Pin::new(this.io.inner_mut()), cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    lingering.left = lingering.left.saturating_sub(buffer.filled().len());
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Header lines of a request; hyper's own default, named because it is a limit.
const MAX_HEADERS: usize = 100;

/// How often a busy connection is looked at for a client that does not take its answer.
const GLANCE: Duration = Duration::from_secs(5);

/// How long a closed connection is read from, and how much, so that a client finds its answer; nginx lingers alike.
const LINGER_FOR: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 * 1024 * 1024;
