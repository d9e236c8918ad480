//! `countersign sign`: the Authorization header of one request, or the whole request as a curl command.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use http::Method;

use super::failure::Failure;
use super::signing::{Signed, Signer, SigningKey, Stamp, Unsigned};
use super::url::RequestUrl;
use super::{print, shell};
use crate::consumers::ConsumerKey;
use crate::oauth::body_hash::BodyHash;
use crate::oauth::nonce::Nonce;
use crate::oauth::percent;
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Timestamp;

/// Arguments of `sign`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Sign {
    /// The consumer's private RSA key (PEM, PKCS#8 or PKCS#1, not encrypted)
    #[arg(long, value_name = "PEM")]
    key: PathBuf,
    /// The consumer key, as in consumers.yaml
    #[arg(long, value_name = "KEY", value_parser = parse_consumer)]
    consumer: ConsumerKey,
    /// The HTTP method [default: GET, or POST with a body]
    #[arg(long, value_parser = parse_method)]
    method: Option<Method>,
    /// A parameter of the form body, unencoded; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_form_parameter)]
    form: Vec<FormParameter>,
    /// Bind a body that is no form to the signature (oauth_body_hash)
    #[arg(long, value_name = "FILE", conflicts_with = "form")]
    body_hash: Option<PathBuf>,
    /// An access token; empty for clients that send an empty one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// How to sign
    #[arg(long, value_name = "METHOD", default_value = "RSA-SHA1", value_parser = parse_signature_method)]
    signature_method: SignatureMethod,
    /// A realm for the header; it is never signed
    #[arg(long, value_parser = parse_realm)]
    realm: Option<String>,
    /// Sign with this time instead of the clock's, in seconds since 1970
    #[arg(long, value_name = "SECONDS", value_parser = parse_timestamp)]
    timestamp: Option<Timestamp>,
    /// Sign with this nonce instead of a random one
    #[arg(long, value_parser = parse_nonce)]
    nonce: Option<String>,
    /// Print the Authorization header, or a curl command to paste into a shell
    #[arg(long, value_enum, default_value_t = Print::Header)]
    print: Print,
    /// Show first how the signature comes about, step by step
    #[arg(long)]
    explain: bool,
    /// Print everything as one JSON object
    #[arg(long, conflicts_with_all = ["print", "explain"])]
    json: bool,
    /// The URL as it will be sent, query included
    url: RequestUrl,
}

/// What `--print` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Print {
    Header,
    Curl,
}

/// One `--form`, split at its first `=`.
#[derive(Debug, Clone)]
struct FormParameter {
    name: String,
    value: String,
}

impl Sign {
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = SigningKey::read(&self.key)?;
        let body = self.body()?;
        let method = self.method.clone().unwrap_or(body.default_method());
        let request = Unsigned { method: &method, url: &self.url, form: body.form(), body_hash: body.hash(), more: &[] };
        let signed = self.signer(&key).sign(&request, &self.stamp())?;
        let curl = || curl_command(&request, &body, &signed);
        print(&match (self.json, self.print) {
            (true, _) => self.as_json(&request, &signed, &curl()),
            (_, Print::Header) => self.explained(&request, &signed) + &header_line(&signed) + "\n",
            (_, Print::Curl) => self.explained(&request, &signed) + &curl() + "\n",
        })
    }

    fn signer<'a>(&'a self, key: &'a SigningKey) -> Signer<'a> {
        Signer {
            key,
            consumer: self.consumer.as_str(),
            token: self.token.as_deref(),
            method: self.signature_method,
            realm: self.realm.as_deref(),
        }
    }

    fn stamp(&self) -> Stamp {
        let now = Stamp::now();
        Stamp {
            timestamp: self.timestamp.map_or(now.timestamp, Timestamp::seconds),
            nonce: self.nonce.clone().unwrap_or(now.nonce),
        }
    }

    fn body(&self) -> Result<Body, Failure> {
        if let Some(path) = &self.body_hash {
            let bytes =
                fs::read(path).map_err(|error| Failure::new(format!("cannot read the body {}: {error}", path.display())))?;
            return Ok(Body::File { path: path.clone(), hash: BodyHash::of(&bytes, self.signature_method) });
        }
        let pair = |p: &FormParameter| format!("{}={}", percent::encode(p.name.as_bytes()), percent::encode(p.value.as_bytes()));
        let form: Vec<String> = self.form.iter().map(pair).collect();
        Ok(if form.is_empty() { Body::None } else { Body::Form(form.join("&")) })
    }

    /// The steps of RFC 5849 §3.4 with their results, or nothing without `--explain`.
    fn explained(&self, request: &Unsigned<'_>, signed: &Signed) -> String {
        if !self.explain {
            return String::new();
        }
        let mut rows = vec![("method", request.method.to_string()), ("base string URI", signed.uri.as_str().to_owned())];
        let mut label = "parameters";
        for (name, value) in normalized(signed) {
            rows.push((label, format!("{name} = {value}")));
            label = "";
        }
        rows.push(("base string", signed.base_string.to_string()));
        rows.push(("digest", format!("{} ({})", self.digest(signed), digest_name(self.signature_method))));
        rows.into_iter().map(|(label, text)| format!("{label:<15}  {text}\n")).collect::<String>() + "\n"
    }

    fn as_json(&self, request: &Unsigned<'_>, signed: &Signed, curl: &str) -> String {
        let object = serde_json::json!({
            "method": request.method.as_str(),
            "url": request.url.as_str(),
            "authorization": signed.authorization,
            "curl": curl,
            "base_string_uri": signed.uri.as_str(),
            "parameters": normalized(signed).collect::<Vec<_>>(),
            "base_string": signed.base_string.to_string(),
            "digest": self.digest(signed),
            "signature": signed.signature.encode(),
        });
        format!("{object:#}\n")
    }

    fn digest(&self, signed: &Signed) -> String {
        let digest = self.signature_method.digest(signed.base_string.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What is sent after the head.
enum Body {
    None,
    /// Encoded.
    Form(String),
    File {
        path: PathBuf,
        hash: BodyHash,
    },
}

impl Body {
    fn default_method(&self) -> Method {
        if matches!(self, Self::None) { Method::GET } else { Method::POST }
    }

    fn form(&self) -> Option<&str> {
        if let Self::Form(form) = self { Some(form) } else { None }
    }

    fn hash(&self) -> Option<&BodyHash> {
        if let Self::File { hash, .. } = self { Some(hash) } else { None }
    }
}

/// The names and values that are signed, encoded and sorted.
fn normalized(signed: &Signed) -> impl Iterator<Item = (String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    signed.parameters.signed().map(move |(name, value)| (text(name), text(value)))
}

fn header_line(signed: &Signed) -> String {
    format!("Authorization: {}", signed.authorization)
}

/// One line for a POSIX shell that sends exactly what was signed.
fn curl_command(request: &Unsigned<'_>, body: &Body, signed: &Signed) -> String {
    let mut words = vec!["curl".to_owned()];
    let url = request.url.as_str();
    // curl reads [..] and {..} as patterns, and removes dot segments, before it sends a URL.
    if url.contains(['[', ']', '{', '}']) {
        words.push("--globoff".into());
    }
    if url.contains("/.") {
        words.push("--path-as-is".into());
    }
    if *request.method == Method::HEAD {
        words.push("--head".into());
    } else if *request.method != body.default_method() {
        words.extend(["-X".into(), request.method.to_string()]);
    }
    words.extend(["-H".into(), header_line(signed)]);
    match body {
        Body::None => {}
        Body::Form(form) => words.extend(["--data-raw".into(), form.clone()]),
        // Without a type of its own curl would call it a form, and a form is signed in another way.
        Body::File { path, .. } => words.extend(["-H".into(), OCTETS.into(), "--data-binary".into(), at_file(path)]),
    }
    words.push(url.to_owned());
    words.iter().map(|word| shell::quote(word)).collect::<Vec<_>>().join(" ")
}

/// curl's `@FILE`; a file of the name `-` is not standard input.
fn at_file(path: &Path) -> String {
    let dot = if path == Path::new("-") { "./" } else { "" };
    format!("@{dot}{}", path.display())
}

fn digest_name(method: SignatureMethod) -> &'static str {
    match method {
        SignatureMethod::RsaSha1 => "SHA-1",
        SignatureMethod::RsaSha256 => "SHA-256",
        SignatureMethod::RsaSha512 => "SHA-512",
    }
}

pub(super) fn parse_consumer(text: &str) -> Result<ConsumerKey, String> {
    ConsumerKey::new(text).ok_or_else(|| format!("a consumer key has 1 to {} bytes and no control characters", ConsumerKey::MAX))
}

fn parse_method(text: &str) -> Result<Method, String> {
    text.to_ascii_uppercase().parse().map_err(|_| "a method is one word, such as GET or POST".into())
}

fn parse_form_parameter(text: &str) -> Result<FormParameter, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE; the value may be empty")?;
    Ok(FormParameter { name: name.into(), value: value.into() })
}

pub(super) fn parse_signature_method(text: &str) -> Result<SignatureMethod, String> {
    let names = SignatureMethod::ALL.map(SignatureMethod::name).join(", ");
    SignatureMethod::parse(text.as_bytes()).ok_or_else(|| format!("the methods with an RSA key are {names}"))
}

/// A quoted-string (RFC 9110 §5.6.4) without the two characters that would need a backslash.
fn parse_realm(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\');
    plain.then(|| text.to_owned()).ok_or_else(|| "a realm is ASCII without double quotes and backslashes".into())
}

fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text.as_bytes()).ok_or_else(|| "a timestamp is whole seconds since 1970, in digits".into())
}

fn parse_nonce(text: &str) -> Result<String, String> {
    Nonce::new(text).map(|_| text.to_owned()).ok_or_else(|| "a nonce has 1 to 255 bytes".into())
}

const OCTETS: &str = "Content-Type: application/octet-stream";

const AFTER_HELP: &str = "\
Examples:
  countersign sign --key reporting.pem --consumer reporting 'http://127.0.0.1:8080/rest/issue?id=7'
  countersign sign --key reporting.pem --consumer reporting --form 'summary=Hello world' \\
      --print curl http://127.0.0.1:8080/rest/issue

A gateway takes each signature once; sign again for the next request.";
