//! `/files` and `/refusals`: what the gateway goes by, and what it refused.

use crate::browser::{Site, hidden};
use crate::form::unescaped;
use crate::support::{CONSUMER, RSA_2048_OTHER, eventually, request, signed};

#[test]
fn files_that_cannot_be_used_are_told_line_by_line_while_the_old_list_is_in_force() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let good = std::fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let files = browser.get("/files").text();
    assert!(files.contains("The gateway goes by the files as they are.") && files.contains("consumers.yaml</code>"), "{files}");

    site.gateway.write_consumers(&(good.clone() + "  - key: second\n    colour: blue\n  - name: third\n"));
    let csrf = browser.session_csrf();
    let read = unescaped(&browser.post("/files", &[("csrf", &csrf)]).text());
    for words in [
        "Read, and not taken over",
        "consumers.yaml:5</code>: consumer \"second\": `name` is missing",
        "consumers.yaml:6</code>: consumer \"second\": unknown key `colour`",
        "consumers.yaml:7</code>: `key` is missing",
    ] {
        assert!(read.contains(words), "{words}: {read}");
    }
    let list = unescaped(&browser.get("/").text());
    assert!(list.contains("older ones are in force") && list.contains("consumers.yaml:5: consumer \"second\""), "{list}");
    assert!(list.contains("/consumers/show?key=reporting"), "the list in force is shown: {list}");
    let edit = browser.get("/consumers/edit?key=reporting");
    assert!(edit.status == 422 && unescaped(&edit.text()).contains("unknown key `colour`"), "{}", edit.text());

    site.gateway.write_consumers(&(good.clone() + "    description: mended\n"));
    let read = browser.post("/files", &[("csrf", &csrf)]).text();
    // The gateway looks at its files by itself too, and may have been first.
    let mended =
        read.contains("1 consumer now, 0 added, 0 removed, 1 changed.") || read.contains("Read: the consumers are as they were.");
    assert!(mended && read.contains("1 with changes") && !read.contains("unknown key"), "{read}");
    assert!(hidden(&read, "csrf") == csrf);
}

#[test]
fn a_refusal_is_found_with_its_reason() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    assert!(browser.get("/refusals").text().contains("Nothing was refused since the gateway's start."));
    assert_eq!(site.gateway.ask(&signed(CONSUMER, &RSA_2048_OTHER).get("/rest/a?secret=1")).status, 401);
    assert_eq!(site.gateway.ask(&request().get("/b")).status, 401);
    let all = eventually("both refusals", || {
        Some(unescaped(&browser.get("/refusals").text())).filter(|page| page.matches("<th scope=\"row\">").count() == 2)
    });
    for words in ["<code>signature_invalid</code>", "<code>reporting</code>", ">127.0.0.1</code>", ">GET /rest/a</code>"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(!all.contains("secret"), "no query is shown: {all}");
    assert!(all.find("GET /b") < all.find("GET /rest/a"), "the newest is first");
    let one = browser.get("/refusals?consumer=reporting").text();
    assert!(one.contains("GET /rest/a") && !one.contains("GET /b"), "{one}");
    assert!(browser.get("/refusals?consumer=nobody").text().contains("Nothing of this consumer"));
}
