//! The TLS part of listeners and upstreams, as written: which files and names; what is in the files is read elsewhere.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::settings::{Settings, Upstream};
use crate::yaml;

/// An entry of `listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// The name of a socket that the service manager passes for it (`FileDescriptorName=`).
    pub socket: Option<String>,
    /// How it speaks TLS; `None`: it speaks clear text.
    pub tls: Option<ListenerTls>,
}

/// `listen[].tls`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListenerTls {
    /// At least one. The first answers clients that name no server, or one that no certificate has.
    pub pairs: Vec<CertificatePair>,
    /// Whom clients' certificates are from; `None`: no client is asked for one.
    pub clients: Option<ClientCertificates>,
}

/// `client_ca` and `client_certificate` of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientCertificates {
    /// The authorities.
    pub ca: PemFile,
    /// Whether a client without a certificate is turned away.
    pub required: bool,
}

/// A certificate, with what stands between it and its root, and its private key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificatePair {
    /// The certificate first, intermediate ones after it.
    pub certificate: PemFile,
    /// The key.
    pub key: PemFile,
}

/// How the https servers of an upstream are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UpstreamTls {
    /// Whom the servers' certificates have to be from; `None`: any authority that the system trusts.
    pub ca: Option<PemFile>,
    /// What the gateway shows to a server that asks for a certificate.
    pub identity: Option<CertificatePair>,
    /// The name that the certificate has to have; `None`: the host of the server's URL.
    pub server_name: Option<String>,
}

/// A PEM file that a setting names.
#[derive(Debug, Clone)]
pub struct PemFile {
    /// Where it is.
    pub path: PathBuf,
    /// The setting, to find its line when the file is found to be wrong.
    pub place: yaml::Path,
}

// Two settings that name the same file mean the same, wherever they stand.
impl PartialEq for PemFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for PemFile {}

impl Hash for PemFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

impl ListenerTls {
    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &PemFile> {
        let pairs = self.pairs.iter().flat_map(CertificatePair::files);
        pairs.chain(self.clients.iter().map(|clients| &clients.ca))
    }
}

impl CertificatePair {
    fn files(&self) -> [&PemFile; 2] {
        [&self.certificate, &self.key]
    }
}

impl UpstreamTls {
    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &PemFile> {
        self.ca.iter().chain(self.identity.iter().flat_map(CertificatePair::files))
    }
}

impl Settings {
    /// The upstreams that have a server with https, one after the other.
    pub fn tls_upstreams(&self) -> impl Iterator<Item = (&Upstream, &UpstreamTls)> {
        let of_rules = self.routes.rules().iter().filter_map(|rule| rule.upstream.as_ref());
        let all = std::iter::once(&self.upstream).chain(of_rules);
        all.filter_map(|upstream| Some((upstream.as_ref(), upstream.tls.as_ref()?)))
    }

    /// Every PEM file that the settings name, some perhaps more than once.
    pub fn pem_files(&self) -> impl Iterator<Item = &PemFile> {
        let of_listeners = self.listen.iter().filter_map(|listener| listener.tls.as_ref()).flat_map(ListenerTls::files);
        of_listeners.chain(self.tls_upstreams().flat_map(|(_, tls)| tls.files()))
    }

    /// What of `listen` is taken only at a start: the sockets, by address and name, and whether they speak TLS. Certificates
    /// may change.
    pub(super) fn sockets(&self) -> Vec<(SocketAddr, Option<&str>, bool)> {
        self.listen.iter().map(|it| (it.address, it.socket.as_deref(), it.tls.is_some())).collect()
    }
}
