//! One connection of a client: hyper's HTTP/1.1 with the timeouts that it leaves to us.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::StatusCode;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, sleep_until};

use super::exchange::exchange;
use super::limits::Place;
use super::plane::{Drain, Plane};
use super::stream::Stream;
use crate::config::{Limits, Timeouts};
use crate::observe::UnreadHead;
use crate::request::Peer;

/// Serves a connection to its end.
pub(super) async fn serve(plane: Rc<Plane>, stream: Stream, peer: Peer, place: Rc<Place>, limits: Limits, times: Timeouts) {
    let activity = Arc::new(Activity::new());
    let io = Watched { io: TokioIo::new(stream), activity: Arc::clone(&activity), lingering: None };
    let service = service_fn(|request| {
        let (plane, activity, place) = (Rc::clone(&plane), Arc::clone(&activity), Rc::clone(&place));
        async move { Ok::<_, Infallible>(exchange(plane, activity, peer, place, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.max_header_size(limits.header).max_headers(MAX_HEADERS).half_close(false);
    builder.max_buf_size(limits.header.max(READ_AHEAD));
    let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
    let mut told_to_end = pin!(until_told_to_end(plane.drain.clone(), &activity));
    let mut ending = false;
    loop {
        tokio::select! {
            // What has arrived is read before anything is closed.
            biased;
            ended = &mut connection => {
                report(&plane, peer, &limits, ended);
                break;
            }
            () = watch(&activity, &times) => {
                if activity.has_begun_a_head() {
                    let seconds = times.header.as_secs_f64();
                    let reason = format!("the head was not complete within timeouts.header ({seconds} s)");
                    log_unread(&plane, peer, "head_timeout", None, reason);
                }
                break;
            }
            () = &mut told_to_end, if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Ends when the connection is to close after the request that it is on, or at once if it is idle.
///
/// A request that the client had sent when the drain began is answered. So a new connection has a moment to send its first one,
/// and a head that has begun is waited for as long as heads are.
async fn until_told_to_end(mut drain: watch::Receiver<Drain>, activity: &Activity) {
    if drain.wait_for(|drain| *drain != Drain::Running).await.is_err() {
        return;
    }
    // The runtime asks the system for news before it comes back here, and hands the connection what it did not know of.
    tokio::task::yield_now().await;
    let mut patience = pin!(sleep(FIRST_REQUEST_WITHIN));
    std::future::poll_fn(|cx| {
        // Nothing wakes us when a request begins or ends: the connection does that itself, it is in the same task.
        let is_over = patience.as_mut().poll(cx).is_ready();
        match activity.phase.load(Relaxed) % 4 {
            HEAD => Poll::Pending,
            FRESH if !is_over => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

/// Heads that hyper itself refuses, before our code, are told to the operator with what hyper answered.
fn report(plane: &Plane, peer: Peer, limits: &Limits, ended: hyper::Result<()>) {
    let Err(error) = ended else { return };
    if !error.is_parse() {
        tracing::debug!(peer = %peer.address, %error, "a connection ended");
        return;
    }
    let (status, reason) = if error.is_parse_version_h2() {
        // Hyper hangs up on the preface of HTTP/2 (RFC 9113 §3.4) without an answer.
        (None, "the client speaks HTTP/2, which is not spoken here".to_owned())
    } else if !error.is_parse_too_large() {
        (Some(StatusCode::BAD_REQUEST), error.to_string())
    } else if error.to_string().contains("URI") {
        (Some(StatusCode::URI_TOO_LONG), format!("the target is longer than {MAX_URI} bytes"))
    } else {
        let reason = format!("the head has more than limits.header ({} bytes) or than {MAX_HEADERS} lines", limits.header);
        (Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE), reason)
    };
    log_unread(plane, peer, "bad_head", status, reason);
}

/// Counts a head that never became a request, and writes its line.
fn log_unread(plane: &Plane, peer: Peer, verdict: &'static str, status: Option<StatusCode>, reason: String) {
    plane.counts().unread(verdict);
    let head = UnreadHead { request_id: plane.fresh_request_id(), peer: peer.address, status, verdict, reason };
    head.write(&plane.shared.sink);
    plane.shared.recent.note_unread(&head);
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
/// A new connection: a head is owed, and not a byte of it has come.
const FRESH: u64 = 3;
const NEVER: u64 = u64::MAX;

impl Activity {
    fn new() -> Self {
        Self { opened: Instant::now(), phase: FRESH.into(), write_stalled: NEVER.into(), linger: false.into() }
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
            HEAD | FRESH => Some(since + times.header),
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
        let phase = self.phase.load(Relaxed);
        match phase % 4 {
            IDLE => self.enter(HEAD),
            // The time that a head may take has run since the connection was opened.
            FRESH => self.phase.store(phase - FRESH + HEAD, Relaxed),
            _ => {}
        }
    }

    /// Whether a part of a head came, and not the whole.
    fn has_begun_a_head(&self) -> bool {
        self.phase.load(Relaxed) % 4 == HEAD
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
    io: TokioIo<Stream>,
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

/// What hyper may hold of a message on its way, in bytes, on each side. By default it is 408 KiB, which every client that asks for
/// something long and does not read it would get twice.
pub(super) const READ_AHEAD: usize = 64 * 1024;

/// Bytes of a target that hyper parses; reached only where `limits.header` is larger.
const MAX_URI: usize = 65_534;

/// How often a busy connection is looked at for a client that does not take its answer.
const GLANCE: Duration = Duration::from_secs(5);

/// How long a connection that was opened just before the end may take to send its first request; a client that connects
/// sends at once, and one that connects in advance does not want us to wait.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(1);

/// How long a closed connection is read from, and how much, so that a client finds its answer; nginx lingers alike.
const LINGER_FOR: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 * 1024 * 1024;
