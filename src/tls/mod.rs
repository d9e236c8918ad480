//! TLS: the files that listeners and upstreams name, read and made ready for rustls, or every problem with them.
//!
//! Kept out: sockets and handshakes. The provider is aws-lc-rs, handed to each configuration; there is no other.

mod certificate;
mod client;
mod files;
mod pem;
mod server;
mod store;

use std::sync::{Arc, OnceLock};

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

pub use client::client;
pub use files::Files;
pub use pem::Unusable;
pub use store::{Connector, Loaded, Speaks, Tls, load};

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// 1.0 and 1.1 are broken (RFC 8996), and rustls has never had them.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// HTTP/1.1 is what is spoken on both sides (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
