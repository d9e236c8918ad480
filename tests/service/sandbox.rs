//! What the unit's sandbox forbids, against what the gateway does: system calls, address families, memory, files.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::manager::Manager;
use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, by_reporting, eventually, signed};
use crate::units::{unit, values};

/// Answers 200; `/socket` becomes a tunnel that says back what it hears.
fn backend() -> Backend {
    Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            if request.target == "/socket" {
                wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
                wire.send(b"hello");
                return wire.until_closed();
            }
            wire.send(&crate::support::response(200, &[], b"ok"));
        }
    })
}

/// A tracer that becomes the program, whose threads it follows; every line is written to `file`.
fn traced(file: &Path) -> Vec<String> {
    ["strace", "-D", "-f", "-y", "-s", "200", "-o"].map(str::to_owned).into_iter().chain([file.display().to_string()]).collect()
}

/// Runs a gateway as the unit does, with a bit of everything, and gives the lines of its trace and of a reload's.
fn trace() -> (String, PathBuf) {
    let (backend, traces) = (backend(), tempfile::TempDir::new().unwrap());
    let notify = UnixDatagram::bind(traces.path().join("notify")).unwrap();
    notify.set_nonblocking(true).unwrap();
    let environment = ["env".to_owned(), format!("NOTIFY_SOCKET={}", traces.path().join("notify").display())];
    let wrapper = [&environment[..], &["WATCHDOG_USEC=200000".to_owned()], &traced(&traces.path().join("serve"))].concat();
    // By its name, so that it has to be looked up.
    let upstream = format!("http://localhost:{}", backend.address().port());
    let folder = Gateway::builder().upstream_setting(&upstream).setting("log: { file: access.log }").write();
    let mut manager = Manager::starting_through(&wrapper, &["countersign.socket"], folder);
    let address = manager.address();
    manager.configure("listen: 127.0.0.1:0", &format!("listen: [{address}, 127.0.0.1:0]"));
    let process = manager.start();
    let mut kept = manager.client();
    for _ in 0..20 {
        assert_eq!(kept.ask(by_reporting().get("/x").bytes()).status, 200);
        assert_eq!(manager.client().ask(by_reporting().post("/x").body("text/plain", vec![b'x'; 100_000]).bytes()).status, 200);
        assert_eq!(manager.client().ask(by_reporting().post("/x").form("a=b").bytes()).status, 200);
        assert_eq!(manager.client().ask(by_reporting().signature("AAAA").bytes()).status, 401);
    }
    let mut tunnel = manager.client();
    let upgrade = by_reporting().get("/socket").line("Connection: Upgrade").line("Upgrade: websocket");
    assert_eq!(tunnel.ask(upgrade.bytes()).status, 101);
    assert_eq!(tunnel.take(5), b"hello");
    drop(tunnel);
    manager.client().reset();

    // A change that the watch finds, a rotated log, and a reload that is asked for.
    let state = manager.folder().join("state");
    let consumers = Consumer::file(&[Consumer::new("reporting", &RSA_2048), Consumer::new("new", &RSA_1024)]);
    let fresh = manager.folder().join("consumers.yaml.new");
    std::fs::write(&fresh, consumers).unwrap();
    std::fs::rename(fresh, manager.folder().join("consumers.yaml")).unwrap();
    eventually("it is live", || (manager.client().ask(signed("new", &RSA_1024).bytes()).status == 200).then_some(()));
    let log = manager.folder().join("access.log");
    std::fs::rename(&log, manager.folder().join("access.log.1")).unwrap();
    let reload = traced(&traces.path().join("reload"));
    let mut command = Command::new(&reload[0]);
    command.args(&reload[1..]).arg(env!("CARGO_BIN_EXE_countersign")).arg("reload").arg("--state").arg(state);
    assert!(command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
    eventually("the log is opened again", || log.exists().then_some(()));
    // Once a second nonces are swept and their mark is written.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let mut buffer = [0; 4096];
    let mut told = std::iter::from_fn(|| notify.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec()));
    assert!(told.any(|message| message == b"WATCHDOG=1\n"));
    manager.tell("end");
    assert_eq!(manager.answer("ended "), "0", "{}", manager.lines().join("\n"));

    let read = |name: &str| std::fs::read_to_string(traces.path().join(name)).unwrap();
    // The tracer, which is nobody's child, writes its last line after the program's end.
    let process = process.to_string();
    eventually("the trace is whole", || read("serve").lines().any(|line| is_end_of(&process, line)).then_some(()));
    eventually("the trace is whole", || read("reload").contains("+++ exited").then_some(()));
    (read("serve") + &read("reload"), manager.folder().to_owned())
}

/// `12345 +++ exited with 0 +++`; strace pads a shorter number with blanks.
fn is_end_of(process: &str, line: &str) -> bool {
    line.split_once(' ').is_some_and(|(number, what)| number == process && what.trim_start().starts_with("+++ exited"))
}

/// The calls of a group, groups within it resolved.
fn group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze").args(["syscall-filter", name]).output().unwrap();
    assert!(output.status.success(), "{name}");
    let text = String::from_utf8(output.stdout).unwrap();
    let entries = text.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries.flat_map(|entry| if entry.starts_with('@') { group(entry) } else { BTreeSet::from([entry.to_owned()]) }).collect()
}

/// What the unit allows, by the rules of systemd.exec(5): the first line makes it a list of what is allowed, to which
/// @default always belongs; lines with a tilde take out.
fn allowed() -> BTreeSet<String> {
    let text = unit("countersign.service");
    let filters = values(&text, "SystemCallFilter");
    assert!(!filters[0].starts_with('~'), "a list of what is allowed");
    let mut allowed = group("@default");
    for filter in filters {
        let (names, takes_out) = filter.strip_prefix('~').map_or((filter, false), |names| (names, true));
        for name in names.split(' ') {
            let calls = if name.starts_with('@') { group(name) } else { BTreeSet::from([name.to_owned()]) };
            for call in calls {
                if takes_out {
                    allowed.remove(&call)
                } else {
                    allowed.insert(call)
                };
            }
        }
    }
    allowed
}

/// `12345 openat(AT_FDCWD, …` -> `openat`; signals, ends and resumed calls are none.
fn call(line: &str) -> Option<&str> {
    let rest = line.trim_start().split_once(' ')?.1.trim_start();
    let name = rest.split('(').next()?;
    (rest.len() > name.len() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
        .then_some(name)
}

/// `openat(10</var/lib/x>, "lock", …` -> `/var/lib/x/lock`
fn opened(line: &str) -> PathBuf {
    let (place, rest) = line.split_once('"').unwrap();
    let directory = place.split_once('<').and_then(|(_, path)| path.split('>').next()).unwrap_or_default();
    Path::new(directory).join(rest.split('"').next().unwrap())
}

#[test]
fn the_sandbox_forbids_nothing_that_the_gateway_does() {
    let (trace, folder) = trace();
    let service = unit("countersign.service");
    let used: BTreeSet<&str> = trace.lines().filter_map(call).collect();
    for needed in
        ["accept4", "inotify_add_watch", "write", "renameat", "flock", "fsync", "pidfd_send_signal", "sendto", "connect"]
    {
        assert!(used.contains(needed), "the run was to show {needed}: {used:?}");
    }
    let allowed = allowed();
    let forbidden: Vec<_> = used.iter().filter(|call| !allowed.contains(**call)).collect();
    assert!(forbidden.is_empty(), "the filter forbids {forbidden:?}");
    // The filter is worth something.
    for call in ["ptrace", "mount", "setuid", "bpf", "init_module", "chown", "setrlimit"] {
        assert!(!allowed.contains(call), "{call}");
    }

    let families = values(&service, "RestrictAddressFamilies")[0];
    for line in trace.lines().filter(|line| call(line) == Some("socket")) {
        let family = line.split_once("socket(").unwrap().1.split(',').next().unwrap();
        // The C library asks the kernel which families there are, and goes on as if all were there when it may not.
        assert!(families.split(' ').any(|it| it == family) || family == "AF_NETLINK", "{line}");
    }

    assert_eq!(values(&service, "MemoryDenyWriteExecute"), ["yes"]);
    for line in trace.lines().filter(|line| line.contains("PROT_EXEC")) {
        assert!(call(line) == Some("mmap") && !line.contains("PROT_WRITE"), "{line}");
    }

    assert_eq!(values(&service, "ProtectSystem"), ["strict"]);
    for line in trace.lines().filter(|line| matches!(call(line), Some("openat" | "open"))) {
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag));
        let path = opened(line);
        assert!(!writes || path == Path::new("/dev/null") || path.starts_with(&folder), "{line}");
    }
}
