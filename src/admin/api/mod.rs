//! The JSON API: what the pages do, for programs. `openapi.json` describes it.

mod consumers;
mod keys;
mod object;
mod precondition;
mod query;
mod refusals;
mod refused;
mod reload;
mod sent;
mod settings;
mod tokens;
mod view;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

use super::Admin;
use super::problem::ProblemDocument;

/// `/api/v1/…`, and the description of it.
pub(super) fn routes() -> Router<Admin> {
    let api = ROUTES.iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods()));
    let api = api.method_not_allowed_fallback(wrong_method).fallback(nothing_here);
    Router::new().nest(PREFIX, api).route("/openapi.json", get(description))
}

type Route = (&'static str, fn() -> MethodRouter<Admin>);

/// Below [`PREFIX`].
const ROUTES: [Route; 7] = [
    ("/consumers", consumers::all),
    ("/consumers/{key}", consumers::one),
    ("/keys/check", keys::check),
    ("/reload", reload::routes),
    ("/refusals", refusals::routes),
    ("/tokens", tokens::all),
    ("/tokens/{id}", tokens::one),
];

const PREFIX: &str = "/api/v1";

/// Without sign-in: there is nothing in it that is not in the documentation.
async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION)
}

async fn nothing_here() -> ProblemDocument {
    ProblemDocument::new(StatusCode::NOT_FOUND, "nothing_here", "the API has no such path")
        .hint("/openapi.json describes all of them")
}

async fn wrong_method() -> ProblemDocument {
    let detail = "this path does not have that method";
    ProblemDocument::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail).hint("the Allow header names those that it has")
}

const DESCRIPTION: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_every_path_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(DESCRIPTION).unwrap();
        let described: Vec<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut served: Vec<String> = ROUTES.iter().map(|(path, _)| format!("{PREFIX}{path}")).collect();
        served.push("/openapi.json".to_owned());
        served.sort_unstable();
        assert_eq!(described, served);
    }
}
