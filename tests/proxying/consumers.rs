//! What an entry of consumers.yaml can say about its consumer.

use crate::support::{
    Backend, Consumer, Digest, Gateway, RSA_1024, RSA_2048, RSA_2048_E3, RSA_2048_OTHER, RSA_4096, eventually, signed,
};
use crate::{admitted, refused};

fn with(backend: &Backend, lines: &[&str]) -> Gateway {
    let consumer = lines.iter().fold(Consumer::new("c", &RSA_2048), |consumer, line| consumer.with(line));
    Gateway::builder().upstream(backend).consumer(consumer).start()
}

#[test]
fn a_disabled_or_expired_consumer_is_refused() {
    let backend = Backend::start();
    for (line, said) in [
        ("enabled: true", None),
        ("enabled: false", Some("is disabled")),
        ("expires: 2020-01-01", Some("has expired")),
        ("expires: 2120-01-01", None),
    ] {
        let gateway = with(&backend, &[line]);
        let Some(said) = said else {
            admitted(&gateway, line, &signed("c", &RSA_2048));
            continue;
        };
        refused(&gateway, (401, "consumer_key_rejected"), line, &signed("c", &RSA_2048));
        let told = gateway.wait_for_access(line, |line| line["status"] == 401);
        assert!(told["reason"].as_str().unwrap().contains(said), "{told}");
    }
}

#[test]
fn a_consumer_may_reach_what_its_allow_list_says() {
    let backend = Backend::start();
    let gateway = with(&backend, &["allow: [{ path: /rest/**, methods: [GET] }, { path: /files/*.csv }]"]);
    for (method, path, passes) in [
        ("GET", "/rest/api", true),
        ("POST", "/rest/api", false),
        ("POST", "/files/a.csv", true),
        ("GET", "/files/a.txt", false),
        ("GET", "/", false),
    ] {
        let request = signed("c", &RSA_2048).method(method).target(path);
        if passes {
            admitted(&gateway, path, &request);
        } else {
            refused(&gateway, (403, "permission_denied"), path, &request);
        }
    }
}

#[test]
fn a_consumer_may_come_from_where_its_list_says() {
    let backend = Backend::start();
    let gateway = with(&backend, &["allow_from: [127.0.7.0/24, 10.0.0.0/8]"]);
    let mut inside = gateway.client_from("127.0.7.9");
    assert_eq!(inside.ask(signed("c", &RSA_2048).bytes()).status, 200);
    refused(&gateway, (403, "permission_denied"), "127.0.0.1", &signed("c", &RSA_2048));
    refused(&gateway, (403, "permission_denied"), "a header says so", &signed("c", &RSA_2048).line("X-Forwarded-For: 127.0.7.9"));
}

#[test]
fn a_rate_limit_is_the_consumers_own() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("limited", &RSA_2048).with("rate_limit: { requests: 5, per: 3600s }"))
        .consumer(Consumer::new("free", &RSA_2048_OTHER))
        .start();
    // Forgeries and replays use up nothing.
    for _ in 0..20 {
        refused(&gateway, (401, "signature_invalid"), "forged", &signed("limited", &RSA_2048).signature("AAAA"));
    }
    let first = signed("limited", &RSA_2048);
    admitted(&gateway, "first", &first);
    for _ in 0..20 {
        refused(&gateway, (401, "nonce_used"), "replayed", &first);
    }
    for _ in 0..4 {
        admitted(&gateway, "within", &signed("limited", &RSA_2048));
    }
    let beyond = gateway.ask(&signed("limited", &RSA_2048));
    assert_eq!(beyond.status, 429);
    let wait: u64 = beyond.field("Retry-After").unwrap().parse().unwrap();
    assert!((1..=720).contains(&wait), "one of five an hour comes back after 720 s, not {wait}");
    for _ in 0..10 {
        admitted(&gateway, "another consumer", &signed("free", &RSA_2048_OTHER));
    }
    assert_eq!(backend.requests().len(), 15);
}

#[test]
fn a_reload_gives_nobody_a_fresh_budget() {
    let backend = Backend::start();
    let limited = || Consumer::new("limited", &RSA_2048).with("rate_limit: { requests: 2, per: 3600s }");
    let gateway = Gateway::builder().upstream(&backend).consumer(limited()).start();
    for _ in 0..2 {
        admitted(&gateway, "within", &signed("limited", &RSA_2048));
    }
    gateway.write_consumers(&Consumer::file(&[limited(), Consumer::new("new", &RSA_2048_OTHER)]));
    eventually("the reload is live", || (gateway.ask(&signed("new", &RSA_2048_OTHER)).status == 200).then_some(()));
    assert_eq!(gateway.ask(&signed("limited", &RSA_2048)).status, 429);
}

#[test]
fn execute_as_names_the_user() {
    let backend = Backend::start();
    let gateway = with(&backend, &["two_legged: { allowed: true, execute_as: jdoe }"]);
    admitted(&gateway, "execute_as", &signed("c", &RSA_2048).line("X-Forwarded-User: root"));
    let got = backend.last_request();
    assert_eq!((got.field("X-OAuth-Consumer"), got.field("X-Forwarded-User")), (Some("c"), Some("jdoe")));
    let line = gateway.wait_for_access("the line", |line| line["status"] == 200);
    assert_eq!((line["consumer"].as_str(), line["user"].as_str()), (Some("c"), Some("jdoe")));
}

#[test]
fn impersonation_is_for_those_who_may() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("may", &RSA_2048).with("two_legged: { impersonation: true, execute_as: service }"))
        .consumer(Consumer::new("may-not", &RSA_2048_OTHER).with("two_legged: { execute_as: service }"))
        .start();
    let user = || backend.last_request().field("X-Forwarded-User").map(str::to_owned);
    admitted(&gateway, "requestor", &signed("may", &RSA_2048).get("/x?xoauth_requestor_id=anna"));
    assert_eq!(user().as_deref(), Some("anna"));
    admitted(&gateway, "user_id", &signed("may", &RSA_2048).get("/x?user_id=bert"));
    assert_eq!(user().as_deref(), Some("bert"));
    admitted(&gateway, "in a form", &signed("may", &RSA_2048).post("/x").form("xoauth_requestor_id=carl"));
    assert_eq!(user().as_deref(), Some("carl"));
    admitted(&gateway, "nobody", &signed("may", &RSA_2048));
    assert_eq!(user().as_deref(), Some("service"));
    let hits = backend.requests().len();
    refused(
        &gateway,
        (401, "permission_denied"),
        "may not",
        &signed("may-not", &RSA_2048_OTHER).get("/x?xoauth_requestor_id=anna"),
    );
    let unsigned = signed("may", &RSA_2048).get("/x?xoauth_requestor_id=anna").signed_target("/x");
    refused(&gateway, (401, "signature_invalid"), "unsigned", &unsigned);
    for nobodys in ["anna&xoauth_requestor_id=root", "anna&xoauth_requestor_id=", "", "an%00na", "%0Aanna", "%FF"] {
        let request = signed("may", &RSA_2048).get(&format!("/x?xoauth_requestor_id={nobodys}"));
        refused(&gateway, (400, "parameter_rejected"), nobodys, &request);
    }
    assert_eq!(backend.requests().len(), hits);
    admitted(&gateway, "an application's own", &signed("may-not", &RSA_2048_OTHER).get("/x?user_id=bert"));
    assert_eq!(user().as_deref(), Some("service"));
}

#[test]
fn several_keys_hold_while_one_is_rolled_over() {
    let backend = Backend::start();
    let keys = format!(
        "public_keys: [{}, {}]",
        serde_json::Value::from(&*RSA_2048.public_pem),
        serde_json::Value::from(&*RSA_2048_E3.public_pem)
    );
    let gateway = Gateway::builder().upstream(&backend).consumer(Consumer::without_key("c").with(&keys)).start();
    admitted(&gateway, "the first", &signed("c", &RSA_2048));
    admitted(&gateway, "the second", &signed("c", &RSA_2048_E3));
    refused(&gateway, (401, "signature_invalid"), "neither", &signed("c", &RSA_2048_OTHER));
    refused(&gateway, (401, "signature_invalid"), "another length", &signed("c", &RSA_4096).get("/longer"));
    let line = gateway.wait_for_access("its line", |line| line["path"] == "/longer");
    assert!(line["reason"].as_str().unwrap().contains("512 bytes"), "no key was tried: {line}");
}

#[test]
fn keys_of_several_lengths_hold_while_one_is_rolled_over() {
    let backend = Backend::start();
    let keys = [&RSA_2048, &RSA_4096, &RSA_1024].map(|pair| serde_json::Value::from(&*pair.public_pem).to_string()).join(", ");
    let consumer = Consumer::without_key("c").with(&format!("public_keys: [{keys}]"));
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    admitted(&gateway, "the first", &signed("c", &RSA_2048));
    admitted(&gateway, "the second", &signed("c", &RSA_4096));
    admitted(&gateway, "the third", &signed("c", &RSA_1024));
    refused(&gateway, (401, "signature_invalid"), "none of that length", &signed("c", &RSA_2048_OTHER));
}

#[test]
fn keys_are_read_as_people_paste_them() {
    use base64::Engine;
    use rsa::pkcs1::EncodeRsaPublicKey;
    let backend = Backend::start();
    let pem = &RSA_2048.public_pem;
    let bare = base64::engine::general_purpose::STANDARD.encode(RSA_2048.public_der());
    let old = base64::engine::general_purpose::STANDARD.encode(RSA_2048.public.to_pkcs1_der().unwrap());
    let lines = |text: &str, end: &str| {
        let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        lines.join(end)
    };
    let forms = [
        lines(&bare, "\n"),
        lines(&bare, " \r\n\t"),
        lines(&old, "\n"),
        old,
        include_str!("../data/keys/rsa-2048-a.crt").to_owned(),
        pem.clone(),
        pem.replace('\n', "\r\n"),
        format!("\u{feff}\n\n  {}\t\n", pem.replace('\n', "  \n\t")),
        bare,
        RSA_2048.public.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).unwrap(),
    ];
    let builder = forms.iter().enumerate().fold(Gateway::builder().upstream(&backend), |builder, (number, text)| {
        builder.consumer(Consumer::with_key_text(&format!("c{number}"), text))
    });
    let gateway = builder.start();
    for (number, form) in forms.iter().enumerate() {
        admitted(&gateway, form, &signed(&format!("c{number}"), &RSA_2048));
    }
}

#[test]
fn each_method_is_verified_for_consumers_that_use_it() {
    let backend = Backend::start();
    let gateway = with(&backend, &["signature_methods: [RSA-SHA1, RSA-SHA256, RSA-SHA512]"]);
    for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
        admitted(&gateway, digest.method(), &signed("c", &RSA_2048).digest(digest));
    }
    let all = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("c", &RSA_2048))
        .setting("verify: { signature_methods: [RSA-SHA256] }")
        .start();
    admitted(&all, "the default for all", &signed("c", &RSA_2048).digest(Digest::Sha256));
    refused(&all, (400, "signature_method_rejected"), "not the default", &signed("c", &RSA_2048));
}
