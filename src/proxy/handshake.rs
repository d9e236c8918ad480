//! The TLS handshake of a client: within its time, in the connection's own task, and told about when it fails.

use std::io::{
    self,
    ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof},
};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{AlertDescription, ServerConfig};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::plane::{Drain, Plane};
use super::stream::Stream;
use crate::observe::Event;

/// Shakes hands. `None`: it failed, or the gateway stops, and the connection is over.
pub(super) async fn shake(
    plane: &Plane,
    config: Arc<ServerConfig>,
    stream: TcpStream,
    peer: IpAddr,
    limit: Duration,
) -> Option<Stream> {
    let mut drain = plane.drain.clone();
    let stopped = async {
        let _ = drain.wait_for(|drain| *drain != Drain::Running).await;
        sleep(LAST_CALL).await;
    };
    let accepted = tokio::select! {
        accepted = timeout(limit, TlsAcceptor::from(config).accept(stream)) => accepted,
        () = stopped => return None,
    };
    let why = match accepted {
        Ok(Ok(stream)) => return Some(Stream::tls(stream)),
        Ok(Err(error)) if is_departure(&error) => {
            // Monitors that only look whether the port is open, and clients that gave up.
            tracing::debug!(%peer, %error, "a client left during the TLS handshake");
            plane.counts().event(Event::HandshakeLeft);
            return None;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it was not complete within timeouts.handshake ({} s)", limit.as_secs_f64()),
    };
    tracing::debug!(%peer, why, "a TLS handshake failed");
    plane.counts().event(Event::HandshakeFailed);
    plane.shared.handshakes.add(peer, why);
    None
}

fn is_departure(error: &io::Error) -> bool {
    let polite = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(polite, Some(rustls::Error::AlertReceived(AlertDescription::CloseNotify)))
        || matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe | ConnectionAborted)
}

/// Handshakes that failed since somebody was told.
#[derive(Debug, Default)]
pub struct FailedHandshakes {
    now: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    count: u64,
    last: Option<(IpAddr, String)>,
    told: Option<Instant>,
}

impl FailedHandshakes {
    fn add(&self, peer: IpAddr, why: String) {
        let mut failed = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        failed.count += 1;
        failed.last = Some((peer, why));
    }

    /// Writes one line about all of them, and none if the last one is too young: anybody can make handshakes fail.
    pub fn report(&self) {
        let mut failed = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        if let Some((peer, why)) = failed.last.take() {
            tracing::warn!(failed = failed.count, last_peer = %peer, last_reason = why, "TLS handshakes failed");
            (failed.count, failed.told) = (0, Some(Instant::now()));
        }
    }
}

/// A line in ten seconds is no flood, and the first one comes at once.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How long a handshake may still take when the gateway is told to stop: three round trips over a bad line.
const LAST_CALL: Duration = Duration::from_secs(1);
