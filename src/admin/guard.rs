//! What holds for every request to the administrator's listener, whoever answers it, and for every answer.

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Admin;
use crate::config::AdminAddress;

/// `routes`, behind all that holds for every request.
pub(super) fn guarded(routes: Router<Admin>, admin: Admin) -> Router {
    routes.layer(DefaultBodyLimit::max(MAX_BODY)).layer(middleware::from_fn_with_state(admin.clone(), guard)).with_state(admin)
}

async fn guard(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let mut response = if let Some(sentence) = misdirected(&request, &admin.address) {
        (StatusCode::FORBIDDEN, sentence).into_response()
    } else {
        let answer = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
        answer.unwrap_or_else(|_| {
            (StatusCode::REQUEST_TIMEOUT, "the request took too long; what it began may still be done\n").into_response()
        })
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request was not meant for us. A page of a stranger's can have its name resolve to a loopback address (DNS rebinding),
/// and the browser then takes us for that page's own server; the Host that it sends gives it away.
fn misdirected(request: &Request, address: &AdminAddress) -> Option<String> {
    let AdminAddress::Loopback(address) = address else {
        // No browser opens a socket in the file system; one reaches it through ssh, by a name and a port of its user's.
        let is_strangers = request.headers().contains_key(HOST) && !host(request.headers()).is_some_and(|host| is_nobodys(&host));
        return is_strangers.then(|| "administrators' pages are at localhost, and under no other name\n".to_owned());
    };
    let is_proxied = request.uri().authority().is_some();
    let is_ours = host(request.headers()).is_some_and(|host| is_loopback(&host, address.port()));
    (is_proxied || !is_ours).then(|| {
        format!(
            "administrators' pages are at http://{address}/ or http://localhost:{}/, and under no other name\n",
            address.port()
        )
    })
}

/// The one Host, if it is a host and perhaps a port.
fn host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    Authority::try_from(host.as_bytes()).ok().filter(|host| !host.as_str().contains('@'))
}

/// Whether no stranger can have the name: it is this machine's own, or no name of the Internet, which has a dot in it.
fn is_nobodys(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name.parse().map_or(!name.is_empty() && !name.contains('.'), |ip: IpAddr| ip.is_loopback())
}

/// Whether these are this machine's own name or addresses for itself, and our port.
fn is_loopback(host: &Authority, port: u16) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    is_loopback && host.port_u16().unwrap_or(HTTP) == port
}

/// On every answer. Pages have styles, scripts and images of our own alone, send forms to us alone, and stand in no frame.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // For what is no page. Pages say `same-origin` of themselves, which goes before this (HTML, "The meta element"): with no-referrer
    // their own forms would say that they come from nowhere (`Origin: null`).
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    // Other sites' pages, those of other ports of this machine among them, neither hold our windows nor load what we answer.
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A form with a consumer's keys takes some kilobytes.
const MAX_BODY: usize = 1024 * 1024;

/// For a request's body and its answer together; an import from another application is given less.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The port that a Host without one means.
const HTTP: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, hosts: &[&str]) -> Request {
        let builder = hosts.iter().fold(Request::builder().uri(target), |builder, host| builder.header(HOST, *host));
        builder.body(axum::body::Body::empty()).unwrap()
    }

    fn is_refused(target: &str, hosts: &[&str], port: u16) -> bool {
        misdirected(&request(target, hosts), &AdminAddress::Loopback(([127, 0, 0, 1], port).into())).is_some()
    }

    #[test]
    fn this_machines_own_names_with_our_port_are_meant_for_us() {
        for host in ["localhost:9090", "LOCALHOST:9090", "127.0.0.1:9090", "127.8.8.8:9090", "[::1]:9090"] {
            assert!(!is_refused("/", &[host], 9090), "{host}");
        }
        assert!(!is_refused("/", &["localhost"], 80));
    }

    #[test]
    fn other_names_ports_and_readings_are_not() {
        for host in [
            "evil.example:9090",
            "localhost.evil.example:9090",
            "127.0.0.1.evil.example:9090",
            "127.0.0.1:80",
            "localhost",
            "localhost:9091",
            "10.0.0.1:9090",
            "0.0.0.0:9090",
            "localhost:9090@evil.example",
            "evil@localhost:9090",
            "2130706433:9090",
            "127.1:9090",
            "",
            "localhost:",
            "[::1",
        ] {
            assert!(is_refused("/", &[host], 9090), "{host}");
        }
        assert!(is_refused("/", &[], 9090));
        assert!(is_refused("/", &["localhost:9090", "localhost:9090"], 9090));
        assert!(is_refused("http://localhost:9090/", &["localhost:9090"], 9090));
    }

    #[test]
    fn a_socket_in_the_file_system_has_any_name_and_port_but_those_that_a_stranger_can_have() {
        let address = AdminAddress::Unix("/run/a.sock".into());
        let is_refused = |hosts: &[&str]| misdirected(&request("/", hosts), &address).is_some();
        for host in ["anything", "localhost:8000", "127.0.0.1:9090", "[::1]:1"] {
            assert!(!is_refused(&[host]), "{host}");
        }
        assert!(!is_refused(&[]));
        for host in ["evil.example", "evil.example:9090", "localhost.evil.example", "10.0.0.1", "evil.", "[fd00::1]", "", "a@b"] {
            assert!(is_refused(&[host]), "{host}");
        }
        assert!(is_refused(&["localhost", "localhost"]));
    }
}
