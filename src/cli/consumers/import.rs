//! `countersign consumers import`: what an application says about itself, shown, and added when somebody says yes.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::place::Place;
use super::words::harmless;
use super::{Failure, print};
use crate::cli::shell::quote;
use crate::consumers::import::{self, Allowed, Found, ImportError};
use crate::consumers::key_check::{self, CheckedKey, KeyReport, Wrong};
use crate::consumers::{Consumer, ConsumerKey};

/// Show the consumer that an application publishes, as Jira and Confluence do
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
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
    /// Allow http, where anybody between here and there could put a key of their own
    #[arg(long)]
    http: bool,
    /// Allow an address that is not one of the internet; may be repeated
    #[arg(long, value_name = "ADDR")]
    allow_address: Vec<IpAddr>,
    /// The authorities that the application's certificate may be from [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let list = opened.list()?;
        let found = self.with_own_words(self.fetch()?)?;
        let report = key_check::check(&found.public_key_text, opened.policy().min_key_bits).compared_with(&list, None);
        let key = report.key.as_ref().map_err(unusable_key)?;
        let offer = Offer { url: &self.url, found: &found, key, report: &report };
        if let Some(known) = list.get(found.key.as_str()) {
            return self.compare(&offer, known);
        }
        if key.is_published() {
            return Err(published(&found));
        }
        if !self.json {
            print(&offer.text())?;
        }
        self.tell(&offer)
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
        found.map_err(|error| self.failure(&error))
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

    /// A consumer that is there already is never changed by an import: with another key it may be somebody else.
    fn compare(&self, offer: &Offer<'_>, known: &Consumer) -> Result<(), Failure> {
        let (key, name) = (known.key.as_str(), harmless(known.key.as_str()));
        if known.public_keys.iter().any(|known| known.fingerprint() == offer.key.fingerprint) {
            return if self.json { self.tell(offer) } else { print(&format!("{name} is there already, with this key\n")) };
        }
        let message = format!(
            "consumer {name} is there already with another key, and the application publishes the one of {}",
            offer.key.fingerprint
        );
        let hint = format!(
            "once its administrator has confirmed that fingerprint: countersign consumers edit {} --public-key FILE; \
             or add it under another key with --key",
            quote(key)
        );
        Err(Failure::new(message).hint(hint))
    }

    fn tell(&self, offer: &Offer<'_>) -> Result<(), Failure> {
        if self.json { print(&format!("{:#}\n", offer.json())) } else { print("nothing was added\n") }
    }

    /// With the exact option to repeat the command with, where there is one.
    fn failure(&self, error: &ImportError) -> Failure {
        let hint = match error {
            ImportError::Inside { addresses, .. } => {
                let options: String = addresses.iter().map(|(address, _)| format!(" --allow-address {address}")).collect();
                format!("if the application really is there: {}{options}", this_command())
            }
            ImportError::ClearText { .. } => {
                format!("use https, or, and then compare the fingerprint with its administrator: {} --http", this_command())
            }
            ImportError::Untrusted { unknown_authority: true, .. } => {
                format!("if the authority is your own: {} --ca FILE", this_command())
            }
            error => error.hint(),
        };
        Failure::new(error.message()).hint(hint)
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
    fn text(&self) -> String {
        let Self { found, key, report, .. } = self;
        let mut text = format!("{} publishes this consumer:\n\n", harmless(self.url));
        let mut line = |title: &str, value: &str| {
            let _ = writeln!(text, "  {title:12} {}", harmless(value));
        };
        line("key", found.key.as_str());
        line("name", &found.name);
        line("description", &found.description);
        line("callback", found.callback_url.as_deref().unwrap_or("none"));
        line(key.kind.name(), &format!("{} bits, SHA-256 fingerprint", key.bits));
        line("", &key.fingerprint.to_string());
        for warning in &report.warnings {
            let _ = writeln!(text, "\nwarning: {}", harmless(&warning.to_string()));
        }
        if let Some(callback) = &found.dropped_callback {
            let _ = writeln!(text, "\nwarning: the callback {} is no http or https URL and is left out", harmless(callback));
        }
        text.push('\n');
        text
    }

    fn json(&self) -> Value {
        let found = self.found;
        json!({
            "url": self.url, "key": found.key.as_str(), "name": found.name, "description": found.description,
            "callback_url": found.callback_url, "dropped_callback": found.dropped_callback, "public_key": self.report.json(),
        })
    }
}

/// As it was given, to be given again with one more option.
fn this_command() -> String {
    let words = std::env::args().skip(1).map(|word| quote(&word));
    std::iter::once("countersign".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn unusable_key(wrong: &Wrong) -> Failure {
    let message = format!("the key that the application publishes cannot be used: {}", harmless(&wrong.message()));
    Failure::new(message).hint(wrong.hint())
}

fn published(found: &Found) -> Failure {
    let name = harmless(found.key.as_str());
    Failure::new(format!("the private half of the key of {name} stands in public documentation, so anybody can sign with it"))
        .hint("have the application's administrator make a new key pair")
}

const AFTER_HELP: &str = "\
Examples:
  countersign consumers import https://jira.example.com
  countersign consumers import https://jira.example.com --json

Compare the fingerprint that is shown with the application's administrator before you say yes.";
