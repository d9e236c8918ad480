//! The commands as a person runs them: the built program, its files, its words and its exit codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::tools;
use tempfile::TempDir;

mod support;

/// A new folder to run commands in, with the key pair `reporting` where a test asks for it.
struct Desk(TempDir);

/// What a command left on the screen.
struct Screen {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn with_key() -> Self {
        let desk = Self::new();
        desk.done(&["keygen", "--out", "reporting"]);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path().join(name)).unwrap().permissions().mode() & 0o777
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Screen {
        let output = Command::new(program).args(arguments).current_dir(self.path()).stdin(Stdio::null()).output();
        Screen::of(output.unwrap_or_else(|error| panic!("{program} is needed by this test (./tests/run installs it): {error}")))
    }

    fn countersign(&self, arguments: &[&str]) -> Screen {
        self.run(env!("CARGO_BIN_EXE_countersign"), arguments)
    }

    /// Output of a command that must end well.
    fn done(&self, arguments: &[&str]) -> String {
        let screen = self.countersign(arguments);
        assert_eq!(screen.code, Some(0), "{arguments:?}: {}", screen.err);
        screen.out
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let screen = self.run("openssl", arguments);
        assert_eq!(screen.code, Some(0), "openssl {arguments:?}: {}{}", screen.out, screen.err);
        screen.out + &screen.err
    }

    /// `sign` as reporting, read as JSON.
    fn signed(&self, arguments: &[&str]) -> serde_json::Value {
        let who = ["sign", "--key", "reporting.pem", "--consumer", "reporting", "--json"];
        serde_json::from_str(&self.done(&[&who[..], arguments].concat())).unwrap()
    }
}

impl Screen {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn failed_with_hint(&self, error: &str, hint: &str) {
        assert_eq!(self.code, Some(1), "{}", self.err);
        assert_eq!(self.out, "");
        let lines: Vec<&str> = self.err.lines().collect();
        assert_eq!(lines.len(), 2, "{}", self.err);
        assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "{}", self.err);
        assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{}", self.err);
    }

    #[track_caller]
    fn is_wrong_usage(&self, words: &str) {
        assert_eq!(self.code, Some(2), "{}", self.err);
        assert!(self.err.contains(words), "{}", self.err);
    }
}

/// What a POSIX shell makes of a command's words.
fn words_in_a_shell(command: &str) -> Vec<String> {
    let script = format!("printf '%s\\0' {command}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{script}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

mod keygen {
    use super::*;

    #[test]
    fn makes_a_pair_that_openssl_agrees_with() {
        let desk = Desk::with_key();
        assert!(desk.openssl(&["rsa", "-in", "reporting.pem", "-check", "-noout"]).contains("RSA key ok"));
        assert_eq!(desk.openssl(&["pkey", "-in", "reporting.pem", "-pubout"]), desk.read("reporting.pub"));
        assert!(desk.openssl(&["pkey", "-in", "reporting.pem", "-noout", "-text"]).contains("(2048 bit"));
    }

    #[test]
    fn only_the_owner_can_read_the_private_key() {
        let desk = Desk::with_key();
        assert_eq!(desk.mode("reporting.pem"), 0o600);
        assert_eq!(desk.mode("reporting.pub") & 0o600, 0o600);
    }

    #[test]
    fn never_overwrites_either_file_unless_forced() {
        let desk = Desk::new();
        desk.write("a.pub", "mine");
        desk.countersign(&["keygen", "--out", "a"]).failed_with_hint("a.pub exists already", "--force");
        assert!(!desk.path().join("a.pem").exists());
        desk.write("a.pem", "mine too");
        desk.done(&["keygen", "--out", "a", "--force"]);
        assert!(desk.read("a.pem").starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_eq!(desk.mode("a.pem"), 0o600, "the mode of the file that was there before does not matter");
        assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn a_link_laid_out_in_advance_receives_no_key() {
        let desk = Desk::new();
        std::os::unix::fs::symlink(desk.path().join("elsewhere"), desk.path().join("a.pem")).unwrap();
        assert_eq!(desk.countersign(&["keygen", "--out", "a"]).code, Some(1));
        assert!(!desk.path().join("elsewhere").exists());
    }

    #[test]
    fn prints_an_entry_that_can_be_appended_to_the_consumers_file() {
        let desk = Desk::new();
        let entry = desk.done(&["keygen", "--consumer", "Confluence:5413647675", "--name", "yes: #1", "--out", "c"]);
        let list: serde_yaml::Value = serde_yaml::from_str(&format!("consumers:\n{entry}")).unwrap();
        let consumer = &list["consumers"][0];
        assert_eq!(consumer["key"], "Confluence:5413647675");
        assert_eq!(consumer["name"], "yes: #1");
        assert_eq!(consumer["public_key"].as_str(), Some(&*desk.read("c.pub")));
    }

    #[test]
    fn prints_the_fingerprint_that_openssl_computes() {
        let desk = Desk::new();
        let object: serde_json::Value = serde_json::from_str(&desk.done(&["keygen", "--out", "a", "--json"])).unwrap();
        desk.openssl(&["pkey", "-pubin", "-in", "a.pub", "-outform", "DER", "-out", "a.der"]);
        let digest = desk.openssl(&["dgst", "-sha256", "-r", "a.der"]);
        assert_eq!(object["fingerprint"].as_str(), digest.split(' ').next());
    }

    #[test]
    fn a_key_that_is_too_short_or_too_long_is_wrong_usage() {
        let desk = Desk::new();
        desk.countersign(&["keygen", "--out", "a", "--bits", "1024"]).is_wrong_usage("at least 2048 bits");
        desk.countersign(&["keygen", "--out", "a", "--bits", "16384"]).is_wrong_usage("at most 8192 bits");
        assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0);
    }
}

mod sign {
    use super::*;

    #[test]
    fn reproduces_the_published_signature() {
        let desk = Desk::new();
        desk.write("rsa.pem", PUBLISHED_KEY);
        let stamp = ["--timestamp", "1196666512", "--nonce", "13917289812797014437"];
        let who = ["sign", "--key", "rsa.pem", "--consumer", "dpf43f3p2l4k3l03"];
        let url = ["http://photos.example.net/photos?file=vacaction.jpg&size=original"];
        let out = desk.done(&[&who[..], &stamp, &url].concat());
        assert!(out.starts_with("Authorization: OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\", "), "{out}");
        assert!(out.ends_with(&format!("oauth_signature=\"{PUBLISHED_SIGNATURE}\"\n")), "{out}");
        assert!(!out.contains("realm"), "{out}");
    }

    #[test]
    fn openssl_verifies_each_method_over_the_base_string() {
        let desk = Desk::with_key();
        for (method, digest) in [("RSA-SHA1", "-sha1"), ("RSA-SHA256", "-sha256"), ("RSA-SHA512", "-sha512")] {
            let form = ["--form", "note=50% of it's \u{e9}+&="];
            let signed =
                desk.signed(&[&["--signature-method", method][..], &form, &["http://127.0.0.1:8080/x?b=2&a=%2f"]].concat());
            desk.write("base", signed["base_string"].as_str().unwrap());
            desk.write("signature.b64", signed["signature"].as_str().unwrap());
            desk.openssl(&["base64", "-d", "-A", "-in", "signature.b64", "-out", "signature"]);
            let verdict = desk.openssl(&["dgst", digest, "-verify", "reporting.pub", "-signature", "signature", "base"]);
            assert!(verdict.contains("Verified OK"), "{method}: {verdict}");
        }
    }

    #[test]
    fn oauthlib_verifies_what_is_signed() {
        let desk = Desk::with_key();
        let url = "http://Example.com:80/a%2fb/~c;d?q=x+y&q=%7E&empty=&flag&%E2%98%BA=%2B";
        for method in ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"] {
            let form = ["--form", "note=50% of it's \u{e9}+&=", "--form", "q=", "--token", "t/1"];
            let signed = desk.signed(&[&["--signature-method", method][..], &form, &[url]].concat());
            let curl = words_in_a_shell(signed["curl"].as_str().unwrap());
            let body = &curl[curl.iter().position(|word| word == "--data-raw").unwrap() + 1];
            let header = signed["authorization"].as_str().unwrap();
            let verify = ["-c", OAUTHLIB, method, "POST", url, header, body];
            let screen = Screen::of(tools::python_alone().args(verify).current_dir(desk.path()).output().unwrap());
            assert_eq!((screen.code, &*screen.out), (Some(0), "True\n"), "{method}: {}", screen.err);
        }
    }

    #[test]
    fn explains_each_step_to_a_person() {
        let desk = Desk::with_key();
        let who = ["sign", "--key", "reporting.pem", "--consumer", "reporting", "--explain"];
        let rest = ["--timestamp", "1700000000", "--nonce", "n", "http://Example.com:80/a?q=x+y"];
        let out = desk.done(&[&who[..], &rest].concat());
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "method           GET");
        assert_eq!(lines[1], "base string URI  http://example.com/a");
        assert_eq!(lines[2], "parameters       oauth_consumer_key = reporting");
        assert_eq!(lines[7], "                 q = x%20y");
        assert_eq!(
            lines[8],
            "base string      GET&http%3A%2F%2Fexample.com%2Fa&oauth_consumer_key%3Dreporting%26oauth_nonce%3Dn%26\
             oauth_signature_method%3DRSA-SHA1%26oauth_timestamp%3D1700000000%26oauth_version%3D1.0%26q%3Dx%2520y"
        );
        assert!(lines[9].starts_with("digest           ") && lines[9].ends_with(" (SHA-1)"), "{out}");
        assert!(lines[11].starts_with("Authorization: OAuth "), "{out}");
    }

    #[test]
    fn signs_a_token_an_empty_one_and_a_body_that_is_no_form() {
        let desk = Desk::with_key();
        desk.write("it's.json", "Hello World!");
        let signed = desk.signed(&["--token", "a/b", "--body-hash", "it's.json", "http://a/x"]);
        let header = signed["authorization"].as_str().unwrap();
        assert!(header.contains("oauth_token=\"a%2Fb\""), "{header}");
        // The draft's own example.
        assert!(header.contains("oauth_body_hash=\"Lve95gjOVATpfV8EL5X4nxwjKHE%3D\""), "{header}");
        assert_eq!(signed["method"], "POST");
        let curl = words_in_a_shell(signed["curl"].as_str().unwrap());
        assert_eq!(curl[3..], ["-H", "Content-Type: application/octet-stream", "--data-binary", "@it's.json", "http://a/x"]);
        let header = desk.signed(&["--token", "", "http://a/x"])["authorization"].as_str().unwrap().to_owned();
        assert!(header.contains("oauth_token=\"\""), "{header}");
    }

    #[test]
    fn a_realm_stands_first_in_the_header_and_is_not_signed() {
        let desk = Desk::with_key();
        let fixed = ["--timestamp", "1700000000", "--nonce", "n", "http://a/x"];
        let plain = desk.signed(&fixed);
        let with_realm = desk.signed(&[&["--realm", "Photos of 2026"][..], &fixed].concat());
        let header = |signed: &serde_json::Value| signed["authorization"].as_str().unwrap().to_owned();
        let rest = header(&with_realm).strip_prefix("OAuth realm=\"Photos of 2026\", ").map(str::to_owned);
        assert_eq!(rest.as_deref(), header(&plain).strip_prefix("OAuth "));
        assert_eq!(with_realm["base_string"], plain["base_string"]);
        let who = ["sign", "--key", "reporting.pem", "--consumer", "reporting", "--realm", "a\"b", "http://a/"];
        desk.countersign(&who).is_wrong_usage("a realm is ASCII without double quotes and backslashes");
    }

    #[test]
    fn the_curl_command_survives_a_shell() {
        let desk = Desk::with_key();
        let url = "http://127.0.0.1:8080/a[1]/../$HOME;x'y?q=$(id)&b=!*";
        let signed = desk.signed(&["--method", "put", "--form", "it's=\"$(id)\" `id` \\ \n", url]);
        let header = format!("Authorization: {}", signed["authorization"].as_str().unwrap());
        let body = "it%27s=%22%24%28id%29%22%20%60id%60%20%5C%20%0A";
        assert_eq!(
            words_in_a_shell(signed["curl"].as_str().unwrap()),
            ["curl", "--globoff", "--path-as-is", "-X", "PUT", "-H", &header, "--data-raw", body, url]
        );
        let plain = desk.done(&["sign", "--key", "reporting.pem", "--consumer", "r", "--print", "curl", "http://a/b"]);
        let words = words_in_a_shell(plain.trim_end());
        assert_eq!((words.len(), &*words[0], &*words[1], &*words[3]), (4, "curl", "-H", "http://a/b"));
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_with_the_next_step() {
        let desk = Desk::with_key();
        desk.openssl(&["pkey", "-in", "reporting.pem", "-aes128", "-passout", "pass:x", "-out", "encrypted.pem"]);
        desk.openssl(&["rsa", "-in", "reporting.pem", "-aes128", "-passout", "pass:x", "-traditional", "-out", "old.pem"]);
        desk.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem"]);
        desk.openssl(&["pkey", "-in", "reporting.pem", "-outform", "DER", "-out", "key.der"]);
        desk.write("cut.pem", &desk.read("reporting.pem")[..500]);
        desk.write("text.pem", "hello");
        for (key, error, hint) in [
            ("encrypted.pem", "is encrypted", "openssl pkey -in encrypted.pem"),
            ("old.pem", "is encrypted", "openssl pkey"),
            ("reporting.pub", "holds a PUBLIC KEY", "BEGIN PRIVATE KEY"),
            ("ec.pem", "cannot be read as an RSA private key", "openssl pkey"),
            ("key.der", "cannot read the key", "-inform DER"),
            ("cut.pem", "cannot be read as an RSA private key", "openssl pkey"),
            ("text.pem", "is not PEM", "-inform DER"),
            ("absent.pem", "cannot read the key absent.pem", "countersign keygen"),
        ] {
            desk.countersign(&["sign", "--key", key, "--consumer", "c", "http://a/"]).failed_with_hint(error, hint);
        }
    }

    #[test]
    fn both_private_key_forms_are_read() {
        let desk = Desk::with_key();
        desk.openssl(&["rsa", "-in", "reporting.pem", "-traditional", "-out", "pkcs1.pem"]);
        assert!(desk.read("pkcs1.pem").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        let fixed = ["--consumer", "c", "--timestamp", "1", "--nonce", "n", "http://a/"];
        let sign = |key| desk.done(&[&["sign", "--key", key][..], &fixed].concat());
        assert_eq!(sign("pkcs1.pem"), sign("reporting.pem"));
    }

    #[test]
    fn a_request_that_every_provider_refuses_is_not_signed() {
        let desk = Desk::with_key();
        let sign = |url| desk.countersign(&["sign", "--key", "reporting.pem", "--consumer", "c", url]);
        sign("http://a/?oauth_nonce=1").failed_with_hint("oauth_nonce would stand twice", "out of the URL");
        sign("http://a/?x=100%").failed_with_hint("the parameter x has a %", "%25");
    }

    #[test]
    fn wrong_usage_exits_2_and_says_what_is_right() {
        let desk = Desk::with_key();
        let sign = |rest: &[&str]| desk.countersign(&[&["sign", "--key", "reporting.pem", "--consumer", "c"], rest].concat());
        sign(&[]).is_wrong_usage("<URL>");
        sign(&["example.com"]).is_wrong_usage("http:// or https://");
        sign(&["http://a/#top"]).is_wrong_usage("%23");
        sign(&["http://me:secret@a/"]).is_wrong_usage("user name or password");
        sign(&["--form", "x", "http://a/"]).is_wrong_usage("NAME=VALUE");
        sign(&["--signature-method", "HMAC-SHA1", "http://a/"]).is_wrong_usage("RSA-SHA1, RSA-SHA256, RSA-SHA512");
        sign(&["--method", "GET /", "http://a/"]).is_wrong_usage("one word");
        sign(&["--form", "a=b", "--body-hash", "f", "http://a/"]).is_wrong_usage("cannot be used with");
    }

    /// Verifies one request with oauthlib and the public key in reporting.pub.
    const OAUTHLIB: &str = "
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit
from oauthlib.oauth1.rfc5849 import signature

label, method, url, header, body = sys.argv[1:]
places = dict(uri_query=urlsplit(url).query, body=body, headers={'Authorization': header})
every = dict(signature.collect_parameters(**places, exclude_oauth_signature=False))
request = SimpleNamespace(
    uri=url, http_method=method, params=signature.collect_parameters(**places), signature=every['oauth_signature'])
verify = getattr(signature, 'verify_' + label.lower().replace('-', '_'))
print(verify(request, open('reporting.pub').read()))
";

    /// The original OAuth test cases' key; both halves are printed in documentation, and gateways refuse it for that.
    const PUBLISHED_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALRiMLAh9iimur8V
A7qVvdqxevEuUkW4K+2KdMXmnQbG9Aa7k7eBjK1S+0LYmVjPKlJGNXHDGuy5Fw/d
7rjVJ0BLB+ubPK8iA/Tw3hLQgXMRRGRXXCn8ikfuQfjUS1uZSatdLB81mydBETlJ
hI6GH4twrbDJCR2Bwy/XWXgqgGRzAgMBAAECgYBYWVtleUzavkbrPjy0T5FMou8H
X9u2AC2ry8vD/l7cqedtwMPp9k7TubgNFo+NGvKsl2ynyprOZR1xjQ7WgrgVB+mm
uScOM/5HVceFuGRDhYTCObE+y1kxRloNYXnx3ei1zbeYLPCHdhxRYW7T0qcynNmw
rn05/KO2RLjgQNalsQJBANeA3Q4Nugqy4QBUCEC09SqylT2K9FrrItqL2QKc9v0Z
zO2uwllCbg0dwpVuYPYXYvikNHHg+aCWF+VXsb9rpPsCQQDWR9TT4ORdzoj+Nccn
qkMsDmzt0EfNaAOwHOmVJ2RVBspPcxt5iN4HI7HNeG6U5YsFBb+/GZbgfBT3kpNG
WPTpAkBI+gFhjfJvRw38n3g/+UeAkwMI2TJQS4n8+hid0uus3/zOjDySH3XHCUno
cn1xOJAyZODBo47E+67R4jV1/gzbAkEAklJaspRPXP877NssM5nAZMU0/O/NGCZ+
3jPgDUno6WbJn5cqm8MqWhW1xGkImgRk+fkDBquiq4gPiT898jusgQJAd5Zrr6Q8
AO/0isr/3aa6O6NLQxISLKcPDk2NOccAfS/xOtfOz4sJYM3+Bs4Io9+dZGSDCA54
Lw03eHTNQghS0A==
-----END PRIVATE KEY-----
";
    const PUBLISHED_SIGNATURE: &str = "jvTp%2FwX1TYtByB1m%2BPbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2%2F9n4s5wUmUl4aCI4BwpraNx4RtE\
        XMe5qg5T1LVTGliMRpKasKsW%2F%2Fe%2BRinhejgCuzoH26dyF8iY2ZZ%2F5D1ilgeijhV%2FvBka5twt399mXwaYdCwFYE%3D";
}

mod usage {
    use super::*;

    /// Every command that `--help` lists, but for clap's own `help`.
    fn commands(desk: &Desk) -> Vec<String> {
        let help = desk.done(&["--help"]);
        let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    }

    #[test]
    fn every_commands_help_has_an_example_of_that_command() {
        let desk = Desk::new();
        let commands = commands(&desk);
        assert!(commands.len() >= 2, "{commands:?}");
        for command in commands {
            let help = desk.done(&[&command, "--help"]);
            let (_, example) = help.split_once("\nExample").unwrap_or_else(|| panic!("{command} --help has no example"));
            assert!(example.contains(&format!("countersign {command}")), "{command}: {example}");
        }
        assert!(desk.done(&["--help"]).contains("\nExample"));
    }

    #[test]
    fn no_help_is_wider_than_a_terminal() {
        let desk = Desk::new();
        for command in commands(&desk) {
            for line in desk.done(&[&command, "--help"]).lines() {
                assert!(line.chars().count() <= 100, "{command}: {line}");
            }
        }
    }

    #[test]
    fn no_command_an_unknown_one_and_an_unknown_option_exit_2() {
        let desk = Desk::new();
        assert_eq!(desk.countersign(&[]).code, Some(2));
        desk.countersign(&["sing"]).is_wrong_usage("sign");
        desk.countersign(&["keygen", "--output", "x"]).is_wrong_usage("--out");
    }

    #[test]
    fn the_version_is_the_packages() {
        assert_eq!(Desk::new().done(&["--version"]), format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let desk = Desk::with_key();
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["sign", "--key", "reporting.pem", "--consumer", "c", "http://a/"])
            .current_dir(desk.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stderr, b"");
    }
}
