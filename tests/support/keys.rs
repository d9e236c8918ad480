//! The test key pairs under tests/data/keys.

use std::sync::LazyLock;

use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey, LineEnding};
use rsa::{RsaPrivateKey, RsaPublicKey};

/// A consumer's key pair.
pub struct KeyPair {
    pub private: RsaPrivateKey,
    pub public: RsaPublicKey,
    /// The public half as PEM `PUBLIC KEY`.
    pub public_pem: String,
}

pub static RSA_1024: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-1024-a.pem")));
pub static RSA_1024_OTHER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-1024-b.pem")));
pub static RSA_2048: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-2048-a.pem")));
pub static RSA_2048_OTHER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-2048-b.pem")));
pub static RSA_2048_E3: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-2048-e3.pem")));
pub static RSA_4096: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::read(include_str!("../data/keys/rsa-4096-a.pem")));

impl KeyPair {
    fn read(pem: &str) -> Self {
        let private = RsaPrivateKey::from_pkcs8_pem(pem).unwrap();
        let public = private.to_public_key();
        let public_pem = public.to_public_key_pem(LineEnding::LF).unwrap();
        Self { private, public, public_pem }
    }

    /// The public half as DER `SubjectPublicKeyInfo`.
    pub fn public_der(&self) -> Vec<u8> {
        self.public.to_public_key_der().unwrap().into_vec()
    }
}
