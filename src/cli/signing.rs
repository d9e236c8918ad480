//! The consumer's side of RFC 5849: a private key, and the Authorization header made with it.
//!
//! Only commands that act as a consumer use this file; the gateway itself has no private key and verifies with another
//! library. RUSTSEC-2023-0071 (a timing leak in private-key operations of `rsa`) therefore concerns these commands alone:
//! each signs a handful of requests of its own user, blinded, and answers nobody who could measure it.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};

use super::failure::Failure;
use super::url::RequestUrl;
use crate::oauth::base_string::{BaseStringUri, SignatureBaseString};
use crate::oauth::body_hash::BodyHash;
use crate::oauth::key::PublicKey;
use crate::oauth::parameters::{Malformed, Parameters, Raw};
use crate::oauth::percent;
use crate::oauth::signature::{Signature, SignatureMethod};

/// A private RSA key whose public half a gateway would take.
pub(super) struct SigningKey {
    private: RsaPrivateKey,
    public: PublicKey,
}

/// A key in its two files' forms.
pub(super) struct KeyPairPem {
    /// PKCS#8 `PRIVATE KEY`.
    pub(super) private: String,
    /// SPKI `PUBLIC KEY`.
    pub(super) public: String,
}

impl SigningKey {
    /// Reads a PEM file with a PKCS#8 or PKCS#1 private key.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| {
            let failure = Failure::new(format!("cannot read the key {shown}: {error}"));
            match error.kind() {
                std::io::ErrorKind::NotFound => failure.hint("make a pair with: countersign keygen --out PREFIX"),
                std::io::ErrorKind::InvalidData => failure.hint(format!("write it as PEM: openssl pkey -inform DER -in {shown}")),
                _ => failure,
            }
        })?;
        Self::from_pem(&text).map_err(|problem| problem.in_file(path))
    }

    /// Makes a new key.
    pub(super) fn generate(bits: usize) -> Result<Self, Failure> {
        let private =
            RsaPrivateKey::new(&mut OsRng, bits).map_err(|error| Failure::new(format!("cannot make a key: {error}")))?;
        Self::new(private).map_err(|problem| Failure::new(problem.message))
    }

    /// The half that the gateway is given.
    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Both halves as text.
    pub(super) fn to_pem(&self) -> Result<KeyPairPem, Failure> {
        let unwritable = |error: &dyn std::fmt::Display| Failure::new(format!("cannot write the key as PEM: {error}"));
        let private = self.private.to_pkcs8_pem(LineEnding::LF).map_err(|error| unwritable(&error))?;
        let public = self.private.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|error| unwritable(&error))?;
        Ok(KeyPairPem { private: private.as_str().to_owned(), public })
    }

    fn from_pem(text: &str) -> Result<Self, KeyProblem> {
        let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----")).map(|(label, _)| label);
        let encrypted = text.contains("Proc-Type: 4,ENCRYPTED");
        let private = match label {
            Some("ENCRYPTED PRIVATE KEY") => return Err(KeyProblem::encrypted()),
            Some("RSA PRIVATE KEY") if encrypted => return Err(KeyProblem::encrypted()),
            Some("RSA PRIVATE KEY") => RsaPrivateKey::from_pkcs1_pem(text).map_err(|error| KeyProblem::unreadable(&error))?,
            Some("PRIVATE KEY") => RsaPrivateKey::from_pkcs8_pem(text).map_err(|error| KeyProblem::unreadable(&error))?,
            Some(label @ ("PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE")) => return Err(KeyProblem::public_half(label)),
            Some("OPENSSH PRIVATE KEY") => return Err(KeyProblem::openssh()),
            Some(other) => return Err(KeyProblem::other_label(other)),
            None => return Err(KeyProblem::no_pem()),
        };
        Self::new(private)
    }

    fn new(private: RsaPrivateKey) -> Result<Self, KeyProblem> {
        let der = private.to_public_key().to_pkcs1_der().map_err(|error| KeyProblem::unreadable(&error))?;
        let public = PublicKey::from_pkcs1(der.as_bytes())
            .map_err(|error| KeyProblem { message: format!("would be refused by the gateway: {error}"), hint: None })?;
        Ok(Self { private, public })
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.1) over the base string.
    fn sign(&self, method: SignatureMethod, base_string: &SignatureBaseString) -> Result<Signature, Failure> {
        let padding = match method {
            SignatureMethod::RsaSha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
            SignatureMethod::RsaSha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
            SignatureMethod::RsaSha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
        };
        let digest = method.digest(base_string.as_bytes());
        let signature = self.private.sign_with_rng(&mut OsRng, padding, &digest);
        signature.map(Signature::from_bytes).map_err(|error| Failure::new(format!("cannot sign with this key: {error}")))
    }
}

/// Why a PEM text is no key to sign with.
#[derive(Debug)]
struct KeyProblem {
    /// Reads on after the file's name.
    message: String,
    /// `FILE` in it stands for the file's name.
    hint: Option<&'static str>,
}

impl KeyProblem {
    fn in_file(self, path: &Path) -> Failure {
        let path = path.display().to_string();
        let failure = Failure::new(format!("the key {path} {}", self.message));
        match self.hint {
            Some(hint) => failure.hint(hint.replace("FILE", &path)),
            None => failure,
        }
    }

    fn encrypted() -> Self {
        let hint = "decrypt it into a file only you can read: (umask 077; openssl pkey -in FILE -out plain.pem)";
        Self { message: "is encrypted".into(), hint: Some(hint) }
    }

    fn public_half(label: &str) -> Self {
        let hint = "a request is signed with the private half, the one that begins with -----BEGIN PRIVATE KEY-----";
        Self { message: format!("holds a {label}, which can only verify"), hint: Some(hint) }
    }

    fn openssh() -> Self {
        let hint = "write a copy of it as PEM: cp FILE copy.pem && ssh-keygen -p -m PKCS8 -f copy.pem";
        Self { message: "is in OpenSSH's own form".into(), hint: Some(hint) }
    }

    fn other_label(label: &str) -> Self {
        let message = format!("holds a PEM block \"{}\", not an RSA private key", label.escape_debug());
        Self { message, hint: Some("make a pair with: countersign keygen --out PREFIX") }
    }

    fn no_pem() -> Self {
        let hint = "PEM begins with -----BEGIN; DER is converted with: openssl pkey -inform DER -in FILE";
        Self { message: "is not PEM".into(), hint: Some(hint) }
    }

    fn unreadable(error: &dyn std::fmt::Display) -> Self {
        let hint = "see what it is with: openssl pkey -in FILE -noout -text";
        Self { message: format!("cannot be read as an RSA private key: {error}"), hint: Some(hint) }
    }
}

/// A request as a consumer is about to send it.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a Method,
    pub(super) url: &'a RequestUrl,
    /// The encoded form body, where there is one.
    pub(super) form: Option<&'a str>,
    /// The digest of a body that is no form, where it is to be bound to the signature.
    pub(super) body_hash: Option<&'a BodyHash>,
    /// Protocol parameters that not every request has, such as `oauth_callback`.
    pub(super) more: &'a [(&'a str, &'a str)],
}

/// Who signs, and how.
pub(super) struct Signer<'a> {
    pub(super) key: &'a SigningKey,
    pub(super) consumer: &'a str,
    /// `Some("")` is sent as an empty `oauth_token`.
    pub(super) token: Option<&'a str>,
    pub(super) method: SignatureMethod,
    /// Left out of the header where it is `None`; never signed.
    pub(super) realm: Option<&'a str>,
}

/// What makes two requests of the same kind differ (RFC 5849 §3.3).
pub(super) struct Stamp {
    pub(super) timestamp: u64,
    pub(super) nonce: String,
}

impl Stamp {
    /// This second, and 128 random bits.
    pub(super) fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { timestamp: since_1970.map_or(0, |time| time.as_secs()), nonce: random_nonce() }
    }
}

/// A signed request, and how its signature came about.
pub(super) struct Signed {
    /// The Authorization header's value.
    pub(super) authorization: String,
    pub(super) uri: BaseStringUri,
    pub(super) parameters: Parameters,
    pub(super) base_string: SignatureBaseString,
    pub(super) signature: Signature,
}

impl Signer<'_> {
    /// Makes the Authorization header of a request (RFC 5849 §3.5.1).
    pub(super) fn sign(&self, request: &Unsigned<'_>, stamp: &Stamp) -> Result<Signed, Failure> {
        let mut list = self.protocol_parameters(request, stamp);
        let parameters = Parameters::collect(
            Raw {
                header: Some(list.as_bytes()),
                query: request.url.query().map(str::as_bytes),
                form: request.form.map(str::as_bytes),
            },
            usize::MAX,
        )
        .map_err(unsignable)?;
        if let Some(name) = parameters.repeated_protocol().first() {
            let failure = Failure::new(format!("{name} would stand twice in the request, and every provider refuses that"));
            return Err(failure.hint(format!("take {name} out of the URL and the form; it is put into the header here")));
        }
        let uri = request.url.base_string_uri();
        let base_string = SignatureBaseString::new(request.method.as_str(), &uri, &parameters);
        let signature = self.key.sign(self.method, &base_string)?;
        push_parameter(&mut list, "oauth_signature", &signature.encode());
        let authorization = match self.realm {
            Some(realm) => format!("OAuth realm=\"{realm}\", {list}"),
            None => format!("OAuth {list}"),
        };
        Ok(Signed { authorization, uri, parameters, base_string, signature })
    }

    /// The list in the header, without realm and signature.
    fn protocol_parameters(&self, request: &Unsigned<'_>, stamp: &Stamp) -> String {
        let mut list = String::new();
        push_parameter(&mut list, "oauth_consumer_key", self.consumer);
        if let Some(token) = self.token {
            push_parameter(&mut list, "oauth_token", token);
        }
        push_parameter(&mut list, "oauth_signature_method", self.method.name());
        push_parameter(&mut list, "oauth_timestamp", &stamp.timestamp.to_string());
        push_parameter(&mut list, "oauth_nonce", &stamp.nonce);
        push_parameter(&mut list, "oauth_version", "1.0");
        if let Some(hash) = request.body_hash {
            push_parameter(&mut list, "oauth_body_hash", &hash.encode());
        }
        request.more.iter().for_each(|(name, value)| push_parameter(&mut list, name, value));
        list
    }
}

fn push_parameter(list: &mut String, name: &str, value: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(name);
    list.push_str("=\"");
    list.push_str(&percent::encode(value.as_bytes()));
    list.push('"');
}

fn unsignable(malformed: Malformed) -> Failure {
    match malformed {
        Malformed::BadEscape { name, .. } => {
            Failure::new(format!("the parameter {name} has a % that two hexadecimal digits do not follow"))
                .hint("write %25 for a percent sign that is meant")
        }
        Malformed::HeaderSyntax { expected, .. } => Failure::new(format!("the header lacks {expected}")),
        Malformed::TooMany { limit } => Failure::new(format!("more than {limit} parameters")),
    }
}

/// 128 bits: no two requests ever share one by chance.
pub(super) fn random_nonce() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
