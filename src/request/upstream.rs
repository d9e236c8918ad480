//! What goes to the backend: the bytes that were verified, without credentials, with the identity added last.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Body;

use super::body::OutgoingBody;
use super::head::Authorization;
use super::inbound::InboundRequest;
use super::origin::is_in;
use super::verified::VerifiedRequest;
use crate::config::{HostHeader, IdentityHeaders, ResourceOwner, Settings, Upstream};
use crate::consumers::identity_value;
use crate::dance::take_off_our_cookies;
use crate::oauth::parameters;
use crate::proxy::headers;
use crate::routes::{Cookies, Rule};

/// A request that a route lets pass without proof. The backend is told nothing about who sent it.
#[derive(Debug)]
pub struct AnonymousRequest {
    inbound: Box<InboundRequest>,
}

/// A request that may be forwarded.
#[derive(Debug)]
pub struct UpstreamRequest {
    request: http::Request<OutgoingBody>,
    upstream: Arc<Upstream>,
}

impl AnonymousRequest {
    /// Takes a request whose route asks for no proof.
    pub(crate) fn new(inbound: Box<InboundRequest>) -> Self {
        Self { inbound }
    }
}

impl UpstreamRequest {
    /// From a proved request: its consumer and user are told to the backend, with the credential that this asks for.
    pub fn verified(mut verified: VerifiedRequest, settings: &Settings, rule: Option<&Rule>, request_id: &HeaderValue) -> Self {
        let consumer = Arc::clone(verified.consumer());
        let user = verified.user().map(str::to_owned);
        let cookies = rule.and_then(|rule| rule.cookies).unwrap_or(Cookies::Drop);
        // Whoever is proved must not act beside it with a credential that nobody proved.
        verified.inbound.parts.headers.remove(AUTHORIZATION);
        let mut this = Self::build(verified.inbound, settings, rule, cookies, request_id);
        let IdentityHeaders { consumer: consumer_header, user: user_header } = &settings.identity_headers;
        this.set(consumer_header, consumer.key.as_str());
        if let Some(user) = user {
            this.set(user_header, &user);
        }
        if let Some(credential) = &consumer.upstream_authorization {
            this.request.headers_mut().insert(AUTHORIZATION, credential.value().clone());
        }
        this
    }

    /// From a request that needs no proof: no identity.
    pub fn anonymous(anonymous: AnonymousRequest, settings: &Settings, rule: Option<&Rule>, request_id: &HeaderValue) -> Self {
        let cookies = rule.and_then(|rule| rule.cookies).unwrap_or(Cookies::Forward);
        Self::build(anonymous.inbound, settings, rule, cookies, request_id)
    }

    fn build(
        mut inbound: Box<InboundRequest>,
        settings: &Settings,
        rule: Option<&Rule>,
        cookies: Cookies,
        request_id: &HeaderValue,
    ) -> Self {
        cut_credentials(&mut inbound);
        let upstream = Arc::clone(settings.upstream_of(rule));
        let believed = is_in(&settings.trusted_proxies, inbound.peer.address);
        let headers = &mut inbound.parts.headers;
        let upgrade = headers::websocket_upgrade(headers);
        headers::strip_request(headers, &settings.identity_headers, believed);
        strip_our_own(headers, settings);
        if cookies == Cookies::Drop {
            headers.remove(COOKIE);
        }
        headers::add_forwarding(headers, &inbound.origin, inbound.peer, believed, request_id);
        if let Some(protocol) = upgrade {
            headers::ask_for_upgrade(headers, protocol);
        }
        // `as_received`: the Host stays what the last hop wrote, also where `public_url` or a trusted proxy named another
        // authority and that was signed. X-Forwarded-Host has the signed one.
        if upstream.host == HostHeader::Upstream {
            // The server is chosen when a connection is; its own name is put there.
            headers.remove(HOST);
        }
        let InboundRequest { parts, body, .. } = *inbound;
        let body = body.into_outgoing(settings.timeouts.body);
        let (mut headers, mut extensions) = (parts.headers, parts.extensions);
        frame(&mut headers, &parts.method, &body);
        let mut request = http::Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = origin_form(parts.uri);
        *request.headers_mut() = headers;
        if let Some(on_upgrade) = extensions.remove::<hyper::upgrade::OnUpgrade>() {
            request.extensions_mut().insert(on_upgrade);
        }
        Self { request, upstream }
    }

    /// Head and body (but for the Host, which may depend on the server), and where they go.
    pub fn into_parts(self) -> (http::Request<OutgoingBody>, Arc<Upstream>) {
        (self.request, self.upstream)
    }

    fn set(&mut self, name: &HeaderName, value: &str) {
        let value = HeaderValue::try_from(&*identity_value(value)).expect("visible ASCII is a header value");
        self.request.headers_mut().insert(name.clone(), value);
    }
}

/// Takes off what is for the gateway alone. Cookies know no ports, so that those of the administrators' pages come too. What says who
/// sits at the browser to the dance's pages would be an identity to the backend that nobody proved.
fn strip_our_own(headers: &mut HeaderMap, settings: &Settings) {
    take_off_our_cookies(headers);
    if let Some(ResourceOwner::TrustedHeader { name, .. }) = settings.dance.as_ref().map(|dance| &dance.resource_owner) {
        headers::strip_spellings(headers, name);
    }
}

/// Takes off OAuth's credentials: the header, and the protocol parameters of query and held form.
///
/// Another scheme passes where no proof is asked. `oauth_token` or `oauth_verifier` alone are a backend's own and stay.
fn cut_credentials(inbound: &mut InboundRequest) {
    if inbound.carries_credentials() {
        cut_parameters(inbound);
    }
    if inbound.authorization != Authorization::Other {
        inbound.parts.headers.remove(AUTHORIZATION);
    }
}

fn cut_parameters(inbound: &mut InboundRequest) {
    if let Some(form) = inbound.form() {
        let cut = parameters::cut_protocol_parameters(form);
        if cut.len() != form.len() {
            let cut = Bytes::from(cut.into_owned());
            inbound.body.replace_held(cut);
        }
    }
    let Some(query) = inbound.parts.uri.query() else { return };
    let cut = parameters::cut_protocol_parameters(query.as_bytes());
    if cut.len() == query.len() {
        return;
    }
    let cut = String::from_utf8_lossy(&cut);
    let path = inbound.parts.uri.path();
    let target = if cut.is_empty() { path.to_owned() } else { format!("{path}?{cut}") };
    let target: PathAndQuery = target.parse().expect("a part of a valid target, cut at &, is one");
    inbound.parts.uri = Uri::from(target);
}

/// A target in absolute form goes out in origin form, as to any origin server (RFC 9112 §3.2.1).
fn origin_form(uri: Uri) -> Uri {
    uri.into_parts().path_and_query.map_or_else(Uri::default, Uri::from)
}

/// Makes the framing anew from the body's real length; hyper would take a chunked body off a GET.
///
/// An empty body is said to be empty where the client said so, and where the method expects one (RFC 9110 §8.6).
fn frame(headers: &mut HeaderMap, method: &Method, body: &OutgoingBody) {
    let said = headers.remove(CONTENT_LENGTH).is_some();
    headers.remove(TRANSFER_ENCODING);
    match body.size_hint().exact() {
        Some(0) if !said && !matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}
