//! `upstream`: a URL, or a map with several servers.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::address::split_url;
use crate::config::{HostHeader, Server, Upstream};
use crate::oauth::base_string::Scheme;
use crate::yaml::{Fields, Node, Report};

/// The upstreams read so far; equal ones are one, and share their connections.
#[derive(Default)]
pub(super) struct Upstreams {
    known: Vec<Arc<Upstream>>,
}

impl Upstreams {
    /// Reads one.
    pub(super) fn read(&mut self, node: &Node<'_>, report: &mut Report) -> Option<Arc<Upstream>> {
        let upstream = if node.value().is_mapping() { full(node, report)? } else { short(node, report)? };
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
    Arc::new(Upstream { servers: Vec::new(), host: HostHeader::AsReceived, max_in_flight: None })
}

fn short(node: &Node<'_>, report: &mut Report) -> Option<Upstream> {
    Some(Upstream { servers: vec![server(node, report)?], host: HostHeader::AsReceived, max_in_flight: None })
}

fn full(node: &Node<'_>, report: &mut Report) -> Option<Upstream> {
    let mut fields = Fields::of(node, report)?;
    let servers = fields.mandatory("servers", report, "write for example: servers: [\"http://127.0.0.1:2990\"]");
    let servers = servers.map(|node| servers_of(&node, report)).unwrap_or_default();
    let host = fields.get("host").and_then(|node| node.one_of(&HOSTS, report));
    let max_in_flight = fields.get("max_in_flight").and_then(|node| node.count(1..=MAX_IN_FLIGHT, report));
    fields.unsupported(&["ca", "client_certificate", "client_key", "health"], report);
    fields.finish(report);
    Some(Upstream {
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
        Some((Scheme::Https, ..)) => {
            report.problem(node, "an https upstream is not supported by this version", "write http://HOST:PORT");
            None
        }
        Some((Scheme::Http, authority, "" | "/")) => Some(Server { authority }),
        Some((Scheme::Http, _, path)) => {
            let message = format!("`{}` has a path, {path:?}, and paths are forwarded as they are received", node.label());
            report.problem(node, message, "write only http://HOST:PORT");
            None
        }
        None => {
            report.wrong_type(node, "the URL of the application", "write http://HOST:PORT, for example http://127.0.0.1:2990");
            None
        }
    }
}

const HOSTS: [(&str, HostHeader); 2] = [("as_received", HostHeader::AsReceived), ("upstream", HostHeader::Upstream)];
/// More than the connections that `limits.connections` may be.
const MAX_IN_FLIGHT: u64 = 1_000_000;
