//! Lists that stand in both files: methods, networks, signature methods, path patterns.

use http::Method;
use ipnet::IpNet;

use crate::oauth::signature::SignatureMethod;
use crate::request::is_forwarded;
use crate::routes::PathPattern;
use crate::yaml::{Node, Report};

/// `methods: [GET, POST]`
pub(crate) fn methods(node: &Node<'_>, report: &mut Report) -> Vec<Method> {
    not_empty(node, report, |node, report| {
        let text = node.text(report)?;
        let upper = text.to_ascii_uppercase();
        let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text == upper).filter(is_forwarded);
        if method.is_none() {
            report.wrong_type(node, "a list of HTTP methods that are forwarded", "write them in capitals: [GET, POST]");
        }
        method
    })
}

/// `allow_from: [10.0.0.0/8, 127.0.0.1]`
pub(crate) fn networks(node: &Node<'_>, report: &mut Report) -> Vec<IpNet> {
    let entries = node.entries(report);
    entries.iter().filter_map(|entry| network(entry, report)).collect()
}

fn network(node: &Node<'_>, report: &mut Report) -> Option<IpNet> {
    let text = node.text(report)?;
    let Some(net) = text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from)) else {
        report.wrong_type(node, "a list of networks", "write addresses or networks: [10.0.0.0/8, 192.168.1.7, \"fd00::/8\"]");
        return None;
    };
    if net.addr() != net.network() {
        let hint = format!("write {} for the network, or {} for the one address", net.trunc(), net.addr());
        report.problem(node, format!("`{}`: {text} has bits set beyond its prefix", node.label()), hint);
        return None;
    }
    Some(net)
}

/// `signature_methods: [RSA-SHA1]`
pub(crate) fn signature_methods(node: &Node<'_>, report: &mut Report) -> Vec<SignatureMethod> {
    let mut found = not_empty(node, report, signature_method);
    let mut seen = Vec::new();
    found.retain(|method| {
        !seen.contains(method) && {
            seen.push(*method);
            true
        }
    });
    found
}

fn signature_method(node: &Node<'_>, report: &mut Report) -> Option<SignatureMethod> {
    let text = node.text(report)?;
    let upper = text.to_ascii_uppercase();
    if upper.starts_with("HMAC-") || upper == "PLAINTEXT" {
        let message = format!("{text} needs a secret that both sides know, and consumers here have only public keys");
        report.problem(node, message, "let the consumer sign with RSA-SHA1, RSA-SHA256 or RSA-SHA512");
        return None;
    }
    node.one_of(&SignatureMethod::ALL.map(|method| (method.name(), method)), report)
}

/// A path pattern of a rule.
pub(crate) fn path_pattern(node: &Node<'_>, report: &mut Report) -> Option<PathPattern> {
    let text = node.text(report)?;
    match PathPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(reason) => {
            report.problem(node, format!("`{}` is no path pattern: {text:?}", node.label()), reason.to_string());
            None
        }
    }
}

/// A list in which nothing would mean "none at all"; that nobody wants, and a slip would make it.
fn not_empty<T>(node: &Node<'_>, report: &mut Report, mut read: impl FnMut(&Node<'_>, &mut Report) -> Option<T>) -> Vec<T> {
    let entries = node.entries(report);
    if entries.is_empty() && node.value().is_sequence() {
        report.problem(node, format!("`{}` is an empty list", node.label()), "name at least one, or take the line out");
    }
    entries.iter().filter_map(|entry| read(entry, report)).collect()
}
