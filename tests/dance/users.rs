//! The gateway's own users: signing in on its page, and what attackers try there (row H46 of docs/attacks.md).

use std::io::Write;
use std::process::{Command, Stdio};

use crate::form::Form;
use crate::site::{AUTHORIZE, CALLBACK, Given, OTHER, Owner, REPORTING, Site, USER_TOKENS, authorize};
use crate::support::gateway::Builder;
use crate::support::{Backend, Gateway, Response, eventually};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// What a browser is known by that somebody signed in with.
const SESSION: &str = "countersign_user";

/// Starts a gateway whose own users are alice and bob.
#[track_caller]
pub(crate) fn with_users(builder: Builder) -> Gateway {
    let folder = builder.setting("oauth: {}").setting("resource_owner: { users: users.yaml }").write();
    let users = folder.path().join("users.yaml");
    for name in ["alice", "bob"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["admin", "add-user", name, "--password-stdin", "--users"]).arg(&users);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    Gateway::start_in(folder)
}

fn site() -> Site {
    let backend = Backend::start();
    let builder = Gateway::builder().upstream(&backend).consumer(REPORTING.entry()).consumer(OTHER.entry());
    Site { gateway: with_users(builder), backend }
}

impl Owner {
    /// Opens the page that asks for consent, is led to the one that asks who this is, and answers.
    #[track_caller]
    pub(crate) fn signs_in(&mut self, token: &str, name: &str, password: &str) -> Response {
        let led = self.opens(token);
        assert_eq!(led.status, 303, "{}", led.text());
        let page = self.get(led.field("location").unwrap());
        self.answers(&page, &[("name", name), ("password", password)])
    }

    /// Fills in the page that asks who this is.
    #[track_caller]
    fn answers(&mut self, page: &Response, fields: &[(&str, &str)]) -> Response {
        let form = Form::with(&page.text(), "name=\"password\"");
        self.post(form.action.as_deref().unwrap(), &form.fields(fields))
    }

    fn is_signed_in(&mut self) -> bool {
        self.get(USER_TOKENS).status == 200
    }
}

#[test]
fn whoever_signs_in_is_asked_and_acts_under_that_name() {
    let site = site();
    let token = site.request_token().token;
    let mut bob = site.nobody();
    let answer = bob.signs_in(&token, "bob", PASSWORD);
    assert_eq!((answer.status, answer.field("location")), (303, Some(&*authorize(&token))), "{}", answer.text());
    let verifier = bob.allows(&token);
    let given = Given::of(&site.exchange(&token, &verifier));
    assert_eq!(site.call(&given.token).status, 200);
    assert_eq!(site.backend.only_request().spellings_of("x-forwarded-user"), ["bob"]);
}

#[test]
fn a_wrong_name_and_a_wrong_password_are_told_alike_and_lead_nowhere() {
    let site = site();
    let token = site.request_token().token;
    let told = [("alice", "wrong horse battery"), ("nobody", PASSWORD), ("", ""), ("alice", "")].map(|(name, password)| {
        let mut browser = site.nobody();
        let answer = browser.signs_in(&token, name, password);
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        assert!(!browser.is_signed_in() && !browser.browser.cookies.contains_key(SESSION));
        assert!(!answer.text().contains(PASSWORD) && !answer.text().contains("wrong horse"), "no password comes back");
        crate::form::text_of(&answer.text(), "name-error").unwrap()
    });
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
}

#[test]
fn h46_a_session_that_was_there_before_the_sign_in_is_none_after_it() {
    let site = site();
    let token = site.request_token().token;
    for planted in ["A".repeat(43), "1".to_owned(), "alice".to_owned()] {
        let mut alice = site.nobody();
        alice.browser.cookies.insert(SESSION.to_owned(), planted.clone());
        assert_eq!(alice.signs_in(&token, "alice", PASSWORD).status, 303);
        assert!(alice.is_signed_in());
        assert_ne!(alice.browser.cookies[SESSION], planted, "a name that was not given here is none");
        let mut mallory = site.nobody();
        mallory.browser.cookies.insert(SESSION.to_owned(), planted);
        assert!(!mallory.is_signed_in(), "whoever planted it has nothing of it");
    }
    // Mallory's own session, planted at alice: it ends when she signs in, and hers is another.
    let mut mallory = site.nobody();
    mallory.signs_in(&token, "bob", PASSWORD);
    let mut alice = site.nobody();
    let page = alice.get(&format!("{AUTHORIZE}/sign-in"));
    alice.browser.cookies.insert(SESSION.to_owned(), mallory.browser.cookies[SESSION].clone());
    assert_eq!(alice.answers(&page, &[("name", "alice"), ("password", PASSWORD)]).status, 303);
    assert_ne!(alice.browser.cookies[SESSION], mallory.browser.cookies[SESSION]);
    assert!(alice.is_signed_in() && !mallory.is_signed_in());
}

#[test]
fn h46_a_form_from_elsewhere_signs_nobody_in() {
    // Signed in under the attacker's name, a victim would allow in the attacker's name.
    let site = site();
    let sign_in = format!("{AUTHORIZE}/sign-in");
    let here = format!("http://{}", site.gateway.address());
    let own = [("origin", &*here), ("sec-fetch-site", "same-origin")];
    let (mut victim, mut mallory) = (site.nobody(), site.nobody());
    let form = Form::with(&victim.get(&sign_in).text(), "name=\"password\"");
    let of_mallory = Form::with(&mallory.get(&sign_in).text(), "name=\"password\"");
    let filled_in = [("name", "bob"), ("password", PASSWORD)];
    for (what, fields, headers) in [
        ("nothing hidden in it", filled_in.to_vec(), &own[..]),
        ("another browser's", of_mallory.fields(&filled_in), &own),
        ("another site's", form.fields(&filled_in), &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]),
        ("a sandbox's", form.fields(&filled_in), &[("origin", "null")]),
    ] {
        let answer = victim.post_from(&sign_in, &fields, headers);
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        assert!(!victim.is_signed_in(), "{what}");
    }
    assert_eq!(victim.post_from(&sign_in, &form.fields(&filled_in), &own).status, 303);
}

#[test]
fn h46_signing_in_leads_to_a_page_of_the_dance_and_nowhere_else() {
    let site = site();
    let token = site.request_token().token;
    for there in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "evil.example", &format!("{token}&x=https://evil.example")]
    {
        for name in ["return", "return_to", "next", "oauth_token", "oauth_callback"] {
            let mut alice = site.nobody();
            let page = alice.get(&format!("{AUTHORIZE}/sign-in?{name}={}", crate::support::percent::encode(there)));
            assert_eq!(page.status, 200, "{}", page.text());
            assert!(!page.text().contains("evil.example"), "{name}: {}", page.text());
            let answer = alice.answers(&page, &[("name", "alice"), ("password", PASSWORD), ("return", there)]);
            assert_eq!((answer.status, answer.field("location")), (303, Some(USER_TOKENS)), "{name}={there}: {}", answer.text());
        }
    }
}

#[test]
fn h46_guessing_is_slowed_down() {
    let site = site();
    let token = site.request_token().token;
    let mut mallory = site.nobody();
    // The first waits are so short that they may be over before the next guess is there.
    let seconds = eventually("the next guess is much too early", || {
        let answer = mallory.signs_in(&token, "alice", "wrong horse battery");
        let seconds = (answer.status == 429).then(|| answer.field("retry-after").unwrap().parse::<u64>().unwrap());
        seconds.filter(|seconds| *seconds >= 4)
    });
    assert!(seconds <= 60, "{seconds}");
    assert_eq!(mallory.signs_in(&token, "alice", PASSWORD).status, 429, "not even the right one is looked at");
    assert!(!mallory.is_signed_in());
}

#[test]
fn whoever_signs_out_is_known_no_more() {
    let site = site();
    let token = site.request_token().token;
    let mut alice = site.nobody();
    alice.signs_in(&token, "alice", PASSWORD);
    let session = alice.browser.cookies[SESSION].clone();
    let form = Form::with(&alice.opens(&token).text(), "Sign out");
    let here = format!("http://{}", site.gateway.address());
    let action = form.action.clone().unwrap();
    let forged = alice.post_from(&action, &[], &[("origin", &here), ("sec-fetch-site", "same-origin")]);
    assert!(forged.status == 403 && alice.is_signed_in(), "nothing hidden in it: {}", forged.text());
    assert_eq!(alice.post(&action, &form.fields(&[])).status, 303);
    assert!(!alice.is_signed_in());
    alice.browser.cookies.insert(SESSION.to_owned(), session);
    assert!(!alice.is_signed_in(), "nor by the cookie that it had");
}

#[test]
fn the_pages_cookies_are_the_pages_own() {
    let site = site();
    let token = site.request_token_of(REPORTING, CALLBACK).token;
    let mut alice = site.nobody();
    let mut set = alice.opens(&token).values("set-cookie").join("\n");
    let answer = alice.signs_in(&token, "alice", PASSWORD);
    set += &format!("\n{}", answer.values("set-cookie").join("\n"));
    set += &format!("\n{}", alice.opens(&token).values("set-cookie").join("\n"));
    let cookies: Vec<&str> = set.lines().filter(|line| !line.is_empty()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with(SESSION)), "{set}");
    for cookie in cookies {
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
        assert!(cookie.contains("; Path=/plugins/servlet/oauth"), "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[test]
fn of_more_than_twenty_sessions_of_one_user_the_longest_unused_ends_and_nobody_elses() {
    let site = site();
    let token = site.request_token().token;
    let signed_in = |name: &str| {
        let mut browser = site.nobody();
        assert_eq!(browser.signs_in(&token, name, PASSWORD).status, 303);
        browser
    };
    let mut bob = signed_in("bob");
    let mut of_alice: Vec<Owner> = (0..21).map(|_| signed_in("alice")).collect();
    assert!(!of_alice[0].is_signed_in(), "it was begun first");
    assert!(of_alice[1].is_signed_in() && of_alice[20].is_signed_in() && bob.is_signed_in());
}
