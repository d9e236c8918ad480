//! What people write into countersign.yaml, and what they are told about it.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign::config::{self, AdminAddress, Loaded, LogTarget, Options, ResourceOwner, Reveal, Settings, Source};
use countersign::routes::Access;
use countersign::yaml::Problems;

/// The mandatory keys, in lines 1 and 2.
const BASE: &str = "upstream: http://127.0.0.1:2990\nconsumers: consumers.yaml\n";

/// As `openssl rand -hex 32` writes one.
const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn load(text: &str) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.yaml");
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("store.key"), format!("{KEY}\n")).unwrap();
    fs::write(folder.path().join("store.password"), "secret\n").unwrap();
    config::load(&file)
}

fn with(text: &str) -> Settings {
    load(&format!("{BASE}{text}")).unwrap().settings
}

/// Each problem as `line: message; hint`.
fn problems(text: &str) -> Vec<String> {
    let lines = |problems: &[countersign::yaml::Problem]| {
        let short = |it: &countersign::yaml::Problem| it.to_string().split_once("countersign.yaml:").unwrap().1.to_owned();
        problems.iter().map(short).collect()
    };
    match load(text) {
        Ok(loaded) => lines(&loaded.warnings),
        Err(problems) => lines(&problems.0),
    }
}

/// The one problem of a text after [`BASE`].
fn problem(text: &str) -> String {
    let found = problems(&format!("{BASE}{text}"));
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    found[0].clone()
}

#[test]
fn two_keys_are_enough_and_the_rest_has_its_documented_default() {
    let settings = with("");
    assert_eq!(settings.listen.iter().map(|it| it.address).collect::<Vec<_>>(), ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(settings.upstream.servers[0].authority.to_string(), "127.0.0.1:2990");
    assert!(settings.consumers.ends_with("consumers.yaml") && settings.consumers.is_absolute());
    assert_eq!(
        (settings.verify.window.max_age, settings.verify.window.max_ahead, settings.verify.min_key_bits),
        (300, 300, 1024)
    );
    assert_eq!(settings.limits, config::Limits::default());
    assert_eq!(settings.timeouts, config::Timeouts::default());
    assert_eq!(settings.log, config::Log::default());
    assert_eq!(settings.refusals.reveal, Reveal::Code);
    assert!(settings.refusals.reveal_unknown_consumer && settings.public_url.is_none() && settings.routes.rules().is_empty());
    assert_eq!(settings.identity_headers.consumer, "x-oauth-consumer");
}

#[test]
fn every_key_is_read() {
    let settings = with(
        "listen: [{ address: 0.0.0.0:80 }, \"[::1]:81\"]\n\
         public_url: https://Jira.example.com/jira/\n\
         trusted_proxies: [10.0.0.0/8, \"::1\"]\n\
         state_directory: state\n\
         threads: 3\n\
         verify: { signature_methods: [RSA-SHA256, RSA-SHA1], max_age: 10m, max_ahead: 1h, body_hash: required, min_key_bits: 2048 }\n\
         routes:\n\
         \x20 - { path: /status, methods: [GET], access: open, cookies: forward }\n\
         \x20 - path: /rest/**\n\
         \x20   upstream: { servers: [http://a, http://b:81], host: upstream, max_in_flight: 7 }\n\
         identity_headers: { consumer: X-C, user: X-U }\n\
         refusals: { reveal: base_string, reveal_unknown_consumer: false }\n\
         limits: { nonces: 10000, nonces_per_consumer: 10%, header: 16KiB, signed_body: 2MiB, h2_streams: 5 }\n\
         timeouts: { body: 500ms, drain: 1d }\n\
         log: { format: text, level: debug, file: access.log }\n",
    );
    assert_eq!(settings.listen.len(), 2);
    let url = settings.public_url.unwrap();
    assert_eq!((url.authority.to_string().as_str(), url.path.as_str()), ("jira.example.com", "/jira"));
    assert_eq!(settings.trusted_proxies.len(), 2);
    assert_eq!(settings.threads.get(), 3);
    assert_eq!((settings.verify.window.max_age, settings.verify.window.max_ahead), (600, 3600));
    let rules = settings.routes.rules();
    assert_eq!((rules[0].line, rules[0].access), (10, Access::Open));
    assert_eq!((rules[1].line, rules[1].access), (11, Access::Signed));
    assert_eq!(rules[1].upstream.as_ref().unwrap().servers.len(), 2);
    assert_eq!((settings.limits.nonces, settings.limits.nonces_per_consumer), (10_000, 1_000));
    assert_eq!((settings.timeouts.body, settings.timeouts.drain), (Duration::from_millis(500), Duration::from_secs(86_400)));
    assert!(matches!(settings.log.file, LogTarget::File(path) if path.is_absolute()));
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_to_write() {
    for (text, told) in [
        ("max_agee: 1s", "3: unknown key `max_agee`; known are: upstream, consumers, limits, routes, oauth"),
        ("verify:\n  maxAge: 1s", "4: unknown key `verify.maxAge`; did you mean `max_age`?"),
        ("limits: { nonses: 1 }", "3: unknown key `limits.nonses`; did you mean `nonces`?"),
        ("timeouts:\n\n  body: 30", "5: `timeouts.body` has to be a duration, and is the number 30; write the unit: 30s"),
        (
            "timeouts: { body: 1 week }",
            "3: `timeouts.body` has to be a duration, and is \"1 week\"; write a whole number and its unit",
        ),
        ("timeouts: { body: 0s }", "3: `timeouts.body` is \"0s\", and may be from 1ms to 1d"),
        ("limits: { header: 32KB }", "3: `limits.header` has to be a size, and is \"32KB\"; write KiB, MiB or GiB"),
        ("limits: { header: 1KiB }", "3: `limits.header` is \"1KiB\", and may be from 8KiB to 1MiB"),
        ("limits: { header: -1 }", "3: `limits.header` has to be a size, and is the number -1"),
        ("limits: { nonces_per_consumer: 150% }", "3: `limits.nonces_per_consumer` has to be a part from 1% to 100%"),
        ("limits: { nonces: 5000, nonces_per_consumer: 5001 }", "or a whole number from 1 to 5000, and is the number 5001"),
        ("limits: { signed_body: 2MiB, held_bodies: 1MiB }", "3: `limits.signed_body` (2097152 bytes) is more than"),
        ("limits: { header: 8KiB, target: 9KiB }", "3: `limits.target` (9216 bytes) is more than `limits.header` (8192 bytes)"),
        ("limits:", "3: `limits` has no value; it has to be a map"),
        ("threads: many", "3: `threads` has to be a whole number from 1 to 1024, and is \"many\""),
        ("threads: \"3\"", "write digits only, without quotes"),
        (
            "listen: localhost:8080",
            "3: `listen` has to be an address to listen on, and is \"localhost:8080\"; write an IP address",
        ),
        ("listen: []", "3: `listen` has no address"),
        ("listen:\n  - 127.0.0.1:1\n  - 127.0.0.1:1", "5: 127.0.0.1:1 is listed twice"),
        ("listen: unix:/run/x", "3: listening on a `unix:` socket is not supported by this version"),
        (
            "listen: [{ address: 127.0.0.1:1, socket: \"a:b\" }]",
            "3: `socket` has to be the name of a passed socket, and is \"a:b\"",
        ),
        ("listen: [{ address: 127.0.0.1:1, socket: \"\" }]", "3: `socket` has to be the name of a passed socket"),
        ("listen: [{ socket: web }]", "3: `address` is missing"),
        ("public_url: jira.example.com", "3: `public_url` has to be an http or https URL"),
        ("public_url: https://u:p@jira.example.com", "without query and user"),
        ("public_url: https://jira.example.com/?x", "without query and user"),
        ("trusted_proxies: [proxy.local]", "3: `trusted_proxies` has to be a list of networks, and is \"proxy.local\""),
        ("trusted_proxies: [10.0.0.1/8]", "has bits set beyond its prefix; write 10.0.0.0/8 for the network, or 10.0.0.1"),
        ("verify: { max_age: 2d }", "3: `verify.max_age` is \"2d\", and may be from 1s to 1d"),
        ("verify: { min_key_bits: 512 }", "3: `verify.min_key_bits` has to be a whole number from 1024 to 8192"),
        ("verify: { signature_methods: [HMAC-SHA1] }", "3: HMAC-SHA1 needs a secret that both sides know"),
        ("verify: { signature_methods: [RSA-SHA-1] }", "did you mean `RSA-SHA1`?"),
        ("verify: { signature_methods: [] }", "3: `verify.signature_methods` is an empty list"),
        (
            "verify: { body_hash: none }",
            "3: `verify.body_hash` has no such value: \"none\"; known are: if_present, required, ignore",
        ),
        ("routes:\n  - { path: /a }\n  - { path: b }", "5: `path` is no path pattern: \"b\"; a path pattern begins with a slash"),
        ("routes:\n  - { access: open }", "4: `path` is missing"),
        ("routes: [{ path: /a, access: opne }]", "3: `access` has no such value: \"opne\"; did you mean `open`?"),
        ("routes: [{ path: /a, methods: [get] }]", "write them in capitals: [GET, POST]"),
        ("routes: { path: /a }", "3: `routes` has to be a list, and is a map"),
        (
            "identity_headers: { user: Authorization }",
            "3: `identity_headers.user`: Authorization has a meaning of its own in HTTP",
        ),
        ("identity_headers: { user: X_User }", "3: `identity_headers.user` has to be a header name"),
        ("identity_headers: { user: X-OAuth-Consumer }", "3: consumer and user have the same header"),
        (
            "refusals: { reveal_unknown_consumer: no }",
            "3: `refusals.reveal_unknown_consumer` has to be true or false, and is \"no\"",
        ),
        ("log: { file: stdout }", "3: `log.file` has to be `stderr` or a path"),
        ("log: { level: verbose }", "3: `log.level` has no such value: \"verbose\"; known are: error, warn"),
        ("admin:", "3: `admin` has no value"),
        (
            "admin: { listen: 0.0.0.0:9090 }",
            "3: `admin.listen`: 0.0.0.0:9090 is no loopback address, and administrators' pages are never",
        ),
        ("admin: { listen: \"[2001:db8::1]:9090\" }", "3: `admin.listen`: [2001:db8::1]:9090 is no loopback address"),
        ("admin: { listen: 9090 }", "3: `admin.listen` has to be a text, and is the number 9090"),
        ("admin: { listen: localhost:9090 }", "3: `admin.listen` has to be a loopback address or a socket's path"),
        ("admin: { listen: \"unix:\" }", "3: `admin.listen` names no socket"),
        ("admin: { listen: unix:/run/ }", "3: `admin.listen` names no socket"),
        ("admin: { lisen: unix:/run/a }", "3: unknown key `admin.lisen`; did you mean `listen`?"),
        ("admin: { listen: 127.0.0.1:8080 }", "3: 127.0.0.1:8080 is an address of `listen`, too"),
        ("5: x", "3: unknown key `5`"),
        ("? [a]\n: x", "unknown key `?`"),
        ("threads: !x 3", "3: the tag \"x\" means nothing here"),
        ("threads: 99999999999999999999999", "3: `threads` has to be a whole number"),
        ("threads: 1\nthreads: 2", "4: `threads` stands twice in the same map, first in line 3"),
    ] {
        let found = problem(text);
        assert!(found.contains(told), "{text}\n  is told: {found}\n  and not: {told}");
    }
}

#[test]
fn administrators_connect_to_a_loopback_address_or_a_socket_in_the_file_system() {
    let admin = |text: &str| with(text).admin.unwrap();
    assert!(with("").admin.is_none());
    let by_default = admin("admin: {}");
    assert_eq!(by_default.listen, AdminAddress::Loopback("127.0.0.1:9090".parse().unwrap()));
    assert!(by_default.users.is_absolute() && by_default.users.ends_with("admin-users.yaml"));
    assert_eq!(admin("admin: { listen: \"[::1]:0\" }").listen, AdminAddress::Loopback("[::1]:0".parse().unwrap()));
    assert_eq!(admin("admin: { listen: unix:/run/a.sock }").listen, AdminAddress::Unix("/run/a.sock".into()));
    let AdminAddress::Unix(path) = admin("admin: { listen: unix:a.sock, users: u.yaml }").listen else { unreachable!() };
    assert!(path.is_absolute() && path.ends_with("a.sock"));
    let long = problem(&format!("admin: {{ listen: unix:/{} }}", "a".repeat(107)));
    assert!(long.contains("the socket's path has 108 bytes; the system takes 107"), "{long}");
    let (old, new) = (with("admin: {}"), with("admin: { listen: 127.0.0.1:9091 }"));
    assert_eq!(old.needs_restart(&new), ["admin"]);
    assert_eq!(old.taking_over(new).admin, old.admin);
}

#[test]
fn consumers_are_named_and_do_not_stand_here() {
    for (value, told) in [
        ("", "2: `consumers` has no value; it has to be a path; the consumers stand in a file of their own"),
        (" null", "2: `consumers` has no value; it has to be a path; the consumers stand in a file of their own"),
        (" []", "2: `consumers` has to be a path, and is a list; the consumers stand in a file of their own"),
        (" { key: a }", "2: `consumers` has to be a path, and is a map; the consumers stand in a file of their own"),
        (" \"\"", "2: `consumers` is empty; write a path"),
        (" 5", "2: `consumers` has to be a text, and is the number 5"),
    ] {
        let found = problems(&format!("upstream: http://a\nconsumers:{value}\n"));
        assert!(found.len() == 1 && found[0].contains(told), "{value}: {found:#?}");
    }
}

#[test]
fn what_is_wrong_with_the_tls_of_a_listener_is_told_and_no_clear_text_is_spoken_instead() {
    let pair = "{ certificate: c.pem, key: k.pem }";
    for (tls, told) in [
        ("{}", "3: `certificate` is missing; write for example: tls: { certificate: fullchain.pem, key: privkey.pem }"),
        ("{ certificate: c.pem }", "3: `key` is missing"),
        ("{ key: k.pem }", "3: `certificate` is missing"),
        ("{ certificate: [], key: k.pem }", "3: `tls.certificate` has to be a text, and is a list"),
        ("{ certificate: c.pem, key: \"\" }", "3: `tls.key` is empty; write a path"),
        ("", "3: `tls` has no value; it has to be a map"),
        ("true", "3: `tls` has to be a map, and is `true`"),
        ("[]", "3: `tls` has no certificate"),
        ("[c.pem]", "3: `tls` has to be a map, and is \"c.pem\""),
        ("{ certificates: [] }", "3: `tls.certificates` has no certificate"),
        (&format!("{{ certificates: [{pair}], key: k.pem }}"), "3: `tls.key` stands beside `certificates`"),
        ("{ certificate: c.pem, key: k.pem, client_Ca: x }", "3: unknown key `tls.client_Ca`; did you mean `client_ca`?"),
        ("{ certificate: c.pem, key: k.pem, client_certificate: optional }", "has no meaning without `client_ca`"),
        (
            "{ certificate: c.pem, key: k.pem, client_ca: a, client_certificate: no }",
            "3: `tls.client_certificate` has no such value",
        ),
        (
            "[{ certificate: c.pem, key: k.pem, client_ca: a }]",
            "3: `client_ca` stands with one certificate, and concerns the listener",
        ),
    ] {
        let text = format!("upstream: http://a\nconsumers: c.yaml\nlisten: [{{ address: \"127.0.0.1:1\", tls: {tls} }}]\n");
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem.contains(told)), "{tls}: {found:#?}");
    }
}

#[test]
fn an_upstream_is_an_http_or_https_server() {
    for (upstream, told) in [
        ("127.0.0.1:2990", "1: `upstream` has to be the URL of the application"),
        ("https://a/jira", "write only https://HOST:PORT"),
        ("https://a..b", "1: no certificate can be for the host of https://a..b; name what its certificate has with server_name"),
        ("unix:/run/app", "1: a `unix:` upstream is not supported by this version"),
        ("http://a/jira", "1: `upstream` has a path, \"/jira\", and paths are forwarded as they are received"),
        ("http://user@a", "1: `upstream` has to be the URL"),
        ("{ servers: [] }", "1: `upstream.servers` is an empty list"),
        ("{ servers: [http://a], health: {} }", "1: `upstream.health` is not supported by this version"),
        ("{ servers: [http://a], ca: x }", "1: `upstream` has settings for TLS, and no server with https"),
        ("{ servers: [http://a], server_name: x }", "1: `upstream` has settings for TLS, and no server with https"),
        ("{ servers: [https://a], client_key: x }", "1: `upstream.client_key` stands without `client_certificate`"),
        ("{ servers: [https://a], client_certificate: x }", "1: `upstream.client_certificate` stands without `client_key`"),
        ("{ servers: [https://a], server_name: \"a:443\" }", "1: `upstream.server_name` has to be a name that a certificate can"),
        ("{ servers: [https://a], ca: }", "1: `upstream.ca` has no value"),
        ("{ server: [http://a] }", "1: `servers` is missing"),
    ] {
        let found = problems(&format!("upstream: {upstream}\nconsumers: c.yaml\n"));
        assert!(found[0].contains(told), "{upstream}: {found:#?}");
    }
}

#[test]
fn all_problems_are_told_and_not_only_the_first() {
    let found = problems("upstream: 5\nlisten: x\ntimeouts:\n  body: soon\n  idel: 1s\nroutes:\n  - { path: x }\n");
    let lines: Vec<&str> = found.iter().map(|it| it.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "1", "2", "4", "5", "7"], "{found:#?}");
}

#[test]
fn what_weakens_the_gateway_is_warned_of() {
    for (text, told) in [
        ("routes:\n  - { path: /a, access: observe }", "4: /a: observe: requests pass whatever their signature"),
        ("routes:\n  - { path: /**, access: open }", "4: everything is open"),
        ("routes:\n  - { path: /** }\n  - { path: /a, access: deny }", "5: /a is never asked: /** before it covers all of it"),
        ("routes:\n  - { path: /a }\n  - { path: /a, methods: [GET] }", "5: /a is never asked: /a before it"),
        ("trusted_proxies: [0.0.0.0/0]", "3: everybody is a trusted proxy"),
        ("verify:\n  body_hash: ignore", "4: body_hash: ignore: a signed body may be exchanged on the way"),
        ("public_url: https://jira.example.com", "3: no proxy is trusted: all clients have the proxy's address"),
        (
            "listen: 0.0.0.0:80\npublic_url: https://jira.example.com",
            "4: no proxy is trusted: if clients come through one, all of them have its address",
        ),
        ("routes:\n  - { path: /a, methods: [GET, POST], access: deny }", "4: /a: deny stands for GET and not for HEAD"),
        ("state_directory: /tmp/x", "3: everybody on this machine may write to /tmp"),
    ] {
        let text = format!("{BASE}{text}\n");
        let warnings = load(&text).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{text}: {warnings:#?}");
        assert!(warnings[0].to_string().contains(told), "{text}: {}", warnings[0]);
    }
    for text in [
        "routes:\n  - { path: /a, methods: [GET] }\n  - { path: /a }",
        "routes:\n  - { path: /a, access: open }\n  - { path: /a, access: deny }",
        "routes:\n  - { path: /a/**, access: open }\n  - { path: /** }",
        "routes:\n  - { path: /a, methods: [GET, HEAD], access: deny }\n  - { path: /b, methods: [POST], access: deny }",
        "routes:\n  - { path: /a, access: deny }\n  - { path: /b, methods: [GET], access: open }",
        "public_url: https://jira.example.com\ntrusted_proxies: [10.0.0.1]",
    ] {
        assert!(load(&format!("{BASE}{text}\n")).unwrap().warnings.is_empty(), "{text}");
    }
}

#[test]
fn a_file_that_is_none_is_a_problem_and_not_a_default() {
    assert_eq!(problems_of_file(Path::new("/nonexistent/countersign.yaml")).len(), 1);
    assert!(load("").unwrap_err().to_string().contains("the file is empty"));
    assert!(load("# nothing\n").unwrap_err().to_string().contains("the file is empty"));
    assert!(load("[]").unwrap_err().to_string().contains("the file has to be a map, and is a list"));
    assert!(load(&format!("{BASE}#{}", "x".repeat(1 << 20))).unwrap_err().to_string().contains("is larger than 1MiB"));
    let folder = tempfile::tempdir().unwrap();
    assert!(problems_of_file(folder.path())[0].contains("is a folder where a file is needed"));
}

fn problems_of_file(path: &Path) -> Vec<String> {
    config::load(path).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_command_line_alone_is_a_configuration() {
    let options = |upstream: &str, listen: Option<&str>| {
        let (consumers, state_directory) = ("c.yaml".into(), Some("state".into()));
        Source::Options(Options { upstream: upstream.to_owned(), consumers, listen: listen.map(str::to_owned), state_directory })
    };
    let settings = options("http://127.0.0.1:9", Some("127.0.0.1:0")).load().unwrap().settings;
    assert_eq!((settings.consumers.to_str(), settings.listen[0].address.port()), (Some("c.yaml"), 0));
    let problems = options("127.0.0.1:9", Some("8080")).load().unwrap_err().problems.to_string();
    assert!(problems.contains("command line: `upstream` has to be the URL of the application"), "{problems}");
    assert!(problems.contains("command line: `listen` has to be an address"), "{problems}");
}

#[test]
fn the_shipped_configuration_loads_without_a_warning() {
    let loaded = config::load(Path::new("config/countersign.yaml")).unwrap();
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
    assert_eq!(loaded.settings.consumers, Path::new("/var/lib/countersign/consumers.yaml"));
}

/// Top-level keys that stand in the shipped file as comments, each with the lines that belong to it.
fn commented_blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let Some(line) = line.strip_prefix("# ") else {
            open = false;
            continue;
        };
        let key =
            line.split(':').next().filter(|key| line.contains(':') && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        match (key, blocks.last_mut()) {
            (Some(_), _) => blocks.push(format!("{line}\n")),
            (None, Some(block)) if open && line.starts_with("  ") => block.push_str(&format!("{line}\n")),
            _ => {
                open = false;
                continue;
            }
        }
        open = true;
    }
    blocks
}

#[test]
fn what_is_commented_out_in_the_shipped_configuration_is_valid_and_the_default() {
    let blocks = commented_blocks(&fs::read_to_string("config/countersign.yaml").unwrap());
    assert!(blocks.len() >= 12, "{blocks:#?}");
    let default = with("state_directory: s");
    for block in blocks {
        let key = block.split(':').next().unwrap();
        let base = if key == "upstream" { "consumers: consumers.yaml\n" } else { BASE };
        // Neither of the dance's two stands alone.
        let other = match key {
            "oauth" => "resource_owner: { users: users.yaml }\n",
            "resource_owner" => "oauth: {}\n",
            _ => "",
        };
        let settings = load(&format!("{base}{other}{block}")).unwrap_or_else(|problems| panic!("{block}\n{problems}")).settings;
        match key {
            // Examples.
            "upstream" | "public_url" | "trusted_proxies" | "replay" | "oauth" | "resource_owner" => {}
            "listen" if block.contains("tls:") => {}
            // Its being there turns it on, with these defaults.
            "admin" => {
                let (shown, by_default) = (settings.admin.unwrap(), with("admin: {}").admin.unwrap());
                assert_eq!((shown.listen, shown.socket), (by_default.listen, by_default.socket));
                assert_eq!(shown.users.file_name(), by_default.users.file_name());
            }
            _ => assert_eq!(without_paths(settings), without_paths(default.clone()), "{block}"),
        }
    }
}

fn without_paths(settings: Settings) -> Settings {
    Settings { consumers: "c".into(), state_directory: "s".into(), ..settings }
}

#[test]
fn a_shared_nonce_store_needs_a_key_and_no_password_in_its_address() {
    let key = "store.key";
    let settings = with(&format!("replay: {{ shared: redis://gateway@store.internal/3, key_file: {key}, timeout: 250ms }}"));
    let replay = settings.replay.unwrap();
    assert_eq!(replay.store.to_string(), "redis://store.internal:6379/3");
    assert_eq!((replay.user.as_deref(), replay.timeout), (Some("gateway"), Duration::from_millis(250)));
    assert!(replay.password.is_none() && with("replay: {}").replay.is_none());
    for (text, said) in [
        ("{ shared: redis://a:6379 }".to_owned(), "openssl rand -hex 32"),
        (format!("{{ key_file: {key} }}"), "has no meaning without `shared`"),
        (format!("{{ shared: \"redis://:hunter2@a\", key_file: {key} }}"), "password_file"),
        (format!("{{ shared: \"rediss://a\", key_file: {key} }}"), "TLS to the store is not supported"),
        (format!("{{ shared: \"unix:redis.sock\", key_file: {key} }}"), "a socket's full path"),
        (format!("{{ shared: \"redis://a\", key_file: {key}, timeout: 11s }}"), "from 5ms to 10s"),
        (format!("{{ shared: \"redis://a\", key_file: {key}.not }}"), "the key cannot be read"),
        (format!("{{ shared: \"redis://a\", key_file: {} }}", std::env::temp_dir().display()), "no regular file"),
        (
            "{ shared: \"redis://a\", key_file: consumers.yaml, password_file: x, tiemout: 1s }".to_owned(),
            "did you mean `timeout`?",
        ),
    ] {
        let found = problems(&format!("{BASE}replay: {text}")).join("\n");
        assert!(found.contains(said) && !found.contains("hunter2"), "{text}: {found}");
    }
}

#[test]
fn the_dance_is_off_unless_it_is_written_and_has_the_old_providers_paths_and_lifetimes() {
    assert!(with("").dance.is_none());
    let dance = with("oauth: {}\nresource_owner: { users: users.yaml }").dance.unwrap();
    assert_eq!(dance.paths, config::DancePaths::default());
    assert_eq!(dance.lifetimes, config::Lifetimes::default());
    assert!(matches!(&dance.resource_owner, ResourceOwner::Users(file) if file.is_absolute() && file.ends_with("users.yaml")));
    let written = "oauth: { request_token: /rt, authorize: /a, access_token: /at, user_tokens: /mine, request_token_ttl: 60s, \
                   access_token_ttl: 1h }\nresource_owner: { trusted_header: { name: X-SSO-User, from: [10.0.0.7] } }";
    let dance = with(written).dance.unwrap();
    assert_eq!((dance.paths.authorize.as_str(), dance.paths.user_tokens.as_str()), ("/a", "/mine"));
    assert_eq!(dance.lifetimes.session, Duration::from_secs(3600 + 30 * 86_400));
    assert!(matches!(&dance.resource_owner, ResourceOwner::TrustedHeader { name, .. } if name == "x-sso-user"));
}

#[test]
fn a_probe_goes_to_the_application_and_nowhere_else() {
    let probe = |url: &str| {
        format!(
            "oauth: {{}}\nresource_owner: {{ session_probe: {{ url: \"{url}\", user_header: X-AUSERNAME, anonymous: [anonymous], \
             login_url: '/login?back={{return_to}}' }} }}"
        )
    };
    for url in ["/rest/auth/1/session?x=1", "http://127.0.0.1:2990/rest/auth/1/session?x=1"] {
        let dance = with(&probe(url)).dance.unwrap();
        let ResourceOwner::SessionProbe(probe) = &dance.resource_owner else { panic!("{dance:?}") };
        assert_eq!(probe.target.as_str(), "/rest/auth/1/session?x=1");
        assert_eq!(probe.upstream.servers[0].authority.to_string(), "127.0.0.1:2990");
        assert_eq!(probe.login_url.coming_back_to("/a"), "/login?back=%2Fa");
    }
    assert!(problem(&probe("http://evil.example/session")).contains("users' cookies are not sent there"));
    assert!(problem(&probe("rest/session")).contains("a path or URL of the application"));
}

#[test]
fn every_mistake_about_the_dance_is_told() {
    const OWNER: &str = "resource_owner: { users: u.yaml }";
    for (text, said) in [
        ("oauth: {}".to_owned(), "stands without `resource_owner`"),
        (OWNER.to_owned(), "has no meaning without `oauth`"),
        (format!("oauth: {{ authorise: /a }}\n{OWNER}"), "did you mean `authorize`?"),
        (format!("oauth: {{ authorize: a }}\n{OWNER}"), "a path of letters, digits"),
        (format!("oauth: {{ authorize: /a/../b }}\n{OWNER}"), "a path of letters, digits"),
        (format!("oauth: {{ authorize: /a, request_token: /a }}\n{OWNER}"), "two of the dance's endpoints are at /a"),
        (format!("oauth: {{ authorize: /a, user_tokens: /a/sign-in }}\n{OWNER}"), "two of the dance's endpoints are at /a/sign-in"),
        (format!("oauth: {{ request_token_ttl: 2d }}\n{OWNER}"), "from 1s to"),
        (format!("oauth: {{ access_token_ttl: 1h, session_ttl: 1m }}\n{OWNER}"), "is shorter than"),
        ("oauth: {}\nresource_owner: {}".to_owned(), "exactly one of session_probe, trusted_header and users"),
        (
            "oauth: {}\nresource_owner: { users: u, trusted_header: { name: X, from: [127.0.0.1] } }".to_owned(),
            "exactly one of session_probe, trusted_header and users",
        ),
        ("oauth: {}\nresource_owner: { trusted_header: { name: X-A, from: [] } }".to_owned(), "lists nobody"),
        ("oauth: {}\nresource_owner: { trusted_header: { name: X-A, from: [0.0.0.0/0] } }".to_owned(), "everybody could say who they are"),
        ("oauth: {}\nresource_owner: { trusted_header: { name: Cookie, from: [127.0.0.1] } }".to_owned(), "a meaning of its own in HTTP"),
        ("oauth: {}\nresource_owner: { trusted_header: { from: [127.0.0.1] } }".to_owned(), "`name` is missing"),
        (
            "oauth: {}\nresource_owner: { session_probe: { url: /s, user_header: X, user_json_pointer: /a, login_url: '/{return_to}' } }".to_owned(),
            "exactly one of user_header and user_json_pointer",
        ),
        (
            "oauth: {}\nresource_owner: { session_probe: { url: /s, user_json_pointer: name, login_url: '/{return_to}' } }".to_owned(),
            "a JSON pointer",
        ),
        (
            "oauth: {}\nresource_owner: { session_probe: { url: /s, user_header: X, login_url: /login } }".to_owned(),
            "with {return_to} in it",
        ),
        (
            format!("listen: 0.0.0.0:80\noauth: {{}}\n{OWNER}"),
            "cross the network in clear text",
        ),
        (
            "oauth: {}\nresource_owner: { users: u.yaml }\nadmin: { listen: 127.0.0.1:9090, users: u.yaml }".to_owned(),
            "every user is an administrator",
        ),
    ] {
        let found = problems(&format!("{BASE}{text}")).join("\n");
        assert!(found.contains(said), "{text}: {found}");
    }
}
