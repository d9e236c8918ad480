//! What a million stored access tokens cost: the time to read them at the start, memory, and a look-up against one in an empty store;
//! and how long an operation of the dance takes beside them.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::clock::Clock;
use countersign::config::Lifetimes;
use countersign::consumers::ConsumerKey;
use countersign::directory::Directory;
use countersign::secret::SecretHash;
use countersign::tokens::{Callback, Decision, NewTemporary, Revision, Selection, TokenProblem, TokenStore};
use rusqlite::{Connection, params};

const TOKENS: usize = 1_000_000;
const CONSUMERS: usize = 100;
/// Five tokens each.
const USERS: usize = TOKENS / 5;
const LOOK_UPS: usize = 2_000_000;
const DANCES: usize = 200;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not measured: run with cargo bench --bench tokens");
        return;
    }
    // On the disk that the build is on; /tmp may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    let state = Arc::new(Directory::make(folder.path()).expect("a directory"));
    let empty = TokenStore::open(&state, Clock::System).expect("a new store");
    println!("a look-up in an empty store:     {:6.0} ns", look_ups(&empty, &|problem| problem == Some(TokenProblem::Unknown)));
    dances("an operation, empty store: ", &empty);
    drop(empty);

    fill(&folder.path().join("tokens.db"));
    let size = std::fs::metadata(folder.path().join("tokens.db")).expect("the database").len();
    println!("on the disk for {TOKENS} tokens: {:6.0} bytes a token", size as f64 / TOKENS as f64);
    let before = resident();
    let start = Instant::now();
    let store = TokenStore::open(&state, Clock::System).expect("the store");
    println!("read at the start:               {:6.0} ms", start.elapsed().as_secs_f64() * 1e3);
    println!("resident memory:                 {:6.0} bytes a token", (resident() - before) as f64 / TOKENS as f64);
    assert!(store.len() >= TOKENS, "all are there");
    println!("a look-up in the full store:     {:6.0} ns", look_ups(&store, &|problem| problem.is_none()));
    dances("an operation, full store:  ", &store);

    let start = Instant::now();
    let of_user = Selection { user: Some(user(7)), ..Selection::default() };
    let listed = store.list(&of_user, 100).len();
    println!("a user's {listed} tokens listed:       {:6.0} µs", start.elapsed().as_secs_f64() * 1e6);
    let start = Instant::now();
    let of_consumer = Selection { consumer: Some(consumer(7)), ..Selection::default() };
    let revoked = wait_for(store.revoke(of_consumer)).expect("revoked").tokens.len();
    println!("a consumer's {revoked} tokens revoked: {:5.0} ms", start.elapsed().as_secs_f64() * 1e3);
}

/// Nanoseconds for one of many that take turns with all tokens, in an order that no cache knows.
fn look_ups(store: &TokenStore, is_right: &dyn Fn(Option<TokenProblem>) -> bool) -> f64 {
    let consumers: Vec<_> = (0..CONSUMERS).map(consumer).collect();
    let tokens: Vec<_> =
        (0..LOOK_UPS).map(|turn| turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % TOKENS).map(|at| (at, token(at))).collect();
    let now = Clock::System.wall();
    let start = Instant::now();
    for (at, token) in &tokens {
        let found = black_box(store.access(token.as_bytes(), &consumers[at % CONSUMERS], now));
        assert!(is_right(found.err()), "a wrong answer");
    }
    start.elapsed().as_secs_f64() * 1e9 / LOOK_UPS as f64
}

/// Three operations each, one after another.
fn dances(what: &str, store: &TokenStore) {
    let mut took: Vec<Duration> = Vec::new();
    wait_for(async {
        let lifetimes = Lifetimes::default();
        for _ in 0..DANCES {
            let start = Instant::now();
            let new = NewTemporary { consumer: consumer(1), callback: Callback::OutOfBand, revision: Revision::OneA };
            let issued = store.begin(new, lifetimes).await.expect("a request token");
            let allow = Decision::Allow { user: user(1) };
            let verifier = store.decide(issued.token.reveal(), allow).await.expect("a decision").verifier.expect("a verifier");
            let (token, verifier) = (issued.token.reveal().as_bytes(), verifier.reveal().as_bytes());
            store.exchange(token, &consumer(1), Some(verifier), lifetimes).await.expect("an access token");
            took.push(start.elapsed() / 3);
        }
    });
    took.sort();
    println!("{what}      {:6.2} ms (median of {DANCES} dances)", took[DANCES / 2].as_secs_f64() * 1e3);
}

fn fill(database: &Path) {
    let mut connection = Connection::open(database).expect("the database");
    let transaction = connection.transaction().expect("a transaction");
    let insert =
        "INSERT INTO access_token (token, session_handle, consumer, user, issued, expires, session_expires, state, change)
        VALUES (?, ?, ?, ?, ?, ?, ?, 'live', ?)";
    let mut insert = transaction.prepare(insert).expect("a statement");
    let now = Clock::System.wall().seconds().cast_signed();
    let later = |lifetime: Duration| now.saturating_add_unsigned(lifetime.as_secs());
    let (expires, session_expires) = (later(Lifetimes::default().access_token), later(Lifetimes::default().session));
    for at in 0..TOKENS {
        let (consumer, user) = (consumer(at % CONSUMERS), user(at % USERS));
        let (token, handle) = (SecretHash::of(&token(at)), SecretHash::of(&format!("handle-{at}")));
        let values =
            params![token.as_bytes(), handle.as_bytes(), consumer.as_str(), user, now, expires, session_expires, 1_000_000_000];
        insert.execute(values).expect("a row");
    }
    drop(insert);
    transaction.execute("UPDATE change SET number = 1000000000", []).expect("the number");
    transaction.commit().expect("a commit");
}

fn token(at: usize) -> String {
    format!("token-{at:026}")
}

fn consumer(at: usize) -> ConsumerKey {
    ConsumerKey::new(&format!("consumer-{at:03}")).expect("a key")
}

fn user(at: usize) -> String {
    format!("user-{at:06}@example.org")
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(future)
}

/// `VmRSS`, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("our own status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}
