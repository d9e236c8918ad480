//! `countersign keygen`: a consumer's key pair in two files, and the entry that makes a gateway know it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::failure::Failure;
use super::print;
use super::signing::{KeyPairPem, SigningKey};
use crate::consumers::ConsumerKey;
use crate::oauth::key::MAX_BITS;

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Keygen {
    /// The size of the key, from 2048 to 8192
    #[arg(long, default_value_t = MIN_BITS, value_parser = parse_bits)]
    bits: u32,
    /// The consumer key of the entry [default: the file's name]
    #[arg(long, value_name = "KEY")]
    consumer: Option<String>,
    /// The consumer's name, for people [default: the consumer key]
    #[arg(long)]
    name: Option<String>,
    /// Where to write: PREFIX.pem is the private key, PREFIX.pub the public one
    #[arg(long, value_name = "PREFIX")]
    out: PathBuf,
    /// Overwrite the two files; whoever still uses the old key is locked out
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// The entry of consumers.yaml.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    key: &'a str,
    name: &'a str,
    public_key: &'a str,
}

impl Keygen {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (private_file, public_file) = (with_suffix(&self.out, ".pem"), with_suffix(&self.out, ".pub"));
        let consumer = self.consumer_key()?;
        let name = self.consumer_name(&consumer)?;
        if !self.force {
            [&private_file, &public_file].into_iter().try_for_each(|path| check_absent(path))?;
        }
        if self.bits > QUICK_BITS {
            eprintln!("looking for two large primes; this can take a minute");
        }
        let key = SigningKey::generate(self.bits as usize)?;
        let pem = key.to_pem()?;
        self.write(&private_file, PRIVATE_MODE, &pem.private)?;
        self.write(&public_file, PUBLIC_MODE, &pem.public)?;
        let entry = yaml_entry(consumer.as_str(), name, &pem)?;
        let fingerprint = key.public_key().fingerprint();
        if self.json {
            let object = serde_json::json!({
                "private_key": private_file.to_string_lossy(),
                "public_key": public_file.to_string_lossy(),
                "bits": key.public_key().bits(),
                "fingerprint": fingerprint.to_string(),
                "entry": entry,
            });
            return print(&format!("{object:#}\n"));
        }
        eprintln!("wrote {} (private: it stays with the consumer) and {}", private_file.display(), public_file.display());
        eprintln!("this entry goes under `consumers:` in consumers.yaml:");
        print(&format!("  # {} bits, SHA-256 fingerprint {fingerprint}\n{entry}", key.public_key().bits()))
    }

    fn consumer_key(&self) -> Result<ConsumerKey, Failure> {
        let file_name = || self.out.file_name().map(|name| name.to_string_lossy().into_owned());
        let text = self.consumer.clone().or_else(file_name).unwrap_or_default();
        ConsumerKey::new(&text).ok_or_else(|| {
            Failure::new(format!("{text:?} cannot be a consumer key"))
                .hint(format!("--consumer takes 1 to {} bytes without control characters", ConsumerKey::MAX))
        })
    }

    fn consumer_name<'a>(&'a self, consumer: &'a ConsumerKey) -> Result<&'a str, Failure> {
        let name = self.name.as_deref().unwrap_or(consumer.as_str());
        let valid = !name.trim().is_empty() && !name.chars().any(char::is_control);
        valid.then_some(name).ok_or_else(|| Failure::new(format!("{name:?} cannot be shown as a name")))
    }

    fn write(&self, path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
        if self.force { replace(path, mode, text) } else { create(path, mode, text) }
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
    }
}

/// Two spaces in, as it stands under `consumers:`. The serializer knows which texts need quotes.
pub(super) fn yaml_entry(consumer: &str, name: &str, pem: &KeyPairPem) -> Result<String, Failure> {
    let list = [Entry { key: consumer, name, public_key: &pem.public }];
    let yaml = serde_yaml::to_string(&list).map_err(|error| Failure::new(format!("cannot write the entry as YAML: {error}")))?;
    Ok(yaml.lines().map(|line| format!("  {line}\n")).collect())
}

fn check_absent(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(Failure::new(format!("{} exists already", path.display())).hint("take another --out, or --force if nobody uses that key"))
}

/// Never opens a file or a link that is there already, so nobody can lay one out to receive the key.
pub(super) fn create(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Puts a new file in the place of an old one, whose mode and links do not matter then.
fn replace(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let new = with_suffix(path, &format!(".{}.new", std::process::id()));
    create(&new, mode, text)?;
    fs::rename(&new, path).inspect_err(|_| drop(fs::remove_file(&new)))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn parse_bits(text: &str) -> Result<u32, String> {
    let bits = text.parse().map_err(|_| "a whole number of bits is needed".to_owned())?;
    match bits {
        MIN_BITS..=MAX_BITS => Ok(bits),
        ..MIN_BITS => Err(format!("a new key has at least {MIN_BITS} bits; shorter ones are taken from old consumers only")),
        _ => Err(format!("a gateway verifies keys of at most {MAX_BITS} bits")),
    }
}

/// 112 bits of security, the least that NIST SP 800-57 allows today.
const MIN_BITS: u32 = 2048;
pub(super) const PRIVATE_MODE: u32 = 0o600;
/// Up to here a key is made in a second or so.
const QUICK_BITS: u32 = 4096;
const PUBLIC_MODE: u32 = 0o644;

const AFTER_HELP: &str = "\
Example:
  countersign keygen --consumer reporting --name Reporting --out reporting

The entry goes to standard output, so `>> consumers.yaml` appends it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_name_survives_yaml() {
        let names =
            ["yes", "null", "~", "1e3", "0x1F", "Confluence:5413647675", "a: b #c", "- x", "'\"\\", " blank ", "\u{2028}x", "é"];
        for text in names {
            let pem = KeyPairPem { private: String::new(), public: "-----BEGIN\nx\n-----END\n".into() };
            let entry = yaml_entry(text, text, &pem).unwrap();
            let read: serde_yaml::Value = serde_yaml::from_str(&format!("consumers:\n{entry}")).unwrap();
            let consumer = &read["consumers"][0];
            assert_eq!(consumer["key"].as_str(), Some(text), "{entry}");
            assert_eq!(consumer["name"].as_str(), Some(text), "{entry}");
            assert_eq!(consumer["public_key"].as_str(), Some(&*pem.public), "{entry}");
        }
    }

    #[test]
    fn sizes_outside_what_is_safe_and_verified_are_refused() {
        assert_eq!(parse_bits("2048"), Ok(2048));
        assert_eq!(parse_bits("8192"), Ok(8192));
        assert!(parse_bits("1024").unwrap_err().contains("at least 2048"));
        assert!(parse_bits("8193").unwrap_err().contains("at most 8192"));
        assert!(parse_bits("-1").is_err());
    }
}
