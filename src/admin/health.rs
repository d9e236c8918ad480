//! `/healthz`: whether the process is alive. `/readyz`: whether it serves as it should. Both without sign-in.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;

use super::Admin;

/// Both.
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

/// 503 is for whoever would end the process and start another one.
async fn alive(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.shared.health.is_alive() {
        (StatusCode::OK, "alive\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "a thread that handles requests does not answer\n")
    }
}

/// 503 is for whoever would send requests elsewhere.
async fn ready(State(admin): State<Admin>) -> (StatusCode, String) {
    let health = &admin.shared.health;
    let troubles = health.troubles();
    if !troubles.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, troubles.iter().map(|trouble| format!("not ready: {trouble}\n")).collect());
    }
    let consumers = admin.policy().consumers.len();
    // A list that cannot be read is no reason to send anybody away: the one before it is in force.
    let files =
        if admin.reloads.has_problems() { "the files have problems, and older ones are in force; see the log\n" } else { "" };
    (StatusCode::OK, format!("ready: consumers {consumers}\n{files}"))
}
