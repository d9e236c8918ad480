//! A state directory that outlives the gateways on it, and the backend behind them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::gateway::Builder;
use crate::support::{Backend, Consumer, Gateway, KeyPair, RSA_1024, RSA_2048, now};

/// What an earlier gateway leaves to the next.
pub(crate) struct Site {
    pub(crate) backend: Backend,
    folder: TempDir,
    wrapper: Vec<String>,
    settings: Vec<String>,
}

/// A second consumer, whose requests are quickly signed.
pub(crate) const LOADER: (&str, &std::sync::LazyLock<KeyPair>) = ("loader", &RSA_1024);

impl Site {
    pub(crate) fn new() -> Self {
        Self::before(Backend::start())
    }

    pub(crate) fn before(backend: Backend) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { backend, folder, wrapper: Vec::new(), settings: Vec::new() }
    }

    /// Starts the gateways through another program.
    pub(crate) fn through(self, wrapper: &[&str]) -> Self {
        Self { wrapper: wrapper.iter().map(ToString::to_string).collect(), ..self }
    }

    /// One more line of countersign.yaml.
    pub(crate) fn setting(mut self, yaml: &str) -> Self {
        self.settings.push(yaml.to_owned());
        self
    }

    /// The line instead of all others.
    pub(crate) fn setting_replaced(self, yaml: &str) -> Self {
        Self { settings: vec![yaml.to_owned()], ..self }
    }

    /// Starts a gateway on the state.
    #[track_caller]
    pub(crate) fn start(&self) -> Gateway {
        self.builder().start()
    }

    /// The configuration of a gateway on the state.
    pub(crate) fn builder(&self) -> Builder {
        let builder = Gateway::builder()
            .upstream(&self.backend)
            .consumer(Consumer::new(crate::support::CONSUMER, &RSA_2048))
            .consumer(Consumer::new(LOADER.0, LOADER.1))
            .setting(&format!("state_directory: {}", self.state().display()))
            .through(&self.wrapper.iter().map(String::as_str).collect::<Vec<_>>());
        self.settings.iter().fold(builder, |builder, setting| builder.setting(setting))
    }

    /// Starts a gateway that must remember everything.
    #[track_caller]
    pub(crate) fn start_again(&self) -> Gateway {
        let gateway = self.start();
        gateway.wait_for_line("the nonces that were accepted before are remembered");
        gateway
    }

    /// Starts a gateway that must say that it does not know what was accepted.
    #[track_caller]
    pub(crate) fn start_in_doubt(&self, why: &str) -> Gateway {
        let gateway = self.start();
        let said = gateway.wait_for_line("requests with timestamps up to then are refused");
        assert!(said.contains(why) && said.contains("\"WARN\""), "{why}: {said}");
        gateway
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the journal.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.state().join("nonces").join(name)
    }

    /// The files of nonces, which have numbers for names.
    pub(crate) fn buckets(&self) -> Vec<PathBuf> {
        let names = std::fs::read_dir(self.file("")).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().is_ok()).collect()
    }

    /// Changes the mark's `boot:` line: as if the machine had gone down meanwhile.
    pub(crate) fn another_boot(&self) {
        let text = std::fs::read_to_string(self.file("mark")).unwrap();
        let changed = |line: &str| if line.starts_with("boot: ") { "boot: another".to_owned() } else { line.to_owned() };
        let lines: Vec<String> = text.lines().map(changed).collect();
        assert!(lines.contains(&"boot: another".to_owned()), "{text}");
        std::fs::write(self.file("mark"), lines.join("\n") + "\n").unwrap();
    }
}

/// Ends a gateway as `kill -9` does.
pub(crate) fn kill(mut gateway: Gateway) {
    gateway.signal("KILL");
    gateway.wait_for_exit();
}

/// Ends a gateway in order.
pub(crate) fn end(mut gateway: Gateway) {
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

/// A time in the window, that many seconds from now.
pub(crate) fn from_now(seconds: i64) -> u64 {
    now().checked_add_signed(seconds).unwrap()
}
