//! *Import by Consumer Base URL*: the application is asked, and what it says fills in the form of *Add*. Nothing is written here.

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::super::Admin;
use super::super::forms::{Fields, Submission};
use super::super::layout::{FieldErrors, Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::words::{sentence, shown};
use super::add;
use super::draft::ConsumerForm;
use super::form::{CheckedKeys, FormView};
use super::links::Links;
use crate::client::NoAnswer;
use crate::consumers::import::{Allowed, Found, Import, ImportError, Inside};

#[derive(Template)]
#[template(path = "admin/pages/consumer_import.html")]
struct ImportPage {
    layout: Layout,
    csrf: String,
    base_url: String,
    /// Whether http is allowed; `None`: nobody asked for it.
    http: Option<bool>,
    inside: Vec<InsideChoice>,
    errors: FieldErrors,
}

/// An address that is asked only if somebody allows that very one.
struct InsideChoice {
    id: String,
    address: IpAddr,
    what: &'static str,
    checked: bool,
}

/// What the form of *Add* says of where its contents are from.
pub(super) struct FoundView {
    pub(super) url: String,
    pub(super) dropped_callback: Option<String>,
    /// The consumer that has this key already.
    pub(super) known: Option<Known>,
}

pub(super) struct Known {
    pub(super) sentence: &'static str,
    pub(super) links: Links,
}

/// What somebody asked for.
#[derive(Default)]
struct Wanted {
    base_url: String,
    http: bool,
    addresses: Vec<IpAddr>,
}

pub(super) async fn show(signed_in: SignedIn) -> Response {
    form(StatusCode::OK, &signed_in, &Wanted::default(), FieldErrors::default(), &[])
}

pub(super) async fn fetch(State(admin): State<Admin>, Submission { signed_in, fields }: Submission) -> Response {
    let wanted = Wanted::of(&fields);
    let allowed = Allowed { http: wanted.http, addresses: wanted.addresses.clone() };
    let (user, host) = (signed_in.user.as_str(), wanted.host().unwrap_or_default());
    tracing::info!(user, host, http = allowed.http, inside = ?allowed.addresses, "an application is asked who it is as a consumer");
    match Import::new(&wanted.base_url, allowed).fetch().await {
        Ok(found) => filled_in(&admin, &signed_in, &wanted, &found),
        Err(error) => refused(&signed_in, &wanted, &error),
    }
}

/// The form of *Add* with what was found; its *Add* writes it.
fn filled_in(admin: &Admin, signed_in: &SignedIn, wanted: &Wanted, found: &Found) -> Response {
    let (mut form, mut errors) = (ConsumerForm::found(found), FieldErrors::default());
    let keys = CheckedKeys::of(admin, &ConsumerForm { key: String::new(), ..form.clone() });
    keys.apply(&mut form, &[], &mut errors);
    let view = FoundView {
        url: shown(&wanted.base_url),
        dropped_callback: found.dropped_callback.as_deref().map(shown),
        known: Known::of(admin, found, &keys),
    };
    add::show_form(StatusCode::OK, admin, signed_in, FormView::with(admin, form, errors, keys), Some(view))
}

/// What can be allowed becomes a box to check, which names what it allows; the rest is said.
fn refused(signed_in: &SignedIn, wanted: &Wanted, error: &ImportError) -> Response {
    let mut errors = FieldErrors::default();
    let (message, hint) = (shown(&error.message()), sentence(&shown(&error.hint())));
    // A host's name stays as it is.
    let begins_with_host = wanted.host().is_some_and(|host| message.starts_with(&host));
    let message = if begins_with_host { message } else { sentence(&message) };
    let inside = match error {
        ImportError::Inside { addresses, .. } => {
            errors.add(inside_id(0), format!("{message}. If the application really is there, check the address below"));
            addresses.as_slice()
        }
        _ => &[],
    };
    match error {
        ImportError::Inside { .. } => {}
        ImportError::ClearText { .. } => errors.add("http", format!("{message}. {hint}")),
        ImportError::NoAnswer(NoAnswer::Untrusted { unknown_authority: true, .. }) => {
            errors.add("base_url", format!("{message}. If the authority is your own: countersign consumers import --ca FILE"));
        }
        _ if hint.is_empty() => errors.add("base_url", message),
        _ => errors.add("base_url", format!("{message}. {hint}")),
    }
    form(StatusCode::UNPROCESSABLE_ENTITY, signed_in, wanted, errors, inside)
}

fn form(
    status: StatusCode,
    signed_in: &SignedIn,
    wanted: &Wanted,
    errors: FieldErrors,
    refused: &[(IpAddr, Inside)],
) -> Response {
    let import = ImportPage {
        layout: Layout::of(signed_in, Section::Consumers),
        csrf: signed_in.csrf.reveal().to_owned(),
        base_url: wanted.base_url.clone(),
        http: (wanted.http || errors.of("http").is_some()).then_some(wanted.http),
        inside: InsideChoice::all(wanted, refused),
        errors,
    };
    page(status, &import)
}

impl Wanted {
    fn of(fields: &Fields) -> Self {
        Self {
            base_url: fields.trimmed("base_url").to_owned(),
            http: fields.has("http"),
            addresses: fields.all("allow").filter_map(|address| address.parse().ok()).take(MOST_ADDRESSES).collect(),
        }
    }

    /// For the log, which is not to have a password that stands in the URL.
    fn host(&self) -> Option<String> {
        url::Url::parse(&self.base_url).ok()?.host_str().map(str::to_owned)
    }
}

impl InsideChoice {
    /// Those that were allowed, and then those that were refused.
    fn all(wanted: &Wanted, refused: &[(IpAddr, Inside)]) -> Vec<Self> {
        let allowed = wanted.addresses.iter().filter_map(|address| Some((*address, Inside::judge(*address)?, true)));
        let refused = refused.iter().map(|(address, inside)| (*address, *inside, false)).take(MOST_ADDRESSES);
        // The first of the refused has the id that the summary of errors leads to.
        let all = refused.chain(allowed).enumerate();
        all.map(|(at, (address, inside, checked))| Self { id: inside_id(at), address, what: inside.name(), checked }).collect()
    }
}

impl Known {
    fn of(admin: &Admin, found: &Found, keys: &CheckedKeys) -> Option<Self> {
        let policy = admin.policy();
        let known = policy.consumers.get(found.key.as_str())?;
        let has_it = known.public_keys.iter().any(|key| keys.has(&key.fingerprint().to_string()));
        let sentence = if has_it {
            "There is a consumer with this key and this public key already."
        } else {
            "There is a consumer with this key already, and it has another public key."
        };
        Some(Self { sentence, links: Links::to(found.key.as_str()) })
    }
}

fn inside_id(at: usize) -> String {
    format!("allow-{}", at + 1)
}

/// No host has more, and a page with thousands of boxes helps nobody.
const MOST_ADDRESSES: usize = 16;
