//! The running gateway: sockets, data plane, state directory, and the control plane's chores.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::clock::Clock;
use crate::config::Listener;
use crate::failures::FailedSignatures;
use crate::gateway::Gateway;
use crate::oauth::timestamp::Timestamp;
use crate::observe::{Sink, VerdictCounts};
use crate::policy::Policy;
use crate::proxy::{ConnectionLimits, DataPlane, FailedHandshakes, Shared};
use crate::replay::{Memory, NonceTable};
use crate::request::BodyBudget;

/// A gateway that serves.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    plane: DataPlane,
    addresses: Vec<SocketAddr>,
    /// Held as long as the process lives: two nonce tables on one state would each accept a replay of the other's.
    _state: StateDirectory,
}

/// Why a gateway cannot start.
#[derive(Debug)]
pub enum StartError {
    /// A listening socket cannot be opened.
    Listen(SocketAddr, io::Error),
    /// The state directory cannot be made or locked.
    State(PathBuf, io::Error),
    /// Another process has the state directory.
    StateInUse(PathBuf),
    /// No random numbers, or no threads.
    System(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::State(path, error) => write!(f, "cannot use the state directory {}: {error}", path.display()),
            Self::StateInUse(path) => {
                write!(f, "another countersign process uses the state directory {}", path.display())
            }
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen(..) => "see what has the port with: ss -ltnp; choose another with listen: or --listen",
            Self::State(..) => "choose a writable directory with state_directory: or --state",
            Self::StateInUse(_) => "stop the other process, or give this one a state directory of its own",
            Self::System(_) => "the system is out of threads, memory or descriptors",
        }
    }
}

impl Running {
    /// Opens the sockets and starts the data plane.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(policy: Arc<ArcSwap<Policy>>, sink: Arc<Sink>, clock: Clock) -> Result<Self, StartError> {
        let settings = Arc::clone(&policy.load().settings);
        let state = StateDirectory::lock(&settings.state_directory)?;
        let listeners = listen(&settings.listen)?;
        let addresses = listeners
            .iter()
            .zip(&settings.listen)
            .map(|(listener, wanted)| listener.local_addr().map_err(|error| StartError::Listen(wanted.address, error)))
            .collect::<Result<Vec<_>, _>>()?;
        let process = random().map_err(StartError::System)?;
        let opened = NonceTable::open(&settings.state_directory, settings.verify.window, clock.clone());
        let (nonces, memory) = opened.map_err(|error| StartError::State(settings.state_directory.clone(), error))?;
        report_memory(&memory, clock.wall());
        let gateway =
            Gateway { policy, nonces, failures: FailedSignatures::default(), budget: Arc::new(BodyBudget::default()), clock };
        let shared = Arc::new(Shared {
            gateway,
            sink,
            connections: Arc::new(ConnectionLimits::default()),
            handshakes: FailedHandshakes::default(),
            counts: VerdictCounts::default(),
            observed: VerdictCounts::default(),
            in_flight: DashMap::new(),
            process,
        });
        let plane = DataPlane::start(&shared, &listeners, settings.threads).map_err(StartError::System)?;
        Ok(Self { shared, plane, addresses, _state: state })
    }

    /// The bound addresses, in the order of `listen`.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the data plane's threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether all data-plane threads run.
    pub fn is_whole(&self) -> bool {
        self.plane.is_whole()
    }

    /// Forgets what is over: nonces out of the window, failures that are worked off; tells which connections found no
    /// place. To be called every second or so.
    pub fn sweep(&self) {
        self.report_closed();
        self.shared.handshakes.report();
        let window = self.shared.gateway.policy.load().settings.verify.window;
        match self.shared.gateway.nonces.sweep(window) {
            Ok(0) => {}
            Ok(dropped) => tracing::debug!(dropped, live = self.shared.gateway.nonces.live(), "nonces left the window"),
            Err(error) => tracing::error!(%error, "the nonce journal cannot be written; old nonces are kept"),
        }
        self.shared.gateway.failures.sweep();
    }

    /// Says how a trial run goes, if there is one.
    pub fn report_observed(&self) {
        if let Some(verdicts) = self.shared.observed.take_summary() {
            tracing::warn!(%verdicts, "observe: requests passed whatever their verdict");
        }
    }

    /// Warns of certificates that expire soon. To be called every day or so.
    pub fn report_expiring(&self) {
        for warning in self.shared.gateway.policy.load().tls.expiring(self.shared.gateway.clock.wall()) {
            tracing::warn!("{warning}");
        }
    }

    /// One line for each limit that closed connections at once, with how many those were since the last line.
    fn report_closed(&self) {
        let closed = self.shared.connections.take_closed();
        let limits = &self.shared.gateway.policy.load().settings.limits;
        if closed.in_all > 0 {
            let (count, limit) = (closed.in_all, limits.connections);
            tracing::warn!(closed = count, limit = "limits.connections", allowed = limit, "connections were closed at once");
        }
        if let Some((peer, most)) = closed.by_address.iter().max_by_key(|(_, count)| **count) {
            tracing::warn!(
                closed = closed.by_address.values().sum::<u64>(),
                limit = "limits.connections_per_address",
                allowed = limits.connections_per_address,
                %peer,
                of_peer = most,
                addresses = closed.by_address.len(),
                "connections were closed at once"
            );
        }
    }

    /// Finishes what is in flight, within `grace`.
    pub async fn stop(self, grace: Duration) {
        self.report_observed();
        self.report_closed();
        let cut_off = self.plane.stop(grace).await;
        if cut_off > 0 {
            tracing::warn!(cut_off, "connections were still open when the time to drain was over");
        }
        if let Err(error) = self.shared.gateway.nonces.close() {
            tracing::error!(%error, "the nonce journal cannot be closed in order");
        }
    }
}

fn listen(listeners: &[Listener]) -> Result<Vec<TcpListener>, StartError> {
    let bind = |address| TcpListener::bind(address).map_err(|error| StartError::Listen(address, error));
    listeners.iter().map(|listener| bind(listener.address)).collect()
}

fn random() -> io::Result<u64> {
    let mut process = [0; 8];
    aws_lc_rs::rand::fill(&mut process).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u64::from_le_bytes(process))
}

/// What a start remembers of the nonces that were accepted before it.
fn report_memory(memory: &Memory, now: Timestamp) {
    match memory {
        Memory::New => tracing::info!("no nonces were accepted on this state directory before"),
        Memory::Whole { nonces } => tracing::info!(nonces, "the nonces that were accepted before are remembered"),
        Memory::Lost { why, until } => tracing::warn!(
            why,
            until = jiff::Timestamp::from_second(until.seconds().cast_signed()).ok().map(tracing::field::display),
            seconds = until.seconds().saturating_sub(now.seconds()),
            "what was accepted before is not known: requests with timestamps up to then are refused"
        ),
    }
}

/// The state directory, ours alone.
#[derive(Debug)]
struct StateDirectory {
    _lock: File,
}

impl StateDirectory {
    fn lock(path: &Path) -> Result<Self, StartError> {
        let failed = |error| StartError::State(path.to_owned(), error);
        create_private(path).map_err(failed)?;
        let lock = File::options().create(true).write(true).truncate(false).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::StateInUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
