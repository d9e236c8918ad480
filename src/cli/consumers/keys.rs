//! Public keys that come with a command: looked at before anything is written, and mended where copying did them harm.

use std::fs;
use std::io::{self, Read};

use super::words::harmless;
use crate::cli::failure::Failure;
use crate::consumers::key_check::{self, Warning};

/// Looks at keys, and says at once what there is to say about them.
pub(super) struct KeyReader {
    min_bits: u32,
    said: Vec<Warning>,
}

impl KeyReader {
    pub(super) fn new(min_bits: u32) -> Self {
        Self { min_bits, said: Vec::new() }
    }

    /// The key in a file, or from standard input.
    pub(super) fn read(&mut self, file: &str) -> Result<String, Failure> {
        let name = if file == "-" { "standard input" } else { file };
        let text = text_of(file).map_err(|error| {
            Failure::new(format!("cannot read {name}: {error}")).hint("name a file with a public key or a certificate")
        })?;
        self.check(&text, name)
    }

    /// The text as the consumers file has it. A private key is shown nowhere, nor any other text that is no key.
    pub(super) fn check(&mut self, text: &str, name: &str) -> Result<String, Failure> {
        let report = key_check::check(text, self.min_bits);
        let key = report.key.map_err(|wrong| {
            let message = format!("the key in {} cannot be used: {}", harmless(name), harmless(&wrong.message()));
            Failure::new(message).hint(wrong.hint())
        })?;
        report.mended.iter().for_each(|mended| eprintln!("note: {}: {}", harmless(name), harmless(&mended.to_string())));
        report.warnings.iter().for_each(|warning| eprintln!("warning: {}: {}", harmless(name), harmless(&warning.to_string())));
        self.said.extend(report.warnings);
        Ok(key.pem)
    }

    /// What was said of the keys: nobody has to hear it again of the file.
    pub(super) fn said(&self) -> &[Warning] {
        &self.said
    }
}

fn text_of(file: &str) -> io::Result<String> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().lock().take(MAX_KEY).read_to_string(&mut text),
        file => fs::File::open(file)?.take(MAX_KEY).read_to_string(&mut text),
    };
    read.map(|_| text)
}

/// Far more than any key or certificate.
const MAX_KEY: u64 = 1 << 20;
