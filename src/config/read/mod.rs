//! The values of countersign.yaml, key by key. A bad value becomes a problem and its default, so that reading goes on.

mod address;
mod admin;
mod dance;
mod lists;
mod replay;
mod routes;
mod sections;
mod tls;
mod upstream;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use lists::{methods, networks, path_pattern, signature_methods};
pub(crate) use sections::reveal;

use super::settings::Settings;
use super::state_directory::default_state_directory;
use crate::yaml::{Fields, Node, Report};

/// All settings; `None` where a mandatory one is missing or the file is no map.
pub(super) fn settings(top: &Node<'_>, base: &Path, report: &mut Report) -> Option<Settings> {
    if top.is_null() {
        report.problem_at_line(0, "the file is empty", "it needs at least `upstream` and `consumers`");
        return None;
    }
    let mut fields = Fields::of(top, report)?;
    let upstream = fields.mandatory("upstream", report, "write for example: upstream: http://127.0.0.1:2990");
    let consumers = fields.mandatory("consumers", report, "write for example: consumers: consumers.yaml");
    let mut upstreams = upstream::Upstreams::new(base);
    let upstream = upstream.and_then(|node| upstreams.read(&node, report));
    let consumers = consumers.and_then(|node| consumers_path(&node, base, report));
    let limits = fields.get("limits").map(|node| sections::limits(&node, report)).unwrap_or_default();
    let routes = fields.get("routes").map(|node| routes::routes(&node, &mut upstreams, report)).unwrap_or_default();
    let (oauth, owner) = (fields.get("oauth"), fields.get("resource_owner"));
    let around = dance::Around { base, upstreams: &upstreams, upstream: upstream.as_ref() };
    let dance = dance::dance(oauth.as_ref(), owner.as_ref(), &around, report);
    let settings = Settings {
        listen: address::listeners(fields.get("listen"), base, report),
        public_url: fields.get("public_url").and_then(|node| address::public_url(&node, report)),
        trusted_proxies: fields.get("trusted_proxies").map(|node| networks(&node, report)).unwrap_or_default(),
        state_directory: state_directory(&mut fields, base, report),
        threads: threads(fields.get("threads"), report),
        verify: sections::verify(fields.get("verify"), report),
        replay: fields.get("replay").and_then(|node| replay::replay(&node, base, report)),
        routes,
        dance: dance.map(Arc::new),
        identity_headers: sections::identity_headers(fields.get("identity_headers"), report),
        refusals: sections::refusals(fields.get("refusals"), report),
        timeouts: fields.get("timeouts").map(|node| sections::timeouts(&node, report)).unwrap_or_default(),
        log: fields.get("log").map(|node| sections::log(&node, base, report)).unwrap_or_default(),
        admin: fields.get("admin").and_then(|node| admin::admin(&node, base, report)),
        limits,
        upstream: upstream.unwrap_or_else(upstream::nowhere),
        consumers: consumers.unwrap_or_default(),
    };
    fields.finish(report);
    Some(settings)
}

fn state_directory(fields: &mut Fields<'_>, base: &Path, report: &mut Report) -> PathBuf {
    let written = match fields.get("state_directory") {
        Some(node) => path(&node, base, report),
        None => default_state_directory(|name| std::env::var_os(name)).or_else(|| {
            report.problem(
                fields.node(),
                "there is no state directory: $STATE_DIRECTORY and $HOME are not set",
                "set state_directory",
            );
            None
        }),
    };
    written.unwrap_or_default()
}

fn consumers_path(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<PathBuf> {
    if node.is_null() || node.value().is_sequence() || node.value().is_mapping() {
        report.wrong_type(node, "a path", "the consumers stand in a file of their own: write consumers: consumers.yaml");
        return None;
    }
    path(node, base, report)
}

/// A path, relative to the file that it stands in.
fn path(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<PathBuf> {
    let text = node.text(report)?;
    if text.is_empty() {
        report.problem(node, format!("`{}` is empty", node.label()), "write a path");
        return None;
    }
    Some(base.join(text))
}

fn threads(node: Option<Node<'_>>, report: &mut Report) -> NonZeroUsize {
    let auto = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    match node {
        Some(node) if node.value().as_str() != Some("auto") => {
            let count = node.count(1..=MAX_THREADS, report).and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?));
            count.unwrap_or_else(auto)
        }
        _ => auto(),
    }
}

/// More than the cores of any machine that this runs on; a typo, not a wish.
const MAX_THREADS: u64 = 1024;
