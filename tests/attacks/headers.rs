//! Headers.

use crate::support::{
    Backend, Consumer, Gateway, Place, RSA_1024, RSA_1024_OTHER, RSA_2048, by_reporting, request, response, signed,
};
use crate::{admitted, denied};

fn acting(backend: &Backend) -> Gateway {
    let consumer = Consumer::new("reporting", &RSA_2048).with("two_legged: { execute_as: jdoe }");
    Gateway::builder().upstream(backend).consumer(consumer).route("{ path: /open, access: open }").start()
}

#[test]
fn d27_the_identity_header_in_any_spelling_is_ours_alone() {
    let backend = Backend::start();
    let gateway = acting(&backend);
    for header in ["X-Forwarded-User", "X-OAuth-Consumer"] {
        let with = |line: String| vec![line];
        let lower = header.to_ascii_lowercase();
        let spellings: Vec<Vec<String>> = vec![
            with(format!("{header}: admin")),
            with(format!("{lower}: admin")),
            with(format!("{}: admin", header.to_ascii_uppercase())),
            with(format!("{}: admin", lower.replace('-', "_"))),
            with(format!("{}: admin", header.replace('-', "."))),
            with(format!("{}: admin", header.replacen('-', "_", 1))),
            with(format!("{}: admin", header.replacen('-', ".", 1))),
            vec![format!("{header}: admin"), format!("{lower}: root")],
            with(format!("{header}:")),
            with(format!("{header}:admin\t")),
            with(format!("{header}: jdoe, admin")),
        ];
        for lines in spellings {
            let request = lines.iter().fold(by_reporting(), |request, line| request.line(line));
            admitted(&gateway, &format!("{lines:?}"), &request);
            let got = backend.last_request();
            assert_eq!(got.spellings_of("X-Forwarded-User"), ["jdoe"], "{lines:?}");
            assert_eq!(got.spellings_of("X-OAuth-Consumer"), ["reporting"], "{lines:?}");
            let anonymous = lines.iter().fold(request_to_open(), |request, line| request.line(line));
            admitted(&gateway, &format!("open {lines:?}"), &anonymous);
            let got = backend.last_request();
            assert!(
                got.spellings_of("X-Forwarded-User").is_empty() && got.spellings_of("X-OAuth-Consumer").is_empty(),
                "{got:?}"
            );
        }
        // Blanks around a name are refused: some servers take them off.
        for line in [format!("{header} : admin"), format!(" {header}: admin"), format!("{header}\t: admin")] {
            let bytes =
                String::from_utf8(by_reporting().bytes()).unwrap().replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
            let response = gateway.ask_raw(&bytes);
            let ours = || backend.last_request().spellings_of("X-Forwarded-User") == ["jdoe"];
            assert!((400..500).contains(&response.status) || ours(), "{line:?}: {}", response.status);
        }
    }
}

#[test]
fn d27_trailers_carry_no_identity() {
    let backend = Backend::start();
    let gateway = acting(&backend);
    for trailer in [
        "X-Forwarded-User: admin",
        "x_forwarded_user: admin",
        "Authorization: Basic YTpi",
        "X-OAuth-Consumer: admin",
        "Host: evil",
    ] {
        let request = by_reporting()
            .post("/x")
            .body("text/plain", "hello")
            .chunked(5)
            .line("Trailer: X-Forwarded-User")
            .line("TE: trailers");
        let text = String::from_utf8(request.bytes()).unwrap();
        let bytes = format!("{}0\r\n{trailer}\r\n\r\n", text.strip_suffix("0\r\n\r\n").unwrap());
        let response = gateway.ask_raw(bytes);
        assert!(response.status == 200 || (400..500).contains(&response.status), "{trailer}: {}", response.status);
        for got in backend.requests() {
            assert!(got.trailers.is_empty(), "{trailer}: {got:?}");
            assert_eq!(got.spellings_of("X-Forwarded-User"), ["jdoe"], "{trailer}");
        }
    }
    assert!(!backend.bytes().escape_ascii().to_string().contains("admin"));
}

#[test]
fn d28_connection_takes_nothing_away_that_it_must_not() {
    let backend = Backend::answering(|_| {
        response(200, &[("Set-Cookie", "a=1"), ("Connection", "Set-Cookie, X-Gone"), ("X-Gone", "1")], b"ok")
    });
    let gateway = acting(&backend);
    for named in [
        "X-Forwarded-User",
        "x-oauth-consumer",
        "Host",
        "HOST",
        "Authorization",
        "Content-Length",
        "Transfer-Encoding",
        "X-Request-Id",
        "Via",
    ] {
        let one = vec![format!("Connection: {named}")];
        let two = vec!["Connection: keep-alive".into(), format!("Connection: close, {named}")];
        let whole = || by_reporting().post("/x").body("text/plain", "hello");
        for (lines, request) in [(&one, whole()), (&two, whole()), (&one, whole().chunked(2)), (&two, whole().chunked(2))] {
            let request = lines.iter().fold(request, |request, line| request.line(line));
            admitted(&gateway, &format!("{lines:?}"), &request);
            let got = backend.last_request();
            assert_eq!(got.spellings_of("X-Forwarded-User"), ["jdoe"], "{lines:?}");
            assert_eq!(got.spellings_of("X-OAuth-Consumer"), ["reporting"], "{lines:?}");
            assert_eq!(got.field("Host"), Some("app.example.com"), "{lines:?}");
            assert_eq!(got.text(), "hello", "{lines:?}");
            assert!(got.field("Authorization").is_none() && got.field("X-Request-Id").is_some(), "{lines:?}");
        }
    }
    // What else it names is hop by hop, on whichever line.
    let request = by_reporting().line("Connection: keep-alive").line("connection: X-Hop").line("X-Hop: 1").line("X-Stay: 1");
    let answer = admitted(&gateway, "hop by hop", &request);
    let got = backend.last_request();
    assert!(got.field("X-Hop").is_none() && got.field("X-Stay") == Some("1"), "{got:?}");
    for line in ["Connection: \u{e9}, X-Hop", "Connection: X-Hop, keep-alive, \u{e9}", "Connection: X-Hop,\u{e9}"] {
        let request = by_reporting().line(line).line("X-Hop: 1").line("X-Stay: 1");
        admitted(&gateway, line, &request);
        let got = backend.last_request();
        assert!(got.field("X-Hop").is_none() && got.field("X-Stay") == Some("1"), "{line}: {got:?}");
    }
    assert_eq!(answer.field("Set-Cookie"), Some("a=1"));
    assert_eq!(answer.field("X-Gone"), None);
}

#[test]
fn d29_forwarding_headers_of_a_stranger_decide_nothing() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048).with("allow_from: [127.0.3.0/24]"))
        .route("{ path: /open, access: open }")
        .route("{ path: /secret, access: deny }")
        .setting("trusted_proxies: [127.0.9.0/24]")
        .start();
    let lines = [
        "Forwarded: for=127.0.3.1;host=evil.example;proto=https",
        "X-Forwarded-For: 127.0.3.1",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 443",
        "X-Forwarded-Prefix: /open",
        "X-Forwarded-Server: evil.example",
        "X-Forwarded-Scheme: https",
        "X-Forwarded-Uri: /open",
        "X-Real-IP: 127.0.3.1",
        "X-Original-URL: /open",
        "X-Original-Host: evil.example",
        "X-Original-Method: POST",
        "X-Rewrite-URL: /open",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "Proxy: http://evil.example:3128",
        "True-Client-IP: 127.0.3.1",
        "CF-Connecting-IP: 127.0.3.1",
        "X-Client-IP: 127.0.3.1",
        "X-Cluster-Client-IP: 127.0.3.1",
        "x_forwarded_for: 127.0.3.1",
        "X.Forwarded.Host: evil.example",
        "X-Request-Id: chosen-by-a-stranger",
    ];
    let all = |signing| lines.iter().fold(signing, |request: crate::support::Signing, line| request.line(line));
    // From an address that the consumer may come from: nothing of it changes what was signed or what goes out.
    let mut good = gateway.client_from("127.0.3.7");
    let answer = good.ask(all(by_reporting().get("/x")).bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let got = backend.last_request();
    assert_eq!(got.spellings_of("X-Forwarded-For"), ["127.0.3.7"]);
    assert_eq!(got.spellings_of("X-Forwarded-Host"), ["app.example.com"]);
    assert_eq!(got.spellings_of("X-Forwarded-Proto"), ["http"]);
    let fields = format!("{:?}", got.fields);
    for trace in ["evil.example", "127.0.3.1\"", "/open", "DELETE", "chosen-by-a-stranger"] {
        assert!(!fields.contains(trace), "{trace}: {fields}");
    }
    let hits = backend.requests().len();
    // From another address they open nothing.
    let answer = denied(&gateway, &backend, "allow_from", &all(by_reporting().get("/x")));
    assert_eq!((answer.status, answer.problem().as_deref()), (403, Some("permission_denied")));
    assert_eq!(denied(&gateway, &backend, "unsigned", &all(request().get("/x"))).status, 401);
    assert_eq!(denied(&gateway, &backend, "denied", &all(by_reporting().get("/secret"))).status, 403);
    assert_eq!(backend.requests().len(), hits);
}

#[test]
fn d30_cookies_and_authorization_stay_on_the_right_side() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /with, access: signed, cookies: forward }")
        .route("{ path: /open, access: open }")
        .route("{ path: /open-without, access: open, cookies: drop }")
        .route("{ path: /optional, access: optional }")
        .start();
    let cookies = |path: &str, signing: crate::support::Signing| {
        admitted(&gateway, path, &signing.get(path).line("Cookie: JSESSIONID=1").line("cookie: seraph=2"));
        let got = backend.last_request();
        assert!(!got.fields.iter().any(|(_, value)| value.starts_with("OAuth")), "{path}: {got:?}");
        got.values("Cookie").join("; ")
    };
    assert_eq!(cookies("/x", by_reporting()), "");
    assert_eq!(cookies("/with", by_reporting()), "JSESSIONID=1; seraph=2");
    assert_eq!(cookies("/optional", by_reporting()), "");
    assert_eq!(cookies("/optional", request()), "JSESSIONID=1; seraph=2");
    assert_eq!(cookies("/open", request()), "JSESSIONID=1; seraph=2");
    assert_eq!(cookies("/open-without", request()), "");

    let basic = "Basic YTpi";
    for path in ["/open", "/optional"] {
        admitted(&gateway, path, &request().get(path).line("Authorization: Basic YTpi"));
        assert_eq!(backend.last_request().field("Authorization"), Some(basic), "{path}");
    }
    admitted(&gateway, "/open", &by_reporting().get("/open"));
    assert_eq!(backend.last_request().field("Authorization"), None, "never an OAuth one");
    assert_eq!(denied(&gateway, &backend, "signed", &request().get("/x").line("Authorization: Basic YTpi")).status, 401);
    // Credentials in the query beside a foreign scheme: nothing that could be taken for the consumer's goes on.
    for path in ["/x", "/optional"] {
        let both = by_reporting().get(path).in_place(Place::Query).line("Authorization: Basic YTpi");
        admitted(&gateway, path, &both);
        assert_eq!(backend.last_request().field("Authorization"), None, "{path}");
    }
}

#[test]
fn d30_oauth_credentials_reach_the_backend_on_no_route() {
    let backend = Backend::start();
    let accesses = ["signed", "optional", "open", "observe"];
    let builder = accesses.iter().fold(Gateway::builder().upstream(&backend), |builder, access| {
        builder.route(&format!("{{ path: /{access}, access: {access} }}"))
    });
    let gateway = builder.start();
    let mut leaks = Vec::new();
    for access in accesses {
        for place in [Place::Header, Place::Query, Place::Form] {
            let request = by_reporting().post(&format!("/{access}?a=1")).form("b=2").in_place(place);
            admitted(&gateway, access, &request);
            let got = backend.last_request();
            let all = format!("{} {:?} {}", got.target, got.fields, got.text());
            if all.contains("oauth_signature") || all.contains("oauth_nonce") {
                leaks.push(format!("{access}, {place:?}"));
            }
        }
    }
    assert!(leaks.is_empty(), "credentials that nobody verified, good for a replay, at the backend: {leaks:?}");
    // What is too long to be read cannot be cut, and goes nowhere; nor does a form of which no credentials are seen yet.
    let long = format!("b={}", "2".repeat(2 * 1024 * 1024));
    for access in accesses {
        let form = || by_reporting().post(&format!("/{access}")).form(&long);
        let anonymous = request().post(&format!("/{access}")).form(&long);
        for request in [form().in_place(Place::Form), form(), form().in_place(Place::Form).chunked(64 * 1024), anonymous] {
            assert_eq!(denied(&gateway, &backend, access, &request).status, 413, "{access}");
        }
    }
}

#[test]
fn d32_among_many_threads_nobody_gets_anothers_identity() {
    const THREADS: usize = 8;
    // 10,000 requests, and in the long form 100,000.
    let each = if std::env::var_os("COUNTERSIGN_LONG").is_some() { 12_500 } else { 1250 };
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("left", &RSA_1024).with("two_legged: { execute_as: anna }"))
        .consumer(Consumer::new("right", &RSA_1024_OTHER).with("two_legged: { execute_as: bert }"))
        .start();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let gateway = &gateway;
            scope.spawn(move || {
                // An address for each: of one alone, so many forgeries would be too many bad signatures.
                let mut client = gateway.client_from(&format!("127.0.15.{}", thread + 1));
                for number in 0..each {
                    let (consumer, key) =
                        if (number + thread) % 2 == 0 { ("left", &RSA_1024) } else { ("right", &RSA_1024_OTHER) };
                    // A fifth of them are the other's signature under this one's name.
                    let forged = number % 5 == 0;
                    let other = if consumer == "left" { &RSA_1024_OTHER } else { &RSA_1024 };
                    let request =
                        signed(consumer, if forged { other } else { key }).get(&format!("/{consumer}/{thread}/{number}"));
                    let status = client.ask(request.bytes()).status;
                    assert_eq!(status, if forged { 401 } else { 200 }, "{consumer} {number}");
                }
            });
        }
    });
    let requests = backend.requests();
    assert_eq!(requests.len(), THREADS * (0..each).filter(|number| number % 5 != 0).count());
    for request in requests {
        let user = if request.target.starts_with("/left/") { ("left", "anna") } else { ("right", "bert") };
        let told = (request.field("X-OAuth-Consumer").unwrap(), request.field("X-Forwarded-User").unwrap());
        assert_eq!(told, user, "{}", request.target);
    }
}

fn request_to_open() -> crate::support::Signing {
    request().get("/open")
}
