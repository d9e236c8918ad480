//! Work that is not broken off with the connection that it was asked for on.

/// Goes on when whoever asked hangs up: what is done is written down, too. `stopped`: what is told if it ended before its end.
pub(crate) async fn to_the_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static, stopped: E) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    tokio::spawn(work).await.unwrap_or(Err(stopped))
}
