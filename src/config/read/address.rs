//! Where to listen, and what clients believe to talk to.

use std::net::SocketAddr;
use std::path::Path;

use serde_yaml::Value;

use super::tls;
use crate::config::{Listener, PublicUrl};
use crate::oauth::base_string::{Authority, Scheme};
use crate::yaml::{Fields, Node, Report};

/// `listen`: one address or several.
pub(super) fn listeners(node: Option<Node<'_>>, base: &Path, report: &mut Report) -> Vec<Listener> {
    let Some(node) = node else {
        return vec![Listener { address: DEFAULT_LISTEN.into(), socket: None, tls: None }];
    };
    let Value::Sequence(_) = node.value() else {
        return listener(&node, base, report).into_iter().collect();
    };
    let entries = node.entries(report);
    if entries.is_empty() {
        report.problem(&node, "`listen` has no address", "write for example: listen: 127.0.0.1:8080");
    }
    let mut listeners = Vec::<Listener>::new();
    for entry in &entries {
        match listener(entry, base, report) {
            // Port 0 takes a free port each time.
            Some(Listener { address, .. }) if address.port() != 0 && listeners.iter().any(|it| it.address == address) => {
                report.problem(entry, format!("{address} is listed twice"), "take one of the two out");
            }
            listener => listeners.extend(listener),
        }
    }
    listeners
}

fn listener(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<Listener> {
    if !node.value().is_mapping() {
        return Some(Listener { address: address(node, report)?, socket: None, tls: None });
    }
    let mut fields = Fields::of(node, report)?;
    let found = fields.mandatory("address", report, "write for example: address: 127.0.0.1:8080");
    let address = found.and_then(|node| address(&node, report));
    let socket = fields.get("socket").and_then(|node| socket_name(&node, report));
    let tls = fields.get("tls").map(|node| tls::listener(&node, base, report));
    fields.finish(report);
    // A listener whose `tls` can't be read is none, and never one that speaks clear text.
    Some(Listener { address: address?, socket, tls: tls.map_or(Some(None), |tls| tls.map(Some))? })
}

/// The name of a passed socket, by the rules of systemd.socket(5) for `FileDescriptorName=`.
pub(super) fn socket_name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(report)?;
    let is_name = (1..=255).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b':');
    if !is_name {
        let hint =
            "write the FileDescriptorName= of the .socket unit; without one a socket is called as its unit: countersign.socket";
        report.wrong_type(node, "the name of a passed socket", hint);
    }
    is_name.then(|| text.to_owned())
}

fn address(node: &Node<'_>, report: &mut Report) -> Option<SocketAddr> {
    let text = node.text(report)?;
    if text.starts_with("unix:") {
        report.problem(node, "listening on a `unix:` socket is not supported by this version", "write an IP address and a port");
        return None;
    }
    let address = text.parse().ok();
    if address.is_none() {
        let hint = "write an IP address and a port: 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for all interfaces";
        report.wrong_type(node, "an address to listen on", hint);
    }
    address
}

/// `public_url`
pub(super) fn public_url(node: &Node<'_>, report: &mut Report) -> Option<PublicUrl> {
    let url = split_url(node.text(report)?).filter(|(.., path)| is_plain_path(path));
    let Some((scheme, authority, path)) = url else {
        let hint = "write what clients use: https://jira.example.com or https://example.com/jira, without query and user";
        report.wrong_type(node, "an http or https URL", hint);
        return None;
    };
    Some(PublicUrl { scheme, authority, path: path.trim_end_matches('/').to_owned() })
}

/// Scheme, authority and the rest of an http(s) URL.
pub(super) fn split_url(text: &str) -> Option<(Scheme, Authority, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((Scheme::parse(scheme)?, Authority::parse(authority)?, path))
}

fn is_plain_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>' | b'\\'))
}

/// Loopback: nothing is open to the network that nobody opened.
const DEFAULT_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
