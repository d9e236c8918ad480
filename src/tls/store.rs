//! Everything that the settings need for TLS, made in one go, and kept over a reload where nothing about it changed.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::certificate::Expiry;
use super::files::Files;
use super::server::{self, Problems as Found};
use super::{ALPN, client};
use crate::config::{Listener, PemFile, Settings, UpstreamTls};
use crate::oauth::timestamp::Timestamp;
use crate::yaml::{Document, Path, Problem, Problems, Report, Step};

/// What listeners and upstreams need for TLS.
#[derive(Debug, Default)]
pub struct Tls {
    /// In the order of `listen`.
    listeners: Vec<Speaks>,
    upstreams: HashMap<UpstreamTls, Arc<Connector>>,
    /// What was in the files of each: the number that says whether it can be kept.
    contents: HashMap<u64, Kept>,
}

/// What a listener speaks.
#[derive(Debug, Clone)]
pub enum Speaks {
    /// HTTP.
    ClearText,
    /// HTTP over TLS.
    Tls(Arc<ServerConfig>),
}

/// How an upstream's https servers are spoken to.
#[derive(Debug)]
pub struct Connector {
    /// Differs from that of every other: connections of two are never mixed.
    pub id: u64,
    /// For rustls.
    pub config: Arc<ClientConfig>,
}

/// Ready to use.
#[derive(Debug)]
pub struct Loaded {
    /// What was asked for.
    pub tls: Tls,
    /// What somebody should know about the certificates.
    pub warnings: Vec<Problem>,
}

#[derive(Debug, Clone)]
struct Kept {
    made: Made,
    expiries: Vec<Expiry>,
}

#[derive(Debug, Clone)]
enum Made {
    Listener(Arc<ServerConfig>),
    Upstream(Arc<Connector>),
}

impl Tls {
    /// What the listener at this place of `listen` speaks. `None`: there is none, and it must not speak at all.
    pub fn listener(&self, index: usize) -> Option<&Speaks> {
        self.listeners.get(index)
    }

    /// How the https servers of an upstream with these settings are spoken to.
    pub fn upstream(&self, settings: Option<&UpstreamTls>) -> Option<&Arc<Connector>> {
        self.upstreams.get(settings?)
    }

    /// Whether nothing in the files differs from what `other` was made of.
    pub fn is_same(&self, other: &Self) -> bool {
        self.contents.len() == other.contents.len() && self.contents.keys().all(|content| other.contents.contains_key(content))
    }

    /// What there is to say, at this moment, about the validity of the certificates.
    pub fn expiring(&self, now: Timestamp) -> Vec<String> {
        let mut found: Vec<String> =
            self.expiries().filter_map(|it| it.warning(now)).map(|(message, hint)| format!("{message}; {hint}")).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Until when the certificate in this file holds; `None`: it is none of ours.
    pub fn not_after(&self, file: &FilePath) -> Option<Timestamp> {
        self.expiries().find(|expiry| expiry.file == file).map(Expiry::not_after)
    }

    fn expiries(&self) -> impl Iterator<Item = &Expiry> {
        self.contents.values().flat_map(|kept| &kept.expiries)
    }
}

/// Makes ready what `settings`, which stand in `document`, need. What `previous` has and whose files are as they were goes on:
/// connections to upstreams are used again, and clients resume their sessions.
///
/// # Errors
/// Every problem with the files.
pub fn load(
    settings: &Settings,
    document: &Document,
    files: &Files,
    previous: Option<&Tls>,
    now: Timestamp,
) -> Result<Loaded, Problems> {
    let mut loading = Loading { files, previous, tls: Tls::default(), report: Report::default(), roots: None };
    for listener in &settings.listen {
        loading.listener(listener);
    }
    for (at, (_, tls)) in settings.tls_upstreams().enumerate() {
        loading.upstream(tls, at == 0);
    }
    let Loading { tls, mut report, .. } = loading;
    for expiry in tls.expiries() {
        if let Some((message, hint)) = expiry.warning(now) {
            report.warn_at(expiry.place.clone(), message, hint);
        }
    }
    let failed = report.has_errors();
    let mut problems = report.into_problems(std::slice::from_ref(document));
    // A certificate that two settings name is one.
    problems.dedup();
    if failed { Err(Problems(problems)) } else { Ok(Loaded { tls, warnings: problems }) }
}

struct Loading<'l> {
    files: &'l Files,
    previous: Option<&'l Tls>,
    tls: Tls,
    report: Report,
    /// The system's authorities, once somebody needed them.
    roots: Option<Arc<RootCertStore>>,
}

impl Loading<'_> {
    fn listener(&mut self, listener: &Listener) {
        let Some(tls) = &listener.tls else { return self.tls.listeners.push(Speaks::ClearText) };
        let content = self.content(tls, tls.files());
        let kept = self.kept(content).filter(|kept| matches!(kept.made, Made::Listener(_)));
        let made = kept.or_else(|| {
            let (mut expiries, mut found) = Default::default();
            let config = server::configuration(tls, self.files, &mut expiries, &mut found);
            self.report(found);
            Some(Kept { made: Made::Listener(config?), expiries })
        });
        // Where there is none there is a problem, and none of this is used.
        if let Some(Kept { made: Made::Listener(config), .. }) = &made {
            self.tls.listeners.push(Speaks::Tls(Arc::clone(config)));
        }
        self.keep(content, made);
    }

    fn upstream(&mut self, tls: &UpstreamTls, is_main: bool) {
        if self.tls.upstreams.contains_key(tls) {
            return;
        }
        let content = self.content(tls, tls.files());
        let kept = self.kept(content).filter(|kept| matches!(kept.made, Made::Upstream(_)));
        let made = kept.or_else(|| {
            let (mut expiries, mut found) = Default::default();
            let config = self.client_configuration(tls, is_main, &mut expiries, &mut found);
            self.report(found);
            let connector = Connector { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), config: config? };
            Some(Kept { made: Made::Upstream(Arc::new(connector)), expiries })
        });
        if let Some(Kept { made: Made::Upstream(connector), .. }) = &made {
            self.tls.upstreams.insert(tls.clone(), Arc::clone(connector));
        }
        self.keep(content, made);
    }

    fn client_configuration<'s>(
        &mut self,
        tls: &'s UpstreamTls,
        is_main: bool,
        expiries: &mut Vec<Expiry>,
        found: &mut Found<'s>,
    ) -> Option<Arc<ClientConfig>> {
        let roots = match &tls.ca {
            Some(ca) => server::authorities(ca, self.files).map(Arc::new).map_err(|unusable| found.push((ca, unusable))).ok(),
            None => self.system_roots(is_main),
        };
        let identity = tls.identity.as_ref().map(|pair| server::certificate(pair, self.files, expiries, found));
        let builder = client::builder(roots?);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let single = rustls::sign::SingleCertAndKey::from(certificate?.key);
                builder.with_client_cert_resolver(Arc::new(single))
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Some(Arc::new(config))
    }

    /// The authorities that the system trusts, or a problem if there are none.
    fn system_roots(&mut self, is_main: bool) -> Option<Arc<RootCertStore>> {
        if self.roots.is_none() {
            self.roots = Some(Arc::new(client::system_authorities()));
        }
        let roots = self.roots.clone().filter(|roots| !roots.is_empty());
        if roots.is_none() {
            let place = if is_main { vec![Step::Key("upstream".to_owned())] } else { Path::new() };
            let message = "the system has no certificate authorities that an https upstream could be checked by";
            self.report.problem_at(place, message, "install ca-certificates, or name the authority with ca: ca.pem");
        }
        roots
    }

    fn content<'s>(&self, settings: &impl Hash, files: impl Iterator<Item = &'s PemFile>) -> u64 {
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        self.files.fingerprint(files.map(|file| file.path.as_path())).hash(&mut hasher);
        hasher.finish()
    }

    fn kept(&self, content: u64) -> Option<Kept> {
        self.tls.contents.get(&content).or_else(|| self.previous?.contents.get(&content)).cloned()
    }

    fn keep(&mut self, content: u64, made: Option<Kept>) {
        self.tls.contents.extend(made.map(|made| (content, made)));
    }

    fn report(&mut self, found: Found<'_>) {
        for (file, unusable) in found {
            self.report.problem_at(file.place.clone(), unusable.message, unusable.hint);
        }
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
