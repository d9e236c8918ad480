//! `/metrics`, read by Prometheus' own client library, and what the numbers have to do with what was sent.

#[path = "../tls/certificates.rs"]
#[expect(dead_code, reason = "the tests of TLS need more of it")]
mod certificates;
#[path = "../tls/client.rs"]
#[expect(dead_code, reason = "the tests of TLS need more of it")]
mod client;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use certificates::{Authority, overwrite};
use serde_json::Value;

use crate::support::{Backend, Consumer, Gateway, RSA_1024_OTHER, RSA_2048, by_reporting, eventually, signed, tools};

const ADMIN: &str = "admin: { listen: 127.0.0.1:0 }";

/// What the page says, by family.
struct Page(Value);

impl Page {
    fn of(gateway: &Gateway) -> Self {
        Self::read(gateway, "openmetrics", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    }

    fn read(gateway: &Gateway, format: &str, accept: &str) -> Self {
        let answer = gateway.ask_admin("GET", "/metrics", &[&format!("Accept: {accept}")], "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let wanted = if format == "text" {
            "text/plain; version=0.0.4; charset=utf-8"
        } else {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        };
        assert_eq!(answer.field("Content-Type"), Some(wanted));
        let mut reader = tools::python("read_metrics.py");
        let mut child = reader.arg(format).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&answer.body).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", answer.text());
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The values of a sample's name, by their labels' values.
    fn samples(&self, family: &str, name: &str) -> BTreeMap<String, f64> {
        let samples = self.0[family]["samples"].as_array().unwrap_or_else(|| panic!("no {family} in {}", self.0));
        let labels =
            |labels: &Value| labels.as_object().unwrap().values().map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join(",");
        let named = samples.iter().filter(|sample| sample[0] == name);
        named.map(|sample| (labels(&sample[1]), sample[2].as_f64().unwrap())).collect()
    }

    fn value(&self, family: &str, name: &str) -> f64 {
        let samples = self.samples(family, name);
        assert_eq!(samples.len(), 1, "{name}: {samples:?}");
        *samples.values().next().unwrap()
    }

    /// Requests by verdict, those that were given.
    fn verdicts(&self) -> BTreeMap<String, f64> {
        let all = self.samples("countersign_requests", "countersign_requests_total");
        assert!(all.len() > 30, "a verdict that was never given is there with 0: {all:?}");
        all.into_iter().filter(|(_, count)| *count > 0.0).collect()
    }
}

#[test]
fn both_formats_are_what_prometheus_reads() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(ADMIN).start();
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
    let openmetrics = Page::of(&gateway);
    let text = Page::read(&gateway, "text", "*/*");
    let families = |page: &Page| -> BTreeMap<String, String> {
        let all = page.0.as_object().unwrap().iter();
        all.map(|(name, family)| (name.clone(), family["type"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(families(&openmetrics), families(&text));
    for (name, kind) in [
        ("countersign_requests", "counter"),
        ("countersign_request_seconds", "histogram"),
        ("countersign_gateway_seconds", "histogram"),
        ("countersign_upstream_seconds", "histogram"),
        ("countersign_reloads", "counter"),
        ("countersign_consumers", "gauge"),
        ("countersign_nonces", "gauge"),
        ("countersign_connections", "gauge"),
        ("countersign_in_flight", "gauge"),
        ("countersign_certificate_expiry_timestamp_seconds", "gauge"),
        ("countersign_nonce_journal_errors", "counter"),
        ("countersign_build_info", "gauge"),
    ] {
        assert_eq!(families(&openmetrics).get(name).map(String::as_str), Some(kind), "{name}");
    }
    assert!(families(&openmetrics).keys().all(|name| name.starts_with("countersign_")));
}

#[test]
fn the_counts_agree_with_what_was_sent() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(ADMIN).route("{ path: /open, access: open }").start();
    let once = by_reporting();
    for _ in 0..3 {
        assert_eq!(gateway.ask(&by_reporting()).status, 200);
    }
    assert_eq!(gateway.ask(&once).status, 200);
    assert_eq!(gateway.ask(&once).status, 401);
    assert_eq!(gateway.ask(&signed("reporting", &RSA_1024_OTHER)).status, 401);
    for label in ["a", "b\"} 1\ncountersign_evil 1"] {
        assert_eq!(gateway.ask(&signed(label, &RSA_2048)).status, 401);
    }
    assert_eq!(gateway.ask_raw("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 401);
    assert_eq!(gateway.ask_raw("GET /open HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    assert_eq!(gateway.ask_raw("GET / HTTP/1.1\r\nHost: <>\r\nX Y: z\r\n\r\n").status, 400);
    let expected = [
        ("admitted", 4.0),
        ("anonymous", 1.0),
        ("bad_head", 1.0),
        ("consumer_key_unknown", 2.0),
        ("no_credentials", 1.0),
        ("nonce_used", 1.0),
        ("signature_invalid", 1.0),
    ];
    let expected: BTreeMap<String, f64> = expected.into_iter().map(|(verdict, count)| (verdict.to_owned(), count)).collect();
    let count = |page: &Page, family: &str| page.value(family, &format!("{family}_count"));
    // A verdict is counted before what it took, and that is the last of a request.
    let page = eventually("all are counted", || {
        Some(Page::of(&gateway)).filter(|page| page.verdicts() == expected && count(page, "countersign_request_seconds") == 10.0)
    });
    // Every line of the access log is a count, and the other way round.
    let mut logged = BTreeMap::<String, f64>::new();
    eventually("all lines are written", || (gateway.access_log().len() == 11).then_some(()));
    for line in gateway.access_log() {
        *logged.entry(line["verdict"].as_str().unwrap().to_owned()).or_default() += 1.0;
    }
    assert_eq!(logged, expected);
    assert_eq!(count(&page, "countersign_gateway_seconds"), 10.0);
    assert_eq!(count(&page, "countersign_upstream_seconds"), 5.0, "the application was asked five times");
    assert_eq!(page.value("countersign_nonces", "countersign_nonces"), 4.0);
    assert_eq!(page.value("countersign_consumers", "countersign_consumers"), 1.0);
    assert_eq!(page.value("countersign_in_flight", "countersign_in_flight"), 0.0);
}

#[test]
fn requests_in_flight_and_connections_are_those_of_this_moment() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.until_closed();
    });
    let gateway = Gateway::builder().upstream(&backend).setting(ADMIN).start();
    let now = |gateway: &Gateway| {
        let page = Page::of(gateway);
        (
            page.value("countersign_in_flight", "countersign_in_flight"),
            page.value("countersign_connections", "countersign_connections"),
        )
    };
    let mut busy: Vec<_> = (0..3).map(|_| gateway.client()).collect();
    let idle = gateway.client();
    for client in &mut busy {
        client.send(by_reporting().bytes());
    }
    eventually("three requests, four connections", || (now(&gateway) == (3.0, 4.0)).then_some(()));
    drop((busy, idle));
    eventually("nothing", || (now(&gateway) == (0.0, 0.0)).then_some(()));
    assert_eq!(Page::of(&gateway).verdicts().get("client_gone"), None, "the requests were admitted");
}

#[test]
fn reloads_and_what_is_in_force_are_counted() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(ADMIN).start();
    let reloads =
        |gateway: &Gateway, outcome: &str| Page::of(gateway).samples("countersign_reloads", "countersign_reloads_total")[outcome];
    assert_eq!(reloads(&gateway, "replaced"), 0.0);
    let two = Consumer::file(&[Consumer::new("reporting", &RSA_2048), Consumer::new("other", &RSA_1024_OTHER)]);
    gateway.write_consumers(&two);
    eventually("the new list is counted", || (reloads(&gateway, "replaced") == 1.0).then_some(()));
    let page = Page::of(&gateway);
    assert_eq!(page.value("countersign_consumers", "countersign_consumers"), 2.0);
    assert_eq!(page.value("countersign_files_have_problems", "countersign_files_have_problems"), 0.0);
    gateway.write_consumers("consumers: [");
    eventually("the bad list is counted", || (reloads(&gateway, "kept_old") >= 1.0).then_some(()));
    let page = Page::of(&gateway);
    assert_eq!(page.value("countersign_consumers", "countersign_consumers"), 2.0);
    assert_eq!(page.value("countersign_files_have_problems", "countersign_files_have_problems"), 1.0);
}

#[test]
fn the_end_of_a_certificate_is_shown_and_follows_its_renewal() {
    let authority = Authority::new();
    let (site, renewed) =
        (authority.issue_as("site", "DNS:localhost", certificates::Kind::Ecdsa, 10), authority.issue("renewed", "DNS:localhost"));
    let listen = format!("listen: [{{ address: \"127.0.0.1:0\", tls: {{ {} }} }}, \"127.0.0.1:0\"]", site.yaml());
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(ADMIN).setting(&listen).start();
    let family = "countersign_certificate_expiry_timestamp_seconds";
    let end = |gateway: &Gateway| {
        let samples = Page::of(gateway).samples(family, family);
        assert_eq!(samples.len(), 1, "{samples:?}");
        let (labels, end) = samples.into_iter().next().unwrap();
        assert!(labels.contains("127.0.0.1:0") && labels.contains(site.certificate.to_str().unwrap()), "{labels}");
        end
    };
    let day = 86_400.0;
    let (first, now) = (end(&gateway), crate::support::now() as f64);
    assert!((first - now - 10.0 * day).abs() < day / 24.0, "{first} at {now}");
    overwrite(&renewed.certificate, &site.certificate);
    overwrite(&renewed.key, &site.key);
    let second = eventually("the renewed one is shown", || Some(end(&gateway)).filter(|end| *end > first));
    assert!((second - now - 365.0 * day).abs() < day / 24.0, "{second} at {now}");
}
