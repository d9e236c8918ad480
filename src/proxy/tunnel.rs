//! After the backend's 101: bytes pass both ways until one side ends, nothing passes for long, what the tunnel was opened on no longer
//! stands (consumer, key, permission, token), or the gateway stops.

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
use crate::consumers::Consumer;
use crate::gateway::Gateway;
use crate::request::{Grounds, VerifiedRequest};
use crate::tokens::AccessToken;

/// Who signed the request that opened a tunnel, the token that it came with, and on what grounds it passed.
pub(super) struct Opener {
    consumer: Arc<Consumer>,
    token: Option<Arc<AccessToken>>,
    grounds: Grounds,
}

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
    opener: Option<Opener>,
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
            why = until_over(&shared.gateway, opener.as_ref()) => {
                let consumer = opener.as_ref().map(|opener| opener.consumer.key.as_str());
                tracing::info!(consumer, "a tunnel was closed: {why}");
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

impl Opener {
    pub(super) fn of(verified: &VerifiedRequest) -> Self {
        let (consumer, token) = (Arc::clone(verified.consumer()), verified.token().cloned());
        Self { consumer, token, grounds: verified.grounds() }
    }

    /// Why its consumer would be refused now, if it asked for the same once more. The routes are those of the moment it was opened in.
    fn is_over(&self, gateway: &Gateway) -> Option<String> {
        let (policy, now) = (gateway.policy.load(), gateway.clock.wall());
        let listed = policy.consumers.get(self.consumer.key.as_str()).filter(|consumer| consumer.is_active(now));
        let Some(listed) = listed else { return Some("its consumer is no longer active".to_owned()) };
        let is_good = |token: &Arc<AccessToken>| gateway.tokens.as_ref().is_some_and(|tokens| tokens.is_good(token, now));
        if !self.token.as_ref().is_none_or(is_good) {
            return Some("its access token is no longer good".to_owned());
        }
        self.grounds.check(listed).err()
    }
}

/// Ends when the consumer that opened the tunnel is removed, disabled or expired, loses the key or the permission that it did so with,
/// or the token is taken back, renewed or expired: what was proved once, long ago, must not outlive it. A tunnel that nobody signed
/// for has no such end.
async fn until_over(gateway: &Gateway, opener: Option<&Opener>) -> String {
    let Some(opener) = opener else { return std::future::pending().await };
    loop {
        if let Some(why) = opener.is_over(gateway) {
            return why;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// How often a tunnel asks for its consumer: a change of the list is promised to be live within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Bytes on their way in one direction.
const BUFFER: usize = 16 * 1024;
