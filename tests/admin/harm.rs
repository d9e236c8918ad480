//! What others mean to do with these pages: scripts in every field, and forms that nobody here sent.

use std::fs;

use crate::browser::{Browser, Site, hidden};
use crate::form::{Form, unescaped};
use crate::support::{CONSUMER, RSA_2048_OTHER, eventually, signed};

/// Each means something to some reader: HTML, an attribute, a template, a script, a terminal, an eye.
const HARM: [&str; 7] = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "' onmouseover='window.pwned=1",
    "</textarea><svg/onload=window.pwned=1>",
    "javascript:window.pwned=1//",
    "{{ 1337*1337 }}{% raw %}${1337*1337}",
    "a\u{202e}txt.exe\u{2066}",
];

const CHANGES: [&str; 6] =
    ["/consumers/add", "/consumers/import", "/consumers/edit", "/consumers/remove", "/consumers/check-key", "/files"];

/// No page has in it what was put in as it was put in, nor a character that turns the text around.
#[track_caller]
fn is_harmless(page: &str, where_: &str) {
    for harm in HARM.iter().filter(|harm| harm.contains(['<', '\'', '"'])) {
        assert!(!page.contains(harm), "{where_}: {harm}: {page}");
    }
    assert!(!page.contains("1787569"), "{where_}: a template was evaluated: {page}");
    // In a field's value it has to come back as it is; a field is no text around which anything could turn.
    let outside: String = page.split("value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
    let outside: String =
        outside.split("<textarea").map(|part| part.split_once("</textarea>").map_or(part, |(_, rest)| rest)).collect();
    assert!(!outside.contains(['\u{202e}', '\u{2066}']), "{where_}: {outside}");
}

/// Every field of a form with the same text.
fn filled_with(browser: &mut Browser, harm: &str) -> Form {
    let form = Form::of(&browser.get("/consumers/add").text());
    [
        "key",
        "name",
        "description",
        "public_key",
        "callback_url",
        "execute_as",
        "allow",
        "allow_from",
        "rate_requests",
        "rate_per",
        "expires",
        "upstream_basic_file",
        "upstream_bearer_file",
    ]
    .into_iter()
    .fold(form, |form, name| form.set(name, harm))
    .and("signature_methods", harm)
    .and("reveal", harm)
}

#[test]
fn a_form_that_is_not_ours_changes_nothing() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let before = fs::read(site.gateway.consumers_file()).unwrap();
    let revision = hidden(&browser.get("/consumers/remove?key=reporting").text(), "revision");
    let fields =
        [("key", CONSUMER), ("revision", revision.as_str()), ("name", "x"), ("public_key", RSA_2048_OTHER.public_pem.as_str())];
    let csrf = browser.session_csrf();
    let origin = format!("http://{}", site.address);
    for path in CHANGES {
        for token in ["", "guessed", &csrf[1..]] {
            let refused = browser.post(path, &[&[("csrf", token)], &fields[..]].concat());
            assert_eq!(refused.status, 403, "{path} with the token {token:?}");
        }
        assert_eq!(browser.post(path, &fields).status, 403, "{path} without a token");
        let right = [&[("csrf", csrf.as_str())], &fields[..]].concat();
        for headers in
            [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")], [("sec-fetch-site", "same-site")]]
        {
            assert_eq!(browser.post_from(path, &right, &headers).status, 403, "{path} from {headers:?}");
        }
        let stranger = site.browser().post_from(path, &right, &[("origin", &origin)]);
        assert_eq!(
            (stranger.status, stranger.field("location")),
            (303, Some("/sign-in")),
            "{path} from somebody who is not signed in"
        );
    }
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
}

#[test]
fn pages_are_for_those_who_are_signed_in() {
    let site = Site::with_ada();
    for path in [
        "/",
        "/consumers/show?key=reporting",
        "/consumers/add",
        "/consumers/import",
        "/consumers/edit?key=reporting",
        "/consumers/remove?key=reporting",
        "/files",
        "/refusals",
    ] {
        let answer = site.browser().get(path);
        assert!(answer.status == 303 && answer.field("location").unwrap().starts_with("/sign-in"), "{path}");
        assert_eq!(site.signed_in().get(path).status, 200, "{path}");
    }
}

#[test]
fn what_was_wrongly_filled_in_comes_back_harmless() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    for harm in HARM {
        let form = filled_with(&mut browser, harm);
        let refused = browser.post("/consumers/add", &form.fields());
        assert_eq!(refused.status, 422, "{harm}");
        is_harmless(&refused.text(), "the form");
        assert_eq!(Form::of(&refused.text()).value("name"), harm.trim(), "and as it was");
        let csrf = browser.session_csrf();
        for page in [
            browser.post("/consumers/check-key", &[("csrf", &csrf), ("public_key", harm)]),
            browser.fill_in("/consumers/import", &[("base_url", harm)]),
            browser.fill_in("/consumers/import", &[("base_url", &format!("https://{harm}/")), ("allow", harm)]),
        ] {
            is_harmless(&page.text(), "an answer");
        }
        let encoded: String = harm.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            "/?q=",
            "/?state=",
            "/?removed=",
            "/?page=",
            "/refusals?consumer=",
            "/consumers/show?key=",
            "/consumers/show?done=",
            "/consumers/edit?key=",
            "/consumers/remove?key=",
        ] {
            is_harmless(&browser.get(&format!("{path}{encoded}")).text(), path);
        }
    }
}

#[test]
fn a_consumer_that_is_called_so_is_shown_harmless_on_every_page() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    for harm in HARM {
        let form = Form::of(&browser.get("/consumers/add").text());
        let form = ["key", "name", "description", "execute_as"].into_iter().fold(form, |form, name| form.set(name, harm));
        let form = form.set("public_key", &RSA_2048_OTHER.public_pem).set("allow", "/<script>window.pwned=1</script>/**");
        let added = browser.post("/consumers/add", &form.fields());
        assert_eq!(added.status, 303, "{harm}: {}", added.text());
        // A request in its name that is refused.
        assert_eq!(site.gateway.ask(&signed(harm, &RSA_2048_OTHER).post("/other")).status, 403, "{harm}");
        let query = added.field("location").unwrap().split_once('?').unwrap().1;
        for page in ["show", "edit", "remove"] {
            let page = browser.get(&format!("/consumers/{page}?{query}"));
            assert_eq!(page.status, 200, "{harm}");
            is_harmless(&page.text(), harm);
        }
    }
    eventually("the refusals", || {
        (unescaped(&browser.get("/refusals").text()).matches("permission_denied").count() >= HARM.len()).then_some(())
    });
    for path in ["/", "/refusals", "/files"] {
        is_harmless(&browser.get(path).text(), path);
    }
    // In the file each is what it was: it is read again as the same key.
    assert!(browser.get("/").text().contains(&format!("{} consumers", HARM.len() + 1)));
}

#[test]
fn pages_load_nothing_from_elsewhere_and_have_no_script_or_style_in_them() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    for path in [
        "/",
        "/consumers/add",
        "/consumers/edit?key=reporting",
        "/consumers/import",
        "/consumers/show?key=reporting",
        "/files",
        "/refusals",
    ] {
        let page = browser.get(path);
        let policy = page.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'"), "{policy}");
        let text = page.text();
        for (at, _) in text.match_indices("<script") {
            assert!(text[at..].starts_with("<script src=\"/assets/pages.js\" defer></script>"), "{path}: {}", &text[at..at + 60]);
        }
        for forbidden in ["<style", " style=", " onclick", " onload", "src=\"http", "src=\"//", "href=\"http", "href=\"//"] {
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let script = browser.get("/assets/pages.js");
    assert_eq!((script.status, script.field("content-type")), (200, Some("text/javascript; charset=utf-8")));
    for forbidden in ["http://", "https://", "innerHTML", "eval("] {
        assert!(!script.text().contains(forbidden), "{forbidden}");
    }
}
