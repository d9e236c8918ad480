//! What attackers try with the dance: rows B19, B20 and H46 of docs/attacks.md.
//!
//! A test's name begins with the row's number.

use crate::form::Form;
use crate::site::{AUTHORIZE, CALLBACK, Given, OTHER, Owner, REPORTING, Site, USER_TOKENS, authorize, called_back};
use crate::support::{CONSUMER, Consumer, RSA_2048, Response};

/// The form that asks for consent, as it was sent to this browser.
#[track_caller]
fn consent_form(owner: &mut Owner, token: &str) -> Form {
    let page = owner.opens(token);
    assert_eq!(page.status, 200, "{}", page.text());
    Form::with(&page.text(), "name=\"decision\"")
}

#[track_caller]
fn is_undecided(site: &Site, token: &str, what: &str) {
    site.refuses((401, "permission_unknown"), what, &REPORTING.exchange(token, "guessed"));
}

#[test]
fn h46_a_token_that_an_attacker_asked_for_and_a_victim_allowed_is_no_good_to_the_attacker() {
    // The attack of 2009: the attacker begins at the consumer's site, leads the victim to the page that asks for consent, and ends
    // the dance himself. What he lacks since then is the verifier, which goes to the callback with the victim's browser.
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.user("victim").allows(&token);
    site.refuses((400, "parameter_absent"), "as before 1.0a", &REPORTING.exchange(&token, "").without("oauth_verifier"));
    for guess in ["", "true", "allow", "123456", &token] {
        site.refuses((401, "token_rejected"), guess, &REPORTING.exchange(&token, guess));
    }
    site.refuses((401, "token_rejected"), "by now even the right one is", &REPORTING.exchange(&token, &verifier));
    site.refuses((401, "token_rejected"), "unexchanged", &REPORTING.call(&token));
}

#[test]
fn h46_a_verifier_has_more_guesses_than_anybody_has_tries() {
    let site = Site::start();
    let verifiers: std::collections::BTreeSet<String> = (0..20)
        .map(|_| {
            let token = site.request_token().token;
            site.alice().allows(&token)
        })
        .collect();
    assert_eq!(verifiers.len(), 20, "no two are alike");
    assert!(verifiers.iter().all(|verifier| verifier.len() >= 8), "five tries of 62^8 are none: {verifiers:?}");
}

#[test]
fn h46_a_form_from_elsewhere_decides_nothing() {
    let site = Site::start();
    let token = site.request_token().token;
    let path = authorize(&token);
    let here = format!("http://{}", site.gateway.address());
    let (mut alice, mut mallory) = (site.alice(), site.user("mallory"));
    let form = consent_form(&mut alice, &token);
    let of_mallory = consent_form(&mut mallory, &token);
    let own = [("origin", &*here), ("sec-fetch-site", "same-origin")];
    let allow = &[("decision", "allow")];
    for (what, fields, headers) in [
        ("nothing hidden in it", vec![("oauth_token", &*token), ("decision", "allow")], &own[..]),
        ("another user's", of_mallory.fields(allow), &own),
        ("another site's", form.fields(allow), &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]),
        ("another site's, whatever the browser says of it", form.fields(allow), &[("origin", "https://evil.example")]),
        ("a sandboxed frame's", form.fields(allow), &[("origin", "null"), ("sec-fetch-site", "cross-site")]),
        ("a neighbour's", form.fields(allow), &[("sec-fetch-site", "same-site")]),
    ] {
        let answer = alice.post_from(&path, &fields, headers);
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        assert!(answer.field("location").is_none(), "{what}: {answer:?}");
        is_undecided(&site, &token, what);
    }
    let fields = form.fields(allow);
    let stolen = mallory.post_from(&path, &fields, &own);
    assert_eq!(stolen.status, 403, "in another browser: {}", stolen.text());
    is_undecided(&site, &token, "in another browser");
    let verifier = called_back(&alice.post_from(&path, &fields, &own), &token);
    Given::of(&site.exchange(&token, &verifier));
}

#[test]
fn h46_a_link_decides_nothing() {
    let site = Site::start();
    let token = site.request_token().token;
    let mut alice = site.alice();
    let form = consent_form(&mut alice, &token);
    let hidden: String = form.hidden.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    for query in ["&decision=allow".to_owned(), format!("&decision=allow{hidden}")] {
        let answer = alice.get(&(authorize(&token) + &query));
        assert_ne!(answer.status, 303, "{answer:?}");
        is_undecided(&site, &token, &query);
    }
    let mut without_a_button = form.fields(&[]);
    let answer = alice.post(&authorize(&token), &without_a_button);
    assert!((400..500).contains(&answer.status), "neither button: {}", answer.text());
    without_a_button.push(("decision", "ALLOW"));
    let answer = alice.post(&authorize(&token), &without_a_button);
    assert!((400..500).contains(&answer.status), "no button says so: {}", answer.text());
    is_undecided(&site, &token, "neither button");
}

#[test]
fn h46_a_form_that_was_made_for_one_token_decides_about_no_other() {
    let site = Site::start();
    let [asked, other] = [site.request_token().token, site.request_token_of(OTHER, CALLBACK).token];
    let mut alice = site.alice();
    let form = consent_form(&mut alice, &asked);
    // The page's address says one token and the form in it another.
    let answer = alice.post(&authorize(&other), &form.fields(&[("decision", "allow")]));
    let decided_other = site.gateway.ask(&OTHER.exchange(&other, "guessed"));
    assert_eq!(decided_other.problem().as_deref(), Some("permission_unknown"), "{}", answer.text());
}

#[test]
fn h46_nobody_takes_back_what_others_allowed() {
    let site = Site::start();
    let given = site.access_token();
    let (mut alice, mut mallory) = (site.alice(), site.user("mallory"));
    let form = alice.revocation_of(CONSUMER);
    let (_, number) = form.hidden.iter().find(|(name, _)| name == "revoke").cloned().unwrap();
    let page = mallory.get(USER_TOKENS);
    assert!(page.status == 200 && !page.text().contains(CONSUMER), "{}", page.text());
    let asked = mallory.get(&format!("{USER_TOKENS}?revoke={number}"));
    assert!(asked.status == 404 && !asked.text().contains(CONSUMER), "{}", asked.text());
    let here = format!("http://{}", site.gateway.address());
    let fields = form.fields(&[]);
    for (what, answer) in [
        ("another user, with alice's form", mallory.post(USER_TOKENS, &fields)),
        (
            "another site",
            alice.post_from(USER_TOKENS, &fields, &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]),
        ),
        ("nothing hidden", alice.post_from(USER_TOKENS, &[("revoke", &number)], &[("origin", &here)])),
        ("a link", alice.get(&format!("{USER_TOKENS}?revoke={number}"))),
    ] {
        assert_ne!(answer.status, 303, "{what}: {answer:?}");
        assert_eq!(site.call(&given.token).status, 200, "{what}");
    }
    // Mallory's own form, with the number of alice's token.
    let of_mallory = site.access_token_of(REPORTING, "mallory");
    let mut own = mallory.revocation_of(CONSUMER);
    own.hidden.iter_mut().filter(|(name, _)| name == "revoke").for_each(|(_, value)| value.clone_from(&number));
    assert!((400..500).contains(&mallory.post(USER_TOKENS, &own.fields(&[])).status));
    for token in [&given.token, &of_mallory.token] {
        assert_eq!(site.call(token).status, 200);
    }
}

/// No page can be framed, kept, or given away by a link on it.
#[track_caller]
fn assert_guarded(what: &str, page: &Response) {
    let policy = page.field("content-security-policy").unwrap_or_else(|| panic!("{what}: {page:?}"));
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(directive), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
        assert_eq!(page.field(name), Some(value), "{what}");
    }
    assert_eq!(page.field("referrer-policy"), Some("no-referrer"), "{what}: no other site learns the address");
}

#[test]
fn h46_no_page_can_be_framed_or_kept() {
    let site = Site::start();
    let [token, out_of_band] = [site.request_token().token, site.request_token_of(REPORTING, "oob").token];
    let mut alice = site.alice();
    for (what, page) in [
        ("consent", alice.opens(&token)),
        ("applications", alice.get(USER_TOKENS)),
        ("no such token", alice.opens("nobodys")),
        ("no token", alice.get(AUTHORIZE)),
        ("nobody there", site.nobody().opens(&token)),
        ("the code", alice.decides(&out_of_band, "allow")),
        ("decided already", alice.opens(&out_of_band)),
        ("a form from elsewhere", alice.post_from(&authorize(&token), &[("decision", "allow")], &[("origin", "null")])),
    ] {
        assert_guarded(what, &page);
        assert!(page.values("access-control-allow-origin").is_empty(), "{what}");
    }
    let way_back = alice.decides(&token, "allow");
    assert_eq!((way_back.status, way_back.field("cache-control")), (303, Some("no-store")));
    assert_eq!((way_back.field("x-frame-options"), way_back.field("x-content-type-options")), (Some("DENY"), Some("nosniff")));
    assert_eq!(way_back.field("referrer-policy"), Some("no-referrer"), "the client's site learns no address of ours");
    site.backend.assert_untouched();
}

#[test]
fn h46_who_sits_there_is_what_the_proxy_says_and_nobody_else() {
    let site = Site::start();
    let token = site.request_token().token;
    let ask = |from: &str, headers: &str| {
        let head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", authorize(&token), site.gateway.address());
        site.gateway.client_from(from).ask(head)
    };
    let known = ask("127.0.0.1", "X-SSO-User: alice\r\n");
    assert!(known.status == 200 && known.text().contains("name=\"decision\""), "{}", known.text());
    for (what, from, headers) in [
        ("from elsewhere", "127.0.7.9", "X-SSO-User: alice\r\n"),
        ("from elsewhere, by hearsay", "127.0.7.9", "X-SSO-User: alice\r\nX-Forwarded-For: 127.0.0.1\r\n"),
        ("the identity header", "127.0.0.1", "X-Forwarded-User: alice\r\n"),
        ("nobody", "127.0.0.1", ""),
        ("no name", "127.0.0.1", "X-SSO-User:\r\n"),
        ("two names", "127.0.0.1", "X-SSO-User: alice\r\nX-SSO-User: bob\r\n"),
        ("spelled otherwise", "127.0.0.1", "X_SSO_User: alice\r\n"),
    ] {
        let answer = ask(from, headers);
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("name=\"decision\""), "{what}: {}", answer.text());
    }
    site.backend.assert_untouched();
}

#[test]
fn b20_a_callback_is_where_a_browser_goes_for_sure_or_it_is_none() {
    let site = Site::start();
    for callback in [
        "//evil.example",
        "/\\evil.example",
        "/callback",
        "callback",
        "javascript:alert(1)",
        "JavaScript://evil.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "ftp://evil.example/",
        "app://callback",
        "https:evil.example",
        "https:///evil.example",
        "https://",
        "https://good.example@evil.example/",
        "https://good.example:pass@evil.example/",
        "https://good.example\\@evil.example/",
        "https://good.example/\r\nSet-Cookie: a=b",
        "https://good.example/\n",
        " https://good.example/",
        "https://good.example/\t/x",
        "https://good.example/#fragment",
        "https://good.example/\0",
        "https://good.example/\u{202e}",
        "https://g\u{f6}\u{f6}d.example/",
        "https://good.example:99999/",
        "https://[::1/",
        "OOB",
        "oob ",
        "null",
    ] {
        let answer = site.refuses((400, "parameter_rejected"), callback, &REPORTING.request_token(callback));
        let rejected = answer.pair("oauth_parameters_rejected").unwrap();
        assert!(rejected.starts_with("oauth_callback="), "{callback}: {rejected}");
        assert!(!answer.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("set-cookie")), "{answer:?}");
    }
    let long = format!("https://good.example/{}", "a".repeat(7000));
    site.refuses((400, "parameter_rejected"), "a long one", &REPORTING.request_token(&long));
    site.backend.assert_untouched();
}

#[test]
fn b20_a_callback_leads_to_what_the_consumer_signed_and_the_user_sees_where_that_is() {
    let site = Site::start();
    for (callback, host) in [
        ("https://good.example.evil.example/callback", "good.example.evil.example"),
        ("https://good.example:8443/callback", "good.example:8443"),
        ("https://evil.example/https://good.example/", "evil.example"),
        ("http://127.0.0.1:1/a?x=%0d%0aSet-Cookie:%20a=b", "127.0.0.1:1"),
        ("https://xn--gd-fkaa.example/", "xn--gd-fkaa.example"),
    ] {
        let token = site.request_token_of(REPORTING, callback).token;
        let mut alice = site.alice();
        let page = alice.opens(&token).text();
        assert!(page.contains(host), "{callback}: {page}");
        let location = alice.decides(&token, "allow").field("location").unwrap().to_owned();
        let separator = if callback.contains('?') { '&' } else { '?' };
        assert!(location.starts_with(&format!("{callback}{separator}oauth_token={token}&oauth_verifier=")), "{location}");
        assert!(!location.contains(['\r', '\n']), "{location}");
    }
}

#[test]
fn b20_a_callback_that_the_browser_brings_along_leads_nowhere() {
    let site = Site::start();
    let token = site.request_token().token;
    let mut alice = site.alice();
    let path = format!("{}&oauth_callback=https%3A%2F%2Fevil.example%2F&callback=https://evil.example", authorize(&token));
    let page = alice.get(&path);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains("evil.example"), "{}", page.text());
    let form = Form::with(&page.text(), "name=\"decision\"");
    let more = [("decision", "allow"), ("oauth_callback", "https://evil.example/"), ("return", "https://evil.example/")];
    let answer = alice.post(form.action.as_deref().unwrap_or(&path), &form.fields(&more));
    let verifier = called_back(&answer, &token);
    let exchange = REPORTING.exchange(&token, &verifier).set("oauth_callback", "https://evil.example/");
    Given::of(&site.gateway.ask(&exchange));
}

#[test]
fn b20_what_stands_in_place_of_a_token_is_answered_with_a_page_and_leads_nowhere() {
    let site = Site::start();
    let token = site.request_token().token;
    let mut alice = site.alice();
    for query in [
        "",
        "?",
        "?oauth_token",
        "?oauth_token=",
        "?oauth_token=%00",
        "?oauth_token=%",
        "?oauth_token=%0d%0aLocation:%20https://evil.example",
        "?oauth_token=https://evil.example/",
        "?oauth_token=%3Cscript%3Ewindow.pwned=1%3C/script%3E",
        "?oauth_token=%E2%80%AEtxt",
        "?oauth_token=%FF%FE",
        &format!("?oauth_token={}", "a".repeat(4000)),
        &format!("?oauth_token=x&oauth_token={token}"),
        &format!("?OAUTH_TOKEN={token}"),
        &format!("?oauth_token={token}&oauth_token={token}"),
    ] {
        let answer = alice.get(&format!("{AUTHORIZE}{query}"));
        assert!((400..500).contains(&answer.status), "{query}: {} {}", answer.status, answer.text());
        assert!(answer.field("location").is_none(), "{query}: {answer:?}");
        assert!(!answer.text().contains("<script>window") && !answer.text().contains('\u{202e}'), "{query}: {}", answer.text());
    }
    is_undecided(&site, &token, "after all of it");
    site.backend.assert_untouched();
}

#[test]
fn b19_a_removed_consumer_has_no_tokens_and_one_of_its_name_does_not_inherit_them() {
    let site = Site::start();
    let given = site.access_token();
    let pending = site.request_token().token;
    let verifier = site.alice().allows(&pending);
    let entries = std::fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let countersign = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).arg("--config").arg(site.gateway.folder().join("countersign.yaml"));
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    countersign(&["consumers", "remove", CONSUMER, "--yes"]);
    // That its tokens are gone may be known before the file is read.
    let answer = crate::support::eventually("the consumer is gone", || {
        let answer = site.call(&given.token);
        (answer.status != 200 && answer.problem().as_deref() != Some("token_rejected")).then_some(answer)
    });
    crate::refused::refused(&answer, (401, "consumer_key_unknown"), "removed");
    site.gateway.write_consumers(&entries);
    let two_legged = || site.gateway.ask(&REPORTING.signs().get("/"));
    crate::support::eventually("the consumer is back", || (two_legged().status == 200).then_some(()));
    // What another process did to the database, a gateway learns within a second.
    crate::support::eventually("its access token is gone", || (site.call(&given.token).status == 401).then_some(()));
    site.refuses((401, "token_rejected"), "its access token", &REPORTING.call(&given.token));
    site.refuses((401, "token_rejected"), "its session", &REPORTING.renewal(&given.token, &given.session_handle));
    site.refuses((401, "token_rejected"), "its request token", &REPORTING.exchange(&pending, &verifier));
}

#[test]
fn b19_a_consumer_that_is_missing_for_a_while_has_its_tokens_again() {
    let site = Site::start();
    let given = site.access_token();
    let entries = std::fs::read_to_string(site.gateway.consumers_file()).unwrap();
    site.gateway.write_consumers(&Consumer::file(&[OTHER.entry()]));
    let gone = crate::support::eventually("the consumer is gone", || {
        Some(site.call(&given.token)).filter(|answer| answer.status != 200)
    });
    crate::refused::refused(&gone, (401, "consumer_key_unknown"), "a slip of the hand");
    site.gateway.write_consumers(&entries);
    crate::support::eventually("its token is good again", || (site.call(&given.token).status == 200).then_some(()));
}

#[test]
fn b19_a_consumer_that_may_dance_no_more_has_no_use_for_its_tokens() {
    let site = Site::start();
    let given = site.access_token();
    let entry = || Consumer::new(CONSUMER, &RSA_2048);
    for (line, problem) in [("three_legged: false", "permission_denied"), ("enabled: false", "consumer_key_rejected")] {
        site.gateway.write_consumers(&Consumer::file(&[entry().with(line)]));
        crate::support::eventually(line, || (site.call(&given.token).problem().as_deref() == Some(problem)).then_some(()));
    }
    site.gateway.write_consumers(&Consumer::file(&[entry()]));
    crate::support::eventually("as before", || (site.call(&given.token).status == 200).then_some(()));
}

#[test]
fn b19_a_revoked_token_is_refused_on_a_connection_that_was_open_before() {
    let site = Site::start();
    let [given, kept] = [site.access_token(), site.access_token_of(OTHER, "alice")];
    let mut client = site.gateway.client();
    assert_eq!(client.ask(REPORTING.call(&given.token).bytes()).status, 200);
    site.alice().revokes(CONSUMER);
    crate::refused::refused(&client.ask(REPORTING.call(&given.token).bytes()), (401, "token_revoked"), "revoked");
    site.refuses((401, "token_revoked"), "nor is it renewed", &REPORTING.renewal(&given.token, &given.session_handle));
    assert_eq!(site.gateway.ask(&OTHER.call(&kept.token)).status, 200, "what was not taken back");
}
