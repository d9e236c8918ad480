//! What programs that look for weaknesses of TLS servers find: nothing.

use std::process::Command;

use serde_json::Value;

use super::certificates::{Authority, Kind};
use super::client::with_input;
use super::gateway;
use super::support::{Backend, tools};

#[test]
fn sslyze_finds_no_weakness() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &both_kinds(&authority)).start();
    let report = authority.path("sslyze.json");
    let mut scan = tools::sslyze();
    scan.args(["--mozilla_config=intermediate", "--early_data", "--resum"]).arg(format!("--json_out={}", report.display()));
    let said = with_input(scan.arg(format!("localhost:{}", gateway.address().port())), b"");

    // Against Mozilla's recommendation one thing is wrong: the authority is the test's own and in nobody's trust store.
    let (_, compliance) = said.out.split_once("COMPLIANCE AGAINST TLS CONFIGURATION").unwrap_or_else(|| panic!("{said:?}"));
    let wrong: Vec<&str> = compliance.lines().map(str::trim).filter(|line| line.starts_with("* ")).collect();
    assert!(matches!(wrong[..], [one] if one.starts_with("* certificate_path_validation: ")), "{compliance}");

    // Its numbers are Python's, some of them larger than any of ours.
    let smaller = "import json, sys; json.dump(json.load(sys.stdin, parse_int=str), sys.stdout)";
    let report = with_input(tools::python_alone().args(["-c", smaller]), &std::fs::read(report).unwrap());
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let scanned = &report["server_scan_results"][0]["scan_result"];
    let result = |scan: &str| {
        let found = &scanned[scan];
        assert_eq!(found["status"], "COMPLETED", "{scan}: {found}");
        found["result"].clone()
    };
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        assert_eq!(result(&format!("{old}_cipher_suites"))["is_tls_version_supported"], false, "{old}");
    }
    for (version, suites) in [("tls_1_2", 6), ("tls_1_3", 3)] {
        let accepted = result(&format!("{version}_cipher_suites"))["accepted_cipher_suites"].clone();
        let names: Vec<&str> =
            accepted.as_array().unwrap().iter().map(|suite| suite["cipher_suite"]["name"].as_str().unwrap()).collect();
        // Forward secrecy and authenticated encryption in each.
        assert!(names.iter().all(|name| name.contains("_GCM_") || name.contains("_POLY1305_")), "{names:?}");
        assert!(version == "tls_1_3" || names.iter().all(|name| name.contains("_ECDHE_")), "{names:?}");
        assert_eq!(names.len(), suites, "{names:?}");
    }
    let expected = [
        ("tls_compression", "supports_compression", Value::from(false)),
        // Early data can be replayed (RFC 8446 §8).
        ("tls_1_3_early_data", "supports_early_data", false.into()),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false.into()),
        ("heartbleed", "is_vulnerable_to_heartbleed", false.into()),
        ("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED".into()),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false.into()),
        ("session_renegotiation", "supports_secure_renegotiation", true.into()),
        ("tls_fallback_scsv", "supports_fallback_scsv", true.into()),
        ("tls_extended_master_secret", "supports_ems_extension", true.into()),
    ];
    for (scan, field, value) in expected {
        assert_eq!(result(scan)[field], value, "{scan}");
    }
}

#[test]
fn testssl_finds_no_weakness() {
    if std::env::var_os("COUNTERSIGN_LONG").is_none() {
        // It takes more than a minute; sslyze, above, looks for mostly the same in a second.
        return;
    }
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &both_kinds(&authority)).start();
    let report = authority.path("testssl.json");
    let mut scan = Command::new("testssl");
    scan.args(["--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--add-ca"]).arg(authority.ca());
    let said = with_input(scan.arg("--jsonfile").arg(&report).arg(format!("localhost:{}", gateway.address().port())), b"");
    let findings: Vec<Value> = serde_json::from_slice(&std::fs::read(&report).unwrap_or_default())
        .unwrap_or_else(|error| panic!("testssl wrote no report ({error}): {said:?}"));
    assert!(findings.len() > 100, "it looked at next to nothing: {}", said.out);
    let id = |finding: &Value| finding["id"].as_str().unwrap().to_owned();
    for looked_at in ["heartbleed", "ROBOT", "LUCKY13", "TLS1_3", "cipher_order", "POODLE_SSL"] {
        assert!(findings.iter().any(|finding| id(finding).starts_with(looked_at)), "{looked_at} was not looked at");
    }
    let weaknesses: Vec<&Value> = findings
        .iter()
        .filter(|finding| !matches!(finding["severity"].as_str(), Some("OK" | "INFO")))
        .filter(|finding| NO_WEAKNESS_OF_OURS.iter().all(|(name, _)| !id(finding).starts_with(name)))
        .collect();
    assert!(weaknesses.is_empty(), "{weaknesses:#?}");
}

/// What testssl finds that is no weakness of the gateway, and why.
const NO_WEAKNESS_OF_OURS: [(&str, &str); 6] = [
    ("sessionresumption", "testssl cannot look at tickets of TLS 1.2 where there are none: sessions are kept here"),
    ("engine_problem", "about the openssl that testssl uses"),
    ("cert_chain_of_trust", "the authority is the test's own"),
    ("cert_revocation", "which names no place for revocations in its certificates"),
    ("DNS_CAArecord", "localhost has no DNS records"),
    ("HSTS", "a header for browsers, and the application's to send"),
];

/// A listener with an ECDSA and an RSA certificate, so that the suites of both are looked at.
fn both_kinds(authority: &Authority) -> String {
    let new = authority.issue_as("new", "DNS:localhost", Kind::Ecdsa, 90);
    let old = authority.issue_as("old", "DNS:localhost", Kind::Rsa, 90);
    format!("[{{ {} }}, {{ {} }}]", new.yaml(), old.yaml())
}
