//! Who sits at the browser, by each way in which that can be known; what the pages let that person do, and nobody else.

use std::sync::{Arc, Mutex};

use crate::form::Form;
use crate::site::{ACCESS_TOKEN, AUTHORIZE, Given, REPORTING, Site, USER_TOKENS, authorize, called_back};
use crate::support::gateway::Builder;
use crate::support::{Backend, Browser, Gateway, Response, request, response};

/// A gateway whose users are known in another way than by a header.
fn site_of(backend: Backend, owner: &str, settings: impl FnOnce(Builder) -> Builder) -> Site {
    let builder = Gateway::builder().consumer(REPORTING.entry().with("description: Nightly reports")).upstream(&backend);
    let builder = builder.setting("oauth: {}").setting(&format!("resource_owner: {{ {owner} }}"));
    Site { gateway: settings(builder).start(), backend }
}

/// Presses a button of the page that asks for consent.
#[track_caller]
fn decide(browser: &mut Browser, token: &str, decision: &str) -> Response {
    let page = browser.get(&authorize(token));
    assert_eq!(page.status, 200, "{}", page.text());
    let form = Form::with(&page.text(), "name=\"decision\"");
    browser.post(AUTHORIZE, &form.fields(&[("decision", decision)]))
}

/// The rest of the dance, and a call: the application is told the user.
#[track_caller]
fn acts_as(site: &Site, token: &str, verifier: &str, user: &str) {
    let given = Given::of(&site.exchange(token, verifier));
    assert_eq!(site.call(&given.token).status, 200);
    let seen = site.backend.last_request();
    assert_eq!(seen.values("x-forwarded-user"), [user]);
    assert_eq!(seen.values("x-oauth-consumer"), [REPORTING.key]);
}

/// The audit lines of an action.
fn audited(site: &Site, action: &str, count: usize) -> Vec<serde_json::Value> {
    let lines = || {
        let lines = site.gateway.lines().into_iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
        lines.filter(|line| line["audit"] == action).collect::<Vec<_>>()
    };
    // A line is written before its answer, and read by the test when the test comes to it.
    let found = crate::support::eventually(action, || Some(lines()).filter(|found| found.len() >= count));
    assert_eq!(found.len(), count, "{action}");
    found
}

#[test]
fn whom_the_single_sign_on_names_may_allow_and_the_application_is_told_that_user() {
    let site = Site::start();
    let token = site.request_token().token;
    let page = site.alice().opens(&token);
    let text = page.text();
    for word in [REPORTING.key, "alice", "reports.example.com", "Allow", "Deny"] {
        assert!(text.contains(word), "no {word} on {text}");
    }
    let policy = page.field("content-security-policy").unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http: https:"] {
        assert!(policy.contains(part), "{policy}");
    }
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.field(name), Some(value), "{name}");
    }
    site.backend.assert_untouched();
    let answer = site.alice().decides(&token, "allow");
    assert_eq!(answer.field("referrer-policy"), Some("no-referrer"), "where it leads, nobody learns whence");
    acts_as(&site, &token, &called_back(&answer, &token), "alice");
    let line = &audited(&site, "allow_consumer", 1)[0];
    assert_eq!(
        (line["who"].as_str(), line["by"].as_str(), line["consumer"].as_str()),
        (Some("alice"), Some("user"), Some(REPORTING.key))
    );
    let access =
        site.gateway.wait_for_access("the decision's line", |line| line["path"] == AUTHORIZE && line["method"] == "POST");
    assert_eq!((access["verdict"].as_str(), access["user"].as_str()), (Some("anonymous"), Some("alice")));
}

#[test]
fn the_single_sign_ons_header_means_nothing_from_elsewhere_and_goes_no_further() {
    let site = Site::start();
    let token = site.request_token().token;
    let head = |path: &str, lines: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{lines}Connection: close\r\n\r\n", site.gateway.address())
    };
    let page = head(&authorize(&token), "X-SSO-User: alice\r\n");
    assert_eq!(site.gateway.client_from("127.0.0.1").ask(&page).status, 200);
    assert_eq!(site.gateway.client_from("127.0.0.2").ask(&page).status, 403, "another address");
    for lines in
        ["", "X-SSO-User:\r\n", "X-SSO-User: alice\r\nX-SSO-User: alice\r\n", "X-SSO-User: a\tb\r\n", "X_SSO_User: alice\r\n"]
    {
        assert_eq!(site.gateway.ask_raw(head(&authorize(&token), lines)).status, 403, "{lines:?}");
    }
    site.backend.assert_untouched();
    let call = REPORTING.signs().get("/").line("X-SSO-User: alice").line("x_sso.user: alice");
    assert_eq!(site.gateway.ask(&call).status, 200);
    assert_eq!(site.backend.only_request().spellings_of("x-sso-user"), Vec::<&str>::new());
}

#[test]
fn a_decision_comes_from_the_page_that_the_same_person_saw() {
    let site = Site::start();
    let token = site.request_token().token;
    let mut alice = site.alice();
    let form = Form::with(&alice.opens(&token).text(), "name=\"decision\"");
    let fields = form.fields(&[("decision", "allow")]);
    let here = format!("http://{}", alice.browser.address);
    for (what, headers) in [
        ("another origin", vec![("origin", "http://evil.example")]),
        ("another port", vec![("origin", "http://127.0.0.1:1")]),
        ("cross-site", vec![("sec-fetch-site", "cross-site"), ("origin", &here)]),
        ("same-site", vec![("sec-fetch-site", "same-site"), ("origin", &here)]),
        ("null", vec![("origin", "null")]),
    ] {
        assert_eq!(alice.post_from(AUTHORIZE, &fields, &headers).status, 403, "{what}");
    }
    let without = |left_out: &str| fields.iter().copied().filter(|(name, _)| *name != left_out).collect::<Vec<_>>();
    assert_eq!(alice.post(AUTHORIZE, &without("csrf")).status, 403, "no proof");
    assert_eq!(alice.post_from(AUTHORIZE, &without("csrf"), &[]).status, 403, "no proof, and no origin");
    let mut eve = site.user("eve");
    eve.browser.cookies = alice.browser.cookies.clone();
    assert_eq!(eve.post(AUTHORIZE, &fields).status, 403, "somebody else at the same browser");
    assert_eq!(site.alice().post(AUTHORIZE, &fields).status, 403, "alice at another browser");
    let other = site.request_token().token;
    let swapped: Vec<_> = without("oauth_token").into_iter().chain([("oauth_token", &*other)]).collect();
    assert_eq!(alice.post(AUTHORIZE, &swapped).status, 403, "another request token");
    assert_eq!(alice.post(AUTHORIZE, &form.fields(&[("decision", "perhaps")])).status, 400);
    assert_eq!(alice.post(AUTHORIZE, &form.fields(&[("decision", "deny"), ("decision", "allow")])).status, 400);
    let answer = alice.post(AUTHORIZE, &fields);
    called_back(&answer, &token);
    assert_eq!(alice.post(AUTHORIZE, &fields).status, 410, "decided is decided");
    assert_eq!(alice.opens(&token).status, 410);
    audited(&site, "allow_consumer", 1);
}

#[test]
fn what_cannot_be_decided_is_a_page_and_leads_nowhere() {
    let site = Site::start();
    let mut alice = site.alice();
    for (path, status) in [
        (AUTHORIZE.to_owned(), 400),
        (format!("{AUTHORIZE}?oauth_token="), 400),
        (format!("{AUTHORIZE}?oauth_token=a&oauth_token=b"), 400),
        (format!("{}&oauth_callback=https%3A%2F%2Fevil.example%2F", authorize("A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6")), 404),
    ] {
        let page = alice.get(&path);
        assert_eq!((page.status, page.field("location")), (status, None), "{path}: {}", page.text());
    }
    let token = site.request_token().token;
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let answer = site.gateway.ask(&request().method(method).target(&authorize(&token)));
        assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD, POST")), "{method}");
    }
    let mut client = site.gateway.client();
    client.send(request().method("HEAD").target(&authorize(&token)).line("X-SSO-User: alice").bytes());
    let head = client.response_to("HEAD");
    assert_eq!((head.status, head.body.len()), (200, 0));
    // Switched off while its request waits.
    site.gateway.write_consumers(&crate::support::Consumer::file(&[REPORTING.entry().with("enabled: false")]));
    let page = crate::support::eventually("the consumer is off", || Some(alice.opens(&token)).filter(|page| page.status != 200));
    assert_eq!(page.status, 403);
    site.backend.assert_untouched();
}

#[test]
fn without_a_callback_the_code_is_shown_and_a_denial_is_told() {
    let site = Site::start();
    let token = site.request_token_of(REPORTING, "oob").token;
    let code = site.alice().allows_out_of_band(&token);
    acts_as(&site, &token, &code, "alice");
    let token = site.request_token_of(REPORTING, "oob").token;
    let answer = site.alice().decides(&token, "deny");
    assert!(answer.status == 200 && answer.text().contains("denied"), "{}", answer.text());
    crate::refused::refused(&site.exchange(&token, "x"), (401, "permission_denied"), "denied");
    let token = site.request_token().token;
    site.alice().denies(&token);
    audited(&site, "deny_consumer", 2);
}

#[test]
fn users_see_and_revoke_their_own_authorisations_alone() {
    let site = Site::start();
    let given = site.access_token();
    assert_eq!(site.call(&given.token).status, 200);
    let page = site.alice().get(USER_TOKENS).text();
    assert!(page.contains("<th scope=\"col\">Issued</th>") && !page.contains(">Allowed<"), "a renewal issues it anew: {page}");
    let form = site.alice().revocation_of(REPORTING.key);
    let mut eve = site.user("eve");
    let page = eve.get(USER_TOKENS);
    assert!(page.status == 200 && !page.text().contains(REPORTING.key), "{}", page.text());
    let id = form.fields(&[]).into_iter().find(|(name, _)| *name == "revoke").unwrap().1.to_owned();
    assert_eq!(eve.get(&format!("{USER_TOKENS}?revoke={id}")).status, 404);
    let _own = site.access_token_of(REPORTING, "eve");
    let eves = eve.revocation_of(REPORTING.key);
    let of_alice: Vec<_> =
        eves.fields(&[]).into_iter().map(|(name, value)| (name, if name == "revoke" { &*id } else { value })).collect();
    assert_eq!(eve.post(USER_TOKENS, &of_alice).status, 404, "alice's is not eve's to revoke");
    assert_eq!(site.alice().post(USER_TOKENS, &form.fields(&[])).status, 403, "without the page's cookie");
    assert_eq!(site.call(&given.token).status, 200);
    site.alice().revokes(REPORTING.key);
    crate::refused::refused(&site.call(&given.token), (401, "token_revoked"), "revoked");
    let line = &audited(&site, "revoke_token", 1)[0];
    assert_eq!((line["who"].as_str(), line["consumer"].as_str()), (Some("alice"), Some(REPORTING.key)));
}

#[test]
fn while_the_audit_log_takes_no_lines_nobody_allows_anything_and_everybody_may_say_no() {
    // Takes nothing, like a full disk (full(4)); that shows at the first line.
    let site = Site::with(|builder| builder.setting("log: { audit: /dev/full }"));
    let given = site.access_token();
    site.gateway.wait_for_line("a line is missing in the audit log");
    let token = site.request_token().token;
    let answer = site.alice().decides(&token, "allow");
    assert_eq!((answer.status, answer.field("location")), (503, None), "{}", answer.text());
    assert!(answer.text().contains("nothing was allowed"), "{}", answer.text());
    let line = site.gateway.wait_for_access("the operator's sentence", |line| line["path"] == AUTHORIZE && line["status"] == 503);
    assert_eq!(line["reason"], "the audit log: it cannot be written");
    site.refuses((401, "permission_unknown"), "undecided", &REPORTING.exchange(&token, "guessed"));
    site.alice().denies(&token);
    site.refuses((401, "permission_denied"), "denied", &REPORTING.exchange(&token, "guessed"));
    site.alice().revokes(REPORTING.key);
    crate::refused::refused(&site.call(&given.token), (401, "token_revoked"), "revoked");
}

/// An application that knows its users by a cookie, and says so in a header and in JSON.
fn application() -> (Backend, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&asked);
    let backend = Backend::answering(move |request| {
        let cookies = request.values("cookie").join("; ");
        if request.path() == "/session" {
            seen.lock().unwrap().push(format!("{:?}", request.fields));
        }
        let known = |user: &str| cookies.contains(&format!("JSESSIONID={user}"));
        let json = [("Content-Type", "application/json")];
        if known("alice") {
            response(200, &[("X-AUSERNAME", "alice"), json[0]], br#"{"user":{"name":"alice"}}"#)
        } else if known("expired") {
            response(401, &[], b"")
        } else if known("broken") {
            response(500, &[], b"")
        } else if known("twice") {
            response(200, &[("X-AUSERNAME", "alice"), ("X-AUSERNAME", "bob"), json[0]], br#"{"user":{"name":["alice"]}}"#)
        } else if known("long") {
            response(200, &[json[0]], &[b' '; 100_000])
        } else if known("moved") {
            response(302, &[("Location", "/login"), ("X-AUSERNAME", "alice")], b"")
        } else {
            response(200, &[("X-AUSERNAME", "anonymous"), json[0]], br#"{"user":{"name":null}}"#)
        }
    });
    (backend, asked)
}

const BY_HEADER: &str = "session_probe: { url: /session, user_header: X-AUSERNAME, anonymous: [anonymous], login_url: '/login?os_destination={return_to}' }";
const BY_POINTER: &str =
    "session_probe: { url: /session, user_json_pointer: /user/name, login_url: '/login?os_destination={return_to}' }";

#[test]
fn the_application_is_asked_who_its_cookie_belongs_to() {
    for probe in [BY_HEADER, BY_POINTER] {
        let (backend, asked) = application();
        let site = site_of(backend, probe, |builder| builder);
        let token = site.request_token().token;
        let mut browser = Browser::at(site.gateway.address());
        browser.cookies.insert("JSESSIONID".to_owned(), "alice".to_owned());
        let answer = decide(&mut browser, &token, "allow");
        acts_as(&site, &token, &called_back(&answer, &token), "alice");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 2, "once for the page, once for the decision");
        for question in asked.iter() {
            assert!(question.contains("JSESSIONID=alice") && !question.contains("countersign_consent"), "{question}");
            assert!(!question.contains("sec-fetch-site") && !question.contains("origin"), "{question}");
            assert!(question.contains("x-request-id") && question.contains("application/json"), "{question}");
        }
    }
}

#[test]
fn whom_the_application_does_not_know_is_led_to_its_sign_in_page_once() {
    let (backend, asked) = application();
    let site = site_of(backend, BY_HEADER, |builder| builder);
    let token = site.request_token().token;
    let mut browser = Browser::at(site.gateway.address());
    let encoded = AUTHORIZE.replace('/', "%2F");
    let back = format!("/login?os_destination={encoded}%3Foauth_token%3D{token}%26came_back%3Dyes");
    let led = browser.get(&format!("{}&oauth_callback=http%3A%2F%2Fevil", authorize(&token)));
    assert_eq!((led.status, led.field("location")), (303, Some(&*back)));
    assert!(asked.lock().unwrap().is_empty(), "there was no cookie to ask about");
    for session in ["unknown", "expired", "moved", "twice"] {
        browser.cookies.insert("JSESSIONID".to_owned(), session.to_owned());
        let led = browser.get(&authorize(&token));
        assert_eq!((led.status, led.field("location")), (303, Some(&*back)), "{session}");
    }
    let again = browser.get(&format!("{}&came_back=yes", authorize(&token)));
    assert_eq!((again.status, again.field("location")), (403, None), "no circle");
    assert!(again.text().contains("/login?os_destination="), "{}", again.text());
    let mine = browser.get(USER_TOKENS);
    assert!(mine.field("location").unwrap().ends_with("access-tokens%3Fcame_back%3Dyes"), "{mine:?}");
    let count = asked.lock().unwrap().len();
    assert_eq!(browser.get(&authorize("A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6")).status, 404);
    assert_eq!(asked.lock().unwrap().len(), count, "without a request token nobody is asked about");
}

#[test]
fn an_application_that_cannot_say_allows_nothing_and_the_operator_reads_why() {
    for (probe, sessions) in [(BY_HEADER, &["broken"][..]), (BY_POINTER, &["broken", "twice", "long"])] {
        let (backend, _) = application();
        let site = site_of(backend, probe, |builder| builder);
        let token = site.request_token().token;
        for session in sessions {
            let mut browser = Browser::at(site.gateway.address());
            browser.cookies.insert("JSESSIONID".to_owned(), (*session).to_owned());
            let page = browser.get(&authorize(&token));
            assert_eq!(page.status, 502, "{session}: {}", page.text());
        }
        let line = site.gateway.wait_for_access("the reason", |line| line["verdict"] == "upstream_broken");
        assert!(line["reason"].as_str().unwrap().contains("answered 500"), "{line}");
    }
}

/// A users file with ada in it.
fn users_file(gateway: &Gateway) -> std::path::PathBuf {
    gateway.folder().join("dance-users.yaml")
}

#[track_caller]
fn write_users(file: &std::path::Path, names: &[&str]) {
    use std::os::unix::fs::PermissionsExt;
    let users: String = names.iter().map(|name| format!("- name: {name}\n  password: {HASH}\n")).collect();
    std::fs::write(file, if users.is_empty() { "users: []\n".to_owned() } else { format!("users:\n{users}") }).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// By the reference implementation: `echo -n "correct horse battery" | argon2 saltsaltsaltsalt -id -t 2 -k 19456 -p 1 -e`
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$iPOQ5f2O21FsjnBvo1AiFcDuSXciCnKUrXFO+yfgNoM";
const PASSWORD: &str = "correct horse battery";

fn sign_in_page() -> String {
    format!("{AUTHORIZE}/sign-in")
}

#[test]
fn users_of_the_gateways_own_sign_in_and_out() {
    let site = site_of(Backend::start(), "users: dance-users.yaml", |builder| builder);
    let file = users_file(&site.gateway);
    let token = site.request_token().token;
    let mut browser = Browser::at(site.gateway.address());
    let led = browser.get(&authorize(&token));
    let sign_in = format!("{}?oauth_token={token}", sign_in_page());
    assert_eq!((led.status, led.field("location")), (303, Some(&*sign_in)));
    assert!(browser.get(&sign_in).text().contains("There are no users yet"));
    write_users(&file, &["ada"]);
    browser.cookies.insert("countersign_user".to_owned(), "planted".to_owned());
    let page = browser.get(&sign_in);
    assert!(!page.text().contains("There are no users yet"));
    let form = Form::with(&page.text(), "name=\"password\"");
    let wrong = browser.post(&sign_in_page(), &form.fields(&[("name", "ada"), ("password", "wrong horse battery")]));
    assert_eq!(wrong.status, 403);
    let right = form.fields(&[("name", "ada"), ("password", PASSWORD)]);
    assert_eq!(Browser::at(site.gateway.address()).post(&sign_in_page(), &right).status, 403, "a form of another browser's");
    let signed_in = browser.post(&sign_in_page(), &right);
    assert_eq!((signed_in.status, signed_in.field("location")), (303, Some(&*authorize(&token))), "{}", signed_in.text());
    let cookie = signed_in.values("set-cookie").into_iter().find(|cookie| cookie.starts_with("countersign_user=")).unwrap();
    assert!(!cookie.contains("planted"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/plugins/servlet/oauth"), "{cookie}");
    let session = browser.cookies["countersign_user"].clone();
    let answer = decide(&mut browser, &token, "allow");
    acts_as(&site, &token, &called_back(&answer, &token), "ada");
    assert_eq!(site.backend.only_request().values("cookie"), Vec::<&str>::new());
    let mine = browser.get(USER_TOKENS);
    assert!(mine.text().contains("Nightly reports"), "{}", mine.text());
    let form = Form::with(&mine.text(), "Sign out");
    let out = browser.post(form.action.as_ref().unwrap(), &form.fields(&[]));
    assert_eq!((out.status, out.field("location")), (303, Some(&*sign_in_page())));
    assert!(!browser.cookies.contains_key("countersign_user"));
    browser.cookies.insert("countersign_user".to_owned(), session);
    assert_eq!(browser.get(USER_TOKENS).status, 303, "the session is over, whoever has its cookie");
    for (action, count) in [("sign_in", 2), ("sign_out", 1), ("allow_consumer", 1)] {
        audited(&site, action, count);
    }
}

#[test]
fn the_session_of_a_user_who_is_taken_out_is_over() {
    let site = site_of(Backend::start(), "users: dance-users.yaml", |builder| builder);
    write_users(&users_file(&site.gateway), &["ada", "bob"]);
    let mut browser = Browser::at(site.gateway.address());
    let form = Form::with(&browser.get(&sign_in_page()).text(), "name=\"password\"");
    let signed_in = browser.post(&sign_in_page(), &form.fields(&[("name", "ada"), ("password", PASSWORD)]));
    assert_eq!((signed_in.status, signed_in.field("location")), (303, Some(USER_TOKENS)));
    let token = site.request_token().token;
    let page = browser.get(&authorize(&token));
    assert_eq!(page.status, 200);
    write_users(&users_file(&site.gateway), &["bob"]);
    let form = Form::with(&page.text(), "name=\"decision\"");
    let answer = browser.post(AUTHORIZE, &form.fields(&[("decision", "allow")]));
    assert_eq!((answer.status, answer.field("location")), (303, Some(&*format!("{}?oauth_token={token}", sign_in_page()))));
    crate::refused::refused(&site.exchange(&token, "x"), (401, "permission_unknown"), "nobody decided");
}

#[test]
fn the_application_gets_its_own_cookies_and_none_of_ours() {
    let site = site_of(Backend::start(), "users: dance-users.yaml", |builder| builder.route("{ path: /open, access: open }"));
    let ask = |cookies: &str| {
        assert_eq!(site.gateway.ask(&request().get("/open").line(&format!("Cookie: {cookies}"))).status, 200);
        site.backend.last_request().values("cookie").join("|")
    };
    assert_eq!(ask("a=1; countersign_user=x; b=2"), "a=1; b=2");
    assert_eq!(ask("countersign_consent=x; __Secure-countersign_user=y"), "");
    assert_eq!(ask("a=1;b=\"countersign_user=x\""), "a=1;b=\"countersign_user=x\"");
}

#[test]
fn over_tls_cookies_are_for_tls_alone() {
    let public = |builder: Builder| builder.setting("public_url: https://jira.example.com/jira");
    let site = site_of(Backend::start(), "users: dance-users.yaml", public);
    let page = Browser::at(site.gateway.address()).get(&format!("/jira{}", sign_in_page()));
    let cookie = page.field("set-cookie").unwrap();
    assert!(cookie.starts_with("__Secure-countersign_consent="), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/jira/plugins/servlet/oauth"), "{cookie}");
    assert!(page.text().contains("href=\"/jira/plugins/servlet/oauth/authorize/style.css\""), "{}", page.text());
    let style = Browser::at(site.gateway.address()).get(&format!("/jira{AUTHORIZE}/style.css"));
    assert_eq!((style.status, style.field("content-type")), (200, Some("text/css; charset=utf-8")));
}

#[test]
fn the_gateway_is_no_consumer_and_lets_nobody_pass_for_one() {
    let open =
        |builder: Builder| builder.route("{ path: /**, access: open }").setting("public_url: https://jira.example.com/jira");
    let site = site_of(Backend::start(), "users: dance-users.yaml", open);
    let consumer_info = "/jira/plugins/servlet/oauth/consumer-info";
    for request in [request().get(consumer_info), request().post(consumer_info), REPORTING.signs().get(consumer_info)] {
        assert_eq!(site.gateway.ask(&request).status, 404);
    }
    site.backend.assert_untouched();
    assert_eq!(site.gateway.ask(&request().get("/jira/plugins/servlet/oauth/consumer-info/")).status, 200, "another path");
}

#[test]
fn a_body_that_is_no_form_of_ours_changes_nothing() {
    let site = Site::start();
    let token = site.request_token().token;
    let send = |lines: &[&str], body: Vec<u8>| {
        let request = request().post(AUTHORIZE).line("X-SSO-User: alice").body("application/x-www-form-urlencoded", body);
        site.gateway.ask(&lines.iter().fold(request, |request, line| request.line(line))).status
    };
    assert_eq!(send(&[], vec![b'a'; 16 * 1024 + 1]), 413);
    assert_eq!(send(&["Content-Encoding: gzip"], b"decision=allow".to_vec()), 415);
    let json = request().post(AUTHORIZE).line("X-SSO-User: alice").body("application/json", "{}");
    assert_eq!(site.gateway.ask(&json).status, 415);
    assert_eq!(send(&[], format!("oauth_token={token}&decision=allow&decision=allow").into_bytes()), 400);
    crate::refused::refused(&site.exchange(&token, "x"), (401, "permission_unknown"), "nobody decided");
    assert_eq!(site.gateway.ask(&REPORTING.signs().get(ACCESS_TOKEN)).status, 405);
}

#[test]
fn strangers_whom_the_application_is_asked_about_leave_room_for_signed_requests() {
    let gate = Arc::new(std::sync::RwLock::new(()));
    let closed = gate.write().unwrap();
    let opened = Arc::clone(&gate);
    let backend = Backend::answering(move |request| {
        if request.target.starts_with("/session") {
            drop(opened.read());
        }
        response(200, &[("X-AUSERNAME", "anonymous")], b"")
    });
    let upstream = format!("{{ servers: [\"http://{}\"], max_in_flight: 8 }}", backend.address());
    let site = site_of(backend, BY_HEADER, |builder| builder.upstream_setting(&upstream));
    let mut strangers: Vec<_> = (0..8).map(|_| site.gateway.client()).collect();
    for stranger in &mut strangers {
        stranger.send(format!("GET {USER_TOKENS} HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\n\r\n"));
    }
    let busy = || site.gateway.access_log().into_iter().filter(|line| line["verdict"] == "probes_busy").collect::<Vec<_>>();
    let busy = crate::support::eventually("all but two are sent away", || Some(busy()).filter(|lines| lines.len() == 6));
    assert!(busy.iter().all(|line| line["status"] == 503), "{busy:?}");
    assert_eq!(site.gateway.ask(&REPORTING.signs().get("/x")).status, 200);
    drop(closed);
    let mut statuses: Vec<_> = strangers.iter_mut().map(|stranger| stranger.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 303, 503, 503, 503, 503, 503, 503]);
}
