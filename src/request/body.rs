//! Request bodies: streamed, or held up to a limit because they are signed.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use dashmap::DashMap;
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
    /// Begun to be read, and more than may be held.
    Begun {
        /// What was read.
        begun: HeldBody,
        /// What follows.
        rest: Incoming,
        /// Why the rest is not held too.
        why: NotHeld,
    },
    /// Not given to a trial, because it is not held. Cannot be forwarded.
    Withheld(NotHeld),
    /// Broke off while it was read. Cannot be forwarded.
    Broken,
}

/// Why a body is not held whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeld {
    /// It is longer than one may be.
    TooLong,
    /// All memory for held bodies, or the client's share of it, is in use.
    BudgetFull,
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
    by_client: DashMap<IpAddr, usize>,
}

/// How bodies are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldLimits<'a> {
    /// One body, in bytes.
    pub(super) one: usize,
    /// All bodies together, in bytes.
    pub(super) all: usize,
    /// Between two pieces; twice that for the whole.
    pub(super) timeout: Duration,
    pub(super) client: IpAddr,
    pub(super) budget: &'a Arc<BodyBudget>,
}

#[derive(Debug)]
struct Reservation {
    budget: Arc<BodyBudget>,
    client: IpAddr,
    bytes: usize,
}

impl RequestBody {
    /// No body.
    pub fn none() -> Self {
        let reservation = Reservation { budget: Arc::default(), client: Ipv4Addr::UNSPECIFIED.into(), bytes: 0 };
        Self::Held(HeldBody { bytes: Bytes::new(), _reserved: Arc::new(reservation) })
    }

    /// Whether there is certainly nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Streaming(incoming) => incoming.is_end_stream(),
            Self::Held(held) => held.bytes.is_empty(),
            Self::Begun { .. } | Self::Withheld(_) | Self::Broken => false,
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
            let mut reservation = Reservation { budget: Arc::clone(limits.budget), client: limits.client, bytes: 0 };
            let read = read_up_to(incoming, limits, &mut reservation).await;
            // Nothing that was read is lost: what is not whole is either put together again or cannot be forwarded.
            let Self::Streaming(rest) = std::mem::replace(self, Self::Broken) else { return Err(Refusal::BodyBroken) };
            let (bytes, end) = read?;
            let begun = HeldBody { bytes, _reserved: Arc::new(reservation) };
            match end {
                ReadEnd::Complete => *self = Self::Held(begun),
                ReadEnd::NotHeld(why) => *self = Self::Begun { begun, rest, why },
            }
        }
        match self {
            Self::Held(held) => Ok(&held.bytes),
            Self::Begun { why: NotHeld::BudgetFull, .. } | Self::Withheld(NotHeld::BudgetFull) => {
                Err(Refusal::HeldBodiesFull { limit: limits.all })
            }
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
            Self::Begun { why, .. } => Self::Withheld(*why),
            // Not even begun, since its declared length is over the limit; or not asked for.
            _ => Self::Withheld(NotHeld::TooLong),
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
            Self::Begun { begun, rest, .. } => (begun.bytes.clone(), Rest::Coming(rest), Some(begun)),
            Self::Withheld(_) | Self::Broken => (Bytes::new(), Rest::Missing, None),
        };
        OutgoingBody { first, rest, timeout, progress: Progress::begin(), stalled: None, _held: held }
    }
}

/// Why reading stopped.
enum ReadEnd {
    Complete,
    NotHeld(NotHeld),
}

/// Reads until the end, or until a limit is passed.
async fn read_up_to(
    incoming: &mut Incoming,
    limits: HoldLimits<'_>,
    reservation: &mut Reservation,
) -> Result<(Bytes, ReadEnd), Refusal> {
    let mut held = BytesMut::new();
    // A body that drips in is over all the same: whoever sends it need not be known yet.
    let deadline = Instant::now() + limits.timeout * 2;
    loop {
        let left = limits.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let frame = timeout(left, incoming.frame()).await.map_err(|_| Refusal::BodyTimeout)?;
        let Some(frame) = frame else { return Ok((held.freeze(), ReadEnd::Complete)) };
        // Trailers are not part of what is signed and are dropped.
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
        held.extend_from_slice(&data);
        let has_room = reservation.grow(data.len(), limits);
        // First what waiting does not mend.
        if held.len() > limits.one {
            return Ok((held.freeze(), ReadEnd::NotHeld(NotHeld::TooLong)));
        }
        if !has_room {
            return Ok((held.freeze(), ReadEnd::NotHeld(NotHeld::BudgetFull)));
        }
    }
}

impl Reservation {
    /// Counts more bytes, and says whether they are within both bounds: of all, and a quarter of all for one client, so
    /// that none can take the room of the others. One body always fits.
    fn grow(&mut self, bytes: usize, limits: HoldLimits<'_>) -> bool {
        let before = self.budget.in_use.fetch_add(bytes, Ordering::SeqCst);
        self.bytes += bytes;
        let mut of_client = self.budget.by_client.entry(self.client).or_default();
        *of_client += bytes;
        before + bytes <= limits.all && *of_client <= (limits.all / 4).max(limits.one)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.in_use.fetch_sub(self.bytes, Ordering::SeqCst);
        if let Some(mut of_client) = self.budget.by_client.get_mut(&self.client) {
            *of_client = of_client.saturating_sub(self.bytes);
        }
        self.budget.by_client.remove_if(&self.client, |_, bytes| *bytes == 0);
    }
}

/// A request body as it goes to the backend: data only, no trailers.
#[derive(Debug)]
pub struct OutgoingBody {
    first: Bytes,
    rest: Rest,
    timeout: Duration,
    progress: Progress,
    /// Runs while the client owes a piece.
    stalled: Option<Pin<Box<Sleep>>>,
    _held: Option<HeldBody>,
}

/// When a body that is being sent last moved.
#[derive(Debug, Clone)]
pub struct Progress {
    begun: Instant,
    /// Milliseconds after `begun`.
    last: Arc<AtomicU64>,
}

impl Progress {
    fn begin() -> Self {
        Self { begun: Instant::now(), last: Arc::default() }
    }

    fn mark(&self) {
        self.last.store(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long nothing has been sent.
    pub fn quiet_for(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
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
        Self {
            first: Bytes::new(),
            rest: Rest::Nothing,
            timeout: Duration::MAX,
            progress: Progress::begin(),
            stalled: None,
            _held: None,
        }
    }

    /// Tells, while the body is being sent, when the last piece went.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
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
                    this.progress.mark();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_bytes_count_for_their_client_and_for_all_and_are_given_back() {
        let budget = Arc::<BodyBudget>::default();
        let clients: Vec<IpAddr> = (1..=5).map(|last| Ipv4Addr::new(192, 0, 2, last).into()).collect();
        let limits = |client, one| HoldLimits { one, all: 100, timeout: Duration::MAX, client, budget: &budget };
        let reserve = |client| Reservation { budget: Arc::clone(&budget), client, bytes: 0 };
        let mut held: Vec<Reservation> = clients[..4].iter().map(|client| reserve(*client)).collect();
        for reservation in &mut held {
            let limits = limits(reservation.client, 10);
            assert!(reservation.grow(15, limits) && reservation.grow(10, limits), "a quarter of all");
        }
        let mut more = reserve(clients[0]);
        assert!(!more.grow(1, limits(clients[0], 10)), "more than a quarter, and more than all");
        assert!(!reserve(clients[4]).grow(1, limits(clients[4], 10)), "more than all");
        drop(held.pop());
        assert!(!more.grow(1, limits(clients[0], 10)), "more than a quarter");
        assert!(reserve(clients[4]).grow(20, limits(clients[4], 10)));
        drop((held, more));
        assert_eq!((budget.in_use.load(Ordering::SeqCst), budget.by_client.len()), (0, 0));
        // One body is always held, however little a quarter is.
        let mut one = reserve(clients[0]);
        assert!(one.grow(60, limits(clients[0], 60)) && !one.grow(1, limits(clients[0], 60)));
    }

    #[test]
    fn what_goes_out_has_the_length_of_what_is_held() {
        let held = |bytes| {
            let mut body = RequestBody::none();
            body.replace_held(Bytes::from_static(bytes));
            assert_eq!(body.is_empty(), bytes.is_empty());
            body.into_outgoing(Duration::MAX)
        };
        for body in [OutgoingBody::empty(), held(b"")] {
            assert!(body.is_end_stream());
            assert_eq!(body.size_hint().exact(), Some(0));
        }
        let body = held(b"a=1");
        assert!(!body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(3));
        for missing in [RequestBody::Broken, RequestBody::Withheld(NotHeld::TooLong)] {
            assert!(!missing.is_empty());
            let body = missing.into_outgoing(Duration::MAX);
            assert!(!body.is_end_stream());
            assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (0, None));
        }
    }

    #[test]
    fn a_body_that_ends_early_and_one_that_stops_are_told_apart() {
        assert_eq!(BodyError::Broken.to_string(), "the client's body ended early");
        assert_eq!(BodyError::Timeout.to_string(), "the client's body stopped coming");
    }
}
