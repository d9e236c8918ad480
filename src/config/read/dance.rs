//! `oauth` and `resource_owner`: the three-legged dance.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;

use super::address::split_url;
use super::sections::identity_header;
use super::upstream::Upstreams;
use super::{networks, path};
use crate::config::{DancePaths, DanceSettings, Lifetimes, LoginUrl, ProbedUser, ResourceOwner, SessionProbe, Upstream};
use crate::yaml::{Fields, Node, Report};

/// What both sections are read with.
pub(super) struct Around<'a> {
    /// What relative paths are relative to.
    pub(super) base: &'a Path,
    /// The upstreams that requests are forwarded to.
    pub(super) upstreams: &'a Upstreams<'a>,
    /// The one for requests that no rule sends elsewhere.
    pub(super) upstream: Option<&'a Arc<Upstream>>,
}

/// Both; `None`: there is no dance, or what is wrong was reported.
pub(super) fn dance(
    oauth: Option<&Node<'_>>,
    owner: Option<&Node<'_>>,
    around: &Around<'_>,
    report: &mut Report,
) -> Option<DanceSettings> {
    let read_owner = owner.map(|node| resource_owner(node, around, report));
    let Some(oauth) = oauth else {
        if let Some(node) = owner {
            report.problem(node, "`resource_owner` has no meaning without `oauth`", "write oauth: {} to switch the dance on");
        }
        return None;
    };
    let (paths, lifetimes) = oauth_section(oauth, report)?;
    if owner.is_none() {
        let message = "`oauth` stands without `resource_owner`, which says whose tokens are given away";
        report.problem(oauth, message, OWNER);
    }
    Some(DanceSettings { paths, lifetimes, resource_owner: read_owner?? })
}

fn oauth_section(node: &Node<'_>, report: &mut Report) -> Option<(DancePaths, Lifetimes)> {
    let mut fields = Fields::of(node, report)?;
    let (mut paths, mut lifetimes) = (DancePaths::default(), Lifetimes::default());
    endpoint(&mut fields, "request_token", &mut paths.request_token, report);
    endpoint(&mut fields, "authorize", &mut paths.authorize, report);
    endpoint(&mut fields, "access_token", &mut paths.access_token, report);
    endpoint(&mut fields, "user_tokens", &mut paths.user_tokens, report);
    lifetime(&mut fields, "request_token_ttl", REQUEST_TOKEN_TTL, &mut lifetimes.request_token, report);
    lifetime(&mut fields, "access_token_ttl", ACCESS_TOKEN_TTL, &mut lifetimes.access_token, report);
    let session = fields.get("session_ttl").and_then(|node| node.duration(ACCESS_TOKEN_TTL, report));
    // Thirty days more, as the old providers had it; with another access_token_ttl too.
    lifetimes.session = session.unwrap_or(lifetimes.access_token + RENEWAL);
    fields.finish(report);
    if lifetimes.session < lifetimes.access_token {
        let message = format!(
            "`oauth.session_ttl` ({} s) is shorter than `oauth.access_token_ttl` ({} s)",
            lifetimes.session.as_secs(),
            lifetimes.access_token.as_secs()
        );
        report.problem(node, message, "a token is renewed by its session, which has to last as long at least");
    }
    check_distinct(&paths, node, report);
    Some((paths, lifetimes))
}

fn endpoint(fields: &mut Fields<'_>, key: &'static str, value: &mut String, report: &mut Report) {
    let Some(node) = fields.get(key) else { return };
    let Some(text) = node.text(report) else { return };
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    if text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
        text.clone_into(value);
    } else {
        report.wrong_type(&node, "a path of letters, digits and -_.~", "write for example /plugins/servlet/oauth/authorize");
    }
}

fn lifetime(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: RangeInclusive<Duration>,
    value: &mut Duration,
    report: &mut Report,
) {
    if let Some(read) = fields.get(key).and_then(|node| node.duration(range, report)) {
        *value = read;
    }
}

/// A path means one endpoint; and what is below `authorize` is the pages' own.
fn check_distinct(paths: &DancePaths, node: &Node<'_>, report: &mut Report) {
    let all = [&paths.authorize, &paths.request_token, &paths.access_token, &paths.user_tokens];
    for (at, path) in all.iter().enumerate().skip(1) {
        let below = path.strip_prefix(paths.authorize.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if below || all[..at].contains(path) {
            report.problem(node, format!("two of the dance's endpoints are at {path}"), "give each a path of its own");
        }
    }
}

fn resource_owner(node: &Node<'_>, around: &Around<'_>, report: &mut Report) -> Option<ResourceOwner> {
    let mut fields = Fields::of(node, report)?;
    let probe = fields.get("session_probe");
    let (header, users) = (fields.get("trusted_header"), fields.get("users"));
    fields.finish(report);
    match (probe, header, users) {
        (Some(node), None, None) => session_probe(&node, around, report).map(ResourceOwner::SessionProbe),
        (None, Some(node), None) => trusted_header(&node, report),
        (None, None, Some(node)) => path(&node, around.base, report).map(ResourceOwner::Users),
        _ => {
            report.problem(node, "`resource_owner` has to be exactly one of session_probe, trusted_header and users", OWNER);
            None
        }
    }
}

fn trusted_header(node: &Node<'_>, report: &mut Report) -> Option<ResourceOwner> {
    let mut fields = Fields::of(node, report)?;
    let name = fields.mandatory("name", report, "name the header that the single-sign-on proxy sets, for example X-SSO-User");
    let from = fields.mandatory("from", report, "list the proxy's addresses, for example [127.0.0.1]");
    let name = name.as_ref().and_then(|node| identity_header(node, report));
    let networks = from.as_ref().map(|node| networks(node, report)).unwrap_or_default();
    fields.finish(report);
    if let Some(from) = from {
        if networks.is_empty() {
            report.problem(
                &from,
                format!("`{}` lists nobody", from.label()),
                "list the proxy's addresses, for example [127.0.0.1]",
            );
        }
        if networks.iter().any(|net| net.prefix_len() == 0) {
            let message = format!("`{}`: everybody could say who they are, and take any user's tokens", from.label());
            report.problem(&from, message, "list the proxy's addresses alone");
        }
    }
    Some(ResourceOwner::TrustedHeader { name: name?, from: networks })
}

fn session_probe(node: &Node<'_>, around: &Around<'_>, report: &mut Report) -> Option<SessionProbe> {
    let mut fields = Fields::of(node, report)?;
    let url = fields.mandatory("url", report, "name what the application is asked for, for example /rest/auth/1/session");
    let url = url.and_then(|node| probe_url(&node, around, report));
    let header = fields.get("user_header");
    let pointer = fields.get("user_json_pointer");
    let user = match (&header, &pointer) {
        (Some(node), None) => header_name(node, report).map(ProbedUser::Header),
        (None, Some(node)) => json_pointer(node, report).map(ProbedUser::JsonPointer),
        _ => {
            let message = format!("`{}` has to have exactly one of user_header and user_json_pointer", node.label());
            report.problem(node, message, "write for example user_header: X-AUSERNAME");
            None
        }
    };
    let anonymous = fields.get("anonymous").map(|node| names(&node, report)).unwrap_or_default();
    let login = fields.mandatory("login_url", report, LOGIN_URL);
    let login = login.and_then(|node| {
        let url = LoginUrl::new(node.text(report)?);
        if url.is_none() {
            report.wrong_type(&node, "the application's sign-in page, with {return_to} in it", LOGIN_URL);
        }
        url
    });
    fields.finish(report);
    let (upstream, target) = url?;
    Some(SessionProbe { upstream, target, user: user?, anonymous, login_url: login? })
}

/// A path of the application, or a URL at one of the servers that requests are forwarded to: browsers' cookies go there.
fn probe_url(node: &Node<'_>, around: &Around<'_>, report: &mut Report) -> Option<(Arc<Upstream>, PathAndQuery)> {
    let text = node.text(report)?;
    let (upstream, target) = match split_url(text) {
        Some((scheme, authority, target)) => {
            let upstream = around.upstreams.with_server(scheme, &authority);
            if upstream.is_none() {
                let message = format!(
                    "`{}`: no requests are forwarded to {authority}, and users' cookies are not sent there",
                    node.label()
                );
                report.problem(node, message, "write its path alone, or the URL of a server that stands under an upstream");
                return None;
            }
            (upstream, if target.is_empty() { "/" } else { target })
        }
        None => (around.upstream.cloned(), text),
    };
    let target = target.parse::<PathAndQuery>().ok().filter(|_| target.starts_with('/') && !target.contains('#'));
    if target.is_none() {
        report.wrong_type(node, "a path or URL of the application", "write for example /rest/auth/1/session");
    }
    Some((upstream?, target?))
}

fn header_name(node: &Node<'_>, report: &mut Report) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(node.text(report)?.as_bytes()).ok();
    if name.is_none() {
        report.wrong_type(node, "a header name", "write for example X-AUSERNAME");
    }
    name
}

/// RFC 6901 §3
fn json_pointer(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(report)?;
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if text.starts_with('/') && escapes {
        return Some(text.to_owned());
    }
    report.wrong_type(node, "a JSON pointer", "write for example /name, or /session/user");
    None
}

fn names(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let entries = node.entries(report);
    entries.iter().filter_map(|entry| entry.text(report).map(str::to_owned)).collect()
}

/// A person reads and decides in between; a day is more than that takes.
const REQUEST_TOKEN_TTL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
/// A century is for ever.
const ACCESS_TOKEN_TTL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(100 * 365 * 86_400);
/// How much longer than its token a session is good, where nothing is written.
const RENEWAL: Duration = Duration::from_secs(30 * 86_400);

const OWNER: &str = "write for example resource_owner: { users: users.yaml }";
const LOGIN_URL: &str = "write for example login_url: '/login.jsp?os_destination={return_to}'";
