//! Attack 38 at its full size: a crowd of slow clients of every kind at once, in the clear and over TLS.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::certificates::Authority;
use super::crowd::{Client, Crowd, KINDS, Place, Slow, root};
use super::support::{Backend, Consumer, Gateway, RSA_1024, eventually, response, signed};

#[test]
fn f38_a_crowd_of_slow_clients_keeps_nobody_waiting_and_each_ends_by_its_timeout() {
    let (each, seconds) = size();
    let many = each * KINDS.len();
    allow_files(2 * many);
    let site = Site::start(many, seconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let before = site.gateway.resident_kib();
    // There is a place for each of the next crowd, so all were given back; and what they took of the memory serves again.
    for crowd in ["first", "second"] {
        let grown = runtime.block_on(site.wave(each)).saturating_sub(before);
        assert!(grown < many as u64 * KIB_EACH, "with the {crowd} crowd of {many} memory had grown by {grown} KiB");
    }

    let begun = KINDS.iter().filter(|(slow, _)| matches!(slow, Slow::HalfAHead | Slow::DrippedHead)).count();
    let wanted = 2 * each * begun;
    let told = || site.gateway.access_log().iter().filter(|line| line["verdict"] == "head_timeout").count();
    eventually("the last lines", || (told() >= wanted).then_some(()));
    assert_eq!(told(), wanted, "a line for each head that began, and none for those that did not");
    assert!(site.gateway.count_lines("TLS handshakes failed") < 20, "a line for each handshake");
}

/// How many there are of each kind, and the seconds of each timeout: on most machines all are there before the first are given up.
fn size() -> (usize, u64) {
    // 5,016 clients, or 1,007.
    if std::env::var_os("COUNTERSIGN_LONG").is_some() { (264, 20) } else { (53, 5) }
}

/// For the sockets of the clients and the backend here, and for those of the gateway, which inherits it.
fn allow_files(many: usize) {
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={many}:")]).status().unwrap();
    assert!(raised.success(), "the hard limit of open files (ulimit -Hn) has to be {many} at least");
}

/// A gateway that listens in the clear and for TLS.
struct Site {
    gateway: Gateway,
    place: Place,
    /// How many answers of `/endless` the backend could not go on with.
    cut_off: Arc<AtomicUsize>,
    _backend: Backend,
}

impl Site {
    fn start(many: usize, seconds: u64) -> Self {
        let (authority, cut_off) = (Authority::new(), Arc::<AtomicUsize>::default());
        let backend = backend(Arc::clone(&cut_off));
        let tls = authority.issue("site", "DNS:localhost").yaml();
        let settings = [
            format!("listen: [\"127.0.0.1:0\", {{ address: \"127.0.0.1:0\", tls: {{ {tls} }} }}]"),
            format!("limits: {{ connections: {0}, connections_per_address: {0} }}", many + 10),
            format!("timeouts: {{ handshake: {seconds}s, header: {seconds}s, body: {seconds}s, idle: {seconds}s }}"),
        ];
        let builder = Gateway::builder().upstream(&backend).consumer(Consumer::new("one", &RSA_1024));
        let gateway = settings.iter().fold(builder, |builder, line| builder.setting(line)).start();
        let place = Place::new(gateway.addresses(2)[0], gateway.addresses(2)[1], &authority);
        Self { gateway, place, cut_off, _backend: backend }
    }

    /// A crowd comes, is there all at once, and goes; good clients are served all the while. Gives the gateway's memory when
    /// all had come, in KiB. A machine that is busy may have given up the first of them by then.
    async fn wave(&self, each: usize) -> u64 {
        let unread = each * KINDS.iter().filter(|(slow, _)| *slow == Slow::UnreadAnswer).count();
        let (crowd, mut arrivals) = Crowd::new(&self.place, &self.cut_off, self.cut_off.load(SeqCst) + unread);
        let mut clients = JoinSet::new();
        for (slow, is_tls) in (0..each).flat_map(|_| KINDS) {
            let client = Client { slow, is_tls, beginning: slow.beginning(is_tls) };
            let crowd = Arc::clone(&crowd);
            clients.spawn(async move { (slow, is_tls, crowd.stay(client).await) });
        }
        for there in 0..clients.len() {
            timeout(PATIENCE, arrivals.recv()).await.unwrap_or_else(|_| panic!("only {there} were let in"));
        }
        for _ in 0..20 {
            self.serves_good_clients().await;
        }
        let crowded = self.gateway.resident_kib();
        let mut ends = BTreeMap::<_, usize>::new();
        while !clients.is_empty() {
            self.serves_good_clients().await;
            while let Ok(Some(end)) = timeout(Duration::from_millis(20), clients.join_next()).await {
                *ends.entry(end.unwrap()).or_default() += 1;
            }
        }
        assert_eq!(ends, KINDS.iter().map(|(slow, is_tls)| ((*slow, *is_tls, slow.end()), each)).collect());
        crowded
    }

    async fn serves_good_clients(&self) {
        for is_tls in [false, true] {
            let request = signed("one", &RSA_1024).get("/good").signed_for(root(is_tls)).bytes();
            let answer = timeout(PATIENCE, self.place.ask(is_tls, &request)).await.expect("a good client is answered");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// Answers `/endless` until nobody takes it any more, and everything else with 200.
fn backend(cut_off: Arc<AtomicUsize>) -> Backend {
    Backend::scripted(move |wire| {
        while let Some(request) = wire.request() {
            if request.target != "/endless" {
                wire.send(&response(200, &[], b"ok"));
                continue;
            }
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
            while wire.send(&chunk) {}
            cut_off.fetch_add(1, SeqCst);
            return;
        }
    })
}

/// Memory of a slow client in the gateway. 5,016 of them take 50 KiB each: those that do not read some 180 KiB, the others 20 to 40.
const KIB_EACH: u64 = 100;

/// Longer than all timeouts together.
const PATIENCE: Duration = Duration::from_secs(120);
