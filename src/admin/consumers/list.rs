//! `/`: the consumers in force, searched and in parts.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::super::Admin;
use super::super::change::editor;
use super::super::layout::{Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::words::{ago, count, shown, timestamp};
use super::links::{Links, link};
use super::state::ConsumerState;
use super::usage::Usage;
use crate::consumers::Consumer;
use crate::oauth::timestamp::Timestamp;

/// What is asked of the list; all of it text, so that no link is refused.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ListQuery {
    q: String,
    state: String,
    page: String,
    /// The key of a consumer that was just removed.
    removed: String,
}

#[derive(Template)]
#[template(path = "admin/pages/consumers.html")]
struct ListPage {
    layout: Layout,
    query: ListQuery,
    rows: Vec<Row>,
    /// Of all consumers, whatever was asked for.
    total: usize,
    summary: String,
    pages: Option<Pages>,
    removed: Option<Removed>,
    /// The first of them.
    problems: Vec<String>,
    read_only: Option<String>,
    read: String,
}

struct Row {
    name: String,
    key: String,
    state: ConsumerState,
    keys: Vec<RowKey>,
    methods: Vec<&'static str>,
    usage: Usage,
    links: Links,
}

struct RowKey {
    bits: u32,
    fingerprint: String,
}

struct Pages {
    number: usize,
    count: usize,
    previous: Option<String>,
    next: Option<String>,
}

struct Removed {
    key: String,
    in_force: bool,
}

/// The list comes from what the gateway goes by, and not from the files: it is there when they cannot be read, and at once.
pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<ListQuery>) -> Response {
    let (policy, now) = (admin.policy(), admin.clock().wall());
    let mut found: Vec<&Arc<Consumer>> = policy.consumers.iter().filter(|consumer| query.matches(consumer, now)).collect();
    found.sort_by_cached_key(|consumer| (consumer.name.to_lowercase(), consumer.key.clone()));
    let pages = Pages::of(&query, found.len());
    let part = found.iter().skip((pages.number - 1) * PAGE).take(PAGE);
    let problems: Vec<String> = admin
        .reloads
        .problems()
        .iter()
        .filter(|problem| problem.is_error())
        .take(PROBLEMS)
        .map(|p| shown(&p.to_string()))
        .collect();
    let list = ListPage {
        layout: Layout::of(&signed_in, Section::Consumers),
        rows: part.map(|consumer| Row::of(&admin, consumer, now)).collect(),
        total: policy.consumers.len(),
        summary: summary(found.len(), policy.consumers.len()),
        removed: Removed::of(&query, &admin),
        read_only: editor(&admin).why_nothing_can_be_added(),
        read: read(&admin, now),
        pages: (pages.count > 1).then_some(pages),
        problems,
        query,
    };
    page(StatusCode::OK, &list)
}

impl ListQuery {
    fn matches(&self, consumer: &Consumer, now: Timestamp) -> bool {
        let state = self.state.is_empty() || self.state == ConsumerState::of(consumer, now).name();
        let wanted = self.q.trim().to_lowercase();
        let texts = [consumer.key.as_str(), &consumer.name, &consumer.description];
        state
            && (texts.iter().any(|text| text.to_lowercase().contains(&wanted))
                || consumer.public_keys.iter().any(|key| key.fingerprint().to_string().starts_with(&wanted)))
    }

    fn link(&self, page: usize) -> String {
        link("/", &[("q", &self.q), ("state", &self.state), ("page", &page.to_string())])
    }
}

impl Row {
    fn of(admin: &Admin, consumer: &Consumer, now: Timestamp) -> Self {
        let keys = consumer.public_keys.iter();
        Self {
            name: shown(&consumer.name),
            key: shown(consumer.key.as_str()),
            state: ConsumerState::of(consumer, now),
            keys: keys.map(|key| RowKey { bits: key.bits(), fingerprint: key.fingerprint().to_string() }).collect(),
            methods: consumer.signature_methods.iter().map(|method| method.name()).collect(),
            usage: Usage::of(admin, consumer.key.as_str()),
            links: Links::to(consumer.key.as_str()),
        }
    }
}

impl RowKey {
    /// Enough to tell the keys of a list apart; to compare two keys takes the whole, which is on the consumer's page.
    fn short(&self) -> String {
        format!("{}…", &self.fingerprint[..12.min(self.fingerprint.len())])
    }
}

impl Pages {
    /// The page that is asked for, or the nearest one that there is.
    fn of(query: &ListQuery, found: usize) -> Self {
        let count = found.div_ceil(PAGE).max(1);
        let number = query.page.parse().unwrap_or(1).clamp(1, count);
        Self {
            number,
            count,
            previous: (number > 1).then(|| query.link(number - 1)),
            next: (number < count).then(|| query.link(number + 1)),
        }
    }
}

impl Removed {
    fn of(query: &ListQuery, admin: &Admin) -> Option<Self> {
        let key = &query.removed;
        (!key.is_empty()).then(|| Self { key: shown(key), in_force: admin.policy().consumers.get(key).is_some() })
    }
}

fn summary(found: usize, total: usize) -> String {
    if found == total { count(total, "consumer") } else { format!("{found} of {}", count(total, "consumer")) }
}

fn read(admin: &Admin, now: Timestamp) -> String {
    format!("The list was read {}.", ago(now, timestamp(admin.reloads.list().at)))
}

/// Rows at once: some screens, and some ten kilobytes.
const PAGE: usize = 50;

/// On the list; all of them are on the page of the files.
const PROBLEMS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_there_is_not_is_the_nearest_one() {
        let page = |page: &str, found| {
            let query = ListQuery { q: "a b".into(), page: page.into(), ..ListQuery::default() };
            let Pages { number, count, previous, next } = Pages::of(&query, found);
            (number, count, previous.unwrap_or_default(), next.unwrap_or_default())
        };
        let none = String::new;
        assert_eq!(page("", 0), (1, 1, none(), none()));
        assert_eq!(page("7", 50), (1, 1, none(), none()));
        assert_eq!(page("2", 51), (2, 2, "/?q=a+b&page=1".into(), none()));
        assert_eq!(page("-1", 51), (1, 2, none(), "/?q=a+b&page=2".into()));
        assert_eq!(page("99999999999999999999999", 51).0, 1);
    }
}
