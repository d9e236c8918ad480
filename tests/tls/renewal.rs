//! Certificates change while the gateway runs, in each of the ways in which files are changed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::certificates::{Authority, Pair, overwrite};
use super::client::{curl, serial_for};
use super::gateway;
use super::support::{Backend, Gateway, eventually, tools};

#[test]
fn twenty_changes_under_load_fail_no_request() {
    let authority = Authority::new();
    let pairs: Vec<Pair> = (0..=20).map(|number| authority.issue(&format!("site{number}"), "DNS:localhost")).collect();
    let live = Pair { certificate: authority.path("live.pem"), key: authority.path("live.key") };
    overwrite(&pairs[0].certificate, &live.certificate);
    overwrite(&pairs[0].key, &live.key);
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", live.yaml())).start();
    let mut load = Load::start(&gateway, &authority.ca());
    let mut longest = Duration::ZERO;
    for (number, pair) in pairs.iter().enumerate().skip(1) {
        let change = [by_rename, by_link, in_place][number % 3];
        let begun = Instant::now();
        change(&pair.certificate, &live.certificate);
        change(&pair.key, &live.key);
        longest = longest.max(begun.elapsed());
        wait_for_serial(&gateway, pair);
    }
    let seen = load.stop();
    assert_eq!(seen["failures"], serde_json::json!([]), "{seen}");
    let serials = seen["serials"].as_object().unwrap();
    assert!(serials.len() > 10, "new connections got the certificates as they changed: {seen}");
    // The connection of the beginning lives on with what it was opened with.
    let first = u128_of(seen["kept_serial"].as_str().unwrap());
    assert_eq!(first, u128_of(&pairs[0].serial()));
    assert!(seen["kept"].as_u64().unwrap() > 100, "{seen}");
    let bad = gateway.count_lines("can't be used");
    // A machine that stands still between the two files for longer than they may take gives the gateway a reason.
    let is_right = bad == 0 || longest > MAY_TAKE;
    assert!(is_right, "between the two files of a pair nothing is wrong ({longest:?}): {:?}", gateway.lines());
}

#[test]
fn a_pair_that_does_not_fit_keeps_the_old_one_and_is_said() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (first, second) = (authority.issue("first", "DNS:localhost"), authority.issue("second", "DNS:localhost"));
    let live = Pair { certificate: authority.path("live.pem"), key: authority.path("live.key") };
    overwrite(&first.certificate, &live.certificate);
    overwrite(&first.key, &live.key);
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", live.yaml())).start();
    let serves = |what: &str| {
        let got = curl(gateway.address(), "localhost", &authority.ca()).get("/open/a");
        assert_eq!(got.status, 200, "{what}: {got:?}");
    };
    let breaks: [(&str, &dyn Fn()); 3] = [
        ("does not belong to the certificate", &|| overwrite(&other.issue("x", "DNS:localhost").key, &live.key)),
        ("is empty", &|| std::fs::write(&live.certificate, "").unwrap()),
        ("can't be read", &|| std::fs::remove_file(&live.certificate).unwrap()),
    ];
    for (wrong, break_it) in breaks {
        break_it();
        let line = gateway.wait_for_line(wrong);
        assert!(line.contains("countersign.yaml:7: ") && line.contains("ERROR"), "{line}");
        gateway.wait_for_line("the certificates can't be used; the gateway goes on with those that it has");
        serves(wrong);
        assert_eq!(serial_for(gateway.address(), "localhost", &[]), first.serial(), "{wrong}");
    }
    // Whoever sends SIGHUP wants to hear it again.
    let told = gateway.count_lines("the certificates can't be used");
    gateway.signal("HUP");
    eventually("said again", || (gateway.count_lines("the certificates can't be used") > told).then_some(()));
    overwrite(&second.certificate, &live.certificate);
    overwrite(&second.key, &live.key);
    wait_for_serial(&gateway, &second);
    gateway.wait_for_line("the certificates were read again");
}

#[test]
fn a_pause_between_the_two_files_is_no_fault() {
    // Where this machine stands still for longer, the next gateway has to show it.
    assert!((0..5).any(|_| says_nothing_in_a_pause()), "the pause was too long each time");
}

/// False: the pause was longer than it was to be.
fn says_nothing_in_a_pause() -> bool {
    let authority = Authority::new();
    let (first, second) = (authority.issue("first", "DNS:localhost"), authority.issue("second", "DNS:localhost"));
    let gateway = gateway(&Backend::start(), &format!("{{ {} }}", first.yaml())).start();
    let begun = Instant::now();
    overwrite(&second.certificate, &first.certificate);
    // Longer than the quiet after which files are read, and shorter than what is waited for the other one.
    std::thread::sleep(Duration::from_millis(400));
    overwrite(&second.key, &first.key);
    if begun.elapsed() > MAY_TAKE {
        return false;
    }
    wait_for_serial(&gateway, &second);
    assert_eq!(gateway.count_lines("does not belong"), 0, "{:?}", gateway.lines());
    true
}

#[test]
fn a_broken_configuration_does_not_keep_a_new_certificate_out() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("first", "DNS:localhost"), authority.issue("second", "DNS:localhost"));
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", first.yaml())).start();
    let file = gateway.folder().join("countersign.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}nonsense: 1\n")).unwrap();
    gateway.wait_for_line("countersign.yaml can't be used");
    overwrite(&second.certificate, &first.certificate);
    overwrite(&second.key, &first.key);
    wait_for_serial(&gateway, &second);
}

#[test]
fn other_files_may_be_named_while_the_gateway_runs() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("first", "DNS:localhost"), authority.issue("second", "DNS:localhost"));
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", first.yaml())).start();
    let file = gateway.folder().join("countersign.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    // First a name with nothing behind it: refused whole, and tried again when the files are there.
    let later = Pair { certificate: authority.path("later.pem"), key: authority.path("later.key") };
    std::fs::write(&file, text.replace(&first.yaml(), &later.yaml()).replace("/open/**", "/opened/**")).unwrap();
    gateway.wait_for_line("later.pem can't be read");
    gateway.wait_for_line("countersign.yaml can't be used");
    assert_eq!(curl(gateway.address(), "localhost", &authority.ca()).get("/open/a").status, 200);
    overwrite(&second.key, &later.key);
    overwrite(&second.certificate, &later.certificate);
    wait_for_serial(&gateway, &second);
    assert_eq!(curl(gateway.address(), "localhost", &authority.ca()).get("/opened/a").status, 200);
    // What speaks TLS now goes on to do so until the next start, whatever the file says.
    let clear = "listen: [{ address: \"127.0.0.1:0\" }]\n";
    let without: String = text.lines().filter(|line| !line.starts_with("listen")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, without + clear).unwrap();
    gateway.wait_for_line("taken at the next start");
    assert_eq!(curl(gateway.address(), "localhost", &authority.ca()).get("/open/a").status, 200);
}

#[test]
fn a_client_of_a_removed_authority_is_turned_away() {
    let (authority, others) = (Authority::new(), Authority::new());
    let site = authority.issue("site", "DNS:localhost");
    let client = others.issue("client", "DNS:client");
    let ca = authority.path("clients.pem");
    overwrite(&others.ca(), &ca);
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {}, client_ca: {} }}", site.yaml(), ca.display())).start();
    let ask = || curl(gateway.address(), "localhost", &authority.ca()).with(&client).get("/open/a").status;
    assert_eq!(ask(), 200);
    overwrite(&authority.ca(), &ca);
    eventually("the client is turned away", || (ask() == 0).then_some(()));
}

fn wait_for_serial(gateway: &Gateway, pair: &Pair) {
    let wanted = pair.serial();
    eventually("new connections get the new certificate", || {
        (serial_for(gateway.address(), "localhost", &[]) == wanted).then_some(())
    });
}

/// As editors and most tools do it.
fn by_rename(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    std::fs::copy(from, &new).unwrap();
    std::fs::rename(new, to).unwrap();
}

/// As certbot does it: the name is a link, and leads to another file.
fn by_link(from: &Path, to: &Path) {
    let (file, link) = (to.with_extension(from.file_name().unwrap()), to.with_extension("link"));
    std::fs::copy(from, &file).unwrap();
    symlink(file, &link).unwrap();
    std::fs::rename(link, to).unwrap();
}

/// As `cp` and redirections do it.
fn in_place(from: &Path, to: &Path) {
    overwrite(from, to);
}

/// Serial numbers have leading zeros in one program and none in another.
fn u128_of(serial: &str) -> String {
    serial.trim_start_matches('0').to_owned()
}

/// Clients that ask without a pause.
struct Load {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Load {
    fn start(gateway: &Gateway, ca: &Path) -> Self {
        let mut client = tools::python("tls_client.py");
        client.args(["load", "--path", "/open/a", "--threads", "3", "--port", &gateway.address().port().to_string()]);
        let mut child = client.arg("--ca").arg(ca).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "running\n");
        Self { child, lines }
    }

    fn stop(&mut self) -> Value {
        let mut input = self.child.stdin.take().unwrap();
        input.flush().unwrap();
        drop(input);
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// From one file of a pair to the other; the gateway waits for a second.
const MAY_TAKE: Duration = Duration::from_millis(900);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
