//! The real program, started with a configuration made for the test, killed when the test is over.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::backend::Backend;
use super::client::Client;
use super::keys::{KeyPair, RSA_2048};
use super::message::Response;
use super::secrets;
use super::signer::{Signing, signed};
use super::wait::eventually;

/// The consumer of every gateway whose test names none; signs with [`RSA_2048`].
pub const CONSUMER: &str = "reporting";

/// A running gateway.
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// A gateway that `systemd-socket-activate` becomes when the first client connects; ended with the test.
pub struct Activated(pub Child);

impl Drop for Activated {
    fn drop(&mut self) {
        // It has become the gateway by now, or never will.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An entry of consumers.yaml.
#[derive(Clone)]
pub struct Consumer {
    text: String,
}

/// A configuration in the making.
#[derive(Default)]
pub struct Builder {
    upstream: Option<String>,
    consumers: Vec<Consumer>,
    routes: Vec<String>,
    settings: Vec<String>,
    wrapper: Vec<String>,
}

impl Consumer {
    pub fn new(key: &str, pair: &KeyPair) -> Self {
        Self::with_key_text(key, &pair.public_pem)
    }

    /// A consumer with any text for its key.
    pub fn with_key_text(key: &str, public_key: &str) -> Self {
        Self::without_key(key).with(&format!("public_key: {}", Value::from(public_key)))
    }

    /// A consumer that still lacks its key.
    pub fn without_key(key: &str) -> Self {
        Self::of(key, key)
    }

    /// A consumer whose name is not its key.
    pub fn named(key: &str, name: &str, pair: &KeyPair) -> Self {
        Self::of(key, name).with(&format!("public_key: {}", Value::from(&*pair.public_pem)))
    }

    fn of(key: &str, name: &str) -> Self {
        // Every JSON string is a YAML string.
        let (key, name) = (Value::from(key), Value::from(name));
        Self { text: format!("  - key: {key}\n    name: {name}\n") }
    }

    /// One more line, such as `enabled: false`.
    pub fn with(mut self, line: &str) -> Self {
        writeln!(self.text, "    {line}").unwrap();
        self
    }

    /// A consumers file.
    pub fn file(consumers: &[Self]) -> String {
        let entries: String = consumers.iter().map(|consumer| consumer.text.as_str()).collect();
        if entries.is_empty() { "consumers: []\n".into() } else { format!("consumers:\n{entries}") }
    }
}

impl Builder {
    pub fn upstream(mut self, backend: &Backend) -> Self {
        self.upstream = Some(format!("http://{}", backend.address()));
        self
    }

    /// The value of `upstream` as YAML.
    pub fn upstream_setting(mut self, yaml: &str) -> Self {
        self.upstream = Some(yaml.to_owned());
        self
    }

    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    /// One entry of `routes`, in flow style.
    pub fn route(mut self, rule: &str) -> Self {
        self.routes.push(rule.to_owned());
        self
    }

    /// One more line of countersign.yaml.
    pub fn setting(mut self, yaml: &str) -> Self {
        self.settings.push(yaml.to_owned());
        self
    }

    /// Starts the program through another one, which becomes it, such as `setpriv` with its options.
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
        self
    }

    /// Writes the files into a new folder.
    pub fn write(self) -> TempDir {
        // Not under /tmp, where the gateway rightly does not want to keep its state.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut text = format!("upstream: {}\nconsumers: consumers.yaml\n", self.upstream.expect("a test names its upstream"));
        let is_default = |line: &&str| !self.settings.iter().any(|setting| setting.starts_with(line.split(' ').next().unwrap()));
        let defaults = ["listen: 127.0.0.1:0", "state_directory: state", "threads: 2"];
        defaults.iter().copied().filter(is_default).for_each(|line| writeln!(text, "{line}").unwrap());
        if !self.routes.is_empty() {
            writeln!(text, "routes:").unwrap();
            self.routes.iter().for_each(|rule| writeln!(text, "  - {rule}").unwrap());
        }
        self.settings.iter().for_each(|setting| writeln!(text, "{setting}").unwrap());
        // Last, so that every other line has the number that it has without it.
        secrets::log_setting().filter(is_default).into_iter().for_each(|line| writeln!(text, "{line}").unwrap());
        std::fs::write(folder.path().join("countersign.yaml"), text).unwrap();
        let consumers = if self.consumers.is_empty() { vec![Consumer::new(CONSUMER, &RSA_2048)] } else { self.consumers };
        std::fs::write(folder.path().join("consumers.yaml"), Consumer::file(&consumers)).unwrap();
        folder
    }

    /// Starts the program and waits until it listens.
    #[track_caller]
    pub fn start(mut self) -> Gateway {
        let wrapper = std::mem::take(&mut self.wrapper);
        Gateway::run(self.write(), &wrapper)
    }

    /// Starts a program that writes its log into `access.log` in its folder.
    #[track_caller]
    pub fn start_quietly(self) -> Gateway {
        let folder = self.write();
        let log = folder.path().join("access.log");
        let mut gateway = Gateway::spawn(folder, &[]);
        gateway.address =
            eventually("the gateway listens", || std::fs::read_to_string(&log).ok()?.lines().find_map(listening_address));
        gateway
    }

    /// Starts a program whose log level keeps it from saying where it listens.
    #[track_caller]
    pub fn start_silent(mut self) -> Gateway {
        let wrapper = std::mem::take(&mut self.wrapper);
        let mut gateway = Gateway::spawn(self.write(), &wrapper);
        gateway.address = eventually("the gateway listens", || listening_socket(gateway.pid()));
        gateway
    }

    /// Starts a program that is to fail, and gives its exit status and what it wrote.
    pub fn start_in_vain(mut self) -> (ExitStatus, String) {
        let wrapper = std::mem::take(&mut self.wrapper);
        let mut gateway = Gateway::spawn(self.write(), &wrapper);
        let status = gateway.wait_for_exit();
        // The reader ends with the pipe, and has its last words then.
        let _ = gateway.reader.take().map(JoinHandle::join);
        (status, gateway.lines().join("\n"))
    }
}

impl Gateway {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A gateway with the usual consumer in front of `backend`.
    #[track_caller]
    pub fn in_front_of(backend: &Backend) -> Self {
        Self::builder().upstream(backend).start()
    }

    /// Starts the program in a folder that was left by another one, or written by [`Builder::write`].
    #[track_caller]
    pub fn start_in(folder: TempDir) -> Self {
        Self::run(folder, &[])
    }

    /// Ends the program and leaves its folder.
    pub fn leave_folder(mut self) -> TempDir {
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    #[track_caller]
    fn run(folder: TempDir, wrapper: &[String]) -> Self {
        let mut gateway = Self::spawn(folder, wrapper);
        gateway.address = eventually("the gateway listens", || {
            if let Some(status) = gateway.child.try_wait().unwrap() {
                panic!("the gateway ended with {status}");
            }
            gateway.lines().iter().find_map(|line| listening_address(line))
        });
        gateway
    }

    /// Starts the program; it may listen or not.
    fn spawn(folder: TempDir, wrapper: &[String]) -> Self {
        let mut child = command(folder.path(), wrapper).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (stderr, written) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&lines));
        let reader = std::thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                written.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), folder, lines, reader: Some(reader) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, in the order of the configuration, which has that many listeners.
    pub fn addresses(&self, many: usize) -> Vec<SocketAddr> {
        eventually("all listeners are told", || {
            let told: Vec<_> = self.lines().iter().filter_map(|line| listening_address(line)).collect();
            (told.len() == many).then_some(told)
        })
    }

    /// Where the administrator's listener is; the configuration has one on a loopback address.
    #[track_caller]
    pub fn admin_address(&self) -> SocketAddr {
        let line = self.wait_for_line("listening for administrators");
        let line: Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// What the administrator's listener answers to a request on a connection of its own, with its address for the Host.
    #[track_caller]
    pub fn ask_admin(&self, method: &str, path: &str, fields: &[&str], body: &str) -> Response {
        let address = self.admin_address();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        fields.iter().for_each(|field| write!(head, "{field}\r\n").unwrap());
        if !body.is_empty() {
            write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        Client::connect(address).ask(format!("{head}\r\n{body}"))
    }

    /// The metrics, of a gateway that still answers on an administrator's address.
    fn metrics(&self) -> Option<Vec<u8>> {
        // A test may have stopped it, or taken the listener's places.
        const PATIENCE: Duration = Duration::from_secs(2);
        let lines = self.lines();
        let line = lines.iter().find(|line| line.contains("listening for administrators"))?;
        let address: SocketAddr = serde_json::from_str::<Value>(line).ok()?["address"].as_str()?.parse().ok()?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).ok().map(|_| text)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// A client at another loopback address.
    pub fn client_from(&self, source: &str) -> Client {
        Client::connect_from(source.parse::<IpAddr>().unwrap(), self.address)
    }

    /// Sends a request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: &Signing) -> Response {
        // Signed first: a gateway's time for the head runs from the connection on.
        let bytes = request.bytes();
        self.client().ask(bytes)
    }

    /// Sends bytes on a connection of their own.
    #[track_caller]
    pub fn ask_raw(&self, bytes: impl AsRef<[u8]>) -> Response {
        self.client().ask(bytes)
    }

    /// The file of consumers.
    pub fn consumers_file(&self) -> PathBuf {
        self.folder.path().join("consumers.yaml")
    }

    /// Replaces the consumers file by renaming over it, as editors do.
    pub fn write_consumers(&self, text: &str) {
        let new = self.folder.path().join("consumers.yaml.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.consumers_file()).unwrap();
    }

    /// Every line on standard error so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// How many lines with `text` there are so far.
    pub fn count_lines(&self, text: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// The lines after the first `seen` ones.
    pub fn lines_after(&self, seen: usize) -> Vec<String> {
        self.lines.lock().unwrap()[seen..].to_vec()
    }

    /// The access log so far.
    pub fn access_log(&self) -> Vec<Value> {
        let parsed = self.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        parsed.filter(|line| line.get("verdict").is_some()).collect()
    }

    /// Waits for a line of the access log.
    #[track_caller]
    pub fn wait_for_access(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.access_log().into_iter().find(|line| wanted(line)))
    }

    /// Waits for a diagnostic that contains `text`.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str) -> String {
        eventually(text, || self.lines().into_iter().find(|line| line.contains(text)))
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let signal = match name {
            "TERM" => Signal::TERM,
            "KILL" => Signal::KILL,
            "INT" => Signal::INT,
            "HUP" => Signal::HUP,
            "STOP" => Signal::STOP,
            "CONT" => Signal::CONT,
            _ => panic!("no test sends {name}"),
        };
        // At once: starting kill(1) takes a busy machine long, and the moment matters.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the program's own end.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        eventually("the gateway ends", || self.child.try_wait().unwrap())
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Processor time so far, in ticks of a hundredth of a second.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Fields 14 and 15 of proc_pid_stat(5), counted behind the name's closing bracket.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let metrics = if std::thread::panicking() { None } else { self.metrics() };
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The reader ends with the pipe; a panic's message is in it before the program is gone.
        let _ = self.reader.take().map(JoinHandle::join);
        let lines = self.lines();
        if !std::thread::panicking() {
            let panic = lines.iter().find(|line| line.contains("panicked"));
            assert!(panic.is_none(), "the gateway panicked: {panic:?}");
            let told = secrets::told_in(&lines);
            assert!(told.is_none(), "the log tells what nobody may know: {told:?}");
            let file = secrets::file_that_tells(self.folder());
            assert!(file.is_none(), "a file tells what nobody may know: {file:?}");
            assert!(!metrics.is_some_and(|text| secrets::is_in(&text)), "a metric tells what nobody may know");
        } else {
            eprintln!("the gateway's last lines:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

/// A request of the consumer that every gateway has.
pub fn by_reporting() -> Signing {
    signed(CONSUMER, &RSA_2048)
}

fn command(folder: &Path, wrapper: &[String]) -> Command {
    let mut words = wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_countersign")]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command.args(["serve", "--config"]).arg(folder.join("countersign.yaml")).stdin(Stdio::null());
    command.env_remove("STATE_DIRECTORY").env_remove("RUST_LOG");
    command
}

/// Where a process listens, from proc(5): the inodes of its sockets, and what /proc/net/tcp says of those.
fn listening_socket(pid: u32) -> Option<SocketAddr> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let sockets: Vec<String> =
        links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Fields: number, local address, remote address, state (0A: listening), …, inode as the tenth.
        let listens = fields.get(3) == Some(&"0A") && sockets.iter().any(|inode| fields.get(9) == Some(&inode.as_str()));
        let port = listens.then(|| fields[1].split_once(':')).flatten()?.1;
        Some(SocketAddr::from(([127, 0, 0, 1], u16::from_str_radix(port, 16).ok()?)))
    })
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let listening = fields.get("message")?.as_str()? == "listening";
    listening.then(|| fields.get("address")?.as_str()?.parse().ok()).flatten()
}
