//! The data plane: threads that each accept, verify and forward on their own, sharing only the gateway.
//!
//! Listening sockets are bound once and duplicated for each thread, never opened with `SO_REUSEPORT`: with that a second
//! process could bind the same port unnoticed, with a nonce table of its own.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dashmap::DashMap;
use http::HeaderValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

use super::connection;
use super::handshake::{self, FailedHandshakes};
use super::limits::{ConnectionLimits, Place};
use super::pool::Pool;
use super::pulse::{Asker, Pulse};
use super::stream::Stream;
use crate::config::{Server, Upstream};
use crate::dance::Doorkeeper;
use crate::gateway::Gateway;
use crate::oauth::base_string::Scheme;
use crate::observe::{Counts, Event, Health, RecentRefusals, Sink, Traffic, VerdictCounts};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::Peer;
use crate::sockets::ListeningSocket;
use crate::tls::Speaks;

/// What the threads share.
#[derive(Debug)]
pub struct Shared {
    /// Who judges.
    pub gateway: Gateway,
    /// What the dance's pages know; `None`: there is no dance.
    pub doorkeeper: Option<Arc<Doorkeeper>>,
    /// Where access lines go.
    pub sink: Arc<Sink>,
    /// Open connections.
    pub connections: Arc<ConnectionLimits>,
    /// TLS handshakes that came to nothing.
    pub handshakes: FailedHandshakes,
    /// What was done.
    pub traffic: Traffic,
    /// The last refusals.
    pub recent: RecentRefusals,
    /// Verdicts on observed routes.
    pub observed: VerdictCounts,
    /// Requests in flight, by upstream.
    pub in_flight: DashMap<Vec<Server>, Arc<AtomicUsize>>,
    /// Questions to applications about who sits at a browser, under way.
    pub probes: Arc<AtomicUsize>,
    /// Whether all is well.
    pub health: Health,
    /// Makes request ids of two processes differ.
    pub process: u64,
}

/// Whether the gateway is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// It is not.
    Running,
    /// No new connections; what is in flight is finished.
    Draining,
    /// What is not finished ends now.
    TimeIsUp,
}

/// One thread's part.
pub(super) struct Plane {
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Rc<Pool>,
    pub(super) drain: watch::Receiver<Drain>,
    thread: u64,
    requests: Cell<u64>,
}

/// The running threads.
#[derive(Debug)]
pub struct DataPlane {
    threads: Vec<JoinHandle<()>>,
    drain: watch::Sender<Drain>,
    shared: Arc<Shared>,
    pulse: Pulse,
    watchdog: Asker,
    health: Asker,
    /// As many as accept loops, and this one.
    accepting: Arc<()>,
}

/// How the data plane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were still open when the time was over.
    pub cut_off: usize,
    /// Whether all threads ended; one that hangs may still be at work on a request.
    pub whole: bool,
}

impl Shared {
    /// Counts a request to an upstream that has a limit, until the guard is dropped.
    pub(super) fn in_flight(&self, upstream: &Upstream) -> Result<Option<InFlight>, Refusal> {
        let Some(limit) = upstream.max_in_flight.map(NonZeroUsize::get) else { return Ok(None) };
        let count = Arc::clone(&self.in_flight.entry(upstream.servers.clone()).or_default());
        let before = count.fetch_add(1, Ordering::SeqCst);
        let guard = InFlight(count);
        if before < limit { Ok(Some(guard)) } else { Err(Refusal::UpstreamBusy { limit }) }
    }

    /// Counts a question to the application about who sits at a browser, until the guard is dropped. Strangers can have it asked: so
    /// they never have more than a part of the places that signed requests need.
    pub(super) fn probing(&self, upstream: &Upstream) -> Result<InFlight, Refusal> {
        let share = upstream.max_in_flight.map_or(MOST_PROBES, |most| most.get() / PROBES_SHARE);
        let limit = share.clamp(1, MOST_PROBES);
        let guard = InFlight(Arc::clone(&self.probes));
        if self.probes.fetch_add(1, Ordering::SeqCst) < limit { Ok(guard) } else { Err(Refusal::ProbesBusy { limit }) }
    }
}

/// A page that waits for an application which takes a second serves this many people in one, and more than that do not decide at once.
const MOST_PROBES: usize = 32;

/// Which part of `upstream.max_in_flight` they may be: a quarter.
const PROBES_SHARE: usize = 4;

/// A place among the requests in flight.
pub(super) struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl DataPlane {
    /// Starts `threads` threads on duplicates of `listeners`.
    ///
    /// # Errors
    /// If a socket cannot be duplicated or a thread cannot be started.
    pub fn start(shared: &Arc<Shared>, listeners: &[ListeningSocket], threads: NonZeroUsize) -> io::Result<Self> {
        let (drain, receiver) = watch::channel(Drain::Running);
        let (pulse, accepting) = (Pulse::of(threads.get()), Arc::new(()));
        let mut handles = Vec::with_capacity(threads.get());
        for thread in 0..threads.get() {
            let duplicate = |listener| Accepting::duplicate(listener, &accepting);
            let listeners = listeners.iter().map(duplicate).collect::<io::Result<Vec<_>>>()?;
            let answering = pulse.answering(thread);
            let (shared, drain) = (Arc::clone(shared), receiver.clone());
            let (ready, started) = std::sync::mpsc::sync_channel(1);
            let run = move || {
                let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                drop(ready.send(Ok(())));
                let pool = Rc::new(Pool::default());
                // Each thread tells its connections itself: they all look at it often, and threads share nothing for that.
                let (told, tell) = watch::channel(Drain::Running);
                let plane = Rc::new(Plane { shared, pool, drain: tell, thread: thread as u64, requests: Cell::new(0) });
                runtime.block_on(async {
                    tokio::task::spawn_local(answering.run());
                    run(plane, drain, told, listeners).await;
                });
            };
            handles.push(std::thread::Builder::new().name(format!("data-{thread}")).spawn(run)?);
            started.recv().unwrap_or_else(|_| Err(io::Error::other("a data-plane thread ended at once")))?;
        }
        let (watchdog, health) = Default::default();
        Ok(Self { threads: handles, drain, shared: Arc::clone(shared), pulse, watchdog, health, accepting })
    }

    /// Finishes what is in flight, until `time_is_up` at the latest, and ends the threads.
    pub async fn stop(self, time_is_up: impl Future<Output = ()>) -> Stopped {
        self.drain.send_replace(Drain::Draining);
        let all_closed = async {
            // Connections may still come out of the queues as long as somebody accepts.
            while Arc::strong_count(&self.accepting) > 1 || self.shared.connections.open() > 0 {
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::select! {
            () = all_closed => {}
            () = time_is_up => {}
        }
        let cut_off = self.shared.connections.open();
        self.drain.send_replace(Drain::TimeIsUp);
        Stopped { cut_off, whole: self.end_threads().await }
    }

    /// Waits for the threads, but not for ever: whoever wants us to end does not care that one hangs.
    async fn end_threads(self) -> bool {
        let all_ended = async {
            while self.threads.iter().any(|thread| !thread.is_finished()) {
                tokio::time::sleep(GLANCE).await;
            }
        };
        if tokio::time::timeout(END_WITHIN, all_ended).await.is_err() {
            tracing::error!("a data-plane thread hangs and is left behind");
            return false;
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a data-plane thread had panicked");
            }
        }
        true
    }

    /// Whether every thread has proved to be alive since this last said so.
    pub fn beat(&self) -> bool {
        self.pulse.beat(&self.watchdog)
    }

    /// Notes it where health is asked for, if every thread has answered since the last time.
    pub fn note_health(&self) {
        if self.pulse.beat(&self.health) {
            self.shared.health.note_answer();
        }
    }

    /// Whether all threads run; one that ended has panicked.
    pub fn is_whole(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }
}

impl Plane {
    /// Where this thread counts.
    pub(super) fn counts(&self) -> &Counts {
        self.shared.traffic.thread(self.thread as usize)
    }

    pub(super) fn fresh_request_id(&self) -> HeaderValue {
        self.requests.set(self.requests.get() + 1);
        request_id(self.shared.process, self.thread, self.requests.get())
    }
}

/// A request id: the process's random number and a count.
fn request_id(process: u64, thread: u64, count: u64) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let number = u128::from(process) << 56 | u128::from(thread & 0xffff) << 40 | u128::from(count & 0xff_ffff_ffff);
    let digits: [u8; 30] = std::array::from_fn(|at| HEX[(number >> (4 * (29 - at))) as usize & 15]);
    HeaderValue::from_bytes(&digits).expect("hexadecimal digits are a header value")
}

/// A thread's life: accept until draining, then wait until time is up.
async fn run(plane: Rc<Plane>, mut drain: watch::Receiver<Drain>, told: watch::Sender<Drain>, listeners: Vec<Accepting>) {
    for (index, listener) in listeners.into_iter().enumerate() {
        tokio::task::spawn_local(accept(Rc::clone(&plane), index, listener));
    }
    let pool = Rc::clone(&plane.pool);
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(KEEP_IDLE / 4).await;
            pool.sweep(KEEP_IDLE);
        }
    });
    while *drain.borrow_and_update() != Drain::TimeIsUp && drain.changed().await.is_ok() {
        told.send_replace(*drain.borrow());
    }
    plane.pool.clear();
}

/// One thread's duplicate of a listening socket.
struct Accepting {
    listener: StdListener,
    is_passed: bool,
    /// Dropped with the accept loop, so that the control plane knows when it has ended.
    _alive: Arc<()>,
}

impl Accepting {
    fn duplicate(socket: &ListeningSocket, alive: &Arc<()>) -> io::Result<Self> {
        Ok(Self { listener: socket.socket.try_clone()?, is_passed: socket.is_passed, _alive: Arc::clone(alive) })
    }
}

/// `index`: the listener's place in `listen`.
async fn accept(plane: Rc<Plane>, index: usize, accepting: Accepting) {
    let Accepting { listener, is_passed, _alive } = accepting;
    let listener = match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be used"),
    };
    let mut drain = plane.drain.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => welcome(&plane, index, stream, address),
                Err(error) => pause_after(error).await,
            },
            _ = drain.wait_for(|drain| *drain != Drain::Running) => break,
        }
    }
    // What waits at a passed socket waits for the next process. At our own it would be reset when the last of us closes it,
    // though its client believes to be connected and may have sent its request.
    if !is_passed && let Ok(listener) = listener.into_std() {
        empty_queue(&plane, index, &listener);
    }
}

/// Accepts what has been waiting. Asked of the system itself: the runtime may not have heard of it.
fn empty_queue(plane: &Rc<Plane>, index: usize, listener: &StdListener) {
    for _ in 0..LONGEST_QUEUE {
        let Ok((stream, address)) = listener.accept() else { return };
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            welcome(plane, index, stream, address);
        }
    }
}

fn welcome(plane: &Rc<Plane>, index: usize, stream: TcpStream, address: SocketAddr) {
    let policy = plane.shared.gateway.policy.load_full();
    let address = address.ip().to_canonical();
    match plane.shared.connections.enter(address, &policy.settings.limits) {
        Ok(place) => start(plane, index, stream, address, Rc::new(place), &policy),
        // The operator is told once a second: a line for each would be the attacker's to multiply.
        Err(_) => plane.counts().event(Event::ConnectionRefused),
    }
}

fn start(plane: &Rc<Plane>, index: usize, stream: TcpStream, address: IpAddr, place: Rc<Place>, policy: &Policy) {
    let (limits, times) = (policy.settings.limits.clone(), policy.settings.timeouts.clone());
    // Heads and small bodies are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let plane = Rc::clone(plane);
    match policy.tls.listener(index) {
        Some(Speaks::ClearText) => {
            let peer = Peer { address, scheme: Scheme::Http };
            tokio::task::spawn_local(connection::serve(plane, Stream::Plain(stream), peer, place, limits, times));
        }
        Some(Speaks::Tls(config)) => {
            let config = Arc::clone(config);
            tokio::task::spawn_local(async move {
                let shaken = handshake::shake(&plane, config, stream, address, times.handshake).await;
                if let Some(stream) = shaken {
                    let peer = Peer { address, scheme: Scheme::Https };
                    connection::serve(plane, stream, peer, place, limits, times).await;
                }
            });
        }
        // Never a guess: clear text where TLS was meant would be the worst of answers.
        None => tracing::error!(index, "a listener that the settings do not know"),
    }
}

/// A connection that ended before it was accepted is nobody's trouble; out of descriptors or memory, waiting is all
/// there is, and accepting again at once would spin.
async fn pause_after(error: io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    tracing::error!(%error, "no connection can be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// How long an idle connection to the backend is kept; shorter than the 60 s to 75 s after which common servers close
/// theirs, so that we rarely send into a closing one.
const KEEP_IDLE: Duration = Duration::from_secs(50);

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// More never wait than Linux's own bound (net.core.somaxconn); with a larger one, a flood would keep us from ending.
const LONGEST_QUEUE: usize = 4096;

/// How often the end of a drain is looked for.
const GLANCE: Duration = Duration::from_millis(5);

/// A thread with nothing left to do ends in no time.
const END_WITHIN: Duration = Duration::from_secs(2);
