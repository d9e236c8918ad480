//! `replay`: where the shared store is, and the files that hold its secrets.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::path;
use crate::config::{SharedReplay, StoreAddress, StoreKey, StorePassword};
use crate::yaml::{Fields, Node, Report};

/// `replay`; `None` where nothing is shared, or where what is wrong was reported.
pub(super) fn replay(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<SharedReplay> {
    let mut fields = Fields::of(node, report)?;
    let shared = fields.get("shared");
    let (key, password) = (fields.get("key_file"), fields.get("password_file"));
    let timeout = fields.get("timeout");
    let address = shared.as_ref().map(|node| address(node, report));
    let timeout = timeout.as_ref().map_or(Some(DEFAULT_TIMEOUT), |node| node.duration(TIMEOUT, report));
    let key = key.as_ref().map(|node| secret(node, base, ("the key", MAKE_KEY), parse_key, report));
    let password = password.as_ref().map(|node| secret(node, base, ("the password", WRITE_PASSWORD), parse_password, report));
    fields.finish(report);
    let Some(shared) = shared else {
        let written = node.value().as_mapping().is_some_and(|map| !map.is_empty());
        if written {
            let message = format!("`{}` has no meaning without `shared`", node.label());
            report.problem(node, message, "name the store: shared: redis://127.0.0.1:6379/0");
        }
        return None;
    };
    let Some(key) = key else {
        let message = format!("`{}` stands without `key_file`, which keys the names of nonces in the store", shared.label());
        report.problem(&shared, message, MAKE_KEY);
        return None;
    };
    let (store, user) = address??;
    let password = match password {
        None => None,
        Some(read) => Some(read?),
    };
    Some(SharedReplay { store, user, password, key: key?, timeout: timeout? })
}

/// `redis://[user@]host[:port][/database]` or `unix:/path`
fn address(node: &Node<'_>, report: &mut Report) -> Option<(StoreAddress, Option<String>)> {
    let text = node.text(report)?;
    if let Some(path) = text.strip_prefix("unix:") {
        if path.starts_with('/') {
            return Some((StoreAddress::Unix(path.into()), None));
        }
        report.wrong_type(node, "a socket's full path after unix:", "write for example unix:/run/redis/redis.sock");
        return None;
    }
    let Some(rest) = text.strip_prefix("redis://") else {
        let hint = match text.split_once("://") {
            Some(("rediss" | "valkeys", _)) => {
                "TLS to the store is not supported: use a network that only it and the gateways have"
            }
            _ => ADDRESS,
        };
        report.wrong_type(node, "the address of a Redis or Valkey server", hint);
        return None;
    };
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    if user.is_some_and(|user| user.contains(':')) {
        // Not repeated: it is a password.
        report.problem(node, format!("`{}` holds a password", node.label()), "write it into a file and name that: password_file");
        return None;
    }
    let parsed = place_of(place);
    if parsed.is_none() || user == Some("") {
        report.wrong_type(node, "the address of a Redis or Valkey server", ADDRESS);
        return None;
    }
    Some((parsed?, user.map(str::to_owned)))
}

fn place_of(text: &str) -> Option<StoreAddress> {
    let (authority, database) = text.split_once('/').map_or((text, ""), |(authority, database)| (authority, database));
    let database = if database.is_empty() { 0 } else { database.parse().ok().filter(|number| *number <= MAX_DATABASE)? };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = if port.is_empty() { DEFAULT_PORT } else { port.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)? };
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    is_host.then(|| StoreAddress::Tcp { host: host.to_owned(), port, database })
}

/// What a file holds that is read once, at the start.
fn secret<T>(
    node: &Node<'_>,
    base: &Path,
    (what, hint): (&str, &str),
    parse: fn(&str) -> Result<T, &'static str>,
    report: &mut Report,
) -> Option<T> {
    let path = path(node, base, report)?;
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("{what} cannot be read from {}: {error}", path.display());
            report.problem(node, message, "let the user that the gateway runs as read it");
            return None;
        }
    };
    let parsed = parse(text.trim_end_matches(['\r', '\n']));
    parsed.map_err(|wrong| report.problem(node, format!("{} does not hold {what}: {wrong}", path.display()), hint)).ok()
}

/// Not more than a secret needs, and nothing that waits for a writer.
fn read(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_SECRET).read_to_string(&mut text)?;
    Ok(text)
}

fn parse_key(text: &str) -> Result<StoreKey, &'static str> {
    let text = text.trim();
    let bytes = if text.len() == 64 { from_hex(text) } else { STANDARD.decode(text).ok() };
    let key: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match key {
        Some(key) if key.iter().all(|byte| *byte == key[0]) => Err("its bytes are all alike"),
        Some(key) => Ok(StoreKey::new(key)),
        None => Err("it has to be 32 bytes, as 64 hexadecimal digits or in base64"),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

fn parse_password(text: &str) -> Result<StorePassword, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("it has to be one line of text");
    }
    Ok(StorePassword::new(text))
}

/// A store on the same network answers in a few milliseconds at worst; a request must not wait long for one that does not.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(100);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_secs(10);

/// The port that both servers have by default.
const DEFAULT_PORT: u16 = 6379;

/// Servers have 16 databases unless told otherwise; a number beyond this is a typo.
const MAX_DATABASE: u32 = 65_535;

/// A password of a kilobyte is none.
const MAX_SECRET: u64 = 1024;

const ADDRESS: &str = "write redis://127.0.0.1:6379/0, or unix:/run/redis/redis.sock";
const WRITE_PASSWORD: &str = "write the password and nothing else into it";
const MAKE_KEY: &str = "make one with: openssl rand -hex 32 > store.key, and give every instance the same";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_may_have_a_port_and_a_database() {
        let tcp = |host: &str, port, database| Some(StoreAddress::Tcp { host: host.to_owned(), port, database });
        assert_eq!(place_of("store.internal"), tcp("store.internal", 6379, 0));
        assert_eq!(place_of("10.0.0.7:6380/3"), tcp("10.0.0.7", 6380, 3));
        assert_eq!(place_of("[::1]:6380/"), tcp("::1", 6380, 0));
        assert_eq!(place_of("[::1]").unwrap().to_string(), "redis://[::1]:6379/0");
        for text in
            ["", ":6379", "host:", "host:0", "host:65536", "host/x", "host/-1", "[::1", "[host]", "ho st", "host/0/1", "a:1:2"]
        {
            assert_eq!(place_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_has_32_bytes_as_openssl_writes_them() {
        let hex: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(parse_key(&hex), parse_key(&STANDARD.encode(&bytes)));
        assert_eq!(parse_key(&hex).unwrap().as_bytes().as_slice(), bytes);
        for wrong in ["", "00", &hex[1..], &"0".repeat(64), &"g".repeat(64), &STANDARD.encode(&bytes[1..])] {
            assert!(parse_key(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let shown = format!("{:?} {:?}", StoreKey::new([7; 32]), StorePassword::new("hunter2"));
        assert!(!shown.contains('7') && !shown.contains("hunter"), "{shown}");
    }
}
