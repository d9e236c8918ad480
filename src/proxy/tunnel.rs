//! After the backend's 101: bytes pass both ways until one side ends, nothing passes for long, or the gateway stops.

use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::plane::Drain;

/// Joins the two connections once both are switched over.
pub(super) fn open(client: OnUpgrade, answer: &mut Response<Incoming>, mut drain: watch::Receiver<Drain>, idle: Duration) {
    let backend = hyper::upgrade::on(answer);
    tokio::task::spawn_local(async move {
        let Ok((client, backend)) = tokio::try_join!(client, backend) else { return };
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_backend, to_backend) = tokio::io::split(TokioIo::new(backend));
        tokio::select! {
            _ = async { tokio::join!(carry(from_client, to_backend, idle), carry(from_backend, to_client, idle)) } => {}
            // A tunnel has no end of its own: it ends when the time for the others is over.
            _ = drain.wait_for(|drain| *drain == Drain::TimeIsUp) => {}
        }
    });
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, idle: Duration) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(Ok(length @ 1..)) = timeout(idle, from.read(&mut buffer)).await {
        match timeout(idle, to.write_all(&buffer[..length])).await {
            Ok(Ok(())) => {}
            _ => break,
        }
    }
    let _ = to.shutdown().await;
}

/// Bytes on their way in one direction.
const BUFFER: usize = 16 * 1024;
