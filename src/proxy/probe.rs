//! Asking the application who sits at the browser.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, ACCEPT, COOKIE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::exchange::Exchange;
use super::headers;
use super::pool::Lease;
use crate::config::{HostHeader, ProbedUser, SessionProbe, Settings, Timeouts};
use crate::consumers::user_name;
use crate::dance::{Probed, Visit, take_off_our_cookies};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::{OutgoingBody, Peer, is_in};

impl Exchange {
    /// Asks with the browser's cookies. **This is the one request to the backend that no signature stands behind**: it is the gateway's
    /// own GET for a path from the configuration; a stranger can have it made, and chooses nothing in it but cookies.
    ///
    /// # Errors
    /// Why nobody can say.
    pub(super) async fn probed(&self, visit: &Visit, probe: &SessionProbe, policy: &Policy) -> Result<Probed, Refusal> {
        let Some(request) = self.question(visit, probe, &policy.settings) else { return Ok(Probed::Nobody) };
        let _probing = self.plane.shared.probing(&probe.upstream)?;
        let _place = self.plane.shared.in_flight(&probe.upstream)?;
        let times = Timeouts {
            connect: policy.settings.timeouts.connect.min(WITHIN),
            response: policy.settings.timeouts.response.min(WITHIN),
            ..policy.settings.timeouts.clone()
        };
        let tls = policy.tls.upstream(probe.upstream.tls.as_ref());
        let asked = async {
            let (response, lease) = self.plane.pool.send(request, &probe.upstream, tls, &times).await?;
            headers::check_response_framing(response.headers())?;
            answered(response, lease, probe).await
        };
        timeout(WITHIN, asked).await.unwrap_or(Err(Refusal::UpstreamTimeout { limit: WITHIN }))
    }

    /// `None`: the browser brings nothing by which anybody could be known.
    fn question(&self, visit: &Visit, probe: &SessionProbe, settings: &Settings) -> Option<http::Request<OutgoingBody>> {
        let believed = is_in(&settings.trusted_proxies, visit.peer);
        let mut headers = visit.headers.clone();
        headers::strip_request(&mut headers, &settings.identity_headers, believed);
        let others: Vec<HeaderName> = headers.keys().filter(|name| !is_passed_on(name)).cloned().collect();
        for name in others {
            headers.remove(name);
        }
        take_off_our_cookies(&mut headers);
        if !headers.contains_key(COOKIE) {
            return None;
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        let peer = Peer { address: visit.peer, scheme: visit.origin.scheme };
        headers::add_forwarding(&mut headers, &visit.origin, peer, believed, self.request_id());
        if probe.upstream.host == HostHeader::Upstream {
            // The server is chosen when a connection is; its own name is put there.
            headers.remove(HOST);
        }
        let mut request = http::Request::new(OutgoingBody::empty());
        *request.uri_mut() = PathAndQuery::into(probe.target.clone());
        *request.headers_mut() = headers;
        Some(request)
    }
}

/// The browser's cookies, where it believes to be, and what trusted proxies say of where it is.
fn is_passed_on(name: &HeaderName) -> bool {
    *name == COOKIE || *name == HOST || *name == header::VIA || name.as_str().starts_with("x-forwarded-")
}

async fn answered(response: Response<Incoming>, lease: Lease, probe: &SessionProbe) -> Result<Probed, Refusal> {
    let status = response.status();
    if status.is_redirection() || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Ok(Probed::Nobody);
    }
    if !status.is_success() {
        return Err(Refusal::UpstreamBroken(format!("it answered {} when it was asked who is signed in", status.as_u16())));
    }
    let name = match &probe.user {
        ProbedUser::Header(name) => {
            let name = named_in_header(response.headers(), name)?;
            if read(response.into_body()).await.is_ok() {
                lease.finish();
            }
            name
        }
        ProbedUser::JsonPointer(pointer) => {
            let body = read(response.into_body()).await?;
            lease.finish();
            named_in_json(&body, pointer)?
        }
    };
    Ok(name.filter(|name| !probe.anonymous.contains(name)).map_or(Probed::Nobody, Probed::User))
}

/// A header that is absent, empty or repeated names nobody.
fn named_in_header(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Ok(None) };
    if value.is_empty() {
        return Ok(None);
    }
    user_name(value.as_bytes()).map(Some).ok_or_else(|| no_name(&format!("{name} of its answer")))
}

/// A value that is absent, null or empty names nobody.
fn named_in_json(body: &[u8], pointer: &str) -> Result<Option<String>, Refusal> {
    use serde_json::Value;
    let json: Value = serde_json::from_slice(body).map_err(|_| broken("no JSON"))?;
    match json.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => user_name(text.as_bytes()).map(Some).ok_or_else(|| no_name(pointer)),
        Some(Value::Number(number)) if number.is_u64() || number.is_i64() => Ok(Some(number.to_string())),
        Some(_) => Err(no_name(pointer)),
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken("an answer that broke off"))?.into_data() else { continue };
        if bytes.len() + data.len() > LONGEST_ANSWER {
            return Err(broken("an answer that is too long"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn broken(what: &str) -> Refusal {
    Refusal::UpstreamBroken(format!("it gave {what} when it was asked who is signed in"))
}

fn no_name(place: &str) -> Refusal {
    Refusal::UpstreamBroken(format!("{place} is no user's name"))
}

/// A person waits at the browser, and nobody waits longer.
const WITHIN: Duration = Duration::from_secs(10);

/// Bytes: who somebody is takes a few hundred.
const LONGEST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_answer_names_a_user_nobody_or_nothing_that_could_be_one() {
        let named = |body: &str| named_in_json(body.as_bytes(), "/user/name").map_err(|refusal| refusal.to_string());
        assert_eq!(named(r#"{"user":{"name":"ada"}}"#), Ok(Some("ada".to_owned())));
        assert_eq!(named(r#"{"user":{"name":42}}"#), Ok(Some("42".to_owned())));
        for nobody in [r"{}", r#"{"user":null}"#, r#"{"user":{"name":null}}"#, r#"{"user":{"name":""}}"#] {
            assert_eq!(named(nobody), Ok(None), "{nobody}");
        }
        for wrong in ["", "<html>", r#"{"user":{"name":true}}"#, r#"{"user":{"name":["ada"]}}"#, r#"{"user":{"name":"a\nb"}}"#] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
