//! The running gateway: sockets, data plane, state directory, and the control plane's chores.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::accounts::Accounts;
use crate::admin::{Admin, AdminListener, AdminSocket};
use crate::clock::Clock;
use crate::config::{AdminAddress, AdminSettings, Settings, StoreAddress};
use crate::consumers::ConsumerList;
use crate::consumers::reload::{ReloadAsker, ReloadState};
use crate::dance::Doorkeeper;
use crate::directory::Directory;
use crate::failures::FailedSignatures;
use crate::gateway::Gateway;
use crate::oauth::timestamp::Timestamp;
use crate::observe::{Audit, Health, RecentRefusals, Sink, Traffic, Trouble, VerdictCounts};
use crate::policy::Policy;
use crate::proxy::{ConnectionLimits, DataPlane, FailedHandshakes, Shared, Stopped};
use crate::replay::{Memory, NonceTable, Nonces, SharedStore, StoreTrouble};
use crate::request::BodyBudget;
use crate::service::{StateDirectory, StateError};
use crate::sockets::{ListeningSocket, PassedSockets, SocketError};
use crate::tokens::{StoreFault, TokenStore};

/// A gateway that serves.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    plane: DataPlane,
    /// Where it listens, and whether the socket was passed.
    listening: Vec<(SocketAddr, bool)>,
    /// Until somebody listens on it.
    admin: Option<(AdminSettings, AdminSocket)>,
    /// Held as long as the process lives: two nonce tables on one state would each accept a replay of the other's.
    state: StateDirectory,
}

/// Why a gateway cannot start.
#[derive(Debug)]
pub enum StartError {
    /// There is no socket to listen on.
    Listen(SocketError),
    /// The administrators' socket cannot be bound.
    Admin(AdminAddress, io::Error),
    /// The state directory cannot be made or locked.
    State(PathBuf, io::Error),
    /// Another process has the state directory.
    StateInUse(PathBuf),
    /// The nonce store that the instances share is not one that nonces may be kept in.
    Store(StoreAddress, StoreTrouble),
    /// The tokens cannot be read, or not be kept.
    Tokens(StoreFault),
    /// No random numbers, or no threads.
    System(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::Admin(address, error) => write!(f, "cannot listen for administrators on {address}: {error}"),
            Self::State(path, error) => write!(f, "cannot use the state directory {}: {error}", path.display()),
            Self::StateInUse(path) => {
                write!(f, "another countersign process uses the state directory {}", path.display())
            }
            Self::Store(address, trouble) => write!(f, "the shared nonce store {address} cannot be used: {trouble}"),
            Self::Tokens(fault) => fault.fmt(f),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen(error) => error.hint(),
            Self::Admin(AdminAddress::Loopback(_), _) => "see what has the port with: ss -ltnp; choose another with admin.listen",
            Self::Admin(AdminAddress::Unix(_), _) => {
                "admin.listen has to name a new file, in a directory that the gateway may write to"
            }
            Self::State(..) => "choose a writable directory with state_directory: or --state",
            Self::StateInUse(_) => "stop the other process, or give this one a state directory of its own",
            Self::Store(_, trouble) => trouble.hint(),
            Self::Tokens(_) => {
                "see who may write to tokens.db in the state directory, whether the disk is full, and whether a later version made it"
            }
            Self::System(_) => "the system is out of threads, memory or descriptors",
        }
    }
}

impl Running {
    /// Opens the sockets and starts the data plane.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(
        policy: Arc<ArcSwap<Policy>>,
        sink: Arc<Sink>,
        audit: Audit,
        clock: Clock,
        mut passed: PassedSockets,
    ) -> Result<Self, StartError> {
        let settings = Arc::clone(&policy.load().settings);
        let mut state = StateDirectory::lock(&settings.state_directory).map_err(|error| match error {
            StateError::InUse => StartError::StateInUse(settings.state_directory.clone()),
            StateError::Unusable(error) => StartError::State(settings.state_directory.clone(), error),
        })?;
        let admin = admin_socket(&settings, &mut passed)?;
        let listeners = passed.open(&settings.listen).map_err(StartError::Listen)?;
        let listening = listeners.iter().map(|ListeningSocket { address, is_passed, .. }| (*address, *is_passed)).collect();
        let process = random().map_err(StartError::System)?;
        let opened = NonceTable::open(state.directory(), settings.verify.window, clock.clone());
        let (table, memory) = opened.map_err(|error| StartError::State(settings.state_directory.clone(), error))?;
        state.remember_places().map_err(|error| StartError::State(settings.state_directory.clone(), error))?;
        report_memory(&memory, table.first_remembered(), clock.wall());
        let nonces = nonces(table, &settings, &clock)?;
        let tokens = settings.dance.as_ref().map(|_| TokenStore::open(state.directory(), clock.clone()).map(Arc::new));
        let doorkeeper = settings.dance.as_ref().map(|dance| Doorkeeper::new(dance, audit, &clock).map(Arc::new));
        let gateway = Gateway {
            policy,
            nonces,
            failures: FailedSignatures::default(),
            budget: Arc::new(BodyBudget::default()),
            clock,
            tokens: tokens.transpose().map_err(StartError::Tokens)?,
        };
        let shared = Arc::new(Shared {
            gateway,
            doorkeeper: doorkeeper.transpose().map_err(StartError::System)?,
            sink,
            connections: Arc::new(ConnectionLimits::default()),
            handshakes: FailedHandshakes::default(),
            traffic: Traffic::of(settings.threads),
            recent: RecentRefusals::default(),
            observed: VerdictCounts::default(),
            in_flight: DashMap::new(),
            probes: Arc::default(),
            health: Health::default(),
            process,
        });
        let plane = DataPlane::start(&shared, &listeners, settings.threads).map_err(StartError::System)?;
        Ok(Self { shared, plane, listening, admin, state })
    }

    /// The bound addresses, in the order of `listen`; beside each, whether its socket was passed by the service manager.
    pub fn listening(&self) -> &[(SocketAddr, bool)] {
        &self.listening
    }

    /// Serves administrators, if the configuration says so.
    ///
    /// # Errors
    /// If the system has no thread for that.
    pub fn start_admin(
        &mut self,
        reloads: Arc<ReloadState>,
        reloading: ReloadAsker,
        audit: Audit,
    ) -> io::Result<Option<AdminListener>> {
        let Some((settings, socket)) = self.admin.take() else { return Ok(None) };
        let (settings, address) = (Arc::new(settings), Arc::new(socket.address().clone()));
        let accounts = Arc::new(Accounts::of(&settings.users, self.shared.gateway.clock.clone()));
        let admin = Admin { settings, shared: Arc::clone(&self.shared), reloads, reloading, address, accounts, audit };
        AdminListener::start(admin, socket).map(Some)
    }

    /// What the data plane's threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether all data-plane threads run, the one that keeps the connection to the shared store, and the one that keeps the tokens.
    pub fn is_whole(&self) -> bool {
        let gateway = &self.shared.gateway;
        self.plane.is_whole()
            && gateway.nonces.shared_store().is_none_or(SharedStore::is_alive)
            && gateway.tokens.as_ref().is_none_or(|tokens| tokens.is_alive())
    }

    /// The state directory, to make files in.
    pub fn state_directory(&self) -> &Arc<Directory> {
        self.state.directory()
    }

    /// Whether the state directory is still the one that was locked and is written to.
    pub fn has_its_state(&self) -> bool {
        self.state.is_in_place()
    }

    /// Whether every thread has proved to be alive since this last said so.
    pub fn beat(&self) -> bool {
        self.plane.beat()
    }

    /// Forgets what is over: nonces out of the window, failures that are worked off; tells which connections found no
    /// place; notes whether all is well. To be called every second or so.
    pub fn sweep(&self) {
        self.report_closed();
        self.shared.handshakes.report();
        let window = self.shared.gateway.policy.load().settings.verify.window;
        self.plane.note_health();
        let swept = self.shared.gateway.nonces.sweep(window);
        self.shared.health.set(Trouble::Journal, swept.is_err());
        let store = self.shared.gateway.nonces.shared_store();
        self.shared.health.set(Trouble::SharedStore, store.is_some_and(|store| store.trouble().is_some()));
        let remembered = self.shared.gateway.nonces.first_remembered();
        self.shared.health.set(Trouble::Forgotten, remembered > self.shared.gateway.clock.wall());
        match swept {
            Ok(0) => {}
            Ok(dropped) => tracing::debug!(dropped, live = self.shared.gateway.nonces.live(), "nonces left the window"),
            Err(error) => tracing::error!(%error, "the nonce journal cannot be written; old nonces are kept"),
        }
        self.shared.gateway.failures.sweep();
    }

    /// Tells the token store which consumers are listed, as long as the gateway runs: soon after each change, and now and then.
    pub async fn follow_consumers(&self) {
        let gateway = &self.shared.gateway;
        let Some(tokens) = &gateway.tokens else { return std::future::pending().await };
        let mut told: Option<(Arc<ConsumerList>, Instant)> = None;
        loop {
            let listed = Arc::clone(&gateway.policy.load().consumers);
            let is_told = told.as_ref().is_some_and(|(known, at)| Arc::ptr_eq(known, &listed) && at.elapsed() < TELL_EVERY);
            if !is_told {
                if let Err(fault) = tokens.note_consumers(&listed).await {
                    tracing::error!(%fault, "the token database cannot be told which consumers are listed; tokens of one that is gone are refused, and purged later");
                }
                told = Some((listed, Instant::now()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
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

    /// Finishes what is in flight, until `time_is_up` at the latest.
    pub async fn stop(self, time_is_up: impl Future<Output = ()>) {
        self.shared.health.begin_drain();
        self.report_observed();
        self.report_closed();
        let Stopped { cut_off, whole } = self.plane.stop(time_is_up).await;
        if cut_off > 0 {
            tracing::warn!(cut_off, "connections were still open when the time to drain was over");
        }
        if !whole {
            // A thread that hangs may yet accept a request: the journal is not closed as if nothing could come.
            return;
        }
        if let Err(error) = self.shared.gateway.nonces.close() {
            tracing::error!(%error, "the nonce journal cannot be closed in order");
        }
    }
}

fn admin_socket(settings: &Settings, passed: &mut PassedSockets) -> Result<Option<(AdminSettings, AdminSocket)>, StartError> {
    let Some(admin) = &settings.admin else { return Ok(None) };
    let socket = match passed.take_for_admin(admin).map_err(StartError::Listen)? {
        Some(socket) => socket,
        None => AdminSocket::bind(&admin.listen).map_err(|error| StartError::Admin(admin.listen.clone(), error))?,
    };
    Ok(Some((admin.clone(), socket)))
}

/// The nonces of the only instance, or of all that share a store.
fn nonces(table: NonceTable, settings: &Settings, clock: &Clock) -> Result<Nonces, StartError> {
    let Some(replay) = &settings.replay else { return Ok(Nonces::of_one_instance(table)) };
    let store = SharedStore::open(replay, settings.verify.window, clock.clone()).map_err(StartError::System)?;
    let store = store.map_err(|trouble| StartError::Store(replay.store.clone(), trouble))?;
    Ok(Nonces::of_several(table, store))
}

fn random() -> io::Result<u64> {
    let mut process = [0; 8];
    crate::secret::fill(&mut process)?;
    Ok(u64::from_le_bytes(process))
}

/// How often the list of consumers is looked at, and how often the token store hears of it though it is the same: a consumer that is
/// gone has a day.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What a start remembers of the nonces that were accepted before it, and which timestamps it refuses for that.
fn report_memory(memory: &Memory, first_remembered: Timestamp, now: Timestamp) {
    let refused_until = |until: Timestamp| jiff::Timestamp::from_second(until.seconds().cast_signed()).ok();
    match memory {
        Memory::New => tracing::info!("no nonces were accepted on this state directory before"),
        Memory::Whole { nonces } => {
            tracing::info!(nonces, "the nonces that were accepted before are remembered");
            if first_remembered > now {
                tracing::warn!(
                    until = refused_until(first_remembered).map(tracing::field::display),
                    "an earlier start did not know what was accepted, or the clock was ahead then: requests with timestamps \
                     before that are refused"
                );
            }
        }
        Memory::Lost { why, until } => tracing::warn!(
            why,
            until = refused_until(*until).map(tracing::field::display),
            seconds = until.seconds().saturating_sub(now.seconds()),
            "what was accepted before is not known: requests with timestamps up to then are refused"
        ),
    }
}
