//! All OAuth work beside the RSA operation, in one process: parse, look up, base string, nonce.
//!
//! Times `Gateway::admit` over signed requests and, in the same round, the RSA operations alone on the same signatures;
//! the difference is everything else. Then the same requests with an access token, by turns with those. The best round counts: the
//! others were disturbed.

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use countersign::clock::Clock;
use countersign::config::{self, Lifetimes, Settings};
use countersign::consumers::{self, ConsumerKey, LoadPolicy};
use countersign::directory::Directory;
use countersign::failures::FailedSignatures;
use countersign::gateway::{Gateway, Seen};
use countersign::oauth::base_string::{Authority, BaseStringUri, Scheme, SignatureBaseString};
use countersign::oauth::key::PublicKey;
use countersign::oauth::nonce::Nonce;
use countersign::oauth::parameters::{Parameters, Raw};
use countersign::oauth::percent;
use countersign::oauth::signature::{Signature, SignatureMethod};
use countersign::oauth::timestamp::{Timestamp, Window};
use countersign::policy::Policy;
use countersign::replay::{NonceTable, Nonces, Shares};
use countersign::request::{BodyBudget, InboundRequest, Peer, RequestBody};
use countersign::tokens::{Callback, Decision, NewTemporary, Revision, TokenStore};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::signature::{SignatureEncoding, Signer};
use sha1::Sha1;

const REQUESTS: usize = 1000;
const ROUNDS: usize = 30;
/// Heads that are made before the clock runs: as in the gateway, where hyper has just read a head, they are in the cache.
const IN_CACHE: usize = 4;
const TARGET: &str = "/rest/api/2/search?jql=project%20%3D%20HSP&maxResults=50";

struct Signed {
    authorization: String,
    base_string: SignatureBaseString,
    signature: Signature,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not measured: run with cargo bench --bench verify");
        return;
    }
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key can be made");
    let public_pem = key.to_public_key().to_public_key_pem(LineEnding::LF).expect("a key has a PEM form");
    let (public, _) = PublicKey::from_text(&public_pem).expect("our own key is sound");
    let key = SigningKey::<Sha1>::new(key);
    let requests = sign(&key, None);
    let policy = Arc::new(ArcSwap::from_pointee(policy(&public_pem)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");

    let state = tempfile::tempdir().expect("a temporary directory");
    let tokens = Arc::new(store(state.path()));
    let with_token = sign(&key, Some(&runtime.block_on(access_token(&tokens))));

    let (mut heads, mut whole, mut rsa_alone) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut three_legged = Duration::MAX;
    for _ in 0..ROUNDS {
        let (heads_spent, admit_spent) = runtime.block_on(admit_all(&requests, &policy, &tokens));
        (heads, whole) = (heads.min(heads_spent), whole.min(admit_spent));
        three_legged = three_legged.min(runtime.block_on(admit_all(&with_token, &policy, &tokens)).1);
        rsa_alone = rsa_alone.min(verify_all(&requests, &public));
    }
    let each = |total: Duration| total.as_secs_f64() * 1e6 / REQUESTS as f64;
    println!("one meaning of the HTTP head:  {:6.2} us a request", each(heads));
    println!("admit, RSA operation included: {:6.2} us a request", each(whole));
    println!("the RSA-2048 operation alone:  {:6.2} us a request", each(rsa_alone));
    println!("all OAuth work beside it:      {:6.2} us a request (best of {ROUNDS} rounds)", each(whole) - each(rsa_alone));
    println!(
        "admit, with an access token:   {:6.2} us a request, {:.3} times that without",
        each(three_legged),
        three_legged.as_secs_f64() / whole.as_secs_f64()
    );
    nonces(&public, &requests[0]);
}

fn store(folder: &std::path::Path) -> TokenStore {
    let directory = Arc::new(Directory::make(folder).expect("a state directory"));
    TokenStore::open(&directory, Clock::System).expect("a token store")
}

/// One that a user allowed.
async fn access_token(tokens: &TokenStore) -> String {
    let (consumer, lifetimes) = (ConsumerKey::new("reporting").expect("a key"), Lifetimes::default());
    let new = NewTemporary { consumer: consumer.clone(), callback: Callback::OutOfBand, revision: Revision::OneA };
    let request_token = tokens.begin(new, lifetimes).await.expect("a request token").token;
    let decision = Decision::Allow { user: "alice".to_owned() };
    let decided = tokens.decide(request_token.reveal(), decision).await.expect("a decision");
    let verifier = decided.verifier.expect("a verifier");
    let exchanged =
        tokens.exchange(request_token.reveal().as_bytes(), &consumer, Some(verifier.reveal().as_bytes()), lifetimes).await;
    exchanged.expect("an access token").issued.token.reveal().to_owned()
}

/// The time for the checks of the heads, and for admitting the requests.
async fn admit_all(requests: &[Signed], policy: &Arc<ArcSwap<Policy>>, tokens: &Arc<TokenStore>) -> (Duration, Duration) {
    let gateway = Gateway {
        policy: Arc::clone(policy),
        nonces: Nonces::of_one_instance(NonceTable::in_memory([1; 16], Clock::System)),
        failures: FailedSignatures::default(),
        budget: Arc::new(BodyBudget::default()),
        clock: Clock::System,
        tokens: Some(Arc::clone(tokens)),
    };
    let peer = Peer { address: [127, 0, 0, 1].into(), scheme: Scheme::Http };
    let settings = Arc::clone(&policy.load().settings);
    let (mut heads_spent, mut admit_spent) = (Duration::ZERO, Duration::ZERO);
    for batch in requests.chunks(IN_CACHE) {
        let heads: Vec<_> = batch.iter().map(head).collect();
        let mut read = Vec::with_capacity(IN_CACHE);
        let start = Instant::now();
        for parts in heads {
            read.push(InboundRequest::read(parts, RequestBody::none(), peer, &settings).expect("a sound head"));
        }
        heads_spent += start.elapsed();
        // What was admitted goes on to the backend; that it ends some time is not part of the proof.
        let mut admitted = Vec::with_capacity(IN_CACHE);
        let start = Instant::now();
        for inbound in read {
            let policy = gateway.policy.load_full();
            let route = policy.settings.routes.decide(inbound.method(), inbound.path());
            let admission = gateway.admit(inbound, route, &policy, &mut Seen::default(), &|| Ok(())).await;
            admitted.push(admission.expect("a signed request is admitted"));
        }
        admit_spent += start.elapsed();
        drop(black_box(admitted));
    }
    (heads_spent, admit_spent)
}

fn verify_all(requests: &[Signed], key: &PublicKey) -> Duration {
    let start = Instant::now();
    for Signed { base_string, signature, .. } in requests {
        black_box(key.verify(SignatureMethod::RsaSha1, base_string, signature).expect("our own signature holds"));
    }
    start.elapsed()
}

/// 1,000,000 live nonces: time for each, and what they add to the process's memory. Each takes a proof, so each is a real
/// RSA operation, which is left out of the time.
fn nonces(key: &PublicKey, signed: &Signed) {
    let table = Nonces::of_one_instance(NonceTable::in_memory([1; 16], Clock::System));
    let window = Window { max_age: 300, max_ahead: 300 };
    let shares = Shares { all: 2_000_000, of_consumer: 2_000_000 };
    let (before, now) = (resident(), seconds());
    let mut spent = Duration::ZERO;
    for number in 0..1_000_000u64 {
        let proof = key.verify(SignatureMethod::RsaSha1, &signed.base_string, &signed.signature);
        let proof = proof.expect("our own signature holds");
        let nonce = Nonce::new(number.to_string()).expect("a short nonce");
        // Stamps spread over the window, as clocks and queues spread them.
        let stamp = Timestamp::from_seconds(now - 100 + number % 390);
        let start = Instant::now();
        let id = table.id("reporting", b"", stamp, &nonce);
        table.peek(id).and_then(|()| at_once(table.commit(proof, id, window, shares))).expect("a fresh nonce");
        spent += start.elapsed();
    }
    println!("a nonce, peek and commit:      {:6} ns", spent.as_nanos() / 1_000_000);
    println!("{} live nonces:         {:6.1} MiB resident", table.live(), (resident() - before) as f64 / 1024.0);
}

/// What a future gives that waits for nothing: the only instance asks nobody.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("there is no other instance"),
    }
}

fn policy(public_pem: &str) -> Policy {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let indented: String = public_pem.lines().map(|line| format!("      {line}\n")).collect();
    let consumers_path = folder.path().join("consumers.yaml");
    let yaml = format!("consumers:\n  - key: reporting\n    name: Reporting\n    public_key: |\n{indented}");
    std::fs::write(&consumers_path, yaml).expect("a consumers file");
    let config_path = folder.path().join("countersign.yaml");
    std::fs::write(&config_path, "upstream: http://127.0.0.1:1\nconsumers: consumers.yaml\n").expect("a configuration");
    let settings: Settings = config::load(&config_path).expect("a sound configuration").settings;
    let list = consumers::load(&settings.consumers, &LoadPolicy::of(&settings)).expect("sound consumers").list;
    Policy { settings: Arc::new(settings), consumers: Arc::new(list), tls: Arc::default() }
}

fn sign(key: &SigningKey<Sha1>, token: Option<&str>) -> Vec<Signed> {
    let uri = BaseStringUri::new(Scheme::Http, &Authority::parse("bench.example").expect("a host"), "/rest/api/2/search");
    let query = TARGET.split_once('?').map(|(_, query)| query.as_bytes());
    let stamp = seconds();
    let token = token.map_or_else(String::new, |token| format!("oauth_token=\"{token}\", "));
    let one = |number: usize| {
        let parameters = format!(
            "oauth_consumer_key=\"reporting\", oauth_nonce=\"{number:032x}\", oauth_signature_method=\"RSA-SHA1\", \
             oauth_timestamp=\"{stamp}\", {token}oauth_version=\"1.0\""
        );
        let collected =
            Parameters::collect(Raw { header: Some(parameters.as_bytes()), query, form: None }, 100).expect("parameters");
        let base_string = SignatureBaseString::new("GET", &uri, &collected);
        let signature = Signature::from_bytes(key.sign(base_string.as_bytes()).to_vec());
        let encoded = percent::encode(signature.encode().as_bytes());
        Signed { authorization: format!("OAuth {parameters}, oauth_signature=\"{encoded}\""), base_string, signature }
    };
    (0..REQUESTS).map(one).collect()
}

fn head(signed: &Signed) -> http::request::Parts {
    let request = http::Request::get(TARGET)
        .header("host", "bench.example")
        .header("user-agent", "bench")
        .header("accept", "*/*")
        .header("authorization", &signed.authorization);
    request.body(()).expect("a request").into_parts().0
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// VmRSS in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line VmRSS");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
