//! After the backend's 101: bytes pass both ways until one side ends, nothing passes for long, or the gateway stops.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::limits::Place;
use super::plane::{Drain, InFlight};

/// What a tunnel counts against as long as it lives.
pub(super) struct Held {
    pub(super) _place: Rc<Place>,
    pub(super) _in_flight: Option<InFlight>,
}

/// Joins the two connections once both are switched over.
pub(super) fn open(
    client: OnUpgrade,
    answer: &mut Response<Incoming>,
    mut drain: watch::Receiver<Drain>,
    idle: Duration,
    held: Held,
) {
    let backend = hyper::upgrade::on(answer);
    tokio::task::spawn_local(async move {
        let _held = held;
        let Ok((client, backend)) = tokio::try_join!(client, backend) else { return };
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_backend, to_backend) = tokio::io::split(TokioIo::new(backend));
        let last = Cell::new(Instant::now());
        let both = async { tokio::join!(carry(from_client, to_backend, &last), carry(from_backend, to_client, &last)) };
        tokio::select! {
            _ = both => {}
            () = until_idle(&last, idle) => {}
            // A tunnel has no end of its own: it ends when the time for the others is over.
            _ = drain.wait_for(|drain| *drain == Drain::TimeIsUp) => {}
        }
    });
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, last: &Cell<Instant>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
        last.set(Instant::now());
    }
    let _ = to.shutdown().await;
}

/// Ends when nothing has passed in either direction for that long: many tunnels carry everything one way.
async fn until_idle(last: &Cell<Instant>, idle: Duration) {
    while last.get().elapsed() < idle {
        sleep_until((last.get() + idle).into()).await;
    }
}

/// Bytes on their way in one direction.
const BUFFER: usize = 16 * 1024;
