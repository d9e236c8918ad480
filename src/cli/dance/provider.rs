//! The server that gives tokens, and the signed requests that it is asked with.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::Empty;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::answer::{self, Answer};
use crate::cli::failure::Failure;
use crate::cli::signing::{Signer, SigningKey, Stamp, Unsigned};
use crate::cli::url::RequestUrl;
use crate::client::{self, NoAnswer, Server, Tls};
use crate::oauth::signature::SignatureMethod;

/// An http or https URL without query, and without the slash at its end.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl(String);

/// Where tokens come from, and who asks there.
pub(super) struct Provider<'a> {
    pub(super) base: &'a BaseUrl,
    pub(super) key: &'a SigningKey,
    pub(super) consumer: &'a str,
    pub(super) method: SignatureMethod,
    /// Those that the server's certificate may be from; `None`: the system's.
    pub(super) authorities: Option<&'a Path>,
    pub(super) runtime: Runtime,
}

/// One signed request without a body.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Below the base URL.
    pub(super) path: &'a str,
    pub(super) token: Option<&'a str>,
    /// Further protocol parameters.
    pub(super) more: &'a [(&'a str, &'a str)],
}

impl Provider<'_> {
    /// The URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.0)
    }

    /// Signs, sends, and waits for the answer, whatever it is.
    pub(super) fn ask(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let url = self.url(call.path);
        let parsed: RequestUrl = url.parse().map_err(|why| Failure::new(format!("{url:?} is no URL: {why}")))?;
        let request = self.signed(call, &parsed)?;
        let sent = async { timeout(TIME, send(&parsed, request, self.authorities)).await };
        let answer = self.runtime.block_on(sent).map_err(|_| {
            Failure::new(format!("no answer from {url} within {} s", TIME.as_secs()))
                .hint("see in the server's log what it waits for")
        })?;
        answer.map_err(|why| unanswered(&url, &why))
    }

    fn signed(&self, call: &Call<'_>, url: &RequestUrl) -> Result<Request<Empty<Bytes>>, Failure> {
        let signer = Signer { key: self.key, consumer: self.consumer, token: call.token, method: self.method, realm: None };
        let unsigned = Unsigned { method: &call.method, url, form: None, body_hash: None, more: call.more };
        let signed = signer.sign(&unsigned, &Stamp::now())?;
        let mut request = Request::builder()
            .method(&call.method)
            .uri(url.target())
            .header(HOST, url.written_authority())
            .header(AUTHORIZATION, signed.authorization)
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
        if call.method == Method::POST {
            request = request.header(CONTENT_LENGTH, 0);
        }
        request.body(Empty::new()).map_err(|error| Failure::new(format!("{} cannot be asked: {error}", url.as_str())))
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: RequestUrl = text.parse()?;
        match url.query() {
            Some(_) => {
                Err("a base URL has no ?; write what users have in their browser, such as https://jira.example.com".into())
            }
            None => Ok(Self(text.trim_end_matches('/').to_owned())),
        }
    }
}

/// A path below the base URL, with a query if it needs one.
pub(super) fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err("a path begins with /".into()) }
}

/// For one request after the other.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))
}

async fn send(url: &RequestUrl, request: Request<Empty<Bytes>>, authorities: Option<&Path>) -> Result<Answer, NoAnswer> {
    let addresses = addresses(url).await?;
    let tls = url.is_https().then_some(Tls { authorities });
    let server = Server { host: url.authority().host(), port: url.port(), addresses: &addresses, connect: CONNECT, tls };
    client::ask(server, request, async |response| answer::read(url.as_str(), response).await).await
}

async fn addresses(url: &RequestUrl) -> Result<Vec<IpAddr>, NoAnswer> {
    let host = url.authority().bare_host();
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let unknown = |why: String| NoAnswer::Unreachable { host: host.to_owned(), why };
    let found = tokio::net::lookup_host((host, url.port())).await.map_err(|error| unknown(error.to_string()))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(unknown("it has no address".into())) } else { Ok(addresses) }
}

fn unanswered(url: &str, why: &NoAnswer) -> Failure {
    let hint = match why {
        NoAnswer::Untrusted { unknown_authority: true, .. } => {
            "if the authority is your own, name its certificate: --ca FILE".into()
        }
        NoAnswer::Unreachable { .. } => "see whether the gateway runs there, and whether this machine may connect to it".into(),
        NoAnswer::Broken { .. } => "see whether the base URL has the right port, and https where the server speaks TLS".into(),
        why => why.hint(),
    };
    Failure::new(format!("no answer from {url}: {}", why.message())).hint(hint)
}

/// For each address: a lost packet is sent again after one and three seconds.
const CONNECT: Duration = Duration::from_secs(5);
/// For one request and its answer: as long as a gateway waits for its application, and the connection.
const TIME: Duration = Duration::from_secs(70);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_ends_without_a_slash_and_has_no_query() {
        for (text, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://jira.example.com/", "https://jira.example.com"),
            ("https://example.com/jira/", "https://example.com/jira"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().0, base);
        }
        for wrong in ["jira.example.com", "https://jira.example.com/?x=1", "ftp://a/", "https://a/#b"] {
            assert!(wrong.parse::<BaseUrl>().is_err(), "{wrong}");
        }
    }
}
