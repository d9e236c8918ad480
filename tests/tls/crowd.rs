//! Slow clients, each of which takes a place and holds it as long as it can.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::certificates::Authority;
use super::stalled::HALF_A_HELLO;
use super::support::message::{self, Response};
use super::support::{RSA_1024, Signing, signed};

/// What a client does in the place of a request, or of reading its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slow {
    NoHello,
    HalfAHello,
    DrippedHello,
    NoHead,
    HalfAHead,
    DrippedHead,
    Idle,
    StalledForm,
    DrippedForm,
    StalledUpload,
    UnreadAnswer,
}

/// The kinds of clients; `true`: over TLS.
pub(super) const KINDS: [(Slow, bool); 19] = [
    (Slow::NoHello, true),
    (Slow::HalfAHello, true),
    (Slow::DrippedHello, true),
    (Slow::NoHead, false),
    (Slow::NoHead, true),
    (Slow::HalfAHead, false),
    (Slow::HalfAHead, true),
    (Slow::DrippedHead, false),
    (Slow::DrippedHead, true),
    (Slow::Idle, false),
    (Slow::Idle, true),
    (Slow::StalledForm, false),
    (Slow::StalledForm, true),
    (Slow::DrippedForm, false),
    (Slow::DrippedForm, true),
    (Slow::StalledUpload, false),
    (Slow::StalledUpload, true),
    (Slow::UnreadAnswer, false),
    (Slow::UnreadAnswer, true),
];

impl Slow {
    /// What is sent before nothing follows, or only drops.
    pub(super) fn beginning(self, is_tls: bool) -> Vec<u8> {
        let whole = |request: Signing| request.signed_for(root(is_tls)).bytes();
        let three_of_a_thousand = |kind: &str| {
            let head = signed("one", &RSA_1024).post("/sent").line(&format!("Content-Type: {kind}")).line("Content-Length: 1000");
            [&whole(head)[..], b"a=1"].concat()
        };
        match self {
            Self::NoHello | Self::NoHead => Vec::new(),
            Self::HalfAHello | Self::DrippedHello => HALF_A_HELLO.to_vec(),
            Self::HalfAHead | Self::DrippedHead => whole(signed("one", &RSA_1024))[..100].to_vec(),
            Self::Idle => whole(signed("one", &RSA_1024)),
            Self::StalledForm | Self::DrippedForm => three_of_a_thousand("application/x-www-form-urlencoded"),
            Self::StalledUpload => three_of_a_thousand("text/plain"),
            Self::UnreadAnswer => whole(signed("one", &RSA_1024).get("/endless")),
        }
    }

    /// The status of what it gets in the end; `None`: closed without an answer.
    pub(super) fn end(self) -> Option<u16> {
        match self {
            Self::StalledForm | Self::DrippedForm | Self::StalledUpload => Some(408),
            _ => None,
        }
    }

    fn shakes_hands(self) -> bool {
        !matches!(self, Self::NoHello | Self::HalfAHello | Self::DrippedHello)
    }

    fn drips(self) -> bool {
        matches!(self, Self::DrippedHello | Self::DrippedHead | Self::DrippedForm)
    }
}

/// What requests are signed for.
pub(super) fn root(is_tls: bool) -> &'static str {
    if is_tls { "https://app.example.com" } else { "http://app.example.com" }
}

/// The gateway's two listeners.
#[derive(Clone)]
pub(super) struct Place {
    plain: SocketAddr,
    tls: SocketAddr,
    connector: TlsConnector,
}

/// A connection, in the clear or not.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

impl Place {
    pub(super) fn new(plain: SocketAddr, tls: SocketAddr, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.ca()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Self { plain, tls, connector: Arc::new(config).into() }
    }

    async fn enter(&self, is_tls: bool, shakes_hands: bool) -> Box<dyn Line> {
        let stream = TcpStream::connect(if is_tls { self.tls } else { self.plain }).await.unwrap();
        stream.set_nodelay(true).unwrap();
        if is_tls && shakes_hands {
            let name = ServerName::try_from("localhost").unwrap();
            Box::new(self.connector.connect(name, stream).await.unwrap())
        } else {
            Box::new(stream)
        }
    }

    /// A request on a connection of its own.
    pub(super) async fn ask(&self, is_tls: bool, request: &[u8]) -> Response {
        let mut line = self.enter(is_tls, true).await;
        send(&mut line, request).await;
        answer(&mut line).await
    }
}

/// A client to be.
pub(super) struct Client {
    pub(super) slow: Slow,
    pub(super) is_tls: bool,
    pub(super) beginning: Vec<u8>,
}

/// What the clients of a crowd share.
pub(super) struct Crowd {
    place: Place,
    /// So many come in at a time, that the queue of the listener is never full.
    doors: Semaphore,
    arrived: mpsc::UnboundedSender<()>,
    cut_off: Arc<AtomicUsize>,
    all_cut_off: usize,
}

impl Crowd {
    /// `all_cut_off`: what `cut_off` says when the last of the unread answers has been given up.
    pub(super) fn new(place: &Place, cut_off: &Arc<AtomicUsize>, all_cut_off: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<()>) {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (place, cut_off) = (place.clone(), Arc::clone(cut_off));
        (Arc::new(Self { place, doors: Semaphore::new(100), arrived, cut_off, all_cut_off }), arrivals)
    }

    /// Takes a place, says so, and holds it until the gateway ends it. Gives the status of the last answer, if there was one.
    pub(super) async fn stay(&self, client: Client) -> Option<u16> {
        let Client { slow, is_tls, beginning } = client;
        let mut line = {
            let _door = self.doors.acquire().await.unwrap();
            let mut line = self.place.enter(is_tls, slow.shakes_hands()).await;
            send(&mut line, &beginning).await;
            match slow {
                Slow::Idle => assert_eq!(answer(&mut line).await.status, 200),
                Slow::UnreadAnswer => assert_eq!(first_bytes(&mut line).await, *b"HTTP/1.1 200"),
                _ => {}
            }
            line
        };
        self.arrived.send(()).unwrap();
        if slow == Slow::UnreadAnswer {
            // Reading would be taking it; whoever looks before the gateway has given all up would get more.
            while self.cut_off.load(SeqCst) < self.all_cut_off {
                sleep(DROP_EVERY).await;
            }
        }
        let last = last_words(&mut line, slow.drips()).await;
        if slow == Slow::UnreadAnswer {
            assert!(!last.ends_with(b"\r\n0\r\n\r\n"), "what was cut off looks complete");
            return None;
        }
        let answer = message::response(&last, "POST", true).unwrap_or_else(|why| panic!("{why}: {}", last.escape_ascii()));
        answer.map(|(answer, _)| answer.status)
    }
}

async fn send(line: &mut Box<dyn Line>, bytes: &[u8]) {
    // Whether it arrives is seen by what comes back.
    if line.write_all(bytes).await.is_ok() {
        let _ = line.flush().await;
    }
}

async fn answer(line: &mut Box<dyn Line>) -> Response {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = line.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..length]);
        let answer = message::response(&bytes, "GET", length == 0).unwrap_or_else(|why| panic!("{why}"));
        match answer {
            Some((answer, _)) => return answer,
            None => assert!(length > 0, "no whole answer: {}", bytes.escape_ascii()),
        }
    }
}

async fn first_bytes(line: &mut Box<dyn Line>) -> [u8; 12] {
    let mut bytes = [0; 12];
    line.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Reads to the end, which may be a reset or one without TLS's farewell.
async fn last_words(line: &mut Box<dyn Line>, drips: bool) -> Vec<u8> {
    let (mut words, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match timeout(DROP_EVERY, line.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return words,
            Ok(Ok(length)) => words.extend_from_slice(&buffer[..length]),
            // A sign of life that buys no time.
            Err(_) if drips => send(line, b"a").await,
            Err(_) => {}
        }
    }
}

/// Far more often than any timeout between two bytes.
const DROP_EVERY: Duration = Duration::from_millis(250);
