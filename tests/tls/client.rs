//! curl and openssl as clients.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::certificates::{Pair, serial_of};

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) succeeded: bool,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs a program on this input.
pub(super) fn with_input(command: &mut Command, input: &[u8]) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that ended already takes no input.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { succeeded: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// `openssl s_client`, which shakes hands, tells about it and leaves.
pub(super) fn s_client(address: SocketAddr, arguments: &[&str]) -> Said {
    with_input(Command::new("openssl").args(["s_client", "-connect", &address.to_string()]).args(arguments), b"")
}

/// The serial number of the certificate that a client gets who asks for this name.
pub(super) fn serial_for(address: SocketAddr, name: &str, arguments: &[&str]) -> String {
    let mut all = if name.is_empty() { vec!["-noservername"] } else { vec!["-servername", name] };
    all.extend_from_slice(arguments);
    serial_of(s_client(address, &all).out.as_bytes())
}

/// A request by curl.
pub(super) struct Curl {
    command: Command,
    name: String,
    address: SocketAddr,
}

/// What curl got.
#[derive(Debug)]
pub(super) struct Got {
    /// 0: there was no response.
    pub(super) status: u16,
    pub(super) body: String,
    /// curl's words where it failed.
    pub(super) err: String,
}

/// A request to the gateway under this name.
pub(super) fn curl(address: SocketAddr, name: &str, ca: &Path) -> Curl {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--write-out", "\n%{http_code}"]);
    command.arg("--cacert").arg(ca).args(["--resolve", &format!("{name}:{}:{}", address.port(), address.ip())]);
    Curl { command, name: name.to_owned(), address }
}

impl Curl {
    pub(super) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Shows a client certificate.
    pub(super) fn with(mut self, pair: &Pair) -> Self {
        self.command.arg("--cert").arg(&pair.certificate).arg("--key").arg(&pair.key);
        self
    }

    pub(super) fn get(mut self, path: &str) -> Got {
        let url = format!("https://{}:{}{path}", self.name, self.address.port());
        let said = with_input(self.command.arg(url), b"");
        let (body, status) = said.out.rsplit_once('\n').unwrap_or(("", "0"));
        Got { status: status.parse().unwrap(), body: body.to_owned(), err: said.err }
    }
}
