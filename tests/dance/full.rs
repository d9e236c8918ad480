//! Row F40 of docs/attacks.md: tokens that cannot be written are not given, and everything else goes on.

use std::process::Command;

use crate::site::{Given, REPORTING, Site};
use crate::support::eventually;

/// How large the gateway's files may become from now on, as on a full disk: a soft limit, which can be lifted again.
fn limit(site: &Site, bytes: &str) {
    let pid = site.gateway.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status().unwrap();
    assert!(set.success());
}

#[test]
fn f40_where_tokens_cannot_be_written_the_dance_fails_and_proxying_goes_on() {
    let site = Site::start();
    let given = site.access_token();
    let [allowed, asked] = [site.request_token().token, site.request_token().token];
    let verifier = site.alice().allows(&allowed);
    // Less than one page of the database with its head in the log; the few nonces of this test take less.
    limit(&site, "4096");
    for _ in 0..3 {
        for request in [
            REPORTING.request_token("oob"),
            REPORTING.exchange(&allowed, &verifier),
            REPORTING.renewal(&given.token, &given.session_handle),
        ] {
            let answer = site.gateway.ask(&request);
            assert_eq!((answer.status, answer.text().contains("tokens_unavailable")), (503, true), "{}", answer.text());
            assert!(answer.field("retry-after").is_some(), "{answer:?}");
        }
        let page = site.alice().decides(&asked, "allow");
        assert!(page.status == 503 && page.text().contains("nothing was changed"), "{}", page.text());
        assert_eq!(site.call(&given.token).status, 200, "what was given is good");
        assert_eq!(site.gateway.ask(&REPORTING.signs().get("/")).status, 200, "and whoever needs no token is served");
    }
    let line = site.gateway.wait_for_access("its line", |line| line["verdict"] == "tokens_unavailable");
    assert!(line["reason"].as_str().unwrap().contains("token database"), "{line}");

    limit(&site, "unlimited");
    let exchanged = eventually("tokens are given again", || Some(site.exchange(&allowed, &verifier)).filter(|a| a.status == 200));
    assert_eq!(site.call(&Given::of(&exchanged).token).status, 200);
    let verifier = site.alice().allows(&asked);
    Given::of(&site.exchange(&asked, &verifier));
}
