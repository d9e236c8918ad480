//! The style sheet, the script and the mark: all that the pages load, and nothing of it secret.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// `/assets/…`
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/assets/style.css", get(async || file("text/css; charset=utf-8", include_str!("../web/style.css"))))
        .route("/assets/pages.js", get(async || file("text/javascript; charset=utf-8", include_str!("assets/pages.js"))))
        .route("/assets/mark.svg", get(async || file("image/svg+xml", include_str!("assets/mark.svg"))))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}
