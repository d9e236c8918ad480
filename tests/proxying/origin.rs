//! Which URL was signed: the request's own, `public_url`, or what a trusted proxy says.

use crate::support::{Backend, Consumer, Gateway, Place, RSA_2048, by_reporting, request, signed};
use crate::{admitted, refused};

const WRONG: (u16, &str) = (401, "signature_invalid");

#[test]
fn without_more_it_is_the_listeners_scheme_and_the_host() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for (host, root) in [
        ("app.example.com", "http://app.example.com"),
        ("app.example.com:80", "http://app.example.com"),
        ("App.Example.COM", "http://app.example.com"),
        ("app.example.com:8080", "http://app.example.com:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
    ] {
        admitted(&gateway, host, &by_reporting().host(host).signed_for(root));
    }
    for root in ["https://app.example.com", "http://app.example.com:8080", "http://example.com"] {
        refused(&gateway, WRONG, root, &by_reporting().signed_for(root));
    }
}

#[test]
fn an_empty_path_is_the_root() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for (sent, meant) in [("http://app.example.com?a=1", "/?a=1"), ("http://app.example.com", "/")] {
        for place in [Place::Header, Place::Query] {
            let request = by_reporting().get(sent).signed_target(meant).in_place(place);
            admitted(&gateway, sent, &request);
            assert_eq!(backend.last_request().target, meant, "{sent}, {place:?}");
        }
    }
}

#[test]
fn a_public_url_is_the_only_one() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("public_url: https://jira.example.com/jira").start();
    admitted(&gateway, "public", &by_reporting().get("/jira/rest").host("internal:8080").signed_for("https://jira.example.com"));
    let got = backend.last_request();
    assert_eq!((got.target.as_str(), got.field("Host")), ("/jira/rest", Some("internal:8080")));
    // The Host goes on as it came; what was signed is told beside it.
    assert_eq!((got.field("X-Forwarded-Host"), got.field("X-Forwarded-Proto")), (Some("jira.example.com"), Some("https")));
    admitted(&gateway, "default port", &by_reporting().get("/x").signed_for("https://jira.example.com:443"));
    for root in ["http://app.example.com", "http://jira.example.com", "https://jira.example.com:8443"] {
        refused(&gateway, WRONG, root, &by_reporting().signed_for(root));
    }
    // What a stranger's header says does not matter.
    let forwarded = by_reporting().signed_for("https://evil.example").line("X-Forwarded-Host: evil.example");
    refused(&gateway, WRONG, "forwarded", &forwarded);
}

#[test]
fn a_trusted_proxy_says_what_the_client_saw() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("inside", &RSA_2048).with("allow_from: [10.1.0.0/16]"))
        .setting("trusted_proxies: [127.0.8.0/24, 10.9.0.0/16]")
        .start();
    let public = || by_reporting().get("/x").host("internal:8080").signed_for("https://public.example.com");
    let spoken = [
        vec!["X-Forwarded-Proto: https", "X-Forwarded-Host: public.example.com"],
        vec!["X-Forwarded-Proto: https", "X-Forwarded-Host: public.example.com:443"],
        vec!["X-Forwarded-Proto: HTTPS", "X-Forwarded-Host: public.example.com", "X-Forwarded-For: 10.1.2.3"],
        vec!["Forwarded: for=10.1.2.3;proto=https;host=public.example.com"],
        vec!["forwarded: For=\"10.1.2.3:555\"; Proto=https; Host=\"public.example.com\""],
    ];
    for lines in spoken {
        let request = lines.iter().fold(public(), |request, line| request.line(line)).bytes();
        let mut trusted = gateway.client_from("127.0.8.1");
        let answer = trusted.ask(&request);
        assert_eq!(answer.status, 200, "{lines:?}: {}", answer.text());
        // The same from anybody else is another URL.
        let request = lines.iter().fold(public(), |request, line| request.line(line));
        refused(&gateway, WRONG, &format!("{lines:?}"), &request);
    }
    let mut trusted = gateway.client_from("127.0.8.1");
    let told = public()
        .line("X-Forwarded-Proto: https")
        .line("X-Forwarded-Host: public.example.com")
        .line("X-Request-Id: from-the-proxy-1");
    assert_eq!(trusted.ask(told.clone().line("X-Forwarded-For: 192.0.2.1, 10.1.2.3, 10.9.0.1").bytes()).status, 200);
    let got = backend.last_request();
    let addresses: Vec<&str> = got.field("X-Forwarded-For").unwrap().split(", ").collect();
    assert_eq!(addresses.last(), Some(&"127.0.8.1"), "{addresses:?}");
    assert!(addresses.contains(&"10.1.2.3"), "{addresses:?}");
    assert_eq!((got.field("X-Forwarded-Proto"), got.field("X-Forwarded-Host")), (Some("https"), Some("public.example.com")));
    assert_eq!(got.field("X-Request-Id"), Some("from-the-proxy-1"));
    // The client is the last address that no trusted proxy has.
    let inside = |addresses: &str| {
        let request = signed("inside", &RSA_2048).line(&format!("X-Forwarded-For: {addresses}"));
        gateway.client_from("127.0.8.1").ask(request.bytes()).status
    };
    assert_eq!(inside("10.1.2.3"), 200);
    assert_eq!(inside("192.0.2.1, 10.1.2.3, 10.9.0.1"), 200);
    assert_eq!(inside("10.1.2.3, 192.0.2.1"), 403);
    assert_eq!(inside("10.9.0.1"), 403);
}

#[test]
fn a_port_that_a_trusted_proxy_names_is_part_of_what_was_signed() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    for (lines, root) in [
        (&["X-Forwarded-Port: 8443"][..], "http://app.example.com:8443"),
        (&["X-Forwarded-Port: 443", "X-Forwarded-Proto: https"], "https://app.example.com"),
        (&["X-Forwarded-Port: 8443", "X-Forwarded-Host: jira"], "http://jira:8443"),
        // A port in the host is nearer to what the client wrote.
        (&["X-Forwarded-Port: 80", "X-Forwarded-Host: jira:8443"], "http://jira:8443"),
    ] {
        let request = |root| lines.iter().fold(by_reporting().signed_for(root), |request, line| request.line(line));
        let ask = |root| gateway.client_from("127.0.8.1").ask(request(root).bytes());
        assert_eq!(ask(root).status, 200, "{lines:?}");
        assert_eq!(backend.last_request().field("X-Forwarded-Port"), Some(&lines[0]["X-Forwarded-Port: ".len()..]));
        assert_eq!(ask("http://app.example.com").problem().as_deref(), Some("signature_invalid"), "{lines:?}");
        refused(&gateway, WRONG, "from a stranger", &request(root));
    }
}

#[test]
fn two_families_of_forwarding_headers_have_to_agree() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    let x = ["X-Forwarded-Proto: https", "X-Forwarded-Host: jira.example.com", "X-Forwarded-For: 192.0.2.1"];
    let ask = |root: &str, x: &[&str], forwarded: &str| {
        let request = by_reporting().signed_for(root).line(&format!("Forwarded: {forwarded}"));
        let request = x.iter().fold(request, |request, line| request.line(line));
        gateway.client_from("127.0.8.1").ask(request.bytes())
    };
    for same in
        ["for=192.0.2.1;proto=https;host=jira.example.com", "host=\"jira.example.com:443\"", "proto=https", "for=192.0.2.1"]
    {
        let answer = ask("https://jira.example.com", &x, same);
        assert_eq!(answer.status, 200, "{same}: {}", answer.text());
        assert!(backend.last_request().field("Forwarded").is_none(), "{same}");
    }
    let hits = backend.byte_count();
    for other in ["host=evil.example", "proto=http", "for=192.0.2.2", "for=192.0.2.1;proto=https;host=evil.example"] {
        // Whichever of them the client signed.
        for root in ["https://jira.example.com", "https://evil.example", "http://jira.example.com"] {
            let answer = ask(root, &x, other);
            assert_eq!((answer.status, answer.problem()), (400, None), "{other}: {}", answer.text());
        }
    }
    let answer = ask("https://app.example.com", &x[..1], "host=evil.example");
    assert_eq!(answer.status, 400, "beside a part of the others: {}", answer.text());
    assert_eq!(backend.byte_count(), hits);
}

#[test]
fn connection_does_not_name_away_the_chain_of_a_trusted_proxy() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    let request = by_reporting()
        .get("/x")
        .signed_target("/jira/x")
        .signed_for("https://jira.example.com:8443")
        .line("Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Port, X-Forwarded-Prefix")
        .line("Connection: X-Request-Id")
        .line("X-Forwarded-For: 192.0.2.1")
        .line("X-Forwarded-Host: jira.example.com")
        .line("X-Forwarded-Proto: https")
        .line("X-Forwarded-Port: 8443")
        .line("X-Forwarded-Prefix: /jira")
        .line("X-Request-Id: from-the-proxy-1");
    let answer = gateway.client_from("127.0.8.1").ask(request.bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let got = backend.last_request();
    assert_eq!(got.field("X-Forwarded-For"), Some("192.0.2.1, 127.0.8.1"));
    assert_eq!(got.field("X-Forwarded-Host"), Some("jira.example.com:8443"));
    assert_eq!((got.field("X-Forwarded-Port"), got.field("X-Forwarded-Prefix")), (Some("8443"), Some("/jira")));
    assert_eq!(got.field("X-Request-Id"), Some("from-the-proxy-1"));
}

#[test]
fn what_a_client_put_before_the_proxys_own_words_does_not_count() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("beside-the-proxy", &RSA_2048).with("allow_from: [127.0.8.0/24]"))
        .setting("trusted_proxies: [127.0.8.0/24]")
        .start();
    let ask = |request: crate::support::Signing| gateway.client_from("127.0.8.1").ask(request.bytes()).status;
    // The proxy adds at the end, in the same line or in one of its own.
    for lines in [
        vec!["X-Forwarded-Host: evil.example, public.example"],
        vec!["X-Forwarded-Host: evil.example", "X-Forwarded-Host: public.example"],
    ] {
        let from = |root: &str| lines.iter().fold(by_reporting().signed_for(root), |request, line| request.line(line));
        assert_eq!(ask(from("http://public.example")), 200, "{lines:?}");
        assert_eq!(ask(from("http://evil.example")), 401, "{lines:?}");
    }
    // Whatever the client wrote, its address is the one that the proxy added, never the proxy's own.
    let mut believed = Vec::new();
    for chain in [
        "192.0.2.1",
        "127.0.8.7, 192.0.2.1",
        "unknown, 192.0.2.1",
        "\u{e9}, 192.0.2.1",
        "\u{e9},192.0.2.1",
        "\", 192.0.2.1",
        ", 192.0.2.1",
        "_x, 192.0.2.1",
    ] {
        let request = signed("beside-the-proxy", &RSA_2048).line(&format!("X-Forwarded-For: {chain}"));
        if !matches!(ask(request), 400 | 403) {
            believed.push(format!("X-Forwarded-For: {chain}"));
        }
        let forwarded = format!("Forwarded: for={}", chain.replace(',', ",for=").replace(' ', ""));
        if !matches!(ask(signed("beside-the-proxy", &RSA_2048).line(&forwarded)), 400 | 403) {
            believed.push(forwarded);
        }
    }
    assert!(believed.is_empty(), "taken for the proxy itself: {believed:#?}");
    assert_eq!(ask(signed("beside-the-proxy", &RSA_2048)), 200, "the proxy itself may");
}

#[test]
fn a_trusted_proxy_that_says_nonsense_is_not_guessed_at() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    let contradictions = [
        vec!["X-Forwarded-Proto: gopher"],
        vec!["X-Forwarded-Host: a.example/b@c"],
        vec!["X-Forwarded-Port: 99999"],
        vec!["X-Forwarded-Prefix: jira"],
        vec!["Forwarded: host=\"a b\""],
        vec!["X-Forwarded-Host: a.example", "Forwarded: host=b.example"],
    ];
    for lines in contradictions {
        let request = lines.iter().fold(by_reporting().signed_for("http://b.example"), |request, line| request.line(line));
        let answer = gateway.client_from("127.0.8.1").ask(request.bytes());
        assert!(matches!(answer.status, 400 | 401), "{lines:?}: {}", answer.status);
    }
    backend.assert_untouched();
}

#[test]
fn a_prefix_that_an_outer_proxy_stripped_is_part_of_what_was_signed() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    let request = by_reporting().get("/rest?a=1").signed_target("/jira/rest?a=1").line("X-Forwarded-Prefix: /jira");
    let answer = gateway.client_from("127.0.8.1").ask(request.bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(backend.last_request().target, "/rest?a=1");
    refused(
        &gateway,
        WRONG,
        "from a stranger",
        &by_reporting().get("/rest").signed_target("/jira/rest").line("X-Forwarded-Prefix: /jira"),
    );
}

#[test]
fn a_prefix_that_is_no_plain_path_is_refused() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]").start();
    let ask = |prefix: &str| {
        let request = by_reporting().get("/x").signed_target(&format!("{prefix}/x"));
        gateway.client_from("127.0.8.1").ask(request.line(&format!("X-Forwarded-Prefix: {prefix}")).bytes()).status
    };
    for plain in ["/jira", "/a-b/c_d.e~f", "/%C3%A4"] {
        assert_eq!(ask(plain), 200, "{plain}");
    }
    let hits = backend.byte_count();
    for odd in [
        "//evil.example",
        "/\\evil.example",
        "/a//b",
        "/..",
        "/a/../b",
        "/%2e%2e",
        "/%2f%2fevil.example",
        "/a;b",
        "/a\"b",
        "/a<b>",
    ] {
        assert_eq!(ask(odd), 400, "{odd}");
    }
    assert_eq!(backend.byte_count(), hits);
}

#[test]
fn a_refusals_realm_is_the_base_url_with_its_path() {
    let backend = Backend::start();
    for (setting, prefix, realm) in [
        ("public_url: https://jira.example.com/jira", "", "https%3A%2F%2Fjira.example.com%2Fjira"),
        ("public_url: https://jira.example.com/jira/", "/jira", "https%3A%2F%2Fjira.example.com%2Fjira"),
        ("public_url: https://jira.example.com", "/jira", "https%3A%2F%2Fjira.example.com%2Fjira"),
        ("public_url: https://jira.example.com:8443", "", "https%3A%2F%2Fjira.example.com%3A8443"),
        ("threads: 1", "/jira", "http%3A%2F%2Fapp.example.com%2Fjira"),
    ] {
        let builder = Gateway::builder().upstream(&backend).setting("trusted_proxies: [127.0.8.0/24]");
        let gateway = builder.setting(setting).start();
        let unsigned = request().get("/x").line(&format!("X-Forwarded-Prefix: {prefix}"));
        let answer = gateway.client_from("127.0.8.1").ask(unsigned.bytes());
        let challenge = format!("OAuth realm=\"{realm}\"");
        assert_eq!((answer.status, answer.field("WWW-Authenticate")), (401, Some(&*challenge)), "{setting}, {prefix}");
    }
    backend.assert_untouched();
}
