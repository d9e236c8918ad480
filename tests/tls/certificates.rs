//! Authorities and certificates, made anew for each test by the openssl command.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A certificate authority with a folder for all that it issues.
pub(super) struct Authority {
    folder: TempDir,
}

/// A certificate and its key.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The kinds of keys in use.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Ecdsa,
    Rsa,
    ShortRsa,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let new = Self { folder };
        let mut request = request(Kind::Ecdsa);
        // Each has a name of its own: two of one name would be one authority with two keys.
        let name = new.folder.path().file_name().unwrap().to_str().unwrap();
        request.arg("-x509").args(["-subj", &format!("/CN=Countersign test authority {name}"), "-days", "3650"]);
        request.arg("-keyout").arg(new.path("ca.key")).arg("-out").arg(new.path("ca.pem"));
        run(&mut request);
        new
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's own certificate.
    pub(super) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate for these names, such as `DNS:localhost`, that holds for a year.
    pub(super) fn issue(&self, file: &str, names: &str) -> Pair {
        self.issue_as(file, names, Kind::Ecdsa, 365)
    }

    /// A certificate of another kind, or with another validity in days.
    pub(super) fn issue_as(&self, file: &str, names: &str, kind: Kind, days: u32) -> Pair {
        let pair = self.pair(file);
        let mut request = request(kind);
        request.arg("-x509").arg("-CA").arg(self.ca()).arg("-CAkey").arg(self.path("ca.key"));
        request.args(["-subj", &format!("/CN={file}"), "-days", &days.to_string()]);
        request.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &format!("subjectAltName={names}")]);
        request.arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.certificate);
        run(&mut request);
        pair
    }

    /// A certificate that held for the year 2020.
    pub(super) fn issue_expired(&self, file: &str, names: &str) -> Pair {
        let pair = self.pair(file);
        let (config, csr) = (self.path("ca.cnf"), self.path("request.csr"));
        let folder = self.folder.path().display();
        let text = format!(
            "[ca]\ndefault_ca = test\n[test]\nnew_certs_dir = {folder}\ndatabase = {folder}/index\nrand_serial = yes\n\
             default_md = sha256\npolicy = any\nx509_extensions = names\nunique_subject = no\n\
             [any]\ncommonName = supplied\n[names]\nsubjectAltName = {names}\n"
        );
        std::fs::write(&config, text).unwrap();
        std::fs::write(self.path("index"), "").unwrap();
        let mut asked = request(Kind::Ecdsa);
        run(asked.args(["-subj", &format!("/CN={file}")]).arg("-keyout").arg(&pair.key).arg("-out").arg(&csr));
        let mut signed = Command::new("openssl");
        signed.args(["ca", "-batch", "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]);
        signed.arg("-config").arg(config).arg("-cert").arg(self.ca()).arg("-keyfile").arg(self.path("ca.key"));
        run(signed.arg("-in").arg(csr).arg("-out").arg(&pair.certificate));
        pair
    }

    fn pair(&self, file: &str) -> Pair {
        Pair { certificate: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) }
    }
}

impl Pair {
    /// The two settings of the pair.
    pub(super) fn yaml(&self) -> String {
        format!("certificate: {}, key: {}", self.certificate.display(), self.key.display())
    }

    /// The certificate's serial number in capital hexadecimal digits.
    pub(super) fn serial(&self) -> String {
        serial_of(&std::fs::read(&self.certificate).unwrap())
    }
}

/// The serial number of a PEM certificate.
pub(super) fn serial_of(pem: &[u8]) -> String {
    let said = super::client::with_input(Command::new("openssl").args(["x509", "-noout", "-serial"]), pem);
    said.out.trim().strip_prefix("serial=").unwrap_or_else(|| panic!("no certificate: {}", said.out)).to_owned()
}

fn request(kind: Kind) -> Command {
    let mut command = Command::new("openssl");
    command.args(["req", "-new", "-nodes", "-newkey"]);
    match kind {
        Kind::Ecdsa => command.args(["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        Kind::Rsa => command.arg("rsa:2048"),
        Kind::ShortRsa => command.arg("rsa:1024"),
    };
    command
}

/// Runs a command that has to succeed.
pub(super) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Copies a file in place, without the name pointing to another file for a moment.
pub(super) fn overwrite(from: &Path, to: &Path) {
    std::fs::write(to, std::fs::read(from).unwrap()).unwrap();
}
