//! The certificates of one listener, and which of them a client gets.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

use super::certificate::{Expiry, Facts};
use super::files::Files;
use super::pem::{self, Unusable};
use super::{ALPN, VERSIONS, provider};
use crate::config::{CertificatePair, ListenerTls, PemFile};

/// Problems with the place of the setting that each is about.
pub(super) type Problems<'s> = Vec<(&'s PemFile, Unusable)>;

/// What rustls needs for a listener, or everything that is wrong with its files.
pub(super) fn configuration<'s>(
    tls: &'s ListenerTls,
    files: &Files,
    expiries: &mut Vec<Expiry>,
    problems: &mut Problems<'s>,
) -> Option<Arc<ServerConfig>> {
    let pairs: Vec<Option<Certificate>> = tls.pairs.iter().map(|pair| certificate(pair, files, expiries, problems)).collect();
    let clients = match &tls.clients {
        None => Some(WebPkiClientVerifier::no_client_auth()),
        Some(clients) => match verifier(&clients.ca, clients.required, files) {
            Ok(verifier) => Some(verifier),
            Err(unusable) => {
                problems.push((&clients.ca, unusable));
                None
            }
        },
    };
    let by_name = ByName(pairs.into_iter().collect::<Option<_>>()?);
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&VERSIONS);
    let builder = builder.expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3");
    let mut config = builder.with_client_cert_verifier(clients?).with_cert_resolver(Arc::new(by_name));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // All of rustls' suites are strong; the order is by strength, and the server's.
    config.ignore_client_order = true;
    Some(Arc::new(config))
}

/// A certificate with its key.
pub(super) struct Certificate {
    facts: Facts,
    pub(super) key: Arc<CertifiedKey>,
}

/// A usable pair; its end of validity goes into `expiries`.
pub(super) fn certificate<'s>(
    pair: &'s CertificatePair,
    files: &Files,
    expiries: &mut Vec<Expiry>,
    problems: &mut Problems<'s>,
) -> Option<Certificate> {
    let mut keep = |file: &'s PemFile, unusable| problems.push((file, unusable));
    let chain = pem::certificates(CERTIFICATE, &pair.certificate, files);
    let key = pem::private_key(&pair.key, files);
    let chain = chain.map_err(|unusable| keep(&pair.certificate, unusable)).ok();
    let key = key.map_err(|unusable| keep(&pair.key, unusable)).ok();
    let (chain, key) = (chain?, key?);
    let Some(facts) = chain.first().and_then(Facts::of) else {
        keep(&pair.certificate, Unusable::new(CERTIFICATE, &pair.certificate, "is damaged", "copy the file again, whole"));
        return None;
    };
    let key = match provider().key_provider.load_private_key(key) {
        Ok(key) => key,
        Err(error) => {
            keep(&pair.key, Unusable::new(pem::KEY, &pair.key, &format!("can't be used: {error}"), USABLE_KEYS));
            return None;
        }
    };
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => {}
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            keep(&pair.key, mismatch(pair, &certified));
            return None;
        }
        Err(error) => {
            let why = format!("can't be used: {error}");
            keep(&pair.certificate, Unusable::new(CERTIFICATE, &pair.certificate, &why, "have it issued again"));
            return None;
        }
    }
    expiries.push(facts.expiry(pair.certificate.path.clone(), pair.certificate.place.clone()));
    Some(Certificate { facts, key: Arc::new(certified) })
}

/// The key is another certificate's; perhaps of one that stands further down in the file.
fn mismatch(pair: &CertificatePair, certified: &CertifiedKey) -> Unusable {
    let certificate = pair.certificate.path.display();
    let belongs =
        |one: &CertificateDer<'static>| CertifiedKey::new(vec![one.clone()], Arc::clone(&certified.key)).keys_match().is_ok();
    if certified.cert.iter().skip(1).any(belongs) {
        let why = format!("belongs to a certificate that is not the first in {certificate}");
        return Unusable::new(
            pem::KEY,
            &pair.key,
            &why,
            "put the server's own certificate first, and the intermediate ones below it",
        );
    }
    let hint = "`openssl pkey -in KEY -pubout` and `openssl x509 -in CERTIFICATE -noout -pubkey` print the same for a pair";
    Unusable::new(pem::KEY, &pair.key, &format!("does not belong to the certificate {certificate}"), hint)
}

fn verifier(ca: &PemFile, required: bool, files: &Files) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(ca, files)?), provider());
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| Unusable::new(AUTHORITIES, ca, &format!("can't be used: {error}"), ""))
}

/// The authorities of a file.
pub(super) fn authorities(ca: &PemFile, files: &Files) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(AUTHORITIES, ca, files)? {
        roots.add(certificate).map_err(|error| {
            Unusable::new(AUTHORITIES, ca, &format!("can't be used: {error}"), "name the authority's own certificate")
        })?;
    }
    Ok(roots)
}

/// Finds a certificate by the name that the client asks for (RFC 6066 §3).
struct ByName(Vec<Certificate>);

impl ResolvesServerCert for ByName {
    /// The first that has the name and suits the client; without such the first that suits it, as a client that is given
    /// some certificate can say what it dislikes about it. Where none suits, rustls finds that out, and says so.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suits = |it: &&Certificate| it.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let name = hello.server_name().map(|name| name.to_ascii_lowercase());
        let named = name.and_then(|name| self.0.iter().filter(|it| it.facts.is_for(&name)).find(suits));
        named.or_else(|| self.0.iter().find(suits)).or(self.0.first()).map(|it| Arc::clone(&it.key))
    }
}

impl std::fmt::Debug for ByName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|it| &it.facts.names)).finish()
    }
}

const CERTIFICATE: &str = "the certificate";
const AUTHORITIES: &str = "the authorities' certificates";
const USABLE_KEYS: &str = "take RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519";
