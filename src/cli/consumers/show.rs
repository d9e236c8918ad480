//! `countersign consumers show KEY`

use std::fmt::Write;

use clap::Args;

use super::place::{Place, failure};
use super::view;
use super::words::harmless;
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::consumers::edit::{Entry, Setting};

/// Arguments of `consumers show`.
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign consumers show reports --json")]
pub(super) struct Show {
    /// The consumer key
    key: String,
    #[command(flatten)]
    place: Place,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let entry = self.place.open()?.editor().find(&self.key).map_err(failure)?;
        print(&if self.json { format!("{:#}\n", view::json(&entry)) } else { text(&entry) })
    }
}

fn text(entry: &Entry) -> String {
    let (consumer, settings) = (&entry.consumer, &entry.settings);
    let mut text = String::new();
    line(&mut text, "key", &harmless(&entry.key));
    line(&mut text, "name", &harmless(&consumer.name));
    consumer.description.lines().for_each(|part| line(&mut text, "description", &harmless(part)));
    line(&mut text, "state", view::state(consumer));
    for key in &consumer.public_keys {
        line(&mut text, "public key", &format!("{} bits, SHA-256 fingerprint {}", key.bits(), key.fingerprint()));
    }
    line(&mut text, "methods", &view::methods(consumer));
    if let Some(url) = &consumer.callback_url {
        line(&mut text, "callback", &harmless(url));
    }
    line(&mut text, "three-legged", if consumer.three_legged { "may ask users for tokens" } else { "no" });
    line(&mut text, "two-legged", &two_legged(entry));
    if let Setting::To(rules) = &settings.allow {
        rules.iter().for_each(|rule| line(&mut text, "allow", &format!("{} {}", rule.methods.join(","), rule.path)));
    }
    if let Setting::To(networks) = &settings.allow_from {
        line(&mut text, "allow from", &networks.join(", "));
    }
    if let Setting::To(rate) = &settings.rate_limit {
        line(&mut text, "rate limit", &format!("{} per {}", rate.requests, rate.per));
    }
    line(&mut text, "expires", Some(view::expires(entry)).filter(|text| !text.is_empty()).unwrap_or("never"));
    if let Setting::To(file) = &settings.upstream_authorization {
        let (key, path) = file.written();
        line(&mut text, "to upstream", &format!("Authorization from {key} {}", harmless(path)));
    }
    if let Setting::To(reveal) = &settings.reveal {
        line(&mut text, "refusals", &format!("reveal {reveal}"));
    }
    line(&mut text, "where", &view::place(entry));
    if let Some(why) = &entry.read_only {
        line(&mut text, "read-only", why);
    }
    text
}

fn two_legged(entry: &Entry) -> String {
    let two_legged = &entry.consumer.two_legged;
    if !two_legged.allowed {
        return "no".to_owned();
    }
    let user = match &two_legged.execute_as {
        Some(user) => format!("may call as user {}", harmless(user)),
        None => "may call, with no user".to_owned(),
    };
    if two_legged.impersonation { format!("{user}, or as the user that it names") } else { user }
}

fn line(text: &mut String, label: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{label:13}{}", value.trim());
}
