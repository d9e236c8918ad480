//! Request bodies: streamed, or held up to a limit because they are signed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

use crate::refusal::Refusal;

/// The body of a request on its way.
#[derive(Debug)]
pub enum RequestBody {
    /// Not read yet.
    Streaming(Incoming),
    /// Read whole.
    Held(HeldBody),
    /// Begun to be read, and longer than what may be held.
    TooLong {
        /// What was read.
        begun: HeldBody,
        /// What follows.
        rest: Incoming,
    },
    /// Not given to a trial, because it is too long to be held. Cannot be forwarded.
    Withheld,
    /// Broke off while it was read. Cannot be forwarded.
    Broken,
}

/// Bytes in memory that count against the budget until they are dropped.
#[derive(Debug, Clone)]
pub struct HeldBody {
    bytes: Bytes,
    _reserved: Arc<Reservation>,
}

/// How many bytes of bodies all requests may hold together.
#[derive(Debug, Default)]
pub struct BodyBudget {
    in_use: AtomicUsize,
}

/// How bodies are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldLimits<'a> {
    /// One body, in bytes.
    pub(super) one: usize,
    /// All bodies together, in bytes.
    pub(super) all: usize,
    /// Between two pieces.
    pub(super) timeout: Duration,
    pub(super) budget: &'a Arc<BodyBudget>,
}

#[derive(Debug)]
struct Reservation {
    budget: Arc<BodyBudget>,
    bytes: usize,
}

impl RequestBody {
    /// No body.
    pub fn none() -> Self {
        let reservation = Reservation { budget: Arc::default(), bytes: 0 };
        Self::Held(HeldBody { bytes: Bytes::new(), _reserved: Arc::new(reservation) })
    }

    /// Whether there is certainly nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Streaming(incoming) => incoming.is_end_stream(),
            Self::Held(held) => held.bytes.is_empty(),
            Self::TooLong { .. } | Self::Withheld | Self::Broken => false,
        }
    }

    /// Refuses a declared length over the limit before a byte is read, so that a client that waits for `100 Continue`
    /// never sends it.
    pub(super) fn check_declared(&self, limits: HoldLimits<'_>) -> Result<(), Refusal> {
        match self {
            Self::Streaming(incoming) if incoming.size_hint().lower() > limits.one as u64 => {
                Err(Refusal::BodyTooLarge { limit: limits.one })
            }
            _ => Ok(()),
        }
    }

    /// Reads the whole body into memory, if it is not there already.
    pub(super) async fn hold(&mut self, limits: HoldLimits<'_>) -> Result<&Bytes, Refusal> {
        self.check_declared(limits)?;
        if let Self::Streaming(incoming) = self {
            let mut reservation = Reservation { budget: Arc::clone(limits.budget), bytes: 0 };
            let read = read_up_to(incoming, limits, &mut reservation).await;
            // Nothing that was read is lost: what is not whole is either put together again or cannot be forwarded.
            let Self::Streaming(rest) = std::mem::replace(self, Self::Broken) else { return Err(Refusal::BodyBroken) };
            let (bytes, end) = read?;
            let begun = HeldBody { bytes, _reserved: Arc::new(reservation) };
            match end {
                ReadEnd::Complete => *self = Self::Held(begun),
                ReadEnd::TooLong => *self = Self::TooLong { begun, rest },
                ReadEnd::BudgetFull => {
                    *self = Self::TooLong { begun, rest };
                    return Err(Refusal::HeldBodiesFull { limit: limits.all });
                }
            }
        }
        match self {
            Self::Held(held) => Ok(&held.bytes),
            _ => Err(Refusal::BodyTooLarge { limit: limits.one }),
        }
    }

    /// Whether it broke off, so that nobody can have it.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken)
    }

    /// The body as a trial may see it: a copy of what is held.
    pub(super) fn copy_for_trial(&self) -> Self {
        match self {
            Self::Held(held) => Self::Held(held.clone()),
            _ => Self::Withheld,
        }
    }

    /// The held bytes, if it is held.
    pub(super) fn held(&self) -> Option<&Bytes> {
        match self {
            Self::Held(held) => Some(&held.bytes),
            _ => None,
        }
    }

    /// Replaces what is held, for a form without its protocol parameters.
    pub(super) fn replace_held(&mut self, bytes: Bytes) {
        if let Self::Held(held) = self {
            held.bytes = bytes;
        }
    }

    /// As it goes out; a piece that does not come within `timeout` breaks it off.
    pub(super) fn into_outgoing(self, timeout: Duration) -> OutgoingBody {
        let (first, rest, held) = match self {
            Self::Streaming(incoming) => (Bytes::new(), Rest::Coming(incoming), None),
            Self::Held(held) => (held.bytes.clone(), Rest::Nothing, Some(held)),
            Self::TooLong { begun, rest } => (begun.bytes.clone(), Rest::Coming(rest), Some(begun)),
            Self::Withheld | Self::Broken => (Bytes::new(), Rest::Missing, None),
        };
        OutgoingBody { first, rest, timeout, stalled: None, _held: held }
    }
}

/// Why reading stopped.
enum ReadEnd {
    Complete,
    TooLong,
    BudgetFull,
}

/// Reads until the end, or until a limit is passed.
async fn read_up_to(
    incoming: &mut Incoming,
    limits: HoldLimits<'_>,
    reservation: &mut Reservation,
) -> Result<(Bytes, ReadEnd), Refusal> {
    let mut held = BytesMut::new();
    loop {
        let frame = timeout(limits.timeout, incoming.frame()).await.map_err(|_| Refusal::BodyTimeout)?;
        let Some(frame) = frame else { return Ok((held.freeze(), ReadEnd::Complete)) };
        // Trailers are not part of what is signed and are dropped.
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
        held.extend_from_slice(&data);
        if !reservation.grow(data.len(), limits.all) {
            return Ok((held.freeze(), ReadEnd::BudgetFull));
        }
        if held.len() > limits.one {
            return Ok((held.freeze(), ReadEnd::TooLong));
        }
    }
}

impl Reservation {
    fn grow(&mut self, bytes: usize, all: usize) -> bool {
        let before = self.budget.in_use.fetch_add(bytes, Ordering::SeqCst);
        self.bytes += bytes;
        before + bytes <= all
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.in_use.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// A request body as it goes to the backend: data only, no trailers.
#[derive(Debug)]
pub struct OutgoingBody {
    first: Bytes,
    rest: Rest,
    timeout: Duration,
    /// Runs while the client owes a piece.
    stalled: Option<Pin<Box<Sleep>>>,
    _held: Option<HeldBody>,
}

/// What follows the bytes that are there.
#[derive(Debug)]
enum Rest {
    Nothing,
    Coming(Incoming),
    /// Something that nobody has: the message must not be taken for complete.
    Missing,
}

/// Why an outgoing body broke off; the backend never gets a complete message then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client's framing broke or its connection ended.
    Broken,
    /// The client stopped sending.
    Timeout,
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Broken => "the client's body ended early",
            Self::Timeout => "the client's body stopped coming",
        })
    }
}

impl std::error::Error for BodyError {}

impl OutgoingBody {
    /// No body.
    pub fn empty() -> Self {
        Self { first: Bytes::new(), rest: Rest::Nothing, timeout: Duration::MAX, stalled: None, _held: None }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.first.has_remaining() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.first)))));
        }
        let rest = match &mut this.rest {
            Rest::Coming(rest) => rest,
            Rest::Nothing => return Poll::Ready(None),
            Rest::Missing => return Poll::Ready(Some(Err(BodyError::Broken))),
        };
        loop {
            match Pin::new(&mut *rest).poll_frame(cx) {
                Poll::Ready(frame) => {
                    this.stalled = None;
                    match frame {
                        None => return Poll::Ready(None),
                        Some(Err(_)) => return Poll::Ready(Some(Err(BodyError::Broken))),
                        Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                        Some(Ok(_trailers)) => {}
                    }
                }
                Poll::Pending => {
                    let timer = this.stalled.get_or_insert_with(|| Box::pin(sleep(this.timeout)));
                    return timer.as_mut().poll(cx).map(|()| Some(Err(BodyError::Timeout)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty()
            && match &self.rest {
                Rest::Nothing => true,
                Rest::Coming(rest) => rest.is_end_stream(),
                Rest::Missing => false,
            }
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        let rest = match &self.rest {
            Rest::Nothing => SizeHint::with_exact(0),
            Rest::Coming(rest) => rest.size_hint(),
            Rest::Missing => SizeHint::default(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(first.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(first.saturating_add(upper));
        }
        hint
    }
}
