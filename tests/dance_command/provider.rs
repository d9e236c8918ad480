//! The provider: oauthlib checks what is signed and makes the tokens, or something answers as no provider should.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use tempfile::TempDir;

use super::certificates::Pair;
use super::command::{Dance, Screen};
use super::support::process::Running;
use super::support::{RSA_2048, tools};

/// tests/interop/oauth_provider.py, with the public half of `RSA_2048` for the consumer `reporting`.
pub(super) struct Provider {
    _running: Running,
    pub(super) port: u16,
    _folder: TempDir,
}

impl Provider {
    pub(super) fn start() -> Self {
        Self::run(None)
    }

    pub(super) fn run(tls: Option<&Pair>) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let public = folder.path().join("public.pem");
        std::fs::write(&public, &RSA_2048.public_pem).unwrap();
        let mut command = tools::python("oauth_provider.py");
        command.arg("--public-key").arg(public);
        if let Some(pair) = tls {
            command.arg("--certificate").arg(&pair.certificate).arg("--key").arg(&pair.key);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let running = Running(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Self { _running: running, port: line.trim().parse().unwrap(), _folder: folder }
    }

    pub(super) fn url(&self, behaviour: &str) -> String {
        format!("http://127.0.0.1:{}/{behaviour}", self.port)
    }

    /// What becomes of a dance with a provider that behaves like this, where nobody need decide.
    pub(super) fn answers(&self, behaviour: &str) -> Screen {
        let url = self.url(behaviour);
        let mut dance = Dance::start(&["--verifier-file", "-", &url]);
        dance.types("verifier-1");
        dance.end()
    }
}
