//! One HTTP request to a server, on a connection of its own: for commands, and for what administrators have fetched.
//!
//! Kept out: which servers may be asked, redirects, how long everything together may take, and what answers mean.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls;

/// Whom a request goes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a> {
    /// As it stands in a URL: an IPv6 address in brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Its addresses; the first that takes a connection is asked.
    pub(crate) addresses: &'a [IpAddr],
    /// For each address, so that one that is silent leaves time for the next.
    pub(crate) connect: Duration,
    /// `None`: in the clear.
    pub(crate) tls: Option<Tls<'a>>,
}

/// How an https server is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tls<'a> {
    /// A file of authorities; `None`: those that the system trusts.
    pub(crate) authorities: Option<&'a Path>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection.
    Unreachable {
        /// The host.
        host: String,
        /// With the address that was tried last.
        why: String,
    },
    /// The file of authorities can't be used, or the system has none.
    Authorities {
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// The server did not show that it is the host.
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with its certificate.
        why: String,
        /// Whether it is from an authority that is not trusted.
        unknown_authority: bool,
    },
    /// TLS came to nothing before any certificate was shown.
    Handshake {
        /// The host.
        host: String,
        /// rustls' words.
        why: String,
    },
    /// What came is no HTTP, or broke off.
    Broken {
        /// hyper's words.
        why: String,
    },
}

/// Sends the request, and has the answer read while its connection lives: when the future is dropped, both are.
pub(crate) async fn ask<B, T, E>(
    server: Server<'_>,
    request: Request<B>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, E>,
) -> Result<T, E>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: From<NoAnswer>,
{
    let Some(tls) = server.tls else {
        return exchange(connect(server).await?, request, read).await;
    };
    let connector = connector(tls.authorities).await?;
    exchange(shake_hands(server.host, connect(server).await?, &connector).await?, request, read).await
}

/// With the authorities of a file, or those that the system trusts.
async fn connector(authorities: Option<&Path>) -> Result<TlsConnector, NoAnswer> {
    let file = authorities.map(Path::to_owned);
    // The system's are a file of hundreds.
    let made = tokio::task::spawn_blocking(move || tls::client(file.as_deref())).await;
    let made = made.map_err(|error| NoAnswer::Broken { why: error.to_string() })?;
    made.map(TlsConnector::from).map_err(|tls::Unusable { message, hint }| NoAnswer::Authorities { message, hint })
}

async fn shake_hands(host: &str, stream: TcpStream, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, NoAnswer> {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let untrusted = |why: String| NoAnswer::Untrusted { host: host.clone(), why, unknown_authority: false };
    let name = ServerName::try_from(host.clone()).map_err(|_| untrusted("no certificate can be for this name".into()))?;
    connector.connect(name, stream).await.map_err(|error| distrust(host, &error))
}

async fn connect(server: Server<'_>) -> Result<TcpStream, NoAnswer> {
    let mut why = String::new();
    for address in server.addresses {
        let address = SocketAddr::new(*address, server.port);
        match timeout(server.connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address}: no connection within {} s", server.connect.as_secs()),
        }
    }
    Err(NoAnswer::Unreachable { host: server.host.to_owned(), why })
}

fn distrust(host: String, error: &std::io::Error) -> NoAnswer {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let unknown_authority = matches!(wrong, rustls::CertificateError::UnknownIssuer);
            NoAnswer::Untrusted { host, why: wrong.to_string(), unknown_authority }
        }
        _ => NoAnswer::Handshake { host, why: error.to_string() },
    }
}

async fn exchange<B, T, E>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<B>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, E>,
) -> Result<T, E>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: From<NoAnswer>,
{
    let mut builder = http1::Builder::new();
    let handshake = builder.max_header_size(MAX_HEAD).max_headers(MAX_FIELDS).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(NoAnswer::from)?;
    let mut answer = pin!(async move { read(sender.send_request(request).await.map_err(NoAnswer::from)?).await });
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        // It has given away all that it will.
        _ = connection => {}
    }
    answer.await
}

impl NoAnswer {
    /// What happened.
    pub fn message(&self) -> String {
        self.explain().0
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        self.explain().1
    }

    fn explain(&self) -> (String, String) {
        match self {
            Self::Unreachable { host, why } => {
                (format!("{host} does not answer: {why}"), "see whether this machine may connect to it".into())
            }
            Self::Authorities { message, hint } => (message.clone(), hint.clone()),
            Self::Untrusted { host, why, unknown_authority: true } => (
                format!("{host} has a certificate of an authority that is not trusted here: {why}"),
                "name the authority's certificate, if it is your own".into(),
            ),
            Self::Untrusted { host, why, unknown_authority: false } => (
                format!("{host} did not show that it is {host}: {why}"),
                "have its certificate mended; asked by another name or over http, it would prove less".into(),
            ),
            Self::Handshake { host, why } => {
                (format!("no TLS connection with {host}: {why}"), "see whether it speaks https at that port".into())
            }
            Self::Broken { why } => {
                (format!("the answer is no HTTP, or broke off: {why}"), "see what a browser gets there".into())
            }
        }
    }
}

impl From<hyper::Error> for NoAnswer {
    fn from(error: hyper::Error) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::Broken { why: format!("{error}{cause}") }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, hint) = self.explain();
        write!(f, "{message}; {hint}")
    }
}

impl std::error::Error for NoAnswer {}

/// In bytes; as much as hyper takes in one piece by itself.
const MAX_HEAD: usize = 64 * 1024;
/// hyper's own bound.
const MAX_FIELDS: usize = 100;
