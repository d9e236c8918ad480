//! `tls` of a listener, and the keys of an upstream that concern TLS.

use std::path::Path;

use rustls::pki_types::ServerName;
use serde_yaml::Value;

use super::path;
use crate::config::{CertificatePair, ClientCertificates, ListenerTls, PemFile, UpstreamTls};
use crate::yaml::{Fields, Node, Report};

/// `tls` of a listener: one certificate and its key, or a list of such pairs, or a map with the list in it.
pub(super) fn listener(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<ListenerTls> {
    if let Value::Sequence(_) = node.value() {
        return Some(ListenerTls { pairs: pairs(node, base, report)?, clients: None });
    }
    let mut fields = Fields::of(node, report)?;
    let several = fields.get("certificates");
    let alone = several.is_none().then(|| pair(&mut fields, base, report));
    let several = several.map(|several| {
        for key in ["certificate", "key"] {
            if let Some(node) = fields.get(key) {
                let hint = "write this pair into the list too, in the first place if it is the default";
                report.problem(&node, format!("`{}` stands beside `certificates`", node.label()), hint);
            }
        }
        pairs(&several, base, report)
    });
    let clients = clients(&mut fields, base, report);
    fields.finish(report);
    let pairs = several.unwrap_or_else(|| alone.flatten().map(|pair| vec![pair]))?;
    Some(ListenerTls { pairs, clients })
}

/// `None` where one of them can't be read: a listener must not go on without a certificate that somebody wanted.
fn pairs(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<Vec<CertificatePair>> {
    let entries = node.entries(report);
    if entries.is_empty() && node.value().is_sequence() {
        report.problem(node, format!("`{}` has no certificate", node.label()), PAIR);
    }
    let read = entries.iter().map(|entry| {
        let mut fields = Fields::of(entry, report)?;
        let pair = pair(&mut fields, base, report);
        if let Some(node) = fields.get("client_ca").or_else(|| fields.get("client_certificate")) {
            let message = format!("`{}` stands with one certificate, and concerns the listener", node.label());
            report.problem(&node, message, "write tls: { certificates: [..], client_ca: ca.pem }");
        }
        fields.finish(report);
        pair
    });
    let pairs: Vec<_> = read.collect();
    pairs.into_iter().collect::<Option<Vec<_>>>().filter(|pairs| !pairs.is_empty())
}

fn pair(fields: &mut Fields<'_>, base: &Path, report: &mut Report) -> Option<CertificatePair> {
    let certificate = fields.mandatory("certificate", report, PAIR);
    let key = fields.mandatory("key", report, PAIR);
    let certificate = certificate.and_then(|node| file(&node, base, report));
    let key = key.and_then(|node| file(&node, base, report));
    Some(CertificatePair { certificate: certificate?, key: key? })
}

fn clients(fields: &mut Fields<'_>, base: &Path, report: &mut Report) -> Option<ClientCertificates> {
    let ca = fields.get("client_ca").map(|node| file(&node, base, report));
    let policy = fields.get("client_certificate");
    let required = policy.as_ref().and_then(|node| node.one_of(&[("required", true), ("optional", false)], report));
    if let (None, Some(node)) = (&ca, &policy) {
        let message = format!("`{}` has no meaning without `client_ca`", node.label());
        report.problem(node, message, "name whom clients' certificates are from: client_ca: ca.pem");
    }
    Some(ClientCertificates { ca: ca??, required: required.unwrap_or(true) })
}

/// The keys of an upstream map; beside them, whether any was written.
pub(super) fn upstream(fields: &mut Fields<'_>, base: &Path, report: &mut Report) -> (UpstreamTls, bool) {
    let ca = fields.get("ca");
    let certificate = fields.get("client_certificate");
    let key = fields.get("client_key");
    let name = fields.get("server_name");
    let written = ca.is_some() || certificate.is_some() || key.is_some() || name.is_some();
    let identity = match (&certificate, &key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (file(certificate, base, report), file(key, base, report));
            certificate.zip(key).map(|(certificate, key)| CertificatePair { certificate, key })
        }
        (Some(alone), None) | (None, Some(alone)) => {
            let other = if certificate.is_some() { "client_key" } else { "client_certificate" };
            report.problem(alone, format!("`{}` stands without `{other}`", alone.label()), "name both files");
            None
        }
        (None, None) => None,
    };
    let ca = ca.and_then(|node| file(&node, base, report));
    let server_name = name.and_then(|node| server_name(&node, report));
    (UpstreamTls { ca, identity, server_name }, written)
}

fn server_name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(report)?;
    if !is_server_name(text) {
        report.wrong_type(node, "a name that a certificate can have", "write a host name without a port: jira.example.com");
        return None;
    }
    Some(text.to_owned())
}

/// Whether a certificate can be for this host.
pub(super) fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

fn file(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<PemFile> {
    Some(PemFile { path: path(node, base, report)?, place: node.path() })
}

const PAIR: &str = "write for example: tls: { certificate: fullchain.pem, key: privkey.pem }";
