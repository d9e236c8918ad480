//! A signer written from RFC 5849 §3.4, with a knob for everything that an attacker or an odd client turns.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::Pkcs1v15Sign;
use sha1::Digest as _;

use super::keys::KeyPair;
use super::percent::{encode, pairs};
use super::secrets;

/// Where the protocol parameters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Header,
    Query,
    Form,
}

/// What is signed: the digest, and with it the method's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// A request that is being put together and signed.
#[derive(Clone)]
pub struct Signing {
    key: Option<&'static KeyPair>,
    method: String,
    target: String,
    host: String,
    signed_root: Option<String>,
    signed_target: Option<String>,
    parameters: Vec<(String, String, Option<Place>)>,
    place: Place,
    digest: Digest,
    lines: Vec<String>,
    body: Option<Vec<u8>>,
    chunk: Option<usize>,
    form: bool,
    signature: Option<String>,
    authorization: Option<fn(String) -> String>,
}

/// The Host that requests are for, if they say nothing else.
pub const HOST: &str = "app.example.com";

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A request without credentials: GET / to begin with.
pub fn request() -> Signing {
    Signing {
        key: None,
        method: "GET".into(),
        target: "/".into(),
        host: HOST.into(),
        signed_root: None,
        signed_target: None,
        parameters: Vec::new(),
        place: Place::Header,
        digest: Digest::Sha1,
        lines: Vec::new(),
        body: None,
        chunk: None,
        form: false,
        signature: None,
        authorization: None,
    }
}

/// A request signed by a consumer: GET / to begin with.
pub fn signed(consumer: &str, key: &'static KeyPair) -> Signing {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    let (time, count) = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap(), NONCES.fetch_add(1, Ordering::Relaxed));
    let nonce = format!("n{:x}-{:x}-{count:x}", std::process::id(), time.as_nanos());
    Signing { key: Some(key), ..request() }
        .set("oauth_consumer_key", consumer)
        .set("oauth_nonce", &nonce)
        .set("oauth_signature_method", "RSA-SHA1")
        .set("oauth_timestamp", &time.as_secs().to_string())
        .set("oauth_version", "1.0")
}

impl Signing {
    pub fn method(self, method: &str) -> Self {
        Self { method: method.into(), ..self }
    }

    /// The request target as it goes over the wire.
    pub fn target(self, target: &str) -> Self {
        Self { target: target.into(), ..self }
    }

    pub fn get(self, target: &str) -> Self {
        self.method("GET").target(target)
    }

    pub fn post(self, target: &str) -> Self {
        self.method("POST").target(target)
    }

    /// The Host header.
    pub fn host(self, host: &str) -> Self {
        Self { host: host.into(), ..self }
    }

    /// Signs for another scheme and authority (`https://example.com`) than the Host header says.
    pub fn signed_for(self, root: &str) -> Self {
        Self { signed_root: Some(root.into()), ..self }
    }

    /// Signs another target than the one that is sent.
    pub fn signed_target(self, target: &str) -> Self {
        Self { signed_target: Some(target.into()), ..self }
    }

    /// Sets a protocol parameter.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        match self.parameters.iter_mut().find(|(n, ..)| n == name) {
            Some(parameter) => parameter.1 = value.into(),
            None => self.parameters.push((name.into(), value.into(), None)),
        }
        self
    }

    /// Adds a protocol parameter once more.
    pub fn also(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.into(), value.into(), None));
        self
    }

    /// Adds a protocol parameter in a place of its own.
    pub fn also_in(mut self, place: Place, name: &str, value: &str) -> Self {
        self.parameters.push((name.into(), value.into(), Some(place)));
        self
    }

    /// Moves one parameter to another place.
    pub fn moved(mut self, name: &str, place: Place) -> Self {
        self.parameters.iter_mut().filter(|(n, ..)| n == name).for_each(|parameter| parameter.2 = Some(place));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(n, ..)| n != name);
        self
    }

    pub fn nonce(self, nonce: &str) -> Self {
        self.set("oauth_nonce", nonce)
    }

    pub fn timestamp(self, timestamp: impl ToString) -> Self {
        self.set("oauth_timestamp", &timestamp.to_string())
    }

    /// Where the protocol parameters stand.
    pub fn in_place(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Signs with another digest, and says so.
    pub fn digest(self, digest: Digest) -> Self {
        Self { digest, ..self }.set("oauth_signature_method", digest.method())
    }

    /// One more header line.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.into());
        self
    }

    /// A body that is no form.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }.line(&format!("Content-Type: {content_type}"))
    }

    /// A form body, which is signed.
    pub fn form(self, form: &str) -> Self {
        self.form_typed("application/x-www-form-urlencoded", form)
    }

    /// A form body with another spelling of its type.
    pub fn form_typed(self, content_type: &str, form: &str) -> Self {
        Self { form: true, ..self }.body(content_type, form)
    }

    /// Sends the body in chunks of that many bytes.
    pub fn chunked(self, size: usize) -> Self {
        Self { chunk: Some(size), ..self }
    }

    /// Sends this text as `oauth_signature`.
    pub fn signature(self, text: &str) -> Self {
        Self { signature: Some(text.into()), ..self }
    }

    /// Changes the Authorization header's value after signing.
    pub fn authorization(self, change: fn(String) -> String) -> Self {
        Self { authorization: Some(change), ..self }
    }

    /// RFC 5849 §3.4.1.
    pub fn base_string(&self) -> String {
        let target = self.signed_target.as_deref().unwrap_or(&self.target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let root = self.signed_root.clone().unwrap_or_else(|| format!("http://{}", self.host)).to_ascii_lowercase();
        let default_port = if root.starts_with("https:") { ":443" } else { ":80" };
        let root = root.strip_suffix(default_port).unwrap_or(&root);

        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |text: &str| all.extend(pairs(text).into_iter().map(|(name, value)| (encode(name), encode(value))));
        add(query);
        if self.form {
            add(&String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()));
        }
        all.extend(self.parameters.iter().map(|(name, value, _)| (encode(name), encode(value))));
        all.retain(|(name, _)| name != "oauth_signature");
        all.sort();
        let normalized: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = if path.is_empty() { "/" } else { path };
        format!("{}&{}&{}", self.method.to_uppercase(), encode(format!("{root}{path}")), encode(normalized.join("&")))
    }

    /// The signature's bytes.
    pub fn signature_bytes(&self) -> Vec<u8> {
        let key = self.key.expect("only a consumer's request is signed");
        self.digest.sign(key, self.base_string().as_bytes())
    }

    /// The value of `oauth_signature`; `None` on an unsigned request.
    fn signature_text(&self) -> Option<String> {
        self.signature.clone().or_else(|| {
            let signature = self.key.map(|_| STANDARD.encode(self.signature_bytes()))?;
            secrets::signed(&signature);
            Some(signature)
        })
    }

    /// The Authorization header's value, the target and the body, with the protocol parameters in their places.
    fn rendered(&self) -> (Option<String>, String, Option<Vec<u8>>) {
        let mut parameters = self.parameters.clone();
        if let Some(signature) = self.signature_text()
            && !parameters.iter().any(|(name, ..)| name == "oauth_signature")
        {
            parameters.push(("oauth_signature".into(), signature, None));
        }
        let in_place = |place: Place| -> Vec<(String, String)> {
            let here = parameters.iter().filter(|(_, _, own)| own.unwrap_or(self.place) == place);
            here.map(|(name, value, _)| (encode(name), encode(value))).collect()
        };
        let joined = |pairs: Vec<(String, String)>| {
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let header: Vec<String> = in_place(Place::Header).iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let header = (!header.is_empty()).then(|| format!("OAuth {}", header.join(", ")));
        let header = header.map(|value| self.authorization.map_or(value.clone(), |change| change(value)));
        let mut target = self.target.clone();
        let query = joined(in_place(Place::Query));
        if !query.is_empty() {
            target = format!("{target}{}{query}", if target.contains('?') { "&" } else { "?" });
        }
        let mut body = self.body.clone();
        let form = joined(in_place(Place::Form));
        if !form.is_empty() {
            let start = body.unwrap_or_default();
            body = Some(if start.is_empty() { form.into() } else { [&start[..], b"&", form.as_bytes()].concat() });
        }
        (header, target, body)
    }

    /// The target with the protocol parameters that stand in it.
    pub fn sent_target(&self) -> String {
        self.rendered().1
    }

    /// The Authorization header's value.
    pub fn authorization_value(&self) -> String {
        self.rendered().0.expect("the parameters stand in the header")
    }

    /// The whole request.
    pub fn bytes(&self) -> Vec<u8> {
        let (authorization, target, body) = self.rendered();
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: {}\r\n", self.method, self.host);
        if let Some(value) = authorization {
            head.push_str(&format!("Authorization: {value}\r\n"));
        }
        for line in &self.lines {
            head.push_str(&format!("{line}\r\n"));
        }
        if self.place == Place::Form && !self.form {
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
        let Some(body) = body else {
            return format!("{head}\r\n").into();
        };
        match self.chunk {
            None => [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat(),
            Some(size) => {
                let mut bytes = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
                for chunk in body.chunks(size) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                [&bytes[..], b"0\r\n\r\n"].concat()
            }
        }
    }
}

impl Digest {
    pub fn method(self) -> &'static str {
        match self {
            Self::Sha1 => "RSA-SHA1",
            Self::Sha256 => "RSA-SHA256",
            Self::Sha512 => "RSA-SHA512",
        }
    }

    /// The digest's bytes.
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(message).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(message).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(message).to_vec(),
        }
    }

    /// RSASSA-PKCS1-v1_5.
    pub fn sign(self, key: &KeyPair, message: &[u8]) -> Vec<u8> {
        key.private.sign(self.padding(), &self.of(message)).unwrap()
    }

    pub fn padding(self) -> Pkcs1v15Sign {
        match self {
            Self::Sha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
            Self::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
            Self::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
        }
    }
}
