//! Calls without a token: who may make them, and as whom.

use crate::support::{
    Backend, Consumer, Gateway, Place, RSA_2048, RSA_2048_OTHER, Request, Signing, eventually, now, request, signed,
};
use crate::{admitted, refused};

const PLACES: [Place; 3] = [Place::Header, Place::Query, Place::Form];
const DENIED: (u16, &str) = (401, "permission_denied");
const REJECTED: (u16, &str) = (400, "parameter_rejected");

fn by_c() -> Signing {
    signed("c", &RSA_2048)
}

/// A gateway with a consumer `c` of these two-legged settings.
fn allowing(backend: &Backend, two_legged: &str) -> Gateway {
    let consumer = Consumer::new("c", &RSA_2048).with(&format!("two_legged: {two_legged}"));
    Gateway::builder().upstream(backend).consumer(consumer).route("{ path: /optional, access: optional }").start()
}

/// Every way not to send a token: the request without, and with an empty one in each place, the rest of the protocol in each.
fn tokenless() -> Vec<(String, Signing)> {
    let mut ways = Vec::new();
    for rest in PLACES {
        for token in [None, Some(Place::Header), Some(Place::Query), Some(Place::Form)] {
            let call = if [Some(rest), token].contains(&Some(Place::Form)) {
                by_c().post("/x?a=1").form("b=2")
            } else {
                by_c().get("/x?a=1")
            };
            let call = call.in_place(rest);
            let call = token.map_or(call.clone(), |place| call.also_in(place, "oauth_token", ""));
            ways.push((format!("the rest in {rest:?}, an empty token in {token:?}"), call));
        }
    }
    // A name without a sign of equality has an empty value (RFC 5849 §3.4.1.3.1).
    ways.push(("only the token's name".to_owned(), by_c().get("/x?a=1&oauth_token")));
    ways
}

/// The application's consumer and user.
fn told(got: &Request) -> (Vec<&str>, Vec<&str>) {
    (got.spellings_of("X-OAuth-Consumer"), got.spellings_of("X-Forwarded-User"))
}

#[test]
fn no_token_and_an_empty_one_are_two_legged_wherever_they_stand() {
    let backend = Backend::start();
    for (two_legged, user) in [("{}", None), ("{ allowed: true, execute_as: jdoe }", Some("jdoe"))] {
        let gateway = allowing(&backend, two_legged);
        for (what, call) in tokenless() {
            admitted(&gateway, &what, &call.line("X-Forwarded-User: root"));
            let got = backend.last_request();
            assert_eq!(told(&got), (vec!["c"], user.into_iter().collect()), "{what}, {two_legged}");
            let body = if got.method == "POST" { "b=2" } else { "" };
            assert_eq!((&*got.target, &*got.text()), ("/x?a=1", body), "{what}");
        }
        let line = gateway.wait_for_access("the line", |line| line["status"] == 200);
        assert_eq!((line["consumer"].as_str(), line["user"].as_str()), (Some("c"), user), "{line}");
    }
}

#[test]
fn where_two_legged_is_not_allowed_no_way_around_the_token_is() {
    let backend = Backend::start();
    let gateway = allowing(&backend, "{ allowed: false, execute_as: jdoe, impersonation: true }");
    for (what, call) in tokenless() {
        refused(&gateway, DENIED, &what, &call);
    }
    for target in ["/x?xoauth_requestor_id=anna", "/x?user_id=anna"] {
        refused(&gateway, DENIED, target, &by_c().get(target));
    }
    refused(&gateway, DENIED, "an optional route", &by_c().get("/optional"));
    refused(&gateway, (401, "token_rejected"), "a token that nobody issued", &by_c().set("oauth_token", "x"));
    backend.assert_untouched();
    let line = gateway.wait_for_access("the line", |line| line["verdict"] == "permission_denied");
    assert!(line["reason"].as_str().unwrap().contains("two_legged.allowed: false") && line["user"].is_null(), "{line}");
    admitted(&gateway, "nobody at all, where the route asks for nobody", &request().get("/optional"));
    assert_eq!(told(&backend.last_request()), (vec![], vec![]));
}

#[test]
fn a_nonce_is_one_whether_the_token_is_absent_or_empty() {
    let backend = Backend::start();
    let gateway = allowing(&backend, "{}");
    let timestamp = now();
    let with = |nonce: &str| by_c().nonce(nonce).timestamp(timestamp);
    admitted(&gateway, "absent", &with("m"));
    refused(&gateway, (401, "nonce_used"), "empty", &with("m").set("oauth_token", ""));
    admitted(&gateway, "empty", &with("o").also_in(Place::Query, "oauth_token", ""));
    refused(&gateway, (401, "nonce_used"), "absent", &with("o"));
}

#[test]
fn who_may_impersonate_names_one_user_in_query_or_form() {
    let backend = Backend::start();
    let gateway = allowing(&backend, "{ impersonation: true, execute_as: service }");
    for (user, call) in [
        ("anna", by_c().get("/x?xoauth_requestor_id=anna")),
        ("anna", by_c().post("/x").form("a=1&xoauth_requestor_id=anna")),
        ("anna", by_c().post("/x?xoauth_requestor_id=anna").body("application/json", "{\"xoauth_requestor_id\":\"bert\"}")),
        ("anna", by_c().method("PUT").target("/x?a=1").form("xoauth_requestor_id=anna")),
        ("anna", by_c().get("/x?xoauth_requestor_id=anna").in_place(Place::Query)),
        ("anna", by_c().post("/x").form("xoauth_requestor_id=anna").in_place(Place::Form)),
        ("anna", by_c().get("/optional?xoauth_requestor_id=anna")),
        ("anna", by_c().get("/x?xoauth_requestor_id=anna").also_in(Place::Query, "oauth_token", "")),
        // `user_id` is asked where there is no other.
        ("bert", by_c().get("/x?user_id=bert")),
        ("bert", by_c().post("/x").form("user_id=bert")),
        ("anna", by_c().get("/x?user_id=bert&xoauth_requestor_id=anna")),
        ("anna", by_c().post("/x?user_id=bert&user_id=carl").form("xoauth_requestor_id=anna")),
        // As the name is after decoding, and as an identity header can hold it.
        ("anna@example.com", by_c().get("/x?%78oauth_requestor_id=anna%40example.com")),
        ("J%C3%BCrg%20M", by_c().get("/x?xoauth_requestor_id=J%c3%bcrg+M")),
        // Names, not texts that look like it; and a body that is no form holds no parameters.
        ("service", by_c().get("/x?Xoauth_requestor_id=anna&XOAUTH_REQUESTOR_ID=anna&xoauth_requestor=anna&userid=anna")),
        ("service", by_c().post("/x").body("text/plain", "xoauth_requestor_id=anna")),
        ("service", by_c().get("/x")),
    ] {
        let what = String::from_utf8_lossy(&call.bytes()).into_owned();
        admitted(&gateway, &what, &call.clone().line("X-Forwarded-User: root"));
        let got = backend.last_request();
        assert_eq!(told(&got), (vec!["c"], vec![user]), "{what}");
        // It is the application's parameter too: what was signed goes on as it was sent.
        let query = |target: &str| target.split_once('?').map(|(_, query)| query.split("&oauth_").next().unwrap().to_owned());
        let sent = query(&call.sent_target()).filter(|query| !query.starts_with("oauth_"));
        assert_eq!(query(&got.target), sent, "{what}");
    }
    let named = gateway.wait_for_access("a user's line", |line| line["user"] == "anna@example.com");
    assert_eq!(named["verdict"], "admitted");
}

#[test]
fn a_name_that_was_not_signed_or_is_not_one_name_is_nobody() {
    let backend = Backend::start();
    let gateway = allowing(&backend, "{ impersonation: true, execute_as: service }");
    let unsigned = [
        ("added to the query", by_c().get("/x?xoauth_requestor_id=anna").signed_target("/x")),
        ("another in its place", by_c().get("/x?xoauth_requestor_id=root").signed_target("/x?xoauth_requestor_id=anna")),
        ("taken out", by_c().get("/x").signed_target("/x?xoauth_requestor_id=anna")),
        ("user_id added", by_c().get("/x?user_id=anna").signed_target("/x")),
    ];
    for (what, call) in unsigned {
        refused(&gateway, (401, "signature_invalid"), what, &call);
    }
    for name in ["xoauth_requestor_id", "user_id"] {
        let long = "a".repeat(256);
        for value in ["", "an%00na", "%0d%0aX-Forwarded-User:root", "%FF", "anna%7F", &long, &format!("anna&{name}=anna")] {
            refused(&gateway, REJECTED, value, &by_c().get(&format!("/x?{name}={value}")));
            refused(&gateway, REJECTED, value, &by_c().post("/x").form(&format!("{name}={value}")));
        }
        let both = by_c().post(&format!("/x?{name}=anna")).form(&format!("{name}=bert"));
        refused(&gateway, REJECTED, "in both places", &both);
    }
    refused(&gateway, REJECTED, "in the header", &by_c().get("/x").also_in(Place::Header, "user_id", "anna"));
    backend.assert_untouched();
    let longest = "a".repeat(255);
    admitted(&gateway, "the longest", &by_c().get(&format!("/x?xoauth_requestor_id={longest}")));
    assert_eq!(told(&backend.last_request()).1, [&*longest]);
}

#[test]
fn extensions_in_the_header_are_signed_and_name_nobody_else() {
    let backend = Backend::start();
    let open = Consumer::new("c", &RSA_2048).with("two_legged: { impersonation: true, execute_as: service }");
    let gateway = Gateway::builder().upstream(&backend).consumer(open).consumer(Consumer::new("plain", &RSA_2048_OTHER)).start();
    let in_header = |call: Signing, user: &str| call.also_in(Place::Header, "xoauth_requestor_id", user);
    let plain = || signed("plain", &RSA_2048_OTHER);
    for (user, call) in [
        (Some("service"), by_c().get("/x?a=1").also_in(Place::Header, "xoauth_anything", "1")),
        (None, plain().get("/x?a=1").also_in(Place::Header, "opensocial_viewer_id", "anna")),
        // The very user as whom it goes.
        (Some("service"), in_header(by_c().get("/x?a=1"), "service")),
        (Some("anna"), in_header(by_c().get("/x?xoauth_requestor_id=anna"), "anna")),
        (Some("anna"), in_header(by_c().get("/x?user_id=anna"), "anna")),
        (Some("anna"), in_header(in_header(by_c().get("/x?user_id=anna"), "anna"), "anna")),
    ] {
        let what = String::from_utf8_lossy(&call.bytes()).into_owned();
        admitted(&gateway, &what, &call);
        assert_eq!(told(&backend.last_request()).1, Vec::from_iter(user), "{what}");
    }
    let hits = backend.byte_count();
    for (what, call) in [
        ("another than the consumer's", in_header(by_c().get("/x"), "anna")),
        ("another than the query's", in_header(by_c().get("/x?xoauth_requestor_id=anna"), "bert")),
        ("two", in_header(in_header(by_c().get("/x?user_id=anna"), "anna"), "bert")),
        ("somebody where there is nobody", in_header(plain().get("/x"), "anna")),
        ("an empty one", in_header(plain().get("/x"), "")),
        ("another spelling", in_header(by_c().get("/x"), "Service")),
    ] {
        refused(&gateway, DENIED, what, &call);
    }
    let changed = in_header(by_c().get("/x"), "service").authorization(|value| value.replace("\"service\"", "\"anna\""));
    refused(&gateway, (401, "signature_invalid"), "changed on the way", &changed);
    let added = by_c().get("/x").authorization(|value| value + ", xoauth_anything=\"1\"");
    refused(&gateway, (401, "signature_invalid"), "added on the way", &added);
    assert_eq!(backend.byte_count(), hits);
    let line = gateway.wait_for_access("its line", |line| line["verdict"] == "permission_denied");
    assert!(line["reason"].as_str().unwrap().contains("Authorization header"), "{line}");
}

#[test]
fn who_may_not_impersonate_names_nobody_and_keeps_a_user_id_of_the_applications() {
    let backend = Backend::start();
    let consumers = [
        Consumer::new("c", &RSA_2048).with("two_legged: { execute_as: service, impersonation: false }"),
        Consumer::new("plain", &RSA_2048_OTHER),
    ];
    let builder = Gateway::builder().upstream(&backend).route("{ path: /open, access: open }");
    let builder = builder.route("{ path: /observe, access: observe }");
    let gateway = consumers.into_iter().fold(builder, |builder, consumer| builder.consumer(consumer)).start();
    for call in [by_c, || signed("plain", &RSA_2048_OTHER)] {
        // Also where it is the very user that it acts as.
        for user in ["anna", "service"] {
            let pair = format!("xoauth_requestor_id={user}");
            refused(&gateway, DENIED, "in the query", &call().get(&format!("/x?{pair}")));
            refused(&gateway, DENIED, "in a form", &call().post("/x").form(&pair));
            refused(&gateway, DENIED, "beside an empty token", &call().get(&format!("/x?{pair}")).set("oauth_token", ""));
        }
        refused(&gateway, REJECTED, "empty", &call().get("/x?xoauth_requestor_id="));
    }
    backend.assert_untouched();
    for target in ["/x?user_id=anna", "/x?user_id=anna&user_id=", "/x?user_id=%0A%FF"] {
        admitted(&gateway, target, &by_c().get(target));
        let got = backend.last_request();
        assert_eq!((told(&got), &*got.target), ((vec!["c"], vec!["service"]), target));
        admitted(&gateway, target, &signed("plain", &RSA_2048_OTHER).get(target));
        assert_eq!(told(&backend.last_request()), (vec!["plain"], vec![]), "{target}");
    }
    admitted(&gateway, "in a form", &by_c().post("/x").form("user_id=anna"));
    let got = backend.last_request();
    assert_eq!((told(&got), &*got.text()), ((vec!["c"], vec!["service"]), "user_id=anna"));
    // Where nothing is proved nobody is named, and on a trial run the log says what would have become of it.
    for path in ["/open", "/observe"] {
        admitted(&gateway, path, &by_c().get(&format!("{path}?xoauth_requestor_id=anna")));
        assert_eq!(told(&backend.last_request()), (vec![], vec![]), "{path}");
    }
    let observed = gateway.wait_for_access("the trial's line", |line| line["path"] == "/observe");
    assert_eq!((observed["verdict"].as_str(), observed["user"].as_str()), (Some("permission_denied"), None), "{observed}");
}

#[test]
fn a_change_of_the_two_legged_settings_is_live() {
    let backend = Backend::start();
    let gateway = allowing(&backend, "{ execute_as: anna }");
    let set = |two_legged: &str| {
        let consumer = Consumer::new("c", &RSA_2048).with(&format!("two_legged: {two_legged}"));
        gateway.write_consumers(&Consumer::file(&[consumer]));
    };
    let user_is = |wanted: &[&str]| {
        eventually("the user", || {
            admitted(&gateway, "it passes", &by_c());
            (told(&backend.last_request()).1 == wanted).then_some(())
        });
    };
    user_is(&["anna"]);
    set("{ execute_as: bert }");
    user_is(&["bert"]);
    set("{ execute_as: null }");
    user_is(&[]);
    set("{ allowed: false }");
    eventually("it is no longer allowed", || (gateway.ask(&by_c()).problem()? == "permission_denied").then_some(()));
}
