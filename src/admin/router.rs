//! Every path of the administrator's listener: a line for each group.

use axum::Router;
use http::StatusCode;

use super::{Admin, guard, health, metrics};

/// All routes, guarded.
pub(super) fn router(admin: Admin) -> Router {
    let routes = Router::new().merge(health::routes()).merge(metrics::routes()).fallback(nothing_here);
    guard::guarded(routes, admin)
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is nothing here\n")
}
