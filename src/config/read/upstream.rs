//! `upstream`: a URL, or a map with several servers.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::address::split_url;
use super::tls;
use crate::config::{HostHeader, Server, Upstream, UpstreamTls};
use crate::oauth::base_string::{Authority, Scheme};
use crate::yaml::{Fields, Node, Report};

/// The upstreams read so far; equal ones are one, and share their connections.
pub(super) struct Upstreams<'b> {
    base: &'b Path,
    known: Vec<Arc<Upstream>>,
}

impl<'b> Upstreams<'b> {
    /// None yet; relative paths will be relative to `base`.
    pub(super) fn new(base: &'b Path) -> Self {
        Self { base, known: Vec::new() }
    }

    /// The first one that the server is one of.
    pub(super) fn with_server(&self, scheme: Scheme, authority: &Authority) -> Option<Arc<Upstream>> {
        let is_it = |server: &Server| server.scheme == scheme && server.authority == *authority;
        self.known.iter().find(|upstream| upstream.servers.iter().any(is_it)).cloned()
    }

    /// Reads one.
    pub(super) fn read(&mut self, node: &Node<'_>, report: &mut Report) -> Option<Arc<Upstream>> {
        let upstream = if node.value().is_mapping() { full(node, self.base, report)? } else { short(node, report)? };
        if let Some(known) = self.known.iter().find(|known| ***known == upstream) {
            return Some(Arc::clone(known));
        }
        let upstream = Arc::new(upstream);
        self.known.push(Arc::clone(&upstream));
        Some(upstream)
    }
}

/// Stands where a problem has been reported already.
pub(super) fn nowhere() -> Arc<Upstream> {
    Arc::new(Upstream { servers: Vec::new(), host: HostHeader::AsReceived, max_in_flight: None, tls: None })
}

fn short(node: &Node<'_>, report: &mut Report) -> Option<Upstream> {
    let servers = vec![server(node, report)?];
    check_names(&servers, node, report);
    let tls = has_https(&servers).then(UpstreamTls::default);
    Some(Upstream { servers, host: HostHeader::AsReceived, max_in_flight: None, tls })
}

fn full(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<Upstream> {
    let mut fields = Fields::of(node, report)?;
    let servers = fields.mandatory("servers", report, "write for example: servers: [\"http://127.0.0.1:2990\"]");
    let servers = servers.map(|node| servers_of(&node, report)).unwrap_or_default();
    let host = fields.get("host").and_then(|node| node.one_of(&HOSTS, report));
    let max_in_flight = fields.get("max_in_flight").and_then(|node| node.count(1..=MAX_IN_FLIGHT, report));
    let (tls, written) = tls::upstream(&mut fields, base, report);
    fields.unsupported(&["health"], report);
    fields.finish(report);
    if written && !servers.is_empty() && !has_https(&servers) {
        let message = format!("`{}` has settings for TLS, and no server with https", node.label());
        report.problem(node, message, "write https://HOST:PORT, or take ca, client_certificate, client_key and server_name out");
    }
    if tls.server_name.is_none() {
        check_names(&servers, node, report);
    }
    Some(Upstream {
        tls: has_https(&servers).then_some(tls),
        servers,
        host: host.unwrap_or(HostHeader::AsReceived),
        max_in_flight: max_in_flight.and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?)),
    })
}

fn servers_of(node: &Node<'_>, report: &mut Report) -> Vec<Server> {
    let entries = node.entries(report);
    if entries.is_empty() && node.value().is_sequence() {
        report.problem(node, format!("`{}` is an empty list", node.label()), "name at least one server");
    }
    entries.iter().filter_map(|entry| server(entry, report)).collect()
}

fn server(node: &Node<'_>, report: &mut Report) -> Option<Server> {
    let text = node.text(report)?;
    if text.starts_with("unix:") {
        report.problem(node, "a `unix:` upstream is not supported by this version", "write http://HOST:PORT");
        return None;
    }
    match split_url(text) {
        Some((scheme, authority, "" | "/")) => Some(Server { scheme, authority }),
        Some((scheme, _, path)) => {
            let message = format!("`{}` has a path, {path:?}, and paths are forwarded as they are received", node.label());
            report.problem(node, message, format!("write only {}://HOST:PORT", scheme.as_str()));
            None
        }
        None => {
            report.wrong_type(node, "the URL of the application", "write http://HOST:PORT, for example http://127.0.0.1:2990");
            None
        }
    }
}

fn has_https(servers: &[Server]) -> bool {
    servers.iter().any(|server| server.scheme == Scheme::Https)
}

/// A server that is known by its host alone has to have one that a certificate can name.
fn check_names(servers: &[Server], node: &Node<'_>, report: &mut Report) {
    for server in servers.iter().filter(|server| server.scheme == Scheme::Https) {
        if !tls::is_server_name(server.authority.bare_host()) {
            let message = format!("no certificate can be for the host of {server}");
            report.problem(node, message, "name what its certificate has with server_name");
        }
    }
}

const HOSTS: [(&str, HostHeader); 2] = [("as_received", HostHeader::AsReceived), ("upstream", HostHeader::Upstream)];
/// More than the connections that `limits.connections` may be.
const MAX_IN_FLIGHT: u64 = 1_000_000;
