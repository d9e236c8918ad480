//! From PEM files to certificates and keys, or to what is wrong with them, said about the file.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::files::Files;
use crate::config::PemFile;

/// What is wrong with a file, and how to mend it.
#[derive(Debug)]
pub struct Unusable {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Unusable {
    /// `what` is what the file should be: `the certificate`, for example.
    pub(super) fn new(what: &str, file: &PemFile, why: &str, hint: impl Into<String>) -> Self {
        Self { message: format!("{what} {} {why}", file.path.display()), hint: hint.into() }
    }
}

/// All certificates of a file, at least one.
pub(super) fn certificates(what: &str, file: &PemFile, files: &Files) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let bytes = read(what, file, files)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) if is_blank(&bytes) => Err(Unusable::new(what, file, "is empty", FULL_CHAIN)),
        Ok(_) if contains(&bytes, "PRIVATE KEY-----") => {
            Err(Unusable::new(what, file, "holds a private key and no certificate", "see whether the two files are exchanged"))
        }
        Ok(_) => Err(Unusable::new(what, file, "holds no PEM certificate", NOT_PEM)),
        Err(_) => Err(Unusable::new(what, file, "is damaged: a PEM block in it cannot be read", "copy the file again, whole")),
    }
}

/// The one private key of a file.
pub(super) fn private_key(file: &PemFile, files: &Files) -> Result<PrivateKeyDer<'static>, Unusable> {
    let bytes = read(KEY, file, files)?;
    // PKCS#8's label, and the header of the older form (RFC 1421 §4.6.1.1).
    if contains(&bytes, "ENCRYPTED PRIVATE KEY-----") || contains(&bytes, "Proc-Type: 4,ENCRYPTED") {
        let hint = "the gateway has nobody to ask for the passphrase: `openssl pkey -in OLD -out NEW` takes it off; \
                    let nobody but the gateway read the new file";
        return Err(Unusable::new(KEY, file, "is encrypted", hint));
    }
    let found: Result<Vec<_>, _> = PrivateKeyDer::pem_slice_iter(&bytes).collect();
    match found.map(|mut found| (found.len(), found.pop())) {
        Ok((1, Some(key))) => Ok(key),
        Ok((0, _)) if is_blank(&bytes) => Err(Unusable::new(KEY, file, "is empty", "put the certificate's private key there")),
        Ok((0, _)) if contains(&bytes, "-----BEGIN CERTIFICATE-----") => {
            Err(Unusable::new(KEY, file, "holds a certificate and no key", "see whether the two files are exchanged"))
        }
        Ok((0, _)) => Err(Unusable::new(KEY, file, "holds no PEM private key", "it begins with -----BEGIN PRIVATE KEY-----")),
        Ok((several, _)) => {
            Err(Unusable::new(KEY, file, &format!("holds {several} private keys"), "leave the one of the certificate"))
        }
        Err(_) => Err(Unusable::new(KEY, file, "is damaged: a PEM block in it cannot be read", "copy the file again, whole")),
    }
}

fn read(what: &str, file: &PemFile, files: &Files) -> Result<std::sync::Arc<[u8]>, Unusable> {
    files.get(&file.path).map_err(|error| Unusable::new(what, file, &format!("can't be read: {}", error.why), error.hint))
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

pub(super) const KEY: &str = "the key";
const FULL_CHAIN: &str = "put the server's certificate there, and below it those between it and its root";
const NOT_PEM: &str = "it begins with -----BEGIN CERTIFICATE-----; of a DER file `openssl x509 -inform der -in FILE` makes one";
