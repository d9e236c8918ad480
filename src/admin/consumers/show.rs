//! One consumer, with everything that is written about it; where *Add* and *Edit* lead to.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::super::Admin;
use super::super::change::{blocking, editor};
use super::super::layout::{Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::tokens;
use super::super::words::{sentence, shown};
use super::draft::ConsumerForm;
use super::key::KeyView;
use super::links::Links;
use super::state::ConsumerState;
use super::usage::Usage;
use super::{failed, place};
use crate::consumers::edit::Entry;

/// Which consumer, and what was just done to it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ShowQuery {
    key: String,
    done: String,
}

#[derive(Template)]
#[template(path = "admin/pages/consumer.html")]
struct ShowPage {
    layout: Layout,
    title: String,
    state: ConsumerState,
    /// Whether the gateway goes by this very entry.
    in_force: bool,
    done: Option<&'static str>,
    read_only: Option<String>,
    /// What should be known about the entry, though it can be used.
    warnings: Vec<String>,
    facts: Vec<Fact>,
    usage: Usage,
    /// `None`: the gateway gives no tokens.
    tokens: Option<usize>,
    reports: Vec<KeyView>,
    links: Links,
}

/// A setting and its value.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) text: String,
    pub(super) is_code: bool,
}

pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<ShowQuery>) -> Response {
    let (reader, key) = (editor(&admin), query.key);
    let (entry, warnings) = match blocking(move || reader.look_at(&key)).await {
        Ok(found) => found,
        Err(error) => return failed(&signed_in, &error),
    };
    let consumer = &entry.consumer;
    let form = ConsumerForm::of(&entry);
    let view = ShowPage {
        layout: Layout::of(&signed_in, Section::Consumers),
        title: shown(&consumer.name),
        state: ConsumerState::of(consumer, admin.clock().wall()),
        in_force: admin.policy().consumers.get(&entry.key) == Some(consumer),
        done: done(&query.done),
        warnings: warnings.iter().map(|warning| sentence(&shown(&warning.message))).collect(),
        facts: facts(&admin, &entry, &form),
        usage: Usage::of(&admin, &entry.key),
        tokens: tokens::number_of(&admin, &entry.key).await,
        reports: form.public_keys.iter().map(|text| KeyView::of(&admin, text, Some(&entry.key))).collect(),
        links: Links::to(&entry.key),
        read_only: entry.read_only,
    };
    page(StatusCode::OK, &view)
}

fn done(word: &str) -> Option<&'static str> {
    match word {
        "added" => Some("The consumer was added."),
        "saved" => Some("The changes were saved."),
        "unchanged" => Some("Nothing was changed: all was as it should be already."),
        _ => None,
    }
}

fn facts(admin: &Admin, entry: &Entry, form: &ConsumerForm) -> Vec<Fact> {
    let consumer = &entry.consumer;
    let methods = consumer.signature_methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(", ");
    let mut facts = vec![
        Fact::code("Consumer Key", &entry.key),
        Fact::text("Description", &form.description),
        Fact::code("Callback URL", &form.callback_url),
        Fact::text("Signature methods", &methods),
        Fact::text("2-Legged OAuth", &two_legged(form)),
        Fact::text("3-Legged OAuth", three_legged(form, admin.shared.gateway.tokens.is_some())),
        Fact::code("What it may reach", &form.allow),
        Fact::code("Where it may come from", &form.allow_from),
        Fact::text("Requests at most", &rate(form)),
        Fact::text("Expires", &form.expires),
        Fact::code("Credential for the application", &credential(form)),
        Fact::text("What refusals tell it", &form.reveal),
        Fact::text("Exceptions", &exceptions(form)),
        Fact::code("Written in", &place(entry)),
    ];
    facts.retain(|fact| !fact.text.is_empty());
    facts
}

fn two_legged(form: &ConsumerForm) -> String {
    if !form.two_legged {
        return "not allowed".to_owned();
    }
    let user = if form.execute_as.is_empty() { "without a user".to_owned() } else { format!("as {}", form.execute_as) };
    let impersonation = if form.impersonation { ", and as a user that it names" } else { "" };
    format!("allowed, {user}{impersonation}")
}

/// What the entry says, and what that means here.
fn three_legged(form: &ConsumerForm, has_dance: bool) -> &'static str {
    match (form.three_legged, has_dance) {
        (true, true) => "allowed: users can give it tokens",
        (true, false) => "allowed, but this gateway gives no tokens: its configuration has no section oauth",
        (false, true) => "not allowed: it gets no tokens, and those that it has are refused",
        (false, false) => "not allowed",
    }
}

fn rate(form: &ConsumerForm) -> String {
    if form.rate_requests.is_empty() { String::new() } else { format!("{} in {}", form.rate_requests, form.rate_per) }
}

fn credential(form: &ConsumerForm) -> String {
    let files = [("basic_file", &form.upstream_basic_file), ("bearer_file", &form.upstream_bearer_file)];
    files.into_iter().filter(|(_, path)| !path.is_empty()).map(|(key, path)| format!("{key} {path}")).collect()
}

fn exceptions(form: &ConsumerForm) -> String {
    let all = [
        (form.allow_oauth_1_0, "OAuth 1.0 without oauth_callback"),
        (form.allow_published_key, "a key whose private half is public"),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

impl Fact {
    pub(super) fn text(label: &'static str, text: &str) -> Self {
        Self { label, text: shown(text), is_code: false }
    }

    fn code(label: &'static str, text: &str) -> Self {
        Self { is_code: true, ..Self::text(label, text) }
    }
}
