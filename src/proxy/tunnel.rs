//! After the backend's 101: bytes pass both ways until one side ends, nothing passes for long, the consumer is no longer
//! one, or the gateway stops.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, sleep_until};

use super::limits::Place;
use super::plane::{Drain, InFlight, Plane};
use crate::consumers::ConsumerKey;
use crate::gateway::Gateway;

/// What a tunnel counts against as long as it lives.
pub(super) struct Held {
    pub(super) _place: Rc<Place>,
    pub(super) _in_flight: Option<InFlight>,
}

/// Joins the two connections once both are switched over.
pub(super) fn open(
    client: OnUpgrade,
    answer: &mut Response<Incoming>,
    plane: &Plane,
    consumer: Option<ConsumerKey>,
    idle: Duration,
    held: Held,
) {
    let backend = hyper::upgrade::on(answer);
    let (shared, mut drain) = (Arc::clone(&plane.shared), plane.drain.clone());
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
            () = until_inactive(&shared.gateway, consumer.as_ref()) => {
                tracing::info!(consumer = consumer.as_ref().map(ConsumerKey::as_str), "a tunnel was closed: its consumer is no longer active");
            }
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

/// Ends when the consumer that opened the tunnel is removed, disabled or expired: what was proved once, long ago, must
/// not outlive it. A tunnel that nobody signed for has none.
async fn until_inactive(gateway: &Gateway, consumer: Option<&ConsumerKey>) {
    let Some(key) = consumer else { return std::future::pending().await };
    let active = || {
        let policy = gateway.policy.load();
        policy.consumers.get(key.as_str()).is_some_and(|consumer| consumer.is_active(gateway.clock.wall()))
    };
    while active() {
        sleep(LOOK_EVERY).await;
    }
}

/// How often a tunnel asks for its consumer: a change of the list is promised to be live within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Bytes on their way in one direction.
const BUFFER: usize = 16 * 1024;
