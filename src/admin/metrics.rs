//! `/metrics`, without sign-in: numbers, and nothing that names a consumer.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::Admin;
use crate::observe::{Metrics, MetricsFormat};

/// The one route.
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let format = MetricsFormat::accepted(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let metrics = Metrics { shared: admin.shared, reloads: admin.reloads };
    match metrics.written(format) {
        Ok(written) => ([(CONTENT_TYPE, format.content_type())], written).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
