//! `routes`: the rules, in order.

use super::lists::{methods, path_pattern};
use super::upstream::Upstreams;
use crate::routes::{Access, Cookies, Routes, Rule};
use crate::yaml::{Fields, Node, Report};

/// All rules that can be read.
pub(super) fn routes(node: &Node<'_>, upstreams: &mut Upstreams<'_>, report: &mut Report) -> Routes {
    let entries = node.entries(report);
    Routes::new(entries.iter().filter_map(|entry| rule(entry, upstreams, report)).collect())
}

fn rule(node: &Node<'_>, upstreams: &mut Upstreams<'_>, report: &mut Report) -> Option<Rule> {
    let mut fields = Fields::of(node, report)?;
    let pattern = fields.mandatory("path", report, "write for example: path: /status");
    let pattern = pattern.and_then(|node| path_pattern(&node, report));
    let methods = fields.get("methods").map(|node| methods(&node, report));
    let access = fields.get("access").and_then(|node| node.one_of(&ACCESSES, report));
    let upstream = fields.get("upstream").and_then(|node| upstreams.read(&node, report));
    let cookies = fields.get("cookies").and_then(|node| node.one_of(&COOKIES, report));
    fields.finish(report);
    // The line is known when the file has been read without a problem.
    Some(Rule { pattern: pattern?, methods, access: access.unwrap_or(Access::Signed), upstream, cookies, line: 0 })
}

const ACCESSES: [(&str, Access); 5] = [
    ("signed", Access::Signed),
    ("optional", Access::Optional),
    ("open", Access::Open),
    ("observe", Access::Observe),
    ("deny", Access::Deny),
];
const COOKIES: [(&str, Cookies); 2] = [("drop", Cookies::Drop), ("forward", Cookies::Forward)];
