//! The client's side of TLS, and the authorities that servers are checked by.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::files::Files;
use super::pem::Unusable;
use super::{ALPN, VERSIONS, provider, server};
use crate::config::PemFile;

/// For a client that shows no certificate. Servers need one from an authority of this file, or from one that the system trusts.
///
/// # Errors
/// The file can't be used, or the system trusts nobody.
pub fn client(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Unusable> {
    let roots = match authorities {
        Some(file) => server::authorities(&PemFile { path: file.to_owned(), place: Vec::new() }, &Files::default())?,
        None => system_authorities(),
    };
    if roots.is_empty() {
        return Err(Unusable {
            message: NO_AUTHORITIES.into(),
            hint: "install ca-certificates, or name the authority's file".into(),
        });
    }
    let mut config = builder(Arc::new(roots)).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// A client in the making, which takes certificates of these authorities alone.
pub(super) fn builder(roots: Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&VERSIONS);
    builder.expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3").with_root_certificates(roots)
}

/// Whom the system trusts; possibly nobody.
pub(super) fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Single ones that can't be read or are odd are no loss: what they issued is refused.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

const NO_AUTHORITIES: &str = "the system has no certificate authorities that an https server could be checked by";
