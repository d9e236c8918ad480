//! `countersign consumers import`: what an application says about itself, shown, and added when somebody says yes.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::place::{self, Opened, Place};
use super::words::harmless;
use super::{ask, outcome};
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::cli::shell::quote;
use crate::client::NoAnswer;
use crate::consumers::edit::{Change, Draft, Listing, Setting, Written};
use crate::consumers::import::{self, Allowed, Found, ImportError};
use crate::consumers::key_check::{self, CheckedKey, KeyReport, Wrong};
use crate::consumers::{Consumer, ConsumerKey, ConsumerList};
use crate::observe::Subject;

/// Arguments of `consumers import`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("unasked").args(["yes", "dry_run"]))]
pub(super) struct Import {
    /// The application's base URL, with its context path if it has one
    url: String,
    #[command(flatten)]
    place: Place,
    /// Another consumer key than the one that the application publishes
    #[arg(long)]
    key: Option<String>,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Allow http, where anybody between here and there could put in a key of their own
    #[arg(long)]
    http: bool,
    /// Allow an address that is not one of the internet; may be repeated
    #[arg(long, value_name = "ADDR")]
    allow_address: Vec<IpAddr>,
    /// The authorities that the application's certificate may be from [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Add it without asking
    #[arg(long)]
    yes: bool,
    /// Only show what would be added
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long, requires = "unasked")]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let listing = opened.editor().list().map_err(place::failure)?;
        let list = ConsumerList::shared(listing.entries.iter().map(|entry| Arc::clone(&entry.consumer)));
        let found = self.fetch().map_err(|why| self.refused(&opened, Subject::Nothing, why))?;
        let found = self.with_own_words(found)?;
        let refused = |why| self.refused(&opened, Subject::Consumer(found.key.as_str()), why);
        let report = key_check::check(&found.public_key_text, opened.policy().min_key_bits).compared_with(&list, None);
        let key = report.key.as_ref().map_err(|wrong| refused(unusable_key(wrong)))?;
        let offer = Offer { url: &self.url, found: &found, key, report: &report };
        if let Some(known) = list.get(found.key.as_str()) {
            offer.check_same(known).map_err(refused)?;
            return self.tell(&offer, None, "it is there already, with this key");
        }
        if key.is_published() {
            return Err(refused(published(&found)));
        }
        if self.dry_run {
            return self.tell(&offer, None, "nothing was added");
        }
        self.confirm(&offer, listing)?;
        let written = opened.change(ACTION, found.key.as_str(), |editor| editor.add(&offer.draft()))?;
        self.tell(&offer, Some(&written), "")
    }

    /// What would only be shown is no change that was tried.
    fn refused(&self, opened: &Opened, subject: Subject<'_>, why: Failure) -> Failure {
        if self.dry_run { why } else { opened.refused(ACTION, subject, why) }
    }

    fn fetch(&self) -> Result<Found, Failure> {
        let allowed = Allowed { http: self.http, addresses: self.allow_address.clone() };
        let mut import = import::Import::new(&self.url, allowed);
        if let Some(file) = &self.ca {
            import = import.with_authorities(file.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
        let found = runtime.block_on(import.fetch());
        // A name server that does not answer is waited for no longer.
        runtime.shutdown_background();
        found.map_err(|error| failure(&error))
    }

    fn with_own_words(&self, mut found: Found) -> Result<Found, Failure> {
        if let Some(key) = &self.key {
            let hint = format!("--key takes 1 to {} bytes without control characters", ConsumerKey::MAX);
            found.key =
                ConsumerKey::new(key).ok_or_else(|| Failure::new(format!("{key:?} cannot be a consumer key")).hint(hint))?;
        }
        if let Some(name) = &self.name {
            found.name.clone_from(name);
        }
        Ok(found)
    }

    /// Nobody is asked for what could not be written.
    fn confirm(&self, offer: &Offer<'_>, listing: Listing) -> Result<(), Failure> {
        if let Some(why) = listing.read_only {
            return Err(Failure::new(why).hint(format!("see what would be added: {} --dry-run", this_command())));
        }
        if self.yes {
            return Ok(());
        }
        print(&offer.text())?;
        let question = "Compare the fingerprint with the application's administrator. Add this consumer?";
        if ask::confirmed(question)? { Ok(()) } else { Err(Failure::new("nothing was added")) }
    }

    fn tell(&self, offer: &Offer<'_>, added: Option<&Written>, why_not: &str) -> Result<(), Failure> {
        if self.json {
            return print(&format!("{:#}\n", offer.json(added)));
        }
        // Whoever was asked has seen it.
        if self.yes || added.is_none() {
            print(&offer.text())?;
        }
        added.map_or_else(
            || print(&format!("{why_not}\n")),
            |written| outcome::show("added", written, &offer.report.warnings, false),
        )
    }
}

/// What would be added.
struct Offer<'a> {
    url: &'a str,
    found: &'a Found,
    key: &'a CheckedKey,
    report: &'a KeyReport,
}

impl Offer<'_> {
    /// A consumer that is there already is never changed by an import: with another key it may be somebody else.
    fn check_same(&self, known: &Consumer) -> Result<(), Failure> {
        let fingerprint = self.key.fingerprint;
        if known.public_keys.iter().any(|known| known.fingerprint() == fingerprint) {
            return Ok(());
        }
        let key = known.key.as_str();
        let message = format!("consumer {} is there already with another key; published is {fingerprint}", harmless(key));
        let hint = format!(
            "once the application's administrator has confirmed that fingerprint: countersign consumers edit {} --public-key FILE",
            quote(key)
        );
        Err(Failure::new(message).hint(hint))
    }

    fn draft(&self) -> Draft {
        let found = self.found;
        let text = |text: &str| if text.is_empty() { Setting::Keep } else { Setting::To(text.to_owned()) };
        let settings = Change {
            name: text(&found.name),
            description: text(&found.description),
            public_keys: Setting::To(vec![self.key.pem.clone()]),
            callback_url: text(found.callback_url.as_deref().unwrap_or_default()),
            ..Change::default()
        };
        Draft { key: found.key.as_str().to_owned(), settings }
    }

    fn text(&self) -> String {
        let Self { found, key, report, .. } = self;
        let mut text = format!("{} publishes this consumer:\n\n", harmless(self.url));
        let mut line = |title: &str, value: &str| {
            // Writing to a String does not fail.
            let _ = writeln!(text, "  {title:12} {}", harmless(value));
        };
        line("key", found.key.as_str());
        line("name", &found.name);
        line("description", &found.description);
        line("callback", found.callback_url.as_deref().unwrap_or("none"));
        line(key.kind.name(), &format!("{} bits, SHA-256 fingerprint", key.bits));
        line("", &key.fingerprint.to_string());
        text.push('\n');
        for warning in &report.warnings {
            let _ = writeln!(text, "warning: {}", harmless(&warning.to_string()));
        }
        if let Some(callback) = &found.dropped_callback {
            let _ = writeln!(text, "warning: the callback {} is no http or https URL and is left out", harmless(callback));
        }
        text
    }

    fn json(&self, added: Option<&Written>) -> Value {
        let found = self.found;
        json!({
            "url": self.url, "key": found.key.as_str(), "name": found.name, "description": found.description,
            "callback_url": found.callback_url, "dropped_callback": found.dropped_callback, "public_key": self.report.json(),
            "added": added.map(|written| outcome::json("added", written)),
        })
    }
}

/// With the exact option to repeat the command with, where there is one.
fn failure(error: &ImportError) -> Failure {
    let hint = match error {
        ImportError::Inside { addresses, .. } => {
            let options: String = addresses.iter().map(|(address, _)| format!(" --allow-address {address}")).collect();
            format!("if the application really is there: {}{options}", this_command())
        }
        ImportError::ClearText { .. } => {
            format!("use https; or take http, and compare the fingerprint with care: {} --http", this_command())
        }
        ImportError::NoAnswer(NoAnswer::Untrusted { unknown_authority: true, .. }) => {
            format!("if the authority is your own: {} --ca FILE", this_command())
        }
        error => error.hint(),
    };
    Failure::new(error.message()).hint(hint)
}

/// As it was given, to be given again with one more option.
fn this_command() -> String {
    let words = std::env::args_os().skip(1).map(|word| quote(&word.to_string_lossy()));
    std::iter::once("countersign".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn unusable_key(wrong: &Wrong) -> Failure {
    let message = format!("the key that the application publishes cannot be used: {}", harmless(&wrong.message()));
    Failure::new(message).hint(wrong.hint())
}

fn published(found: &Found) -> Failure {
    let key = harmless(found.key.as_str());
    Failure::new(format!("the private half of the key of {key} stands in public documentation, so anybody can sign with it"))
        .hint("have the application's administrator make a new key pair")
}

/// In the audit log; an import on the page is the same there.
const ACTION: &str = "add_consumer";

const AFTER_HELP: &str = "\
Examples:
  countersign consumers import https://jira.example.com
  countersign consumers import https://jira.example.com --dry-run --json

Compare the fingerprint that is shown with the application's administrator before you say yes.";
