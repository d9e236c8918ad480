//! What the service manager is told, read as it reads it: datagrams at NOTIFY_SOCKET.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::held::Held;
use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, by_reporting, eventually};

/// A socket like the service manager's.
struct Notifications {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Notifications {
    fn listen() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, folder }
    }

    /// The program that starts the gateway with this in its environment, and more.
    fn environment(&self, more: &[String]) -> Vec<String> {
        let socket = format!("NOTIFY_SOCKET={}", self.folder.path().join("notify").display());
        ["env".to_owned(), socket].into_iter().chain(more.iter().cloned()).collect()
    }

    fn start(&self, builder: crate::support::gateway::Builder, more: &[String]) -> Gateway {
        let environment = self.environment(more);
        builder.through(&environment.iter().map(String::as_str).collect::<Vec<_>>()).start()
    }

    /// The next message, if one comes soon.
    fn poll(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    #[track_caller]
    fn next(&self) -> String {
        eventually("a message to the service manager", || self.poll())
    }

    /// Counts watchdog messages until `enough` came or the time is over; others are passed over.
    fn count_beats(&self, enough: usize, longest: Duration) -> usize {
        let (begun, mut beats) = (Instant::now(), 0);
        while beats < enough && begun.elapsed() < longest {
            beats += usize::from(self.poll().is_some_and(|message| message == "WATCHDOG=1\n"));
        }
        beats
    }
}

fn monotonic_usec() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

#[test]
fn ready_reloading_and_stopping_come_in_their_order() {
    let (backend, manager) = (Backend::start(), Notifications::listen());
    let mut gateway = manager.start(Gateway::builder().upstream(&backend), &[]);
    assert_eq!(manager.next(), "READY=1\nSTATUS=serving 1 consumer\n");

    // A change that nobody asked for is no reload to the manager, and its status is up to date nevertheless.
    gateway.write_consumers(&Consumer::file(&[Consumer::new("reporting", &RSA_2048), Consumer::new("b", &RSA_1024)]));
    assert_eq!(manager.next(), "STATUS=serving 2 consumers\n");

    for (text, status) in [
        (Consumer::file(&[Consumer::new("reporting", &RSA_2048)]), "serving 1 consumer"),
        ("consumers: 7\n".to_owned(), "serving 1 consumer; the files have problems since, see the log"),
    ] {
        gateway.write_consumers(&text);
        // The watch may have found the change before the signal came; then the status says so first.
        let earliest = monotonic_usec();
        gateway.signal("HUP");
        let first = manager.next();
        let reloading = if first.starts_with("STATUS=") { manager.next() } else { first };
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
        let time: u64 = time.unwrap_or_else(|| panic!("{reloading}")).parse().unwrap();
        assert!((earliest..=monotonic_usec()).contains(&time), "{earliest} {time}");
        let mut ready = manager.next();
        if ready.starts_with("STATUS=") {
            ready = manager.next();
        }
        assert_eq!(ready, format!("READY=1\nSTATUS={status}\n"));
    }

    gateway.signal("TERM");
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=finishing the requests in flight\n");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    assert_eq!(manager.poll(), None);
}

#[test]
fn ready_means_that_it_listens() {
    let (backend, manager) = (Backend::start(), Notifications::listen());
    let gateway = manager.start(Gateway::builder().upstream(&backend), &[]);
    manager.next();
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
}

#[test]
fn a_gateway_that_cannot_start_is_never_ready() {
    let manager = Notifications::listen();
    let environment = manager.environment(&[]);
    let folder = Gateway::builder().upstream_setting("http://127.0.0.1:9").write();
    std::fs::write(folder.path().join("consumers.yaml"), "consumers: 7\n").unwrap();
    let mut command = Command::new(&environment[0]);
    command.args(&environment[1..]).arg(env!("CARGO_BIN_EXE_countersign")).args(["serve", "--config"]);
    let status = command.arg(folder.path().join("countersign.yaml")).stderr(Stdio::null()).status().unwrap();
    assert_eq!((status.code(), manager.poll()), (Some(1), None));
}

#[test]
fn the_watchdog_is_fed_while_every_thread_lives_and_not_while_one_hangs() {
    let (backend, manager) = (Backend::start(), Notifications::listen());
    let mut gateway = manager.start(Gateway::builder().upstream(&backend), &["WATCHDOG_USEC=400000".to_owned()]);
    assert_eq!(manager.count_beats(5, Duration::from_secs(30)), 5, "it is fed");
    let held = Held::thread(gateway.pid(), "data-1");
    let said = "a data-plane thread does not answer, so the service manager's watchdog is not fed";
    // A machine that is busy may have been late before.
    let before = gateway.count_lines(said);
    eventually(said, || (gateway.count_lines(said) > before).then_some(()));
    while manager.poll().is_some() {}
    // Many times the 0.2 s after which the next one were due. What the thread had answered before may count once.
    assert!(manager.count_beats(2, Duration::from_secs(3)) < 2, "one thread hangs");
    // The other thread serves meanwhile, so nobody would have noticed.
    drop(held);
    assert_eq!(manager.count_beats(5, Duration::from_secs(30)), 5, "it goes on, and so does the watchdog");
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn a_manager_that_does_not_listen_keeps_nothing_from_happening() {
    let (backend, manager) = (Backend::start(), Notifications::listen());
    let mut gateway = manager.start(Gateway::builder().upstream(&backend), &["WATCHDOG_USEC=20000".to_owned()]);
    // Its queue takes about ten datagrams (net.unix.max_dgram_qlen), which is a tenth of a second.
    std::thread::sleep(Duration::from_secs(1));
    gateway.signal("HUP");
    gateway.wait_for_line("the consumers were read again and are as they were");
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    drop(manager);
}

#[test]
fn a_watchdog_that_is_another_process_s_is_not_fed() {
    let (backend, manager) = (Backend::start(), Notifications::listen());
    let more = ["WATCHDOG_USEC=100000".to_owned(), "WATCHDOG_PID=1".to_owned()];
    let _gateway = manager.start(Gateway::builder().upstream(&backend), &more);
    assert_eq!(manager.next(), "READY=1\nSTATUS=serving 1 consumer\n");
    assert_eq!(manager.count_beats(1, Duration::from_millis(500)), 0);
}
