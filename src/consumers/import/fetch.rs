//! One request for the document, to an address that was checked before.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;

use super::document::MAX_DOCUMENT;
use super::error::ImportError;
use super::target::Target;
use crate::client::{self, NoAnswer, Server, Tls};

/// What the application answers.
pub(super) enum Answer {
    /// Something that says that it is XML.
    Document(Vec<u8>),
    /// A redirect: the value of its `Location`.
    Elsewhere(String),
}

/// Asks the first of the addresses that takes a connection.
pub(super) async fn get(target: &Target, addresses: &[IpAddr], authorities: Option<&Path>) -> Result<Answer, ImportError> {
    let tls = target.is_https().then_some(Tls { authorities });
    let server = Server { host: target.host(), port: target.port(), addresses, connect: CONNECT, tls };
    client::ask(server, request(target)?, read).await
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, ImportError> {
    let request = Request::get(target.path())
        .header(HOST, target.authority())
        .header(ACCEPT, "application/xml")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
    request.body(Empty::new()).map_err(|error| NoAnswer::Broken { why: error.to_string() }.into())
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
        if let Ok(data) = frame.map_err(NoAnswer::from)?.into_data() {
            if bytes.len() + data.len() > MAX_DOCUMENT {
                return Err(ImportError::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// For each address, so that one that is silent leaves time for the next.
const CONNECT: Duration = Duration::from_secs(2);
