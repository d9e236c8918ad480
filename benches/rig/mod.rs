//! What both benchmarks stand on: a started gateway, a look into `/proc`, raw HTTP/1.1 load over loopback. No figures are made here.

use std::error::Error;
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A started server that answers on `address`; ended on drop.
pub(crate) struct Server {
    child: Child,
    stop: Option<Command>,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) answered_after: Duration,
}

impl Server {
    /// Runs `command` with its standard error in the file `log`, and waits until `address` answers a request with any status.
    ///
    /// `stop` ends a server that must not be killed.
    pub(crate) fn start(mut command: Command, stop: Option<Command>, address: SocketAddr, log: &Path) -> Result<Self> {
        let started = Instant::now();
        let child = command
            .stderr(File::create(log)?)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        let mut server = Self { child, stop, address, answered_after: Duration::ZERO };
        while !answers(address) {
            if server.child.try_wait()?.is_some() || started.elapsed() > START_LIMIT {
                return Err(format!("{address} does not answer\n{}", fs::read_to_string(log)?).into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.answered_after = started.elapsed();
        Ok(server)
    }

    /// Starts the gateway on `folder/lists/consumers.yaml` with that many data-plane threads; its other files are its own.
    pub(crate) fn gateway(binary: &Path, folder: &Path, upstream: SocketAddr, threads: usize) -> Result<Self> {
        let address = free_address()?;
        // A fresh state directory for every start, so that the same signed requests are new to every gateway.
        let own = folder.join(format!("gateway-{}", address.port()));
        DirBuilder::new().mode(0o700).recursive(true).create(own.join("state"))?;
        // As in production: logs are not written into a directory that is watched for changes.
        fs::create_dir(own.join("logs"))?;
        let config = own.join("countersign.yaml");
        fs::write(
            &config,
            format!(
                "listen: {address}\n\
                 upstream: http://{upstream}\n\
                 consumers: ../lists/consumers.yaml\n\
                 state_directory: state\n\
                 threads: {threads}\n\
                 log: {{ format: json, level: info, file: stderr, audit: stderr }}\n"
            ),
        )?;
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(config);
        Self::start(command, None, address, &own.join("logs/gateway.log"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of `/proc/PID/status` such as `VmRSS`, in KiB.
    pub(crate) fn memory_kib(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")).ok_or("no such field in /proc/PID/status")?;
        Ok(kib.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = self.stop.as_mut().is_some_and(|stop| stop.status().is_ok_and(|status| status.success()));
        if !stopped {
            let _ = self.child.kill(); // Fails only when the process has already ended.
        }
        let _ = self.child.wait();
    }
}

/// What `main` returns: an error is printed as a sentence for people.
pub(crate) fn exit_code(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Instead of a measurement, where `cargo test` starts a benchmark.
pub(crate) fn not_measured(bench: &str) -> Result<()> {
    println!("not measured: start it with `cargo bench --bench {bench}`");
    Ok(())
}

/// A loopback address whose port was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Sends each of `requests` once, over that many keep-alive connections, each with one request in flight.
///
/// Returns the wall-clock time; an answer whose head lacks one of the `expected` words is an error.
pub(crate) fn send_all(
    address: SocketAddr,
    requests: &Arc<[Vec<u8>]>,
    connections: usize,
    expected: &'static [&'static str],
) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let started = Instant::now();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for first in 0..connections {
            let requests = Arc::clone(requests);
            tasks.spawn(async move {
                let mut connection = Connection::open(address).await?;
                for request in requests.iter().skip(first).step_by(connections) {
                    let head = connection.exchange(request).await?;
                    if !expected.iter().all(|word| head.contains(word)) {
                        return Err(format!("expected {expected:?}, got:\n{head}").into());
                    }
                }
                Result::Ok(())
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            outcome??;
        }
        Ok(started.elapsed())
    })
}

/// A keep-alive connection and the bytes of the answer that it is reading.
struct Connection {
    stream: tokio::net::TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends one request, reads the whole answer and returns its head.
    async fn exchange(&mut self, request: &[u8]) -> Result<&str> {
        self.answer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            self.read_more().await?;
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let total = head + content_length(str::from_utf8(&self.answer[..head])?)?;
        while self.answer.len() < total {
            self.read_more().await?;
        }
        if self.answer.len() > total {
            return Err("more bytes than Content-Length said".into());
        }
        Ok(str::from_utf8(&self.answer[..head])?)
    }

    async fn read_more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err("the server closed a keep-alive connection".into()),
            _ => Ok(()),
        }
    }
}

fn content_length(head: &str) -> Result<usize> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.ok_or_else(|| format!("no Content-Length in:\n{head}"))?.1.trim().parse()?)
}

/// Whether an unsigned request gets an answer at all.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n")?;
        stream.read_exact(&mut [0; "HTTP/1.1 200".len()])
    };
    ask().is_ok()
}

/// More than any start should take; 100,000 consumers included.
const START_LIMIT: Duration = Duration::from_secs(60);
