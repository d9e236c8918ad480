//! From a template to an answer.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::layout::Layout;

/// The page with a status. A template that cannot be filled in is our fault, and the log says so.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be made; the gateway's log says why\n").into_response()
        }
    }
}

/// A page that only says something, and leads on.
pub(super) fn message(status: StatusCode, title: &str, text: &str, link: (&str, &str)) -> Response {
    let (link, link_text) = link;
    page(status, &Message { layout: Layout::of_nobody(), title, text, link, link_text })
}

/// A page for somebody who is signed in, instead of one that there cannot be.
pub(super) fn said(status: StatusCode, layout: Layout, title: &str, lines: Vec<String>, hint: &str) -> Response {
    page(status, &Said { layout, title, lines, hint })
}

#[derive(Template)]
#[template(path = "admin/pages/said.html")]
struct Said<'a> {
    layout: Layout,
    title: &'a str,
    lines: Vec<String>,
    hint: &'a str,
}

#[derive(Template)]
#[template(path = "admin/pages/message.html")]
struct Message<'a> {
    layout: Layout,
    title: &'a str,
    text: &'a str,
    link: &'a str,
    link_text: &'a str,
}
