//! Long lists of consumers that change while the gateway serves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::{BigUint, RsaPublicKey};

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, eventually, response, signed};

/// Entries with a key of 2048 bits each.
fn entries(count: usize) -> String {
    let small_primes: Vec<u32> = (3..1000).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).collect();
    (0..count).map(|index| entry(index, &small_primes)).collect()
}

fn entry(index: usize, small_primes: &[u32]) -> String {
    let key = RsaPublicKey::new(modulus(small_primes), BigUint::from(65_537_u32)).unwrap();
    let pem = key.to_public_key_pem(LineEnding::LF).unwrap().trim_end().replace('\n', "\n      ");
    format!("  - key: consumer-{index:06}\n    name: Consumer {index}\n    public_key: |\n      {pem}\n")
}

/// A random odd number of 2048 bits without small factors: nobody can tell it from a modulus by looking, and nobody has to make
/// that many key pairs.
fn modulus(small_primes: &[u32]) -> BigUint {
    loop {
        let mut bytes = [0; 2048 / 8];
        OsRng.fill_bytes(&mut bytes);
        bytes[0] |= 0x80;
        bytes[2048 / 8 - 1] |= 1;
        let modulus = BigUint::from_bytes_be(&bytes);
        if small_primes.iter().all(|&prime| &modulus % prime != BigUint::default()) {
            return modulus;
        }
    }
}

#[test]
fn among_ten_thousand_consumers_one_added_or_removed_is_live_soon() {
    let backend = Backend::start();
    let constant = Consumer::new("constant", &RSA_1024);
    let gateway = Gateway::builder().upstream(&backend).consumer(constant.clone()).start();
    let many = entries(10_000);
    let status = || gateway.ask(&signed("new", &RSA_2048)).status;
    let without = Consumer::file(std::slice::from_ref(&constant)) + &many;
    let with = Consumer::file(&[constant, Consumer::new("new", &RSA_2048)]) + &many;
    let mut times = Vec::new();
    for (text, expected) in [(&with, 200), (&without, 401)].repeat(3) {
        let start = Instant::now();
        gateway.write_consumers(text);
        eventually("the change is live", || {
            std::thread::sleep(REST);
            (status() == expected).then_some(())
        });
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("live after {times:?}");
    assert!(times[times.len() / 2] < SOON, "{times:?}");
}

#[test]
fn a_long_list_is_replaced_while_requests_run() {
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    let (count, rounds) = if long { (100_000, 5) } else { (2_000, 5) };
    let released = Arc::new(AtomicBool::new(false));
    let waits_for = Arc::clone(&released);
    let backend = Backend::answering(move |request| {
        while request.target == "/slow" && !waits_for.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        response(200, &[], b"ok")
    });
    let constant = Consumer::new("constant", &RSA_1024);
    // The slow request lasts as long as the test.
    let gateway = Gateway::builder().upstream(&backend).consumer(constant.clone()).setting("timeouts: { response: 1h }").start();
    let many = entries(count);
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let write = |round: usize| {
        let marker = Consumer::new(&format!("round-{round}"), &RSA_2048);
        gateway.write_consumers(&(Consumer::file(&[constant.clone(), marker]) + &many));
        let live = || gateway.ask(&signed(&format!("round-{round}"), &RSA_2048)).status == 200;
        eventually("the list is live", || live().then_some(()));
    };
    write(0);
    let mut slow = gateway.client();
    slow.send(signed("constant", &RSA_1024).get("/slow").bytes());
    eventually("the slow request is in flight", || backend.bytes().windows(5).any(|five| five == b"/slow").then_some(()));
    let longest = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut client, mut longest) = (gateway.client(), Duration::ZERO);
                    while !over.load(Ordering::SeqCst) {
                        let bytes = signed("constant", &RSA_1024).get("/quick").bytes();
                        let start = Instant::now();
                        let answer = client.ask(bytes);
                        longest = longest.max(start.elapsed());
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        asked.fetch_add(1, Ordering::SeqCst);
                    }
                    longest
                })
            })
            .collect();
        (1..=rounds).for_each(write);
        // Now the slow request is the last that goes by the first list.
        released.store(true, Ordering::SeqCst);
        assert_eq!(slow.response().status, 200);
        over.store(true, Ordering::SeqCst);
        senders.into_iter().map(|sender| sender.join().unwrap()).max().unwrap()
    });
    let asked = asked.load(Ordering::SeqCst);
    println!("{count} consumers, {rounds} reloads, {asked} good requests, the longest of them {longest:?}");
    assert!(asked > 0);
    let replaced = || gateway.count_lines("the consumers were read again\"") == rounds + 1;
    eventually("each reload is in the log", || replaced().then_some(()));
}

/// The promise is one second for a list of this length, and it is for the program as it is installed. Without optimisation
/// reading takes several times as long; then this only says that it does not hang.
const SOON: Duration = if cfg!(debug_assertions) { Duration::from_secs(20) } else { Duration::from_secs(1) };

/// Without optimisation one question after the other takes the processor from the reading that they ask about.
const REST: Duration = if cfg!(debug_assertions) { Duration::from_millis(200) } else { Duration::ZERO };
