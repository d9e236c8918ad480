//! Clients with scripts of their own that judge each case, and an application behind the gateway.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::support::process::{RUN, Running, Server, key_file};
use crate::support::{Consumer, Gateway, KeyPair, RSA_1024, RSA_2048, RSA_4096, tools};

#[test]
fn python_clients_are_admitted_as_they_are() {
    let site = Site::with_the_echo();
    site.run(site.all_consumers(tools::python("clients_python.py")));
}

#[test]
fn the_node_client_is_admitted_where_it_signs_right() {
    let site = Site::with_the_echo();
    site.run(site.all_consumers(tools::node("clients_node.js")));
}

#[test]
fn roundup_sees_the_user_that_the_consumer_executes_as() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("tracker");
    let server = Server::start("roundup_app.py", &home);
    let consumer = Consumer::new("tracker-client", &RSA_2048).with("two_legged: { execute_as: alice }");
    let gateway = Gateway::builder().upstream_setting(&server.url()).consumer(consumer).start();
    let site = Site { gateway, server, folder };
    let mut client = tools::python("roundup_client.py");
    client.args(["--gateway", &site.gateway_url(), "--user", "alice", "--accesses"]).arg(home.with_extension("accesses"));
    client.args(["--consumer", &credentials("tracker-client", "rsa-2048-a")]);
    site.run(client);
}

/// Consumers with keys of every size in use. The Python clients make all their calls as the first, and a few as the others.
static CONSUMERS: [(&str, &LazyLock<KeyPair>, &str); 3] = [
    ("jira:0c6b5a5e-5fb8-4a8e", &RSA_2048, "rsa-2048-a"),
    ("www.google.com", &RSA_1024, "rsa-1024-a"),
    ("Confluence:5413647675", &RSA_4096, "rsa-4096-a"),
];

/// An application with a gateway in front of it, and the files of both.
struct Site {
    gateway: Gateway,
    #[expect(dead_code, reason = "held so that it runs")]
    server: Server,
    folder: TempDir,
}

impl Site {
    fn with_the_echo() -> Self {
        let folder = TempDir::new().unwrap();
        let server = Server::start("echo_backend.py", &record(&folder));
        let gateway = Gateway::builder().upstream_setting(&server.url());
        let gateway = CONSUMERS.iter().fold(gateway, |gateway, (key, pair, _)| gateway.consumer(Consumer::new(key, pair)));
        Self { gateway: gateway.start(), server, folder }
    }

    /// The arguments of the clients that talk to the echo.
    fn all_consumers(&self, mut client: Command) -> Command {
        client.args(["--gateway", &self.gateway_url(), "--record"]).arg(record(&self.folder));
        for (key, _, file) in CONSUMERS {
            client.args(["--consumer", &credentials(key, file)]);
        }
        client
    }

    fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// Runs a client to its end; every case must pass, and there must be one.
    #[track_caller]
    fn run(&self, mut client: Command) {
        let [out, err] = ["client.out", "client.err"].map(|name| self.folder.path().join(name));
        let child = client.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn();
        let status = Running(child.expect("the client starts: run ./tests/run, which installs what it needs")).wait(RUN);
        let (out, err) = (std::fs::read_to_string(out).unwrap(), std::fs::read_to_string(err).unwrap());
        println!("{out}{err}");
        assert!(status.is_some_and(|status| status.success()), "{client:?}: {status:?} (none: it took over {RUN:?})");
        let passed = out.lines().filter(|line| line.starts_with("ok ")).count();
        assert!(passed > 0);
        assert_eq!(out.lines().last(), Some(&*format!("{passed} passed, 0 failed")));
    }
}

/// What reached the echo.
fn record(folder: &TempDir) -> PathBuf {
    folder.path().join("record")
}

/// A consumer with the file of its private key, as the clients take it.
fn credentials(consumer: &str, key: &str) -> String {
    format!("{consumer}={}", key_file(key))
}
