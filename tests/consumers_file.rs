//! What people write into consumers.yaml, and what they are told about it; and what nobody should be able to do with YAML.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use countersign::consumers::{self, Consumer, LoadPolicy, Loaded};
use countersign::oauth::key::PublicKey;
use countersign::oauth::signature::SignatureMethod;
use countersign::oauth::timestamp::Timestamp;
use countersign::yaml::{Problem, Problems};
use proptest::prelude::*;

const KEY: &str = include_str!("data/example-2048.pub");

fn policy() -> LoadPolicy<'static> {
    let now = Timestamp::from_seconds(1_800_000_000);
    LoadPolicy {
        now,
        max_size: 16 << 20,
        min_key_bits: 1024,
        signature_methods: &[SignatureMethod::RsaSha1],
        previous: None,
        credential_files: Default::default(),
    }
}

fn load_bytes(bytes: &[u8]) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consumers.yaml");
    fs::write(&file, bytes).unwrap();
    consumers::load(&file, &policy())
}

fn load(text: &str) -> Result<Loaded, Problems> {
    load_bytes(text.as_bytes())
}

/// Each as `line: message; hint`.
fn told(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|it| {
            it.to_string().rsplit_once("consumers.yaml").map_or(it.to_string(), |(_, it)| it.trim_start_matches(':').to_owned())
        })
        .collect()
}

fn problems(text: &str) -> Vec<String> {
    told(&load(text).unwrap_err().0)
}

fn warnings(text: &str) -> Vec<String> {
    told(&load(text).unwrap().warnings)
}

/// The example key as bare base64.
fn bare_key() -> String {
    KEY.lines().filter(|line| !line.starts_with('-')).collect()
}

/// One entry with its key, name and public key in lines 2 to 4, and then these lines.
fn entry(more: &str) -> String {
    let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
    format!("consumers:\n  - key: a\n    name: A\n    public_key: {}\n{more}", bare_key())
}

fn consumer(more: &str) -> Arc<Consumer> {
    Arc::clone(load(&entry(more)).unwrap().list.get("a").unwrap())
}

#[test]
fn the_consumer_of_the_old_documentation_loads_with_a_warning() {
    let loaded = consumers::load(Path::new("tests/data/google-consumer.yaml"), &policy()).unwrap();
    assert_eq!(loaded.list.get("www.google.com").unwrap().name, "iGoogle");
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().all(|warning| warning.starts_with("tests/data/google-consumer.yaml:6: ")), "{warnings:#?}");
    assert!(warnings[0].contains("1024 bits"), "{warnings:#?}");
    assert!(warnings[1].contains("only a key holder"), "{warnings:#?}");
}

#[test]
fn the_shipped_list_loads_without_a_warning() {
    let loaded = consumers::load(Path::new("config/consumers.yaml"), &policy()).unwrap();
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
    assert_eq!(loaded.list.len(), 1);
}

#[test]
fn what_is_commented_out_in_the_shipped_list_is_valid() {
    let text = fs::read_to_string("config/consumers.yaml").unwrap();
    let (head, options) = text.split_once("marked as an example.\n").unwrap();
    let options: String = options.lines().map(|line| format!("{}\n", line.replacen("    # ", "    ", 1))).collect();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("legacy.password"), "user:password").unwrap();
    let file = folder.path().join("consumers.yaml");
    fs::write(&file, format!("{head}marked as an example.\n{options}")).unwrap();
    let consumer = consumers::load(&file, &policy()).unwrap();
    let consumer = consumer.list.get("reports").unwrap();
    assert!(consumer.rate_limit.is_some() && consumer.allow.is_some() && consumer.allow_from.is_some());
    assert!(consumer.callback_url.is_some() && consumer.expires.is_some() && consumer.reveal.is_some());
}

#[test]
fn three_keys_are_enough_and_the_rest_has_its_documented_default() {
    let consumer = consumer("");
    assert_eq!((consumer.key.as_str(), consumer.name.as_str(), consumer.description.as_str()), ("a", "A", ""));
    assert!(consumer.enabled && consumer.three_legged && consumer.two_legged.allowed);
    assert!(!consumer.two_legged.impersonation && !consumer.allow_oauth_1_0);
    assert_eq!(consumer.two_legged.execute_as, None);
    assert_eq!(consumer.signature_methods, [SignatureMethod::RsaSha1]);
    assert!(consumer.allow.is_none() && consumer.allow_from.is_none() && consumer.rate_limit.is_none());
    assert!(consumer.expires.is_none() && consumer.reveal.is_none() && consumer.callback_url.is_none());
    assert!(consumer.upstream_authorization.is_none());
}

#[test]
fn every_key_is_read() {
    let consumer = consumer(
        "description: \"x\\ny\"\nenabled: false\nsignature_methods: [RSA-SHA256, RSA-SHA256]\nthree_legged: false\n\
         two_legged: { allowed: false, execute_as: bob, impersonation: true }\nallow: [{ path: /rest/**, methods: [GET] }]\n\
         allow_from: [10.0.0.0/8, 192.168.1.7]\nrate_limit: { requests: 5, per: 1m }\nexpires: 2028-01-01\n\
         allow_oauth_1_0: true\nallow_published_key: false\nrefusals: { reveal: diagnosis }\ncallback_url: http://a.example/cb?x=1",
    );
    assert!(!consumer.enabled && !consumer.three_legged && consumer.allow_oauth_1_0 && consumer.two_legged.impersonation);
    assert_eq!(consumer.signature_methods, [SignatureMethod::RsaSha256]);
    assert_eq!(consumer.two_legged.execute_as.as_deref(), Some("bob"));
    assert!(consumer.may_reach(&http::Method::GET, "/rest/x") && !consumer.may_reach(&http::Method::POST, "/rest/x"));
    assert!(consumer.may_come_from("192.168.1.7".parse().unwrap()) && !consumer.may_come_from("192.168.1.8".parse().unwrap()));
    assert_eq!(consumer.expires, Some(Timestamp::from_seconds(1_830_297_600)));
    assert_eq!(consumer.callback_url.as_deref(), Some("http://a.example/cb?x=1"));
}

#[test]
fn only_a_written_list_is_a_list() {
    assert_eq!(load("consumers: []").unwrap().list.len(), 0);
    assert_eq!(load("\u{feff}consumers: []\r\n").unwrap().list.len(), 0);
    for text in ["", "\n", "# consumers: []\n", "---\n", "\u{feff}", "null"] {
        assert!(problems(text)[0].contains("the file is empty; write `consumers:`"), "{text:?}: {:?}", problems(text));
    }
    for text in ["consumers:", "consumers: null", "consumers: ~\n"] {
        assert!(problems(text)[0].starts_with("1: `consumers` has no value; it has to be a list; write"), "{text:?}");
    }
    assert!(problems("{}")[0].contains("`consumers` is missing; write `consumers:`"));
    assert!(problems("consumer: []").iter().any(|it| it.contains("1: unknown key `consumer`; did you mean `consumers`?")));
    assert!(problems("consumers: {}")[0].contains("`consumers` has to be a list, and is a map"));
    assert!(problems("[]")[0].contains("the file has to be a map, and is a list"));
    assert!(problems("consumers: [[], 5, null]").len() == 3);
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_to_write() {
    for (more, told) in [
        ("nam: x", "5: consumer \"a\": unknown key `nam`; did you mean `name`?"),
        ("enabled: yes", "5: consumer \"a\": `enabled` has to be true or false, and is \"yes\"; write true or false"),
        ("description:", "5: consumer \"a\": `description` has no value; it has to be a text"),
        ("description: 5", "5: consumer \"a\": `description` has to be a text, and is the number 5; put it in quotes"),
        (
            "signature_methods: RSA-SHA1",
            "5: consumer \"a\": `signature_methods` has to be a list, and is \"RSA-SHA1\"; write [a, b]",
        ),
        ("signature_methods:\n  - HMAC-SHA1", "6: consumer \"a\": HMAC-SHA1 needs a secret that both sides know"),
        ("signature_methods: [PLAINTEXT]", "let the consumer sign with RSA-SHA1"),
        ("callback_url: oob", "5: consumer \"a\": `callback_url` has to be an http or https URL, and is \"oob\""),
        ("callback_url: /cb", "write an absolute URL"),
        ("callback_url: ftp://a/b", "write an absolute URL"),
        ("callback_url: https://a/b#c", "write an absolute URL without fragment"),
        ("callback_url: https://u@a/b", "write an absolute URL"),
        ("callback_url: javascript://a/b", "write an absolute URL"),
        ("callback_url: https://a.example:99999/", "write an absolute URL"),
        ("callback_url: 'https://a\\b/'", "write an absolute URL"),
        ("two_legged: true", "5: consumer \"a\": `two_legged` has to be a map"),
        ("two_legged: { execute_as: \"a\\r\\nX: y\" }", "`two_legged.execute_as` is blank or has control characters"),
        ("two_legged: { executeAs: x }", "unknown key `two_legged.executeAs`; did you mean `execute_as`?"),
        ("allow: [{ path: rest }]", "`path` is no path pattern: \"rest\""),
        ("allow: [/rest]", "`allow` has to be a map, and is \"/rest\""),
        ("allow_from: [10.0.0.0/99]", "`allow_from` has to be a list of networks"),
        ("rate_limit: { requests: 5 }", "5: consumer \"a\": `per` is missing; write for example: per: 1s"),
        ("rate_limit: { requests: 0, per: 1s }", "`rate_limit.requests` has to be a whole number from 1"),
        ("rate_limit: { requests: 5, per: 1 }", "`rate_limit.per` has to be a duration, and is the number 1; write the unit: 1s"),
        ("rate_limit: { requests: 1000000000, per: 1ms }", "more than a request a nanosecond"),
        ("expires: 1.1.2027", "`expires` has to be a date or a time, and is \"1.1.2027\"; write 2027-01-01"),
        ("refusals: { reveal: all }", "`refusals.reveal` has no such value: \"all\"; known are: code, diagnosis, base_string"),
        ("upstream_authorization: x", "5: consumer \"a\": `upstream_authorization` has to be a map; write { basic_file: PATH }"),
        ("public_keys: [x]", "4: consumer \"a\": `public_key` and `public_keys` both stand here"),
        ("name: B", "5: `name` stands twice in the same map, first in line 3"),
    ] {
        let found = problems(&entry(more));
        assert!(found.len() == 1 && found[0].contains(told), "{more}\n  is told: {found:#?}\n  and not: {told}");
    }
}

#[test]
fn what_is_missing_is_told_at_the_entry() {
    let found = problems("consumers:\n  - key: a\n    name: A\n\n  - name: \" \"\n    public_key: x\n  - key: 12\n");
    let expected = [
        "2: consumer \"a\": `public_key` is missing; paste the consumer's public key",
        "5: `key` is missing; write the consumer key",
        "5: `name` is blank or has control characters",
        "6: public_key: this is neither PEM nor base64",
        "7: `name` is missing",
        "7: `public_key` is missing",
        "7: `key` has to be a text, and is the number 12; put it in quotes",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for told in expected {
        assert!(found.iter().any(|it| it.starts_with(told)), "{told} is not in {found:#?}");
    }
}

fn with_key(key: &str) -> String {
    format!(
        "consumers:\n  - key: a\n    name: A\n    public_key: |\n{}",
        key.lines().map(|line| format!("      {line}\n")).collect::<String>()
    )
}

#[test]
fn an_entry_without_a_name_has_no_other_problem_for_that() {
    let text = format!("consumers:\n  - key: a\n    public_key: {}\n    description: d\n    enabled: true\n", bare_key());
    assert_eq!(problems(&text), ["2: consumer \"a\": `name` is missing; write a name that people know it by"]);
    assert_eq!(problems(&text.replace("key: a", "name: n").replace("enabled: true", "expires: soon")).len(), 2);
}

#[test]
fn a_bad_key_is_told_with_its_reason() {
    let private = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";
    let ec = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYsSG0nzVLzCeUYmKJGTdyzqx7bbNFNyWSBN6wfRQRFaERnNnSyjAgmOLIPEKzsqCGZ5fJZAsFNQqf3Yf8nTlDA==";
    for (key, told) in [
        (private, "4: consumer \"a\": public_key: this is a private key, and by standing here it is exposed"),
        (ec, "this is no RSA key"),
        ("ssh-rsa AAAA x@y", "this is an SSH key"),
        ("", "the key is empty"),
    ] {
        assert!(problems(&with_key(key))[0].contains(told), "{:#?}", problems(&with_key(key)));
    }
    let several = format!("consumers:\n  - key: a\n    name: A\n    public_keys:\n      - {}\n      - junk!\n", bare_key());
    assert!(
        problems(&several)[0].starts_with("6: consumer \"a\": public_keys: this is neither PEM nor base64"),
        "{:?}",
        problems(&several)
    );
    let none = "consumers: [{ key: a, name: A, public_keys: [] }]";
    assert!(problems(none)[0].contains("`public_keys` is an empty list"));
}

#[test]
fn a_key_whose_private_half_is_public_needs_a_word() {
    let published = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0YjCwIfYoprq/FQO6lb3asXrxLlJFuCvtinTF5p0GxvQGu5O3gYytUvtC2JlYzypSRjVxwxrsuRcP3e641SdASwfrmzyvIgP08N4S0IFzEURkV1wp/IpH7kH41EtbmUmrXSwfNZsnQRE5SYSOhh+LcK2wyQkdgcMv11l4KoBkcwIDAQAB";
    let text = with_key(published);
    assert!(problems(&text)[0].contains("the private half of this key stands in public documentation"));
    let allowed = warnings(&format!("{text}    allow_published_key: true\n"));
    assert!(allowed[0].contains("anybody can sign as this consumer"), "{allowed:#?}");
    assert!(allowed[1].contains("the key has 1024 bits"), "{allowed:#?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    fs::write(&file, format!("{text}    allow_published_key: true\n")).unwrap();
    let strict = LoadPolicy { min_key_bits: 2048, ..policy() };
    let found = consumers::load(&file, &strict).unwrap_err().to_string();
    assert!(found.contains("the key has 1024 bits, and at least 2048 are needed"), "{found}");
}

#[test]
fn the_tutorials_key_is_known_by_its_fingerprint_and_needs_a_word_too() {
    let published = include_str!("data/keys/atlassian-tutorial.pub");
    let (key, _) = PublicKey::from_text(published).unwrap();
    assert_eq!(key.fingerprint().to_string(), "0d939804900859a7df3d6b4b48d74a8cc94a6534f2f5bcb86dba401f7a721556");
    let text = with_key(published);
    assert!(problems(&text)[0].contains("the private half of this key stands in public documentation"));
    let allowed = warnings(&format!("{text}    allow_published_key: true\n"));
    assert!(allowed[0].contains("anybody can sign as this consumer"), "{allowed:#?}");
}

#[test]
fn keys_of_two_consumers_may_not_be_one_nor_look_like_one() {
    let two = |first: &str, second: &str| {
        let one = |key: &str| format!("  - key: {key:?}\n    name: A\n    public_key: {}\n", bare_key());
        format!("consumers:\n{}{}", one(first), one(second))
    };
    let twice = load(&two("a", "a")).unwrap_err().to_string();
    assert!(twice.contains("consumers.yaml:5: the consumer key \"a\" stands twice, first in "), "{twice}");
    assert!(twice.contains("consumers.yaml:2; take one of the two out"), "{twice}");

    let alike = load(&two("a b", "a%20b")).unwrap_err().to_string();
    assert!(alike.contains("consumers.yaml:5: in its header, \"a%20b\" looks to the application like"), "{alike}");

    let shared = load(&two("a", "b")).unwrap();
    assert!(shared.warnings[0].to_string().contains("consumer \"b\" has the same public key as the consumer in"));
    let odd = load(&two("a", "b\"c")).unwrap();
    let warning = odd.warnings[0].to_string();
    assert!(warning.contains("consumer \"b\\\"c\" has the same public key"), "{warning}");
}

#[test]
fn a_consumer_key_in_two_files_of_a_folder_is_told_with_both_places() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.yaml", "2.yaml"] {
        fs::write(folder.path().join(name), entry("")).unwrap();
    }
    let found = consumers::load(folder.path(), &policy()).unwrap_err().to_string();
    assert!(found.contains("2.yaml:2: the consumer key \"a\" stands twice") && found.contains("1.yaml:2;"), "{found}");
    fs::write(folder.path().join("2.yaml"), "consumers: [{}]").unwrap();
    fs::write(folder.path().join("1.yaml"), "junk: 1").unwrap();
    let found = consumers::load(folder.path(), &policy()).unwrap_err().to_string();
    assert!(found.contains("1.yaml") && found.contains("2.yaml:1"), "problems of all files are told: {found}");
    fs::remove_file(folder.path().join("1.yaml")).unwrap();
    fs::remove_file(folder.path().join("2.yaml")).unwrap();
    assert!(consumers::load(folder.path(), &policy()).unwrap_err().to_string().contains("the folder has no *.yaml file"));
}

#[test]
fn a_long_list_is_told_of_with_every_line_though_threads_share_it() {
    const ENTRIES: usize = 3000;
    // The entry begins in line 2 + 3 * its number.
    let list = |wrong: &[(usize, &str)]| {
        let entry = |at: usize| match wrong.iter().find(|(number, _)| *number == at) {
            Some((_, head)) => format!("  - {head}\n    name: N\n    public_key: {}\n", bare_key()),
            None => format!("  - key: k{at}\n    name: N\n    public_key: {}\n", bare_key()),
        };
        format!("consumers:\n{}", (0..ENTRIES).map(entry).collect::<String>())
    };
    let loaded = load(&list(&[])).unwrap();
    assert_eq!(loaded.list.len(), ENTRIES);
    assert!(loaded.list.get("k0").is_some() && loaded.list.get("k2999").is_some());
    // All share one key: each but the first is warned of, and a thousand of the warnings are kept.
    let (first, last) = (&loaded.warnings[0], &loaded.warnings[999]);
    assert!(first.message.starts_with("consumer \"k1\" has the same public key as the consumer in "), "{first}");
    assert!(first.message.ends_with("consumers.yaml:2"), "{first}");
    assert_eq!((loaded.warnings.len(), first.line, last.line), (1001, 5, 3002));
    assert_eq!(loaded.warnings[1000].message, "and 1999 more of these");

    let wrong = [(0, "kye: a"), (1500, "key: k7"), (2999, "key: \"\"")];
    for after in ["", "other: 1\n"] {
        let Problems(problems) = load(&(list(&wrong) + after)).unwrap_err();
        let count = |line: usize, words: &str| problems.iter().filter(|it| it.line == line && it.message.contains(words)).count();
        assert_eq!(count(2, "unknown key `kye`"), 1);
        assert_eq!(count(4502, "the consumer key \"k7\" stands twice, first in"), 1);
        assert_eq!(count(8999, "`key` has 0 bytes"), 1);
        assert_eq!(count(9002, "unknown key `other`"), usize::from(!after.is_empty()));
    }
    // What follows from broken YAML is not told beside it.
    let problems = problems(&(list(&wrong) + "  - [\n"));
    assert!(problems.len() == 1 && problems[0].contains("no valid YAML"), "{problems:#?}");
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_no_matter() {
    let windows = format!("\u{feff}{}", with_key(KEY).replace('\n', "\r\n"));
    assert_eq!(load(&windows).unwrap().list.len(), 1);
    assert!(problems(&windows.replace("name", "nme"))[0].starts_with("2: "), "{:?}", problems(&windows.replace("name", "nme")));
    let utf16: Vec<u8> = "\u{feff}consumers: []".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = load_bytes(&utf16).unwrap_err().to_string();
    assert!(found.contains("consumers.yaml:1: is UTF-16 text; save the file as UTF-8"), "{found}");
    let latin = load_bytes(b"consumers:\n  - key: J\xfcrg\n").unwrap_err().to_string();
    assert!(latin.contains("consumers.yaml:2: has bytes that are no UTF-8 text"), "{latin}");
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    for (text, line) in [
        ("consumers:\n  - key: a\n   name: b\n", 3),
        ("consumers:\n\t- key: a\n", 2),
        ("consumers: [\n", 2),
        ("consumers: \"\n", 2),
        ("consumers: []\n---\nconsumers: []\n", 2),
        ("consumers: @\n", 1),
        ("consumers: *nobody\n", 1),
        ("consumers: !!binary x\n", 1),
        ("a: b: c\n", 1),
        ("consumers: []\n\u{1}\n", 2),
    ] {
        let found = problems(text);
        let at: usize = found[0].split(':').next().unwrap().parse().unwrap_or_default();
        assert!(at.abs_diff(line) <= 1, "{text:?} is in line {line}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn no_text_takes_long_or_goes_deep() {
    let bomb: String =
        (1..30).map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0}]\n", n - 1)).collect();
    let wide = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(10_000));
    let attacks = [
        ("an alias bomb", format!("a0: &a0 [x,x,x,x]\n{bomb}")),
        ("an alias bomb of text", wide),
        ("a bomb among the consumers", format!("x: &x {}\nconsumers: [{}]\n", bare_key(), "{key: *x},".repeat(3_000))),
        ("self reference", "consumers: &a [*a]\n".to_owned()),
        ("self reference in a map", "&a consumers: &b { *a : *b }\n".to_owned()),
        ("open brackets", "[".repeat(100_000)),
        ("open braces", "{".repeat(100_000)),
        ("open maps", "{a: ".repeat(100_000)),
        ("dashes", "- ".repeat(100_000)),
        ("question marks", "? ".repeat(100_000)),
        ("colons", "a: ".repeat(100_000)),
        ("deep indentation", (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("brackets among the consumers", format!("consumers: {}", "[".repeat(100_000))),
        ("10 MB of junk", "x:[{,!&*#|>@`\"'%\n".repeat(10 << 16)),
        ("10 MB of one word", "x".repeat(10 << 20)),
        ("10 MB of one quoted word", format!("\"{}", "x".repeat(10 << 20))),
        ("anchors", "- &a x\n".repeat(1 << 17)),
        ("empty entries", format!("consumers:\n{}", "- \n".repeat(1 << 18))),
        ("10 MB of comments", "#\n".repeat(5 << 20)),
        ("zeros", "\0".repeat(1 << 20)),
    ];
    for (what, text) in attacks {
        let begun = Instant::now();
        let refused = load(&text).unwrap_err();
        assert!(refused.0.len() <= 1001, "{what}");
        // What takes time in proportion to its length takes a second or two in a debug build; the square would take hours.
        assert!(begun.elapsed().as_secs() < 60, "{what} took {:?}", begun.elapsed());
        println!("{what}: {:?}: {:.200}", begun.elapsed(), refused.0[0].to_string());
    }
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consumers.yaml");
    fs::write(&file, format!("consumers: [] #{}", "x".repeat(4096))).unwrap();
    let found = consumers::load(&file, &LoadPolicy { max_size: 4096, ..policy() }).unwrap_err().to_string();
    assert!(found.contains("is larger than 4KiB; a consumers file may be made larger with limits.consumers_file"), "{found}");
}

#[test]
fn what_somebody_should_know_is_a_warning() {
    for (more, told) in [
        ("expires: 2001-01-01", "5: consumer \"a\": `expires` is past"),
        ("allow: []", "5: consumer \"a\": `allow` is empty: the consumer can reach nothing"),
    ] {
        assert!(warnings(&entry(more))[0].contains(told), "{:?}", warnings(&entry(more)));
    }
    assert!(warnings(&entry("").replace("key: a", "key: \"a \""))[0].contains("begins or ends with a blank"));
}

#[test]
fn anchors_may_be_used_in_moderation() {
    let text = format!(
        "consumers:\n  - key: a\n    name: A\n    public_key: {0}\n    allow: &all [{{ path: /rest/** }}]\n  - key: b\n    name: B\n    public_key: {0}\n    allow: *all\n",
        bare_key()
    );
    let list = load(&text).unwrap().list;
    assert_eq!(list.get("a").unwrap().allow, list.get("b").unwrap().allow);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = load_bytes(&bytes);
    }

    #[test]
    fn no_text_in_the_manner_of_yaml_makes_the_reader_panic(text in "([-:?,\\[\\]{}#&*!|>'\"%@`ab \t\r\n]|consumers:|key: |\n  - |\n    ){0,60}") {
        let _ = load(&text);
        let _ = load(&format!("consumers:\n  - {text}"));
    }

    #[test]
    fn no_end_of_a_file_makes_a_list_that_nobody_wrote(cut in 0usize..1000) {
        let text = with_key(KEY);
        let cut = cut.min(text.len() - 1);
        if let Ok(loaded) = load(&text[..cut]) {
            // Only the last line end, or blanks before it, may be missing.
            prop_assert!(text[cut..].trim().is_empty(), "{} consumers of {:?}", loaded.list.len(), &text[..cut]);
        }
    }
}
