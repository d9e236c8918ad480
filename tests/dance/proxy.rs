//! A single-sign-on proxy in front of the gateway, as nginx: who signs in there is named in a header.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::process::Running;
use crate::support::{Gateway, eventually};

/// nginx, ended with the test.
pub(crate) struct SignOn {
    address: SocketAddr,
    _running: Running,
    _folder: TempDir,
}

impl SignOn {
    /// Asks alice and bob for their password before it shows them one of the dance's pages; everything else passes as it is.
    pub(crate) fn before(gateway: &Gateway, password: &str) -> Self {
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("nginx is installed: ./tests/run does it");
        let folder = TempDir::new().unwrap();
        // An address of our own: nobody else takes the port before nginx has it.
        let address = std::net::TcpListener::bind("127.0.47.1:0").unwrap().local_addr().unwrap();
        std::fs::write(folder.path().join("users"), format!("alice:{{PLAIN}}{password}\nbob:{{PLAIN}}{password}\n")).unwrap();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};")).concat();
        let upstream = format!("proxy_pass http://{}; proxy_set_header Host $http_host;", gateway.address());
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log /dev/null; events {{ }}
             http {{ {temporary} access_log off; server {{ listen {address};
             location ~ /oauth/(authorize|users/) {{ auth_basic people; auth_basic_user_file users;
                 proxy_set_header X-SSO-User $remote_user; proxy_set_header Authorization \"\"; {upstream} }}
             location / {{ proxy_set_header X-SSO-User \"\"; {upstream} }} }} }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "/dev/null"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("nginx listens", || TcpStream::connect(address).ok());
        Self { address, _running: Running(child), _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
