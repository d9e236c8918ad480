//! The administrator's listener: health, metrics, pages and API, on a thread of its own.
//!
//! Kept out: the public listeners, through which nothing here is ever reached, and the data plane's threads, which nothing
//! here ever waits for.

mod account;
mod api;
mod assets;
mod author;
pub mod change;
mod connection;
mod consumers;
mod cookies;
mod files;
pub mod forms;
mod guard;
mod health;
pub mod layout;
mod metrics;
mod page;
pub mod problem;
mod refusals;
mod return_path;
mod router;
mod same_origin;
pub mod session;
mod set_up;
mod sign_in;
mod socket;
mod tokens;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub use connection::Peer;
pub(crate) use cookies::{FORM as FORM_COOKIE, SESSION as SESSION_COOKIE};
pub use socket::AdminSocket;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{AdminAddress, AdminSettings};
use crate::consumers::reload::{ReloadAsker, ReloadState};
use crate::observe::Audit;
use crate::policy::Policy;
use crate::proxy::Shared;
use crate::web::words;

/// What handlers take with `State`.
#[derive(Debug, Clone)]
pub struct Admin {
    /// `admin`, as it was at the start.
    pub settings: Arc<AdminSettings>,
    /// What the data plane's threads share.
    pub shared: Arc<Shared>,
    /// What became of reloads.
    pub reloads: Arc<ReloadState>,
    /// Has the files read at once.
    pub reloading: ReloadAsker,
    /// Where the listener is bound.
    pub address: Arc<AdminAddress>,
    /// Who may sign in, and who has.
    pub accounts: Arc<Accounts>,
    /// Where it is written down who changed what.
    pub audit: Audit,
}

impl Admin {
    /// The settings, consumers and certificates in force at this moment.
    pub fn policy(&self) -> Arc<Policy> {
        self.shared.gateway.policy.load_full()
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.shared.gateway.clock
    }
}

/// The running listener.
#[derive(Debug)]
pub struct AdminListener {
    address: Arc<AdminAddress>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl AdminListener {
    /// Serves administrators on a socket.
    ///
    /// # Errors
    /// If the system has no thread for it, or the socket cannot be used.
    pub fn start(admin: Admin, socket: AdminSocket) -> io::Result<Self> {
        let address = Arc::clone(&admin.address);
        set_up::open(&admin)?;
        let (stop, told) = watch::channel(false);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        // All on its own thread: where others run, no runtime may be dropped.
        let run = move || {
            let listening = runtime().and_then(|runtime| {
                let entered = runtime.enter();
                let listener = socket.listen()?;
                drop(entered);
                Ok((runtime, listener))
            });
            let (runtime, listener) = match listening {
                Ok(listening) => listening,
                Err(error) => return drop(ready.send(Err(error))),
            };
            drop(ready.send(Ok(())));
            runtime.block_on(connection::accept(listener, router::router(admin), told));
            // What still blocks then is left behind: the process is about to end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(run)?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the administrators' thread ended at once")))?;
        Ok(Self { address, stop, thread })
    }

    /// Where it is bound.
    pub fn address(&self) -> &AdminAddress {
        &self.address
    }

    /// Whether its thread runs.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Finishes what is in flight, for a moment, and ends the thread.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let ended = async {
            while !self.thread.is_finished() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        if tokio::time::timeout(END_WITHIN, ended).await.is_err() {
            tracing::error!("the administrator's listener hangs and is left behind");
        } else if self.thread.join().is_err() {
            tracing::error!("the administrator's listener had panicked");
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    // A flood of passwords to hash takes this many threads, and no more.
    Builder::new_current_thread().enable_all().max_blocking_threads(MAX_BLOCKING).thread_name("admin-work").build()
}

/// Threads for what blocks: files, and passwords, of which one takes 19 MiB.
const MAX_BLOCKING: usize = 4;

/// How often the end is looked for.
const GLANCE: Duration = Duration::from_millis(5);

/// Above what [`connection`] gives requests in flight.
const END_WITHIN: Duration = Duration::from_secs(3);
