//! Waits at a loopback address for the browser that comes back from the consent page.
//!
//! Other pages and programs on this machine may ask here, too: only a request with the request token ends the waiting.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;
use tokio::time::timeout;
use url::Url;

use super::problem;
use crate::cli::failure::Failure;

/// A bound socket.
pub(super) struct Listener {
    socket: TcpListener,
    url: Url,
}

/// What the browser came back with.
enum Returned {
    Verifier(String),
    Denied,
}

impl Listener {
    /// At a free port where the URL's is 0.
    pub(super) async fn bind(url: &Url, address: SocketAddr) -> Result<Self, Failure> {
        let failure = |error| {
            Failure::new(format!("cannot wait for the browser at {address}: {error}"))
                .hint("another port may be free; with port 0 the system chooses one")
        };
        let socket = TcpListener::bind(address).await.map_err(failure)?;
        let port = socket.local_addr().map_err(failure)?.port();
        let mut url = url.clone();
        // An http URL with a host takes any port.
        let _ = url.set_port(Some(port));
        Ok(Self { socket, url })
    }

    /// With the port that it really has.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The verifier.
    pub(super) async fn wait(self, request_token: &str) -> Result<String, Failure> {
        let wanted = Rc::new(Wanted { path: self.url.path().to_owned(), request_token: request_token.to_owned() });
        let tasks = LocalSet::new();
        match timeout(TIME, tasks.run_until(self.returned(wanted))).await {
            Ok(Returned::Verifier(verifier)) => Ok(verifier),
            Ok(Returned::Denied) => Err(problem::denied()),
            Err(_) => Err(Failure::new(format!("the browser did not come back within {} s", TIME.as_secs()))
                .hint("begin anew; the page where access is allowed leads back here by itself")),
        }
    }

    async fn returned(&self, wanted: Rc<Wanted>) -> Returned {
        let (found, mut finding) = mpsc::channel(1);
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = async {
                let place = Arc::clone(&free).acquire_owned().await;
                (self.socket.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                Some(returned) = finding.recv() => return returned,
                accepted = accepted => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // No descriptor is free, for example.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (wanted, found) = (Rc::clone(&wanted), found.clone());
            tokio::task::spawn_local(async move {
                let _place = place;
                if let Some(returned) = wanted.answer(stream).await {
                    let _ = found.send(returned).await;
                }
            });
        }
    }
}

/// What the browser has to come back with.
struct Wanted {
    path: String,
    request_token: String,
}

impl Wanted {
    /// Answers one request. What came with it counts once its answer is sent, so that the browser has its page.
    async fn answer(&self, stream: TcpStream) -> Option<Returned> {
        let returned = RefCell::new(None);
        let service = service_fn(async |request: Request<_>| {
            let (page, it) = self.page(&request);
            if it.is_some() {
                returned.replace(it);
            }
            Ok::<_, Infallible>(page)
        });
        let mut server = http1::Builder::new();
        server.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(REQUEST);
        let _ = timeout(2 * REQUEST, server.serve_connection(TokioIo::new(stream), service)).await;
        returned.into_inner()
    }

    fn page<B>(&self, request: &Request<B>) -> (Response<Full<Bytes>>, Option<Returned>) {
        if request.uri().path() != self.path {
            return (page(StatusCode::NOT_FOUND, "There is nothing here."), None);
        }
        if request.method() != Method::GET {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "This page is only read.");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return (refused, None);
        }
        match self.read(request.uri().query().unwrap_or_default()) {
            Some(Returned::Verifier(verifier)) => (page(StatusCode::OK, ALLOWED), Some(Returned::Verifier(verifier))),
            Some(Returned::Denied) => (page(StatusCode::OK, DENIED), Some(Returned::Denied)),
            None => (page(StatusCode::BAD_REQUEST, STRANGE), None),
        }
    }

    /// `oauth_token` and `oauth_verifier` (RFC 5849 §2.2), each once.
    fn read(&self, query: &str) -> Option<Returned> {
        let parameters: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let only = |wanted: &str| {
            let mut values = parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
            values.next().filter(|value| !value.is_empty() && values.next().is_none())
        };
        if only("oauth_token")? != self.request_token.as_str() {
            return None;
        }
        let verifier = only("oauth_verifier");
        // The old providers say no with the verifier, others with a problem.
        if verifier.is_some_and(|verifier| verifier == "denied") || only("oauth_problem").is_some() {
            return Some(Returned::Denied);
        }
        verifier.map(|verifier| Returned::Verifier(verifier.clone().into_owned()))
    }
}

/// A page without anything that could be loaded, kept or sent on: its address holds the verifier.
fn page(status: StatusCode, sentence: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Countersign</title>\n<p>{sentence}</p></html>\n"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const ALLOWED: &str = "Access was allowed. You can close this window, and go back to the terminal.";
const DENIED: &str = "Access was denied. You can close this window.";
const STRANGE: &str = "This is not the answer that the terminal waits for: open the address that it shows.";

/// As long as a request token is good, where nobody says otherwise.
const TIME: Duration = Duration::from_secs(600);
/// A browser on this machine has its request ready, but for connections that it makes in advance and may not use.
const REQUEST: Duration = Duration::from_secs(10);
/// Before another connection is taken, after one could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// At once; a browser opens a handful.
const CONNECTIONS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<String> {
        let wanted = Wanted { path: "/".into(), request_token: "t".into() };
        wanted.read(query).map(|returned| match returned {
            Returned::Verifier(verifier) => verifier,
            Returned::Denied => "no".into(),
        })
    }

    #[test]
    fn only_the_request_tokens_own_answer_counts() {
        assert_eq!(read("oauth_token=t&oauth_verifier=a%20b").as_deref(), Some("a b"));
        assert_eq!(read("x=1&oauth_verifier=v&oauth_token=t").as_deref(), Some("v"));
        assert_eq!(read("oauth_token=t&oauth_verifier=denied").as_deref(), Some("no"));
        assert_eq!(read("oauth_token=t&oauth_problem=permission_denied").as_deref(), Some("no"));
        for strange in [
            "",
            "oauth_token=t",
            "oauth_verifier=v",
            "oauth_token=u&oauth_verifier=v",
            "oauth_token=u&oauth_verifier=denied",
            "oauth_token=t&oauth_token=t&oauth_verifier=v",
            "oauth_token=t&oauth_verifier=v&oauth_verifier=w",
            "oauth_token=t&oauth_verifier=",
        ] {
            assert_eq!(read(strange), None, "{strange}");
        }
    }
}
