//! One request for the document, to an address that was checked before.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::document::MAX_DOCUMENT;
use super::error::ImportError;
use super::target::Target;
use crate::tls;

/// What the application answers.
pub(super) enum Answer {
    /// Something that says that it is XML.
    Document(Vec<u8>),
    /// A redirect: the value of its `Location`.
    Elsewhere(String),
}

/// Asks the first of the addresses that takes a connection.
pub(super) async fn get(target: &Target, addresses: &[IpAddr], authorities: Option<&Path>) -> Result<Answer, ImportError> {
    if target.is_https() {
        let connector = connector(authorities).await?;
        let stream = shake_hands(target, connect(target, addresses).await?, &connector).await?;
        return exchange(target, stream).await;
    }
    exchange(target, connect(target, addresses).await?).await
}

/// With the authorities of a file, or those that the system trusts.
async fn connector(authorities: Option<&Path>) -> Result<TlsConnector, ImportError> {
    let file = authorities.map(Path::to_owned);
    // The system's are a file of hundreds.
    let made = tokio::task::spawn_blocking(move || tls::client(file.as_deref())).await;
    let made = made.map_err(|error| ImportError::Broken { why: error.to_string() })?;
    made.map(TlsConnector::from).map_err(|tls::Unusable { message, hint }| ImportError::Authorities { message, hint })
}

async fn shake_hands(target: &Target, stream: TcpStream, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, ImportError> {
    let host = target.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let untrusted = |why: String| ImportError::Untrusted { host: host.clone(), why, unknown_authority: false };
    let name = ServerName::try_from(host.clone()).map_err(|_| untrusted("no certificate can be for this name".into()))?;
    connector.connect(name, stream).await.map_err(|error| distrust(host, &error))
}

async fn connect(target: &Target, addresses: &[IpAddr]) -> Result<TcpStream, ImportError> {
    let mut why = String::new();
    for address in addresses {
        let address = SocketAddr::new(*address, target.port());
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address}: no connection within {} s", CONNECT.as_secs()),
        }
    }
    Err(ImportError::Unreachable { host: target.host().to_owned(), why })
}

fn distrust(host: String, error: &std::io::Error) -> ImportError {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let unknown_authority = matches!(wrong, rustls::CertificateError::UnknownIssuer);
            ImportError::Untrusted { host, why: wrong.to_string(), unknown_authority }
        }
        _ => ImportError::Handshake { host, why: error.to_string() },
    }
}

/// The connection lives as long as the exchange: when the time is over, both are dropped.
async fn exchange(target: &Target, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<Answer, ImportError> {
    let mut builder = http1::Builder::new();
    let handshake = builder.max_header_size(MAX_HEAD).max_headers(MAX_FIELDS).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    let request = request(target)?;
    let mut answer = pin!(async move { read(sender.send_request(request).await.map_err(broken)?).await });
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        // It has given away all that it will.
        _ = connection => {}
    }
    answer.await
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, ImportError> {
    let request = Request::get(target.path())
        .header(HOST, target.authority())
        .header(ACCEPT, "application/xml")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
    request.body(Empty::new()).map_err(|error| ImportError::Broken { why: error.to_string() })
}

async fn read(response: Response<Incoming>) -> Result<Answer, ImportError> {
    match response.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => return redirect(response.headers(), status),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(ImportError::SignIn),
        StatusCode::NOT_FOUND => return Err(ImportError::NotThere),
        status => return Err(ImportError::Status(status.as_u16())),
    }
    check_fields(response.headers())?;
    read_body(response.into_body()).await.map(Answer::Document)
}

fn redirect(fields: &HeaderMap, status: StatusCode) -> Result<Answer, ImportError> {
    let location = fields.get(LOCATION).and_then(|location| location.to_str().ok());
    location.map(|location| Answer::Elsewhere(location.to_owned())).ok_or(ImportError::Status(status.as_u16()))
}

fn check_fields(fields: &HeaderMap) -> Result<(), ImportError> {
    let value = |name| fields.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase());
    let is_coded = |name, plain| value(name).is_some_and(|coding| coding != plain);
    if is_coded(CONTENT_ENCODING, "identity") || is_coded(TRANSFER_ENCODING, "chunked") {
        return Err(ImportError::Encoded);
    }
    if value(CONTENT_LENGTH).and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > MAX_DOCUMENT as u64) {
        return Err(ImportError::TooLarge);
    }
    let content_type = value(CONTENT_TYPE).unwrap_or_default();
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/xml" | "text/xml" => Ok(()),
        // Where a document should be, pages ask for a password more often than not.
        "text/html" | "application/xhtml+xml" => Err(ImportError::SignIn),
        _ => Err(ImportError::OtherType { content_type }),
    }
}

async fn read_body(mut body: Incoming) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            if bytes.len() + data.len() > MAX_DOCUMENT {
                return Err(ImportError::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn broken(error: hyper::Error) -> ImportError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    ImportError::Broken { why: format!("{error}{cause}") }
}

/// For each address, so that one that is silent leaves time for the next.
const CONNECT: Duration = Duration::from_secs(2);
/// In bytes; as much as hyper takes in one piece by itself.
const MAX_HEAD: usize = 64 * 1024;
/// hyper's own bound.
const MAX_FIELDS: usize = 100;
