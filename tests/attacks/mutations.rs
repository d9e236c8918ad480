//! Bytes that nobody would think of, from the client and from the backend: the gateway answers or hangs up, and goes on.
//!
//! That nothing in it panicked is asserted when a test's gateway is dropped. A failure prints its seed; the same
//! changes come again with COUNTERSIGN_SEED.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::support::{
    Backend, Consumer, Gateway, Place, RSA_1024, RSA_2048, Response, Signing, by_reporting, eventually, message, response, signed,
};

const THREADS: u64 = 4;

#[test]
fn mutated_requests_stop_nothing() {
    const BATCHES: u64 = 10;
    const EACH: u64 = 50;
    let seed = seed();
    let backend = Backend::start();
    let mut gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("odd", &RSA_1024))
        .route("{ path: /open/**, access: open }")
        .route("{ path: /observed/**, access: observe }")
        .setting("timeouts: { header: 2s, body: 2s, response: 20s }")
        .start();
    let unmutated: Vec<Vec<u8>> = requests().iter().map(Signing::bytes).collect();
    for bytes in &unmutated {
        assert!(matches!(gateway.ask_raw(bytes).status, 200 | 401), "{}", bytes.escape_ascii());
    }
    for batch in 0..BATCHES {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let gateway = &gateway;
                scope.spawn(move || {
                    let mut random = Random(seed + batch * THREADS + thread);
                    for _ in 0..EACH {
                        let kinds = requests();
                        let kind = random.below(kinds.len());
                        let bytes = random.mutated(kinds[kind].bytes());
                        let mut client = gateway.client_from(&format!("127.0.14.{}", thread + 1));
                        client.send(&bytes);
                        // An answer comes at once; what is incomplete gets none, and its client goes.
                        client.waiting(Duration::from_millis(1));
                        client.finish();
                        let got = client.until_closed();
                        // A mutated version may be HTTP/1.0, and is answered in kind.
                        let proper = got.starts_with(b"HTTP/1.1 ") || got.starts_with(b"HTTP/1.0 ");
                        assert!(got.is_empty() || proper, "{}\n{}", bytes.escape_ascii(), got.escape_ascii());
                    }
                });
            }
        });
        assert!(gateway.is_running(), "batch {batch}");
        assert_eq!(gateway.ask(&by_reporting().get("/good")).status, 200, "batch {batch}");
    }
    // Whatever came through was proper HTTP to a strict reader.
    let passed = backend.requests().len();
    assert!(passed >= BATCHES as usize, "{passed}");
}

#[test]
fn mutated_answers_stop_nothing_and_reach_nobody_else() {
    const BATCHES: u64 = 5;
    const EACH: u64 = 25;
    let seed = seed();
    let backend = Backend::scripted(move |wire| {
        while let Some(request) = wire.request() {
            let number = request.target.strip_prefix("/mutated/").map(|number| number.parse::<u64>().unwrap());
            let Some(number) = number else {
                wire.send(&response(200, &[], request.target.as_bytes()));
                continue;
            };
            let mut random = Random(seed + number);
            let kinds = answers();
            let kind = random.below(kinds.len());
            let answer = random.mutated(kinds[kind].clone());
            wire.send(&answer);
            // One half says its end, the other leaves it to the gateway to know when it has waited long enough.
            if number % 2 == 0 {
                return;
            }
        }
    });
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 1s }").start();
    for batch in 0..BATCHES {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let gateway = &gateway;
                scope.spawn(move || {
                    for number in 0..EACH {
                        let number = (batch * THREADS + thread) * EACH + number;
                        let mut client = gateway.client();
                        let (connection, upgrade) =
                            if number.is_multiple_of(5) { ("Upgrade", "websocket") } else { ("close", "no") };
                        let request = by_reporting().get(&format!("/mutated/{number}"));
                        let request = request.line(&format!("Connection: {connection}")).line(&format!("Upgrade: {upgrade}"));
                        client.send(request.bytes());
                        // A whole answer, a cut one or none, but HTTP; and never a second one.
                        match client.try_response() {
                            Some(answer) if answer.status == 101 => {}
                            Some(answer) => {
                                client.finish();
                                let more = client.until_closed();
                                assert!(more.is_empty(), "after {}: {}", answer.status, more.escape_ascii());
                            }
                            None => {}
                        }
                        let own = format!("/own/{number}");
                        let answer = answer_in_time(gateway, &own);
                        assert_eq!((answer.status, answer.text()), (200, own), "another's answer");
                    }
                });
            }
        });
        assert!(gateway.is_running(), "batch {batch}");
        assert_eq!(answer_in_time(&gateway, "/good").text(), "/good", "batch {batch}");
    }
    let asked = backend.records().iter().flat_map(|record| message::requests(&record.bytes).unwrap().0).collect::<Vec<_>>();
    let mutated = asked.iter().filter(|request| request.target.starts_with("/mutated/")).count();
    assert!(mutated >= (BATCHES * THREADS * EACH) as usize, "{mutated}");
}

/// Asks again only when the machine left the backend no time to answer.
fn answer_in_time(gateway: &Gateway, target: &str) -> Response {
    eventually("an answer in time", || Some(gateway.ask(&by_reporting().get(target))).filter(|answer| answer.status != 504))
}

/// One of each kind of request.
fn requests() -> Vec<Signing> {
    let odd = || signed("odd", &RSA_1024);
    vec![
        odd().get("/x?a=1&b=%32"),
        odd().get("/x?a=1").in_place(Place::Query),
        odd().post("/x").form("a=1&b=2").in_place(Place::Form),
        odd().post("/x").form("a=1&b=2").chunked(3),
        odd().post("/x").body("application/json", "{\"a\": 1}").chunked(4).line("Expect: 100-continue"),
        odd().post("/observed/x").form("a=1").line("Cookie: a=b"),
        odd().post("/x").body("text/plain", "abc").set("oauth_body_hash", "AAAA"),
        odd().get("/x").line("Connection: Upgrade, X-A").line("Upgrade: websocket").line("X-A: 1"),
        odd().get("/open/x").line("X-Forwarded-For: 192.0.2.1").line("Forwarded: for=192.0.2.1;proto=https"),
        odd().get("http://app.example.com/x").signed_target("/x"),
    ]
}

/// One of each kind of answer.
fn answers() -> Vec<Vec<u8>> {
    vec![
        response(200, &[("Content-Type", "text/plain"), ("Set-Cookie", "a=b")], b"an answer of some length"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n6;x=y\r\nsecond\r\n0\r\nX-T: 1\r\n\r\n".to_vec(),
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec(),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes".to_vec(),
        b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 100\r\n\r\n".to_vec(),
    ]
}

/// The same in every run, unless a seed is given; with `--long` another each time.
fn seed() -> u64 {
    let given = std::env::var("COUNTERSIGN_SEED").ok().map(|seed| seed.parse().unwrap());
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    let seed = given.unwrap_or_else(|| if long { RandomState::new().hash_one(0) } else { 5849 });
    println!("COUNTERSIGN_SEED={seed}");
    seed
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One to four changes.
    fn mutated(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(16)).min(bytes.len());
            match self.below(7) {
                0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (self.next() % 8)),
                1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.next() as u8),
                2 => drop(bytes.drain(at..end)),
                3 => bytes.truncate(at),
                4 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                5 => {
                    let junk: Vec<u8> = (0..self.below(64)).map(|_| self.next() as u8).collect();
                    bytes.splice(at..at, junk);
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())];
                    bytes.splice(at..at, word.bytes());
                }
            }
        }
        bytes
    }
}

/// What parsers stumble over.
const WORDS: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    "\"",
    "%",
    "%00",
    "%zz",
    "&",
    "=",
    "oauth_",
    "\u{2028}",
    "\u{feff}",
    "Content-Length: 7\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
];
