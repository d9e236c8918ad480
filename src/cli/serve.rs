//! `countersign serve`: the gateway, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, Interval, interval, interval_at, sleep};

use super::Failure;
use crate::admin::AdminListener;
use crate::clock::Clock;
use crate::config::{Options, Settings, Source};
use crate::consumers::reload::{self, ReloadThread, Reloader};
use crate::observe::{Audit, Sink, install_diagnostics};
use crate::serve::{Running, StartError};
use crate::service::{Reloads, manager};
use crate::sockets::{PassedSockets, SocketError};
use crate::yaml::Problems;

/// `countersign serve`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Serve {
    /// The configuration file [default: /etc/countersign/countersign.yaml]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["upstream", "consumers", "listen", "state"])]
    config: Option<PathBuf>,
    /// The application to protect; serves without a configuration file
    #[arg(long, value_name = "URL", requires = "consumers")]
    upstream: Option<String>,
    /// The consumers file, or a folder of such files
    #[arg(long, value_name = "FILE", requires = "upstream")]
    consumers: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", requires = "upstream")]
    listen: Option<String>,
    /// Where state is kept
    #[arg(long, value_name = "DIR", requires = "upstream")]
    state: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        // First of all: there are no other threads yet that could look at the environment.
        let passed = PassedSockets::from_environment().map_err(no_sockets)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
        // Before the list is read, which may take a while: a SIGHUP in the meantime would end the process.
        let signals = runtime.block_on(async { Signals::install() });
        let signals = signals.map_err(|error| Failure::new(format!("cannot handle signals: {error}")))?;
        let (reloader, warnings) = Reloader::start(self.source()).map_err(|problems| unusable(&problems))?;
        let settings = Arc::clone(&reloader.policy().load().settings);
        let sink = Sink::open(&settings.log.file)
            .map_err(|error| Failure::new(format!("cannot open the log: {error}")).hint("see log.file in the configuration"))?;
        let audit = Audit::open(&settings.log, &sink).map_err(|error| {
            Failure::new(format!("cannot open the audit log: {error}")).hint("see log.audit in the configuration")
        })?;
        install_diagnostics(Arc::clone(&sink), settings.log.format, settings.log.level);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let outcome = runtime.block_on(control(
            &settings,
            &Logs { sink: Arc::clone(&sink), audit: audit.clone() },
            reloader,
            passed,
            signals,
        ));
        audit.flush();
        sink.flush();
        outcome
    }

    fn source(self) -> Source {
        match (self.upstream, self.consumers) {
            (Some(upstream), Some(consumers)) => {
                Source::Options(Options { upstream, consumers, listen: self.listen, state_directory: self.state })
            }
            _ => Source::File(self.config.unwrap_or_else(|| super::DEFAULT_CONFIG.into())),
        }
    }
}

/// The control plane: signals, reloads and chores, on this thread, until a signal says stop.
async fn control(
    settings: &Settings,
    logs: &Logs,
    reloader: Reloader,
    passed: PassedSockets,
    mut signals: Signals,
) -> Result<(), Failure> {
    let (policy, state) = (reloader.policy(), reloader.state());
    let started = Running::start(Arc::clone(&policy), Arc::clone(&logs.sink), logs.audit.clone(), Clock::System, passed);
    let mut running = started.map_err(unstartable)?;
    let reloading = reload::spawn(reloader).map_err(|error| Failure::new(format!("cannot watch the files: {error}")))?;
    let no_thread = |error| Failure::new(format!("cannot listen for administrators: {error}"));
    let admin = running.start_admin(Arc::clone(&state), reloading.asker(), logs.audit.clone()).map_err(no_thread)?;
    announce(&running, settings);
    if let Some(admin) = &admin {
        tracing::info!(address = %admin.address(), "listening for administrators");
    }
    let reloads = Reloads::start(Arc::clone(running.state_directory()), Arc::clone(&policy), state);
    let whole = run_until_told(&mut signals, &running, logs, &reloading, admin.as_ref(), reloads).await;
    manager::stopping();
    drop(reloading);
    let grace = policy.load().settings.timeouts.drain;
    tracing::info!(seconds = grace.as_secs_f64(), "stopping: finishing what is in flight");
    let time_is_up = async {
        tokio::select! {
            () = sleep(grace) => {}
            () = signals.end.recv() => tracing::warn!("told again to stop: stopping at once"),
        }
    };
    running.stop(time_is_up).await;
    if let Some(admin) = admin {
        admin.stop().await;
    }
    tracing::info!("stopped");
    whole
}

/// SIGHUP reloads, SIGTERM and SIGINT end it.
async fn run_until_told(
    signals: &mut Signals,
    running: &Running,
    logs: &Logs,
    reloading: &ReloadThread,
    admin: Option<&AdminListener>,
    mut reloads: Reloads,
) -> Result<(), Failure> {
    let mut chores = interval(SWEEP_EVERY);
    let mut report = interval(REPORT_EVERY);
    let mut watchdog = manager::watchdog_interval().map(interval);
    let mut following = std::pin::pin!(running.follow_consumers());
    // What a start has to say about certificates is said already.
    let mut certificates = interval_at(Instant::now() + DAY, DAY);
    loop {
        tokio::select! {
            () = signals.end.recv() => return Ok(()),
            _ = signals.reload.recv() => {
                logs.reopen();
                reloads.begin(reloading);
            }
            () = reloads.finish_one() => {}
            () = tick(&mut watchdog) => {
                if running.beat() {
                    manager::alive();
                } else {
                    tracing::error!("a data-plane thread does not answer, so the service manager's watchdog is not fed");
                }
            }
            _ = chores.tick() => {
                running.sweep();
                if !running.has_its_state() {
                    return Err(Failure::new("the state directory was removed or replaced under the running gateway; stopping")
                        .hint("another process could use it now; requests of the window are refused after the next start"));
                }
                reloads.refresh_status();
                if !running.is_whole() || !reloading.is_alive() || !admin.is_none_or(AdminListener::is_alive) {
                    return Err(Failure::new("a thread of the gateway ended; stopping, so that the service manager restarts it"));
                }
            }
            () = &mut following => {}
            _ = report.tick() => running.report_observed(),
            _ = certificates.tick() => running.report_expiring(),
        }
    }
}

/// What is written into.
struct Logs {
    sink: Arc<Sink>,
    audit: Audit,
}

impl Logs {
    /// After a log rotation; one file may be behind both.
    fn reopen(&self) {
        self.sink.reopen();
        self.audit.reopen();
    }
}

struct Signals {
    end: EndSignals,
    reload: Signal,
}

struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        // Where the size of files is limited (setrlimit(2), RLIMIT_FSIZE), a write beyond it is to be an error like any
        // other; unhandled, this signal ends the process. A handler that was put up once stays.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        let end = EndSignals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
        Ok(Self { end, reload: signal(SignalKind::hangup())? })
    }
}

impl EndSignals {
    /// Waits for one of them.
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The next tick, or never.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

fn announce(running: &Running, settings: &Settings) {
    let consumers = running.shared().gateway.policy.load().consumers.len();
    let upstream = settings.upstream.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for ((address, is_passed), listener) in running.listening().iter().zip(&settings.listen) {
        let (socket, tls) = (if *is_passed { "passed" } else { "bound" }, listener.tls.is_some());
        tracing::info!(%address, socket, tls, upstream, consumers, threads = settings.threads, "listening");
    }
}

fn unusable(problems: &Problems) -> Failure {
    Failure::new(format!("the configuration cannot be used\n{problems}"))
        .hint("mend these lines and start again; countersign check --config FILE looks without starting")
}

fn no_sockets(error: SocketError) -> Failure {
    Failure::new(error.to_string()).hint(error.hint())
}

fn unstartable(error: StartError) -> Failure {
    Failure::new(error.to_string()).hint(error.hint())
}

/// signal(7): the same on all of Linux's architectures that Rust's standard library is built for, but for MIPS.
const SIGXFSZ: i32 = 25;

const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Often enough that a trial run is noticed in the log, seldom enough that it does not fill it.
const REPORT_EVERY: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(86_400);

const AFTER_HELP: &str = "\
Examples:
  countersign serve --config /etc/countersign/countersign.yaml
  countersign serve --upstream http://127.0.0.1:2990 --consumers consumers.yaml";
