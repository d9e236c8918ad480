//! A state directory with tokens in it, and the command that looks at them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::clock::Clock;
use countersign::config::Lifetimes;
use countersign::consumers::ConsumerKey;
use countersign::directory::Directory;
use countersign::tokens::{Callback, DanceError, Decision, NewTemporary, Revision, TokenCredentials, TokenProblem, TokenStore};
use tempfile::TempDir;

pub(crate) struct Site(TempDir);

/// What a command left on the screen.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn open(&self) -> TokenStore {
        open(&self.state())
    }

    /// `countersign tokens … --state state`
    pub(crate) fn tokens(&self, arguments: &[&str]) -> Screen {
        let state = self.state();
        tokens(&[arguments, &["--state", state.to_str().unwrap()]].concat())
    }

    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> Screen {
        let screen = self.tokens(arguments);
        assert_eq!(screen.code, Some(0), "{arguments:?}: {}", screen.err);
        screen
    }
}

pub(crate) fn tokens(arguments: &[&str]) -> Screen {
    run(Command::new(env!("CARGO_BIN_EXE_countersign")).arg("tokens").args(arguments))
}

pub(crate) fn run(command: &mut Command) -> Screen {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Screen { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn open(state: &Path) -> TokenStore {
    TokenStore::open(&Arc::new(Directory::make(state).unwrap()), Clock::System).unwrap()
}

pub(crate) fn key(text: &str) -> ConsumerKey {
    ConsumerKey::new(text).unwrap()
}

pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A request token that a user has allowed, and its verifier.
pub(crate) fn allowed(store: &TokenStore, consumer: &str, user: &str) -> (String, String) {
    wait_for(async {
        let new = NewTemporary { consumer: key(consumer), callback: Callback::OutOfBand, revision: Revision::OneA };
        let issued = store.begin(new, Lifetimes::default()).await.unwrap();
        let allow = Decision::Allow { user: user.to_owned() };
        let verifier = store.decide(issued.token.reveal(), allow).await.unwrap().verifier.unwrap();
        (issued.token.reveal().to_owned(), verifier.reveal().to_owned())
    })
}

/// What the exchange of one comes to.
pub(crate) fn exchange(
    store: &TokenStore,
    consumer: &str,
    (token, verifier): &(String, String),
) -> Result<TokenCredentials, DanceError> {
    let (consumer, verifier) = (key(consumer), Some(verifier.as_bytes()));
    wait_for(store.exchange(token.as_bytes(), &consumer, verifier, Lifetimes::default()))
}

/// A whole dance.
pub(crate) fn dance(store: &TokenStore, consumer: &str, user: &str) -> TokenCredentials {
    exchange(store, consumer, &allowed(store, consumer, user)).unwrap()
}

/// What is wrong with an access token; `None`: nothing.
pub(crate) fn problem(store: &TokenStore, token: &str, consumer: &str) -> Option<TokenProblem> {
    store.access(token.as_bytes(), &key(consumer), Clock::System.wall()).err()
}

/// Waits until something holds, for as long as a machine under load may take.
#[track_caller]
pub(crate) fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}
