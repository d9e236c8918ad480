//! What the nonce journal costs: a commit with it against one in memory, what it writes, and how long it takes to read back;
//! and what a store costs that several instances share.
//!
//! Both tables take turns in one run, a thousand nonces each, so that noise falls on both alike. Each commit takes a proof,
//! so each is a real RSA operation, which is left out of the time.

use std::path::Path;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign::clock::Clock;
use countersign::config::{SharedReplay, StoreAddress, StoreKey};
use countersign::directory::Directory;
use countersign::oauth::base_string::{Authority, BaseStringUri, Scheme, SignatureBaseString};
use countersign::oauth::key::PublicKey;
use countersign::oauth::nonce::Nonce;
use countersign::oauth::parameters::{Parameters, Raw};
use countersign::oauth::signature::{Signature, SignatureMethod};
use countersign::oauth::timestamp::{Timestamp, Window};
use countersign::replay::{NonceTable, Nonces, SharedStore, Shares, initialise};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::signature::{SignatureEncoding, Signer};
use sha1::Sha1;

const WINDOW: Window = Window { max_age: 300, max_ahead: 300 };
const SHARES: Shares = Shares { all: 4_000_000, of_consumer: 4_000_000 };
const NONCES: u64 = 1_000_000;
const TURN: u64 = 1000;

/// A signature that holds, to make proofs of.
struct Signed {
    key: PublicKey,
    base_string: SignatureBaseString,
    signature: Signature,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not measured: run with cargo bench --bench journal");
        return;
    }
    let signed = sign();
    // On the disk that the build is on; /tmp may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let state = Directory::make(folder.path()).expect("a directory");
    let (journal, _) = NonceTable::open(&state, WINDOW, Clock::System).expect("a new journal");
    let journal = Nonces::of_one_instance(journal);
    let memory = Nonces::of_one_instance(NonceTable::in_memory([1; 16], Clock::System));

    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..NONCES / TURN {
        with.push(commit(&journal, &signed, turn));
        without.push(commit(&memory, &signed, turn));
    }
    let (with, without) = (median(with), median(without));
    println!("a nonce in memory, peek and commit:  {without:6.0} ns (median of {} turns)", NONCES / TURN);
    println!("the same with the journal:           {with:6.0} ns");
    println!("the journal's part:                  {:6.0} ns", with - without);

    let bytes = bytes_under(&folder.path().join("nonces"));
    println!("on the disk for {NONCES} nonces:     {bytes} bytes, {:.2} a nonce", bytes as f64 / NONCES as f64);
    // A bucket of a minute goes when both clocks say that it has left the window for good.
    let kept = WINDOW.max_age + WINDOW.max_ahead + 60;
    let rate = 1000;
    let each = bytes as f64 / NONCES as f64;
    println!("at {rate} requests a second:           {:6.1} MB written an hour", (rate * 3600) as f64 * each / 1e6);
    println!("                                     {:6.1} MB kept at most", (rate * kept) as f64 * each / 1e6);

    journal.close().expect("an end in order");
    drop(journal);
    let start = Instant::now();
    let (journal, memory) = NonceTable::open(&state, WINDOW, Clock::System).expect("the journal");
    println!("read back:                           {:6.0} ms: {memory:?}", start.elapsed().as_secs_f64() * 1e3);
    let journal = Nonces::of_one_instance(journal);
    assert_eq!(journal.live() as u64, NONCES, "all are there again");
    measure_store(&signed);
}

/// A store on a socket of its own, and what it adds to a commit: alone, and where many are under way.
fn measure_store(signed: &Signed) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("s");
    let mut server = std::process::Command::new("redis-server");
    server.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket).current_dir(folder.path());
    let Ok(mut server) = server.stdout(std::process::Stdio::null()).spawn() else {
        return println!("a store shared by several:           not measured, there is no redis-server");
    };
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (store, key) = (StoreAddress::Unix(socket), StoreKey::new(std::array::from_fn(|byte| byte as u8)));
    let settings = SharedReplay { store, user: None, password: None, key, timeout: Duration::from_secs(10) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ready = runtime.block_on(initialise(&settings, WINDOW, Clock::System.wall(), true));
    ready.expect("a store that is new");
    let store = SharedStore::open(&settings, WINDOW, Clock::System).expect("a thread").expect("a store that is well");
    let nonces = Nonces::of_several(NonceTable::in_memory([1; 16], Clock::System), store);
    for at_once in [1, 64] {
        let turns = (0..100).map(|turn| runtime.block_on(claim(&nonces, signed, at_once, turn))).collect();
        println!("a store on a socket, {at_once:2} at once:       {:6.1} us", median(turns));
    }
    let _ = server.kill();
    let _ = server.wait();
}

/// A turn's nonces, so many at once; microseconds for each.
async fn claim(nonces: &Nonces, signed: &Signed, at_once: u64, turn: u64) -> f64 {
    let now = seconds();
    let commit = |number: u64| {
        let proof = signed.key.verify(SignatureMethod::RsaSha1, &signed.base_string, &signed.signature);
        let nonce = Nonce::new(format!("{at_once}-{turn}-{number}")).expect("a short nonce");
        let id = nonces.id("reporting", b"", Timestamp::from_seconds(now), &nonce);
        Box::pin(nonces.commit(proof.expect("our own signature holds"), id, WINDOW, SHARES))
    };
    let mut spent = Duration::ZERO;
    for first in (0..640).step_by(at_once as usize) {
        let mut under_way: Vec<_> = (first..first + at_once).map(commit).collect();
        let start = Instant::now();
        std::future::poll_fn(|context| {
            under_way.retain_mut(|commit| match commit.as_mut().poll(context) {
                Poll::Ready(recorded) => recorded.map(|_| false).expect("a fresh nonce"),
                Poll::Pending => true,
            });
            if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        spent += start.elapsed();
    }
    spent.as_secs_f64() * 1e6 / 640.0
}

/// A turn's nonces; nanoseconds for each.
fn commit(table: &Nonces, signed: &Signed, turn: u64) -> f64 {
    let now = seconds();
    let mut spent = Duration::ZERO;
    for number in turn * TURN..(turn + 1) * TURN {
        let proof = signed.key.verify(SignatureMethod::RsaSha1, &signed.base_string, &signed.signature);
        let proof = proof.expect("our own signature holds");
        let nonce = Nonce::new(number.to_string()).expect("a short nonce");
        // Stamps spread over the window, as clocks and queues spread them.
        let stamp = Timestamp::from_seconds(now - 200 + number % 490);
        let start = Instant::now();
        let id = table.id("reporting", b"", stamp, &nonce);
        table.peek(id).and_then(|()| at_once(table.commit(proof, id, WINDOW, SHARES))).expect("a fresh nonce");
        spent += start.elapsed();
    }
    spent.as_nanos() as f64 / TURN as f64
}

/// What a future gives that waits for nothing: the only instance asks nobody.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("there is no other instance"),
    }
}

fn sign() -> Signed {
    let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).expect("a key can be made");
    let pem = private.to_public_key().to_public_key_pem(LineEnding::LF).expect("a key has a PEM form");
    let (key, _) = PublicKey::from_text(&pem).expect("our own key is sound");
    let uri = BaseStringUri::new(Scheme::Http, &Authority::parse("bench.example").expect("a host"), "/");
    let parameters = Parameters::collect(Raw { header: None, query: Some(b"a=b"), form: None }, 100).expect("parameters");
    let base_string = SignatureBaseString::new("GET", &uri, &parameters);
    let signature = Signature::from_bytes(SigningKey::<Sha1>::new(private).sign(base_string.as_bytes()).to_vec());
    Signed { key, base_string, signature }
}

fn bytes_under(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the journal's directory");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file of it").len()).sum()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
