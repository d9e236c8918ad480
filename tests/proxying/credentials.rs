//! `upstream_authorization`: what a backend gets that asks for a credential of its own.

#![expect(clippy::unwrap_used, reason = "these are tests: whatever goes wrong here ends one")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::admitted;
use crate::support::gateway::Builder;
use crate::support::process::Running;
use crate::support::{
    Backend, Consumer, Gateway, Place, RSA_1024, RSA_2048, RSA_2048_OTHER, Signing, eventually, request, response, signed,
};

const PASSWORD: &str = "open sesame: 100 % ü";
const TOKEN: &str = "mF_9.B5f-4.1JqM~+/==";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A consumer that has its credential in a file beside the consumers file.
fn with_file(key: &str, kind: &str) -> Consumer {
    Consumer::new(key, &RSA_2048).with(&format!("upstream_authorization: {{ {kind}: credential }}"))
}

/// A gateway whose folder has a file `credential`.
fn start(builder: Builder, credential: &str) -> Gateway {
    let folder = builder.write();
    fs::write(folder.path().join("credential"), credential).unwrap();
    Gateway::start_in(folder)
}

/// Puts another file in the place of `credential`.
fn replace(gateway: &Gateway, credential: &str) {
    let new = gateway.folder().join("credential.new");
    fs::write(&new, credential).unwrap();
    fs::rename(new, gateway.folder().join("credential")).unwrap();
}

/// What the backend got as Authorization, in every spelling.
#[track_caller]
fn sent(gateway: &Gateway, backend: &Backend, request: &Signing) -> Vec<String> {
    admitted(gateway, "it passes", request);
    backend.last_request().spellings_of("Authorization").into_iter().map(str::to_owned).collect()
}

#[test]
fn a_verified_request_has_its_consumers_credential_and_no_other_request_has() {
    let backend = Backend::start();
    let folder = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("basic", &RSA_2048).with("upstream_authorization: { basic_file: secrets/basic }"))
        .consumer(Consumer::new("bearer", &RSA_2048_OTHER).with("upstream_authorization: { bearer_file: secrets/bearer }"))
        .consumer(Consumer::new("neither", &RSA_1024))
        .route("{ path: /optional, access: optional }")
        .route("{ path: /open, access: open }")
        .route("{ path: /observe, access: observe }")
        .write();
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/basic"), format!("legacy:{PASSWORD}\n")).unwrap();
    fs::write(folder.path().join("secrets/bearer"), format!("{TOKEN}\r\n")).unwrap();
    let gateway = Gateway::start_in(folder);
    let got = |request: &Signing| sent(&gateway, &backend, request);
    for path in ["/signed", "/optional"] {
        assert_eq!(got(&signed("basic", &RSA_2048).get(path)), [basic("legacy", PASSWORD)], "{path}");
        assert_eq!(got(&signed("bearer", &RSA_2048_OTHER).get(path)), [format!("Bearer {TOKEN}")], "{path}");
        assert!(got(&signed("neither", &RSA_1024).get(path)).is_empty(), "{path}");
    }
    assert_eq!(backend.last_request().field("X-OAuth-Consumer"), Some("neither"));
    for path in ["/optional", "/open", "/observe"] {
        assert!(got(&request().get(path)).is_empty(), "{path}, with no credentials");
    }
    for path in ["/optional", "/open"] {
        let own = request().get(path).line("Authorization: Basic YTpi");
        assert_eq!(got(&own), ["Basic YTpi"], "{path}, with a credential of the client's own");
    }
    for path in ["/open", "/observe"] {
        assert!(got(&signed("basic", &RSA_2048).get(path)).is_empty(), "{path}, signed, which proves nothing there");
    }
}

#[test]
fn nothing_that_a_client_sends_takes_the_credential_away_or_puts_another_beside_it() {
    let backend = Backend::start();
    let gateway = start(Gateway::builder().upstream(&backend).consumer(with_file("c", "basic_file")), "u:p");
    let ours = || signed("c", &RSA_2048);
    for line in [
        "Connection: authorization",
        "Connection: close, AUTHORIZATION",
        "Connection: keep-alive\r\nconnection: x, Authorization",
        "Connection: Upgrade, Authorization\r\nUpgrade: websocket",
        "Keep-Alive: Authorization",
        "Cookie: Authorization=YTpi",
        "Proxy-Authorization: Basic YTpi",
    ] {
        assert_eq!(sent(&gateway, &backend, &ours().line(line)), [basic("u", "p")], "{line}");
        assert!(backend.last_request().field("Proxy-Authorization").is_none(), "{line}");
    }
    for place in [Place::Query, Place::Form] {
        let request = if place == Place::Form { ours().post("/x").form("a=1") } else { ours().get("/x?a=1") };
        assert_eq!(sent(&gateway, &backend, &request.in_place(place)), [basic("u", "p")], "{place:?}");
    }
    // Where the protocol parameters stand elsewhere, an Authorization header of the client's own gives way.
    let beside = ours().in_place(Place::Query).get("/beside").line("Authorization: Basic YTpi");
    assert_eq!(sent(&gateway, &backend, &beside), [basic("u", "p")]);
    let trailing = String::from_utf8(ours().post("/x").body("text/plain", "hello").chunked(5).bytes()).unwrap();
    let trailing = format!("{}0\r\nAuthorization: Basic YTpi\r\n\r\n", trailing.strip_suffix("0\r\n\r\n").unwrap());
    let answer = gateway.ask_raw(trailing);
    let last = backend.last_request();
    assert!((400..500).contains(&answer.status) || last.trailers.is_empty(), "{last:?}");
    assert!(!backend.bytes().escape_ascii().to_string().contains("Basic YTpi"));
}

#[test]
fn a_changed_credential_is_live_without_a_restart_and_a_bad_one_keeps_the_old() {
    let backend = Backend::start();
    let gateway = start(Gateway::builder().upstream(&backend).consumer(with_file("c", "basic_file")), "u:1");
    let got = || sent(&gateway, &backend, &signed("c", &RSA_2048)).concat();
    let is_live = |what: &str, password: &str| eventually(what, || (got() == basic("u", password)).then_some(()));
    is_live("the first", "1");
    replace(&gateway, "u:2\n");
    is_live("another file in its place", "2");
    fs::write(gateway.folder().join("credential"), "u:3").unwrap();
    is_live("the same file, written anew", "3");
    let refusals = || gateway.count_lines("the consumers can't be read; the gateway goes on");
    for (bad, told) in [("", "is empty"), ("u:4\nu:5\n", "has several lines"), ("nonsense", "has no colon")] {
        let before = refusals();
        replace(&gateway, bad);
        eventually(told, || (refusals() > before).then_some(()));
        let told =
            format!("consumers.yaml:5: consumer \\\"c\\\": `upstream_authorization.basic_file`: {}", gateway.folder().display())
                + &format!("/credential {told}");
        gateway.wait_for_line(&told);
        assert_eq!(got(), basic("u", "3"), "{told}");
    }
    let before = refusals();
    fs::remove_file(gateway.folder().join("credential")).unwrap();
    eventually("a missing file is told", || (refusals() > before).then_some(()));
    assert_eq!(got(), basic("u", "3"), "no file");
    // The content of before is nothing new to the list, but it is of use again.
    replace(&gateway, "u:3");
    gateway.wait_for_line("the consumers were read again and are as they were");
    replace(&gateway, "u:6");
    is_live("a good one after bad ones", "6");
    assert_eq!(gateway.count_lines("nonsense"), 0);
}

#[test]
fn a_credential_behind_a_link_that_is_switched_is_live() {
    let backend = Backend::start();
    let folder = Gateway::builder().upstream(&backend).consumer(with_file("c", "bearer_file")).write();
    // As a mounted Kubernetes Secret: the file leads through `..data` to a folder, and that link is switched.
    let inside = |path: &str| folder.path().join("mount").join(path);
    for version in ["1", "2"] {
        fs::create_dir_all(inside(version)).unwrap();
        fs::write(inside(version).join("credential"), format!("token{version}")).unwrap();
    }
    let link = |to: &str, from: &Path| std::os::unix::fs::symlink(to, from).unwrap();
    link("1", &inside("..data"));
    link("..data/credential", &inside("credential"));
    link("mount/credential", &folder.path().join("credential"));
    let (fresh, data) = (inside("..data_tmp"), inside("..data"));
    let gateway = Gateway::start_in(folder);
    let got = || sent(&gateway, &backend, &signed("c", &RSA_2048)).concat();
    assert_eq!(got(), "Bearer token1");
    link("2", &fresh);
    fs::rename(fresh, data).unwrap();
    eventually("the other folder's is live", || (got() == "Bearer token2").then_some(()));
}

#[test]
fn an_entry_whose_credential_is_yet_to_come_is_taken_when_it_comes() {
    let backend = Backend::start();
    let old = || Consumer::new("old", &RSA_2048_OTHER);
    let gateway = Gateway::builder().upstream(&backend).consumer(old()).start();
    gateway.write_consumers(&Consumer::file(&[old(), with_file("c", "basic_file")]));
    gateway.wait_for_line("credential can't be read: No such file");
    assert_eq!(gateway.ask(&signed("c", &RSA_2048)).status, 401);
    replace(&gateway, "u:p");
    eventually("the list is taken", || (gateway.ask(&signed("c", &RSA_2048)).status == 200).then_some(()));
    assert_eq!(sent(&gateway, &backend, &signed("c", &RSA_2048)), [basic("u", "p")]);
}

#[test]
fn every_file_that_is_no_credential_keeps_the_gateway_from_starting() {
    let backend = Backend::start();
    let long = format!("u:{}", "p".repeat(8192));
    let bad: [(&str, &[u8], &str); 11] = [
        ("basic_file", b"", "is empty; write user:password on one line"),
        ("basic_file", b"\r\n", "is empty"),
        ("basic_file", b"hunter2:a\nhunter2:b\n", "has several lines"),
        ("basic_file", b"hunter2", "has no colon between a user and a password"),
        ("basic_file", b"u:hunter2\0", "has a control character in it"),
        ("basic_file", b"u:hunter2\xff", "is not UTF-8"),
        ("basic_file", b"\xef\xbb\xbfu:hunter2", "begins with a byte order mark"),
        ("basic_file", long.as_bytes(), "is longer than 8192 bytes; write the credential and nothing else into it"),
        ("bearer_file", b"Bearer hunter2", "holds no bearer token; write the token on one line, without the word Bearer"),
        ("bearer_file", b"hunter2 ", "holds no bearer token"),
        ("bearer_file", b"hunter2=x", "holds no bearer token"),
    ];
    let named = [
        ("{ basic_file: absent }", "can't be read: No such file"),
        ("{ basic_file: state }", "is no regular file; name a file with the credential in it"),
        ("{ basic_file: \"hunter2:x\" }", "looks like a user and a password; write them into a file"),
        ("{ basic_file: \"\" }", "`upstream_authorization.basic_file` is no path"),
        ("{ bearer_file: [hunter2] }", "`upstream_authorization.bearer_file` is no path"),
        ("Basic hunter2", "`upstream_authorization` has to be a map; write { basic_file: PATH }"),
        ("{}", "`upstream_authorization` names no file"),
        ("{ basic: hunter2 }", "unknown key `upstream_authorization.basic`"),
        ("{ basic_file: good, bearer_file: good }", "`basic_file` and `bearer_file` both stand here"),
    ];
    let files: Vec<String> = (0..bad.len()).map(|at| format!("{{ {}: bad{at} }}", bad[at].0)).collect();
    let settings = files.iter().map(String::as_str).chain(named.iter().map(|(setting, _)| *setting));
    let told: Vec<&str> = bad.iter().map(|(.., told)| *told).chain(named.iter().map(|(_, told)| *told)).collect();
    let builder = settings.enumerate().fold(Gateway::builder().upstream(&backend), |builder, (at, setting)| {
        builder.consumer(Consumer::new(&format!("c{at}"), &RSA_2048).with(&format!("upstream_authorization: {setting}")))
    });
    let folder = builder.write();
    fs::create_dir_all(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("good"), "u:p").unwrap();
    for (at, (_, bytes, _)) in bad.iter().enumerate() {
        fs::write(folder.path().join(format!("bad{at}")), bytes).unwrap();
    }
    let config = folder.path().join("countersign.yaml");
    for command in ["check", "serve"] {
        let out = Command::new(env!("CARGO_BIN_EXE_countersign")).arg(command).arg("--config").arg(&config).output().unwrap();
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert_eq!(out.status.code(), Some(1), "{command}: {said}");
        for (at, told) in told.iter().enumerate() {
            // Each entry has four lines, below the first.
            let place = format!("consumers.yaml:{}: consumer \"c{at}\": ", at * 4 + 5);
            assert!(said.lines().any(|line| line.contains(&place) && line.contains(told)), "{command}, {place}{told}:\n{said}");
        }
        assert!(!said.contains("hunter2"), "{command}: {said}");
    }
    backend.assert_untouched();
}

#[test]
fn a_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let backend = Backend::start();
    let folder = Gateway::builder().upstream(&backend).consumer(with_file("c", "basic_file")).write();
    let (file, config) = (folder.path().join("credential"), folder.path().join("countersign.yaml"));
    fs::write(&file, "u:hunter2").unwrap();
    // A file of root's is given to a service by its group.
    let of_root = fs::metadata(&file).unwrap().uid() == 0;
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, !of_root), (0o604, true), (0o644, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_countersign")).args(["check", "--config"]).arg(&config).output().unwrap();
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        let told = format!("has the mode {mode:o}: others than its owner may read the credential; chmod 600 {}", file.display());
        assert_eq!((out.status.code(), said.contains(&told)), (Some(0), warned), "{mode:o}: {said}");
    }
}

#[test]
fn nginx_that_asks_for_a_password_lets_only_the_consumers_requests_in() {
    let nginx = Server::nginx("legacy:{PLAIN}open sesame\n");
    let open = "{ path: /open, access: open }";
    let builder = Gateway::builder().upstream_setting(&nginx.url()).consumer(with_file("c", "basic_file")).route(open);
    let without = Consumer::new("without", &RSA_2048_OTHER);
    let gateway = start(builder.consumer(without), "legacy:open sesame\n");
    let status = |request: &Signing| gateway.ask(request).status;
    assert_eq!(status(&signed("c", &RSA_2048).get("/x")), 200);
    let refused = gateway.ask(&signed("without", &RSA_2048_OTHER).get("/x"));
    assert_eq!((refused.status, refused.field("WWW-Authenticate")), (401, Some("Basic realm=\"legacy\"")));
    assert_eq!(status(&request().get("/open")), 401);
    replace(&gateway, "legacy:wrong\n");
    eventually("the wrong password is live", || (status(&signed("c", &RSA_2048).get("/x")) == 401).then_some(()));
    replace(&gateway, "legacy:open sesame\n");
    eventually("the right one is live", || (status(&signed("c", &RSA_2048).get("/x")) == 200).then_some(()));
}

#[test]
fn a_python_server_that_asks_for_a_bearer_token_lets_only_the_consumers_requests_in() {
    let python = Server::python(TOKEN);
    let builder = Gateway::builder().upstream_setting(&python.url()).consumer(with_file("c", "bearer_file"));
    let gateway = start(builder.consumer(Consumer::new("without", &RSA_2048_OTHER)), TOKEN);
    assert_eq!(gateway.ask(&signed("c", &RSA_2048).get("/x")).status, 200);
    let refused = gateway.ask(&signed("without", &RSA_2048_OTHER).get("/x"));
    assert_eq!((refused.status, refused.field("WWW-Authenticate")), (401, Some("Bearer")));
}

#[test]
fn a_request_that_is_sent_again_has_the_credential_too() {
    // The pooled connection is closed just when the second request comes on it.
    let backend = Backend::scripted(|wire| {
        if wire.request().is_some() {
            wire.send(&response(200, &[], b"ok"));
        }
    });
    let gateway = start(Gateway::builder().upstream(&backend).consumer(with_file("c", "bearer_file")), TOKEN);
    for _ in 0..5 {
        assert_eq!(sent(&gateway, &backend, &signed("c", &RSA_2048).get("/x")), [format!("Bearer {TOKEN}")]);
    }
}

/// A server that people run.
struct Server {
    address: SocketAddr,
    _running: Running,
    _folder: TempDir,
}

impl Server {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn nginx(users: &str) -> Self {
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("nginx is installed: ./tests/run does it");
        let folder = TempDir::new().unwrap();
        // It takes no port 0; the address is nobody else's.
        let address = TcpListener::bind("127.0.48.3:0").unwrap().local_addr().unwrap();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};")).concat();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log /dev/null; events {{ }}
             http {{ {temporary} access_log off;
             server {{ listen {address}; location / {{ auth_basic legacy; auth_basic_user_file users; empty_gif; }} }} }}"
        );
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        fs::write(folder.path().join("users"), users).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "/dev/null"]);
        let running = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        eventually("nginx listens", || TcpStream::connect(address).ok());
        Self { address, _running: running, _folder: folder }
    }

    fn python(token: &str) -> Self {
        let code = "
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        proved = self.headers.get_all('Authorization') == [f'Bearer {sys.argv[1]}']
        self.send_response(200 if proved else 401)
        if not proved:
            self.send_header('WWW-Authenticate', 'Bearer')
        self.send_header('Content-Length', '0')
        self.end_headers()
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
";
        let mut command = Command::new("python3");
        command.args(["-c", code, token]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server can be started: ./tests/run installs it");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
        Self { address, _running: Running(child), _folder: TempDir::new().unwrap() }
    }
}
