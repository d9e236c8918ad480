//! The odd heads of `framing` in front of servers that people run. Each writes a line `METHOD target` a request.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::framing::{SMUGGLED, TARGET, cases};
use crate::support::{Gateway, by_reporting, eventually, tools};

struct Server {
    child: Child,
    address: SocketAddr,
    log: std::path::PathBuf,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server whose program writes its port as its first line, and its requests to the file in its last argument.
    #[track_caller]
    fn reporting_its_port(mut command: Command) -> Self {
        let folder = TempDir::new().unwrap();
        let log = folder.path().join("requests");
        std::fs::write(&log, "").unwrap();
        command.arg(&log).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server can be started: ./tests/run installs it");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
        Self { child, address, log, _folder: folder }
    }

    fn nginx() -> Self {
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("nginx is installed: ./tests/run does it");
        let folder = TempDir::new().unwrap();
        // It takes no port 0; the address is nobody else's.
        let address = std::net::TcpListener::bind("127.0.48.2:0").unwrap().local_addr().unwrap();
        let log = folder.path().join("requests");
        std::fs::write(&log, "").unwrap();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};")).concat();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log /dev/null; events {{ }}
             http {{ {temporary} log_format line '$request_method $request_uri'; access_log requests line;
             server {{ listen {address}; large_client_header_buffers 4 64k; location / {{ return 200 ok; }} }} }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "/dev/null"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("nginx listens", || TcpStream::connect(address).ok());
        Self { child, address, log, _folder: folder }
    }

    fn requests(&self) -> Vec<String> {
        std::fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect()
    }
}

fn every_odd_head_has_one_meaning_for(server: &Server) {
    let gateway = Gateway::builder().upstream_setting(&format!("http://{}", server.address)).start();
    let mut expected = Vec::new();
    for case in cases() {
        let mut client = gateway.client();
        client.send(&case.bytes);
        client.send(format!("GET {SMUGGLED} HTTP/1.1\r\nHost: app.example.com\r\n\r\n"));
        let response = client.response();
        if response.status == 200 || !case.outcome.check(&case.what, &response) {
            case.outcome.check(&case.what, &response);
            expected.push(case.what);
        }
    }
    assert!(expected.len() >= 8, "these heads mean something: {expected:?}");
    // A last one, by which all before it are written.
    assert_eq!(gateway.ask(&by_reporting().get("/last")).status, 200);
    let seen = eventually("the last request is written", || {
        let seen = server.requests();
        seen.last().is_some_and(|line| line.ends_with("/last")).then_some(seen)
    });
    let (last, framed) = seen.split_last().unwrap();
    assert_eq!(last, "GET /last");
    let meant = |line: &String| ["GET", "POST", "PROPFIND"].iter().any(|method| *line == format!("{method} {TARGET}"));
    assert!(framed.iter().all(meant), "{framed:#?}");
    assert_eq!(framed.len(), expected.len(), "{framed:#?}\n{expected:#?}");
}

#[test]
fn e34_nginx_reads_every_odd_head_as_the_gateway_does() {
    every_odd_head_has_one_meaning_for(&Server::nginx());
}

#[test]
fn e34_node_reads_every_odd_head_as_the_gateway_does() {
    let code = "const fs = require('fs'), http = require('http'), log = process.argv[process.argv.length - 1];
        const server = http.createServer((request, response) => {
            fs.appendFileSync(log, `${request.method} ${request.url}\\n`);
            request.on('data', () => {});
            request.on('end', () => response.end('ok'));
        });
        server.listen(0, '127.0.0.1', () => console.log(server.address().port));";
    let mut node = Command::new("node");
    node.args(["-e", code]);
    every_odd_head_has_one_meaning_for(&Server::reporting_its_port(node));
}

#[test]
fn e34_python_reads_every_odd_head_as_the_gateway_does() {
    let code = "
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def handle_one(self):
        with open(sys.argv[1], 'a') as log:
            log.write(f'{self.command} {self.path}\\n')
        if self.headers.get('Transfer-Encoding'):
            while (size := int(self.rfile.readline(), 16)):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    do_GET = do_POST = do_PROPFIND = handle_one
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
";
    let mut python = Command::new("python3");
    python.args(["-c", code]);
    every_odd_head_has_one_meaning_for(&Server::reporting_its_port(python));
}

#[test]
fn e34_gunicorn_reads_every_odd_head_as_the_gateway_does() {
    every_odd_head_has_one_meaning_for(&Server::reporting_its_port(tools::python("gunicorn_app.py")));
}
