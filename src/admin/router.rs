//! Every path of the administrator's listener: a line for each group.

use axum::{Router, middleware};
use http::StatusCode;

use super::{
    Admin, account, api, assets, consumers, files, guard, health, metrics, refusals, same_origin, set_up, sign_in, tokens,
};

/// All routes, guarded.
pub(super) fn router(admin: Admin) -> Router {
    let routes = Router::new()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(assets::routes())
        .merge(sign_in::routes())
        .merge(set_up::routes())
        .merge(account::routes())
        .merge(consumers::routes())
        .merge(files::routes())
        .merge(tokens::routes())
        .merge(refusals::routes())
        .merge(api::routes())
        .fallback(nothing_here)
        .layer(middleware::from_fn(same_origin::require));
    guard::guarded(routes, admin)
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is nothing here\n")
}
