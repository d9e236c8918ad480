//! Restarts and an upgrade under load, on a socket that the service manager holds: no request is lost, none is accepted twice.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::manager::Manager;
use crate::support::{Backend, Client, Gateway, Response, by_reporting, eventually, response};

/// What the clients of a run met.
#[derive(Default)]
struct Seen {
    over: AtomicBool,
    answered: AtomicUsize,
    replays_refused: AtomicUsize,
    /// Kept connections that were closed while they were idle, as a client of HTTP/1.1 has to expect at any time.
    closed_idle: AtomicUsize,
    longest: Mutex<Duration>,
}

impl Seen {
    /// A client that connects anew for each request, and sends each again after its answer.
    fn connect_each_time(&self, connect: impl Fn() -> Client) {
        while !self.over.load(SeqCst) {
            let request = by_reporting().get("/new").bytes();
            let begun = Instant::now();
            let (_, answer) = ask_anew(&connect, &request);
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.count(begun);
            self.replay(&connect, &request);
        }
    }

    /// A client that keeps its connection. One that is closed under a request that got no answer was idle: the very same request
    /// has used up no nonce.
    fn keep_the_connection(&self, connect: impl Fn() -> Client) {
        let mut kept: Option<Client> = None;
        while !self.over.load(SeqCst) {
            let request = by_reporting().get("/kept").bytes();
            let begun = Instant::now();
            let answered = kept.take().and_then(|mut client| {
                client.send(&request);
                let answer = client.try_response();
                self.closed_idle.fetch_add(usize::from(answer.is_none()), SeqCst);
                Some((client, answer?))
            });
            let (client, answer) = answered.unwrap_or_else(|| ask_anew(&connect, &request));
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.count(begun);
            self.replay(&connect, &request);
            kept = Some(client).filter(|_| answer.field("Connection") != Some("close"));
        }
    }

    fn count(&self, begun: Instant) {
        self.answered.fetch_add(1, SeqCst);
        let mut longest = self.longest.lock().unwrap();
        *longest = begun.elapsed().max(*longest);
    }

    fn replay(&self, connect: &impl Fn() -> Client, request: &[u8]) {
        let (_, answer) = ask_anew(connect, request);
        assert_eq!((answer.status, answer.problem().as_deref()), (401, Some("nonce_used")), "{}", answer.text());
        self.replays_refused.fetch_add(1, SeqCst);
    }
}

/// Sends on a new connection, whose first request a gateway that ends waits for a second for. A client that was slower than that
/// sends the very same request again, which has used up no nonce.
fn ask_anew(connect: &impl Fn() -> Client, request: &[u8]) -> (Client, Response) {
    for _ in 0..5 {
        let connected = Instant::now();
        let mut client = connect();
        client.send(request);
        let was_slow = connected.elapsed() > Duration::from_millis(900);
        match client.try_response() {
            Some(answer) => return (client, answer),
            None => assert!(was_slow, "a request on a new connection is answered"),
        }
    }
    panic!("each connection was a second old before its request was sent");
}

/// Which of the restarts, with others before and after it, is with another file in the program's place.
const UPGRADE: usize = 2;

#[test]
fn restarts_and_an_upgrade_under_load_lose_no_request_and_accept_no_replay() {
    let restarts = if std::env::var_os("COUNTERSIGN_LONG").is_some() { 50 } else { 5 };
    let backend = Backend::answering(|request| {
        // Some are in flight for a while.
        std::thread::sleep(Duration::from_millis(
            request.field("X-Request-Id").map_or(0, |id| u64::from(id.as_bytes()[29] % 16) * 2),
        ));
        response(200, &[], b"ok")
    });
    let mut manager = Manager::started(Gateway::builder().upstream(&backend).write());
    let (address, seen) = (manager.address(), Seen::default());
    let killed = std::thread::scope(|scope| {
        for number in 0..6 {
            let (seen, connect) = (&seen, move || Client::connect(address));
            scope.spawn(move || {
                // Whatever goes wrong here ends the others too, and the test.
                let stopper = Stopper(seen);
                if number % 2 == 0 {
                    seen.connect_each_time(connect)
                } else {
                    seen.keep_the_connection(connect)
                }
                drop(stopper);
            });
        }
        let mut killed = 0;
        for restart in 0..restarts {
            let before = seen.answered.load(SeqCst);
            eventually("requests are answered", || {
                (seen.over.load(SeqCst) || seen.answered.load(SeqCst) > before + 30).then_some(())
            });
            if seen.over.load(SeqCst) {
                break;
            }
            if restart == UPGRADE {
                manager.upgrade();
            }
            manager.end();
            // Now and then nobody is there for a moment.
            if restart % 3 == 0 {
                std::thread::sleep(Duration::from_millis(300));
            }
            let process = manager.start();
            eventually("the installed program runs", || manager.runs_what_is_installed(&process).then_some(()));
            killed += 1;
        }
        seen.over.store(true, SeqCst);
        killed
    });
    assert_eq!(killed, restarts);
    manager.end();
    manager.wait_for_line_times("\"message\":\"stopped\"", restarts + 1);
    let lines = manager.lines();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("the nonces that were accepted before are remembered"), restarts);
    assert_eq!(count("still open when the time to drain was over"), 0);
    println!(
        "{restarts} restarts, {} requests answered, {} replays refused, {} idle connections closed; longest wait of a client {:?}",
        seen.answered.load(SeqCst),
        seen.replays_refused.load(SeqCst),
        seen.closed_idle.load(SeqCst),
        seen.longest.lock().unwrap(),
    );
    assert!(seen.answered.load(SeqCst) > restarts * 30);
}

/// Ends the run with its thread, however that ends.
struct Stopper<'a>(&'a Seen);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over.store(true, SeqCst);
        }
    }
}
