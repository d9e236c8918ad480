//! What single values can't show: settings that contradict each other, and settings that somebody should know of.

use std::path::Path as FilePath;

use http::Method;

use super::admin::AdminAddress;
use super::dance::ResourceOwner;
use super::settings::{BodyHashPolicy, Settings};
use super::tls::Listener;
use crate::oauth::base_string::Scheme;
use crate::routes::{Access, Rule};
use crate::yaml::{Node, Report};

/// Adds problems and warnings about the settings as a whole. `top` is what they were read from.
pub(super) fn review(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    review_limits(settings, top, report);
    review_trust(settings, top, report);
    review_admin(settings, top, report);
    review_dance(settings, top, report);
    review_routes(settings, top, report);
}

fn review_limits(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    let limits = &settings.limits;
    with(top, &["limits"], |node| {
        if limits.signed_body > limits.held_bodies {
            let message = format!(
                "`limits.signed_body` ({} bytes) is more than `limits.held_bodies` ({} bytes)",
                limits.signed_body, limits.held_bodies
            );
            report.problem(node, message, "all held bodies together need room for at least one");
        }
        if limits.target > limits.header {
            let message = format!(
                "`limits.target` ({} bytes) is more than `limits.header` ({} bytes), which it is a part of",
                limits.target, limits.header
            );
            report.problem(node, message, "make the header larger or the target smaller");
        }
    });
}

fn review_trust(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    if settings.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
        with(top, &["trusted_proxies"], |node| {
            let message = "everybody is a trusted proxy, and may choose the URL that signatures are checked against";
            report.warn(node, message, "name the addresses of your proxies");
        });
    }
    if settings.public_url.is_some() && settings.trusted_proxies.is_empty() {
        review_missing_proxies(settings, top, report);
    }
    if settings.verify.body_hash == BodyHashPolicy::Ignore {
        with(top, &["verify", "body_hash"], |node| {
            report.warn(node, "body_hash: ignore: a signed body may be exchanged on the way", "take if_present");
        });
    }
    if settings.state_directory.starts_with("/tmp") && settings.state_directory != FilePath::new("") {
        with(top, &["state_directory"], |node| {
            report.warn(
                node,
                "everybody on this machine may write to /tmp, and it is emptied at a restart",
                "take a directory of its own",
            );
        });
    }
}

/// Whoever connects to an address is served by one listener alone, and never by the other's rules.
fn review_admin(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    let Some(AdminAddress::Loopback(address)) = settings.admin.as_ref().map(|admin| &admin.listen) else { return };
    if address.port() != 0 && settings.listen.iter().any(|listener| listener.address == *address) {
        with(top, &["admin"], |node| {
            report.problem(
                node,
                format!("{address} is an address of `listen`, too"),
                "give administrators a port of their own, for example 127.0.0.1:9090",
            );
        });
    }
}

/// What users type in and are shown is worth stealing on the way; and who may give away access to what is theirs is no administrator.
fn review_dance(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    let Some(dance) = &settings.dance else { return };
    if let (ResourceOwner::Users(users), Some(admin)) = (&dance.resource_owner, &settings.admin)
        && *users == admin.users
    {
        with(top, &["resource_owner", "users"], |node| {
            let message = "`resource_owner.users` is the file of `admin.users`: every user is an administrator";
            report.warn(node, message, "give users a file of their own, for example users.yaml");
        });
    }
    let says_https = settings.public_url.as_ref().is_some_and(|url| url.scheme == Scheme::Https);
    let is_open = |listener: &Listener| listener.tls.is_none() && !listener.address.ip().is_loopback();
    if !says_https && settings.trusted_proxies.is_empty() && settings.listen.iter().any(is_open) {
        with(top, &["oauth"], |node| {
            let message = "users' cookies, passwords and tokens cross the network in clear text";
            report.warn(
                node,
                message,
                "give the listener a certificate (tls), or name the proxy that speaks TLS in trusted_proxies",
            );
        });
    }
}

/// A `public_url` speaks of a proxy. One on this machine is the only peer of a loopback listener; elsewhere there may be none.
fn review_missing_proxies(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    let (message, hint) = if settings.listen.iter().all(|listener| listener.address.ip().is_loopback()) {
        (
            "no proxy is trusted: all clients have the proxy's address, to `allow_from` and to the limits for each address",
            "write trusted_proxies: [127.0.0.1, \"::1\"] if the proxy sets X-Forwarded-For",
        )
    } else {
        (
            "no proxy is trusted: if clients come through one, all of them have its address, to `allow_from` and to the \
             limits for each address",
            "name the proxy's address in trusted_proxies, or take public_url out if there is none",
        )
    };
    with(top, &["public_url"], |node| report.warn(node, message, hint));
}

fn review_routes(settings: &Settings, top: &Node<'_>, report: &mut Report) {
    let rules = settings.routes.rules();
    // Rules that could not be read are not among these, and the file is refused for them anyway.
    if top.value().get("routes").and_then(|routes| routes.as_sequence()).is_none_or(|list| list.len() != rules.len()) {
        return;
    }
    with(top, &["routes"], |routes| {
        for (entry, (at, rule)) in routes.entries(report).iter().zip(rules.iter().enumerate()) {
            review_rule(rule, entry, report);
            if let Some(earlier) = rules[..at].iter().find(|earlier| covers(earlier, rule)) {
                let message = format!("{} is never asked: {} before it covers all of it", rule.pattern, earlier.pattern);
                report.warn(entry, message, "put the narrower rule first");
            }
        }
    });
}

fn review_rule(rule: &Rule, entry: &Node<'_>, report: &mut Report) {
    match rule.access {
        Access::Observe => {
            let message = format!("{}: observe: requests pass whatever their signature", rule.pattern);
            report.warn(entry, message, "for a trial run only; then take signed");
        }
        Access::Open if is_everything(rule) => {
            report.warn(entry, "everything is open: no request is verified", "name the paths that need no signature");
        }
        Access::Deny if has(rule, &Method::GET) && !has(rule, &Method::HEAD) => {
            let message = format!("{}: deny stands for GET and not for HEAD, which most applications answer alike", rule.pattern);
            report.warn(entry, message, "write methods: [GET, HEAD], or leave methods out to deny all");
        }
        _ => {}
    }
}

/// Whether the rule names the method; one without a list of methods has no gaps.
fn has(rule: &Rule, method: &Method) -> bool {
    rule.methods.as_ref().is_some_and(|methods| methods.contains(method))
}

fn covers(earlier: &Rule, later: &Rule) -> bool {
    let paths = earlier.pattern == later.pattern || earlier.pattern.to_string() == "/**";
    let methods = match (&earlier.methods, &later.methods) {
        (None, _) => true,
        (Some(earlier), Some(later)) => later.iter().all(|method: &Method| earlier.contains(method)),
        (Some(_), None) => false,
    };
    // A deny rule matches in any case of the letters, and so more than the same pattern of another kind.
    paths && methods && (earlier.access == Access::Deny || later.access != Access::Deny || earlier.pattern.to_string() == "/**")
}

fn is_everything(rule: &Rule) -> bool {
    rule.methods.is_none() && rule.pattern.to_string() == "/**"
}

/// Calls `then` with the node at the way, or the nearest one above it that was written.
fn with(node: &Node<'_>, way: &[&str], then: impl FnOnce(&Node<'_>)) {
    let Some((key, rest)) = way.split_first() else { return then(node) };
    match node.value().get(*key) {
        Some(value) => with(&Node::under(node, key, value), rest, then),
        None => then(node),
    }
}
