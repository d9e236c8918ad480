//! Tunnels: what they count against, and what ends them.

use crate::support::{
    Backend, Client, Consumer, Gateway, RSA_1024, RSA_2048, RSA_2048_OTHER, Signing, by_reporting, eventually, signed,
};

/// Switches protocols for `/socket`, then records; answers anything else with `ok`.
fn switching() -> Backend {
    Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            if request.path() == "/socket" {
                wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
                return wire.until_closed();
            }
            wire.send(&crate::support::response(200, &[], b"ok"));
        }
    })
}

fn upgrade(signing: Signing) -> Vec<u8> {
    signing.get("/socket").line("Connection: Upgrade").line("Upgrade: websocket").bytes()
}

fn open(gateway: &Gateway, source: &str, signing: Signing) -> Client {
    let mut client = gateway.client_from(source);
    assert_eq!(client.ask(upgrade(signing)).status, 101);
    client
}

#[test]
fn a_tunnel_ends_when_its_consumer_is_removed_disabled_or_expired() {
    let backend = switching();
    let constant = Consumer::new("constant", &RSA_1024);
    let leaving = || Consumer::new("leaving", &RSA_2048);
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(constant.clone())
        .consumer(leaving())
        .route("{ path: /open/**, access: open }")
        .start();
    let mut staying = open(&gateway, "127.0.12.1", signed("constant", &RSA_1024));
    for ended in [None, Some("enabled: false"), Some("expires: 2020-01-01")] {
        let mut tunnel = open(&gateway, "127.0.12.2", signed("leaving", &RSA_2048));
        let left = ended.map(|line| leaving().with(line));
        gateway.write_consumers(&Consumer::file(&[vec![constant.clone()], left.into_iter().collect()].concat()));
        assert_eq!(tunnel.until_closed(), b"", "{ended:?}");
        gateway.write_consumers(&Consumer::file(&[constant.clone(), leaving()]));
        eventually("it is back", || (gateway.ask(&signed("leaving", &RSA_2048).get("/x")).status == 200).then_some(()));
    }
    gateway.wait_for_line("a tunnel was closed: its consumer is no longer active");
    // Another consumer's tunnel has nothing to do with it.
    staying.send(b"still here");
    backend.wait("its bytes arrive", |records| records.iter().any(|it| it.bytes.ends_with(b"still here")).then_some(()));
}

#[test]
fn a_tunnel_ends_when_its_consumer_loses_the_key_or_the_permission_that_opened_it() {
    let backend = switching();
    let usual = || Consumer::new("leaving", &RSA_2048).with("two_legged: { execute_as: jdoe }");
    let gateway = Gateway::builder().upstream(&backend).consumer(usual()).start();
    let by_leaving = || signed("leaving", &RSA_2048);
    let ended = [
        ("no longer signs with that key", Consumer::new("leaving", &RSA_2048_OTHER).with("two_legged: { execute_as: jdoe }")),
        ("no longer signs with that key", usual().with("signature_methods: [RSA-SHA256]")),
        (
            "two_legged.allowed: false",
            Consumer::new("leaving", &RSA_2048).with("two_legged: { allowed: false, execute_as: jdoe }"),
        ),
        ("allow list does not cover", usual().with("allow: [{ path: /rest/** }]")),
        ("allow list does not cover", usual().with("allow: [{ path: /socket, methods: [POST] }]")),
        ("allow_from does not cover", usual().with("allow_from: [10.0.0.0/8]")),
        ("no longer acts as that user", Consumer::new("leaving", &RSA_2048).with("two_legged: { execute_as: anna }")),
        ("no longer acts as that user", Consumer::new("leaving", &RSA_2048)),
    ];
    for (number, (why, entry)) in ended.into_iter().enumerate() {
        let mut tunnel = open(&gateway, "127.0.12.8", by_leaving());
        gateway.write_consumers(&Consumer::file(&[entry]));
        assert_eq!(tunnel.until_closed(), b"", "{why}");
        let told = || gateway.lines().iter().filter(|line| line.contains("a tunnel was closed")).nth(number).cloned();
        let line = eventually("it is said why", told);
        assert!(line.contains(why), "{why}: {line}");
        gateway.write_consumers(&Consumer::file(&[usual()]));
        eventually("it is as it was", || {
            let passed = gateway.ask(&by_leaving().get("/x")).status == 200;
            (passed && backend.last_request().field("X-Forwarded-User") == Some("jdoe")).then_some(())
        });
    }
}

#[test]
fn a_tunnel_stays_when_its_consumer_may_still_do_what_opened_it() {
    let backend = switching();
    let usual = || Consumer::new("staying", &RSA_2048).with("two_legged: { impersonation: true }");
    let gateway = Gateway::builder().upstream(&backend).consumer(usual()).start();
    let upgrade = signed("staying", &RSA_2048).get("/socket?xoauth_requestor_id=anna");
    let mut tunnel = gateway.client_from("127.0.12.8");
    assert_eq!(tunnel.ask(upgrade.line("Connection: Upgrade").line("Upgrade: websocket").bytes()).status, 101);
    // A second key beside the first, as while they are rolled over, and lists that cover what it is.
    let keys = [&RSA_2048_OTHER, &RSA_2048].map(|pair| serde_json::Value::from(&*pair.public_pem).to_string());
    let changed = Consumer::without_key("staying")
        .with(&format!("public_keys: [{}]", keys.join(", ")))
        .with("two_legged: { impersonation: true, execute_as: bert }")
        .with("three_legged: false")
        .with("allow: [{ path: /socket }]")
        .with("allow_from: [127.0.12.0/24]");
    gateway.write_consumers(&Consumer::file(&[changed]));
    eventually("the change is live", || (gateway.ask(&signed("staying", &RSA_2048).get("/x")).status == 403).then_some(()));
    // Longer than a tunnel takes to ask for its consumer.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    tunnel.send(b"still here");
    backend.wait("its bytes arrive", |records| records.iter().any(|it| it.bytes.ends_with(b"still here")).then_some(()));
}

#[test]
fn a_tunnel_that_nobody_signed_for_stays_when_consumers_change() {
    let backend = switching();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /socket, access: open }").start();
    let mut tunnel = open(&gateway, "127.0.12.3", crate::support::request());
    gateway.write_consumers("consumers: []\n");
    eventually("the change is live", || (gateway.ask(&by_reporting().get("/x")).status == 401).then_some(()));
    // Longer than a tunnel takes to ask for its consumer.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    tunnel.send(b"still here");
    backend.wait("its bytes arrive", |records| records.iter().any(|it| it.bytes.ends_with(b"still here")).then_some(()));
}

#[test]
fn an_idle_tunnel_is_closed_and_a_busy_one_is_not() {
    let backend = switching();
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { idle: 5s }").start();
    let mut busy = open(&gateway, "127.0.12.4", by_reporting());
    let mut idle = open(&gateway, "127.0.12.5", by_reporting());
    let mut said = 0;
    while !idle.is_closed() {
        assert!(busy.send(b"x") && !busy.is_closed(), "what carries something every moment is not idle");
        said += 1;
        assert!(said < 600, "an idle tunnel stays open");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    backend.wait("the application hears of the end", |records| {
        records.iter().any(|it| it.end.is_some() && it.bytes.starts_with(b"GET /socket")).then_some(())
    });
    assert!(busy.send(b"y") && !busy.is_closed());
}

#[test]
fn a_tunnel_takes_a_connections_place_until_it_ends() {
    let backend = switching();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { connections_per_address: 2 }").start();
    let first = open(&gateway, "127.0.12.6", by_reporting());
    let _second = open(&gateway, "127.0.12.6", by_reporting());
    let mut third = gateway.client_from("127.0.12.6");
    third.send(by_reporting().get("/x").bytes());
    assert!(third.try_response().is_none(), "two tunnels are two connections");
    drop(first);
    eventually("its place is free again", || {
        let mut again = gateway.client_from("127.0.12.6");
        again.send(by_reporting().get("/x").bytes());
        again.try_response().filter(|answer| answer.status == 200)
    });
}

#[test]
fn a_tunnel_is_in_flight_until_it_ends() {
    let backend = switching();
    let upstream = format!("{{ servers: [\"http://{}\"], max_in_flight: 1 }}", backend.address());
    let gateway = Gateway::builder().upstream_setting(&upstream).start();
    let tunnel = open(&gateway, "127.0.12.7", by_reporting());
    let request = by_reporting().get("/x");
    let busy = gateway.ask(&request);
    assert_eq!((busy.status, busy.field("Retry-After").is_some()), (503, true));
    let line = gateway.wait_for_access("the busy one", |line| line["status"] == 503);
    assert_eq!((&line["verdict"], &line["consumer"]), (&"upstream_busy".into(), &"reporting".into()), "{line}");
    drop(tunnel);
    // The very same request: what there was no room for has not used up its nonce.
    let admitted = eventually("the application has room again", || {
        let answer = gateway.ask(&request);
        (answer.status != 503).then_some(answer)
    });
    assert_eq!(admitted.status, 200, "{}", admitted.text());
    let replayed = gateway.ask(&request);
    assert_eq!((replayed.status, replayed.problem().as_deref()), (401, Some("nonce_used")));
}
