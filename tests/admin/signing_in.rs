//! Signing in and out, and what a stranger can make of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::browser::{PASSWORD, Site, hidden};
use crate::support::eventually;

const SESSION: &str = "countersign_session";

#[test]
fn who_knows_the_password_is_signed_in_until_the_sign_out() {
    let site = Site::with_ada();
    let mut browser = site.browser();
    let page = browser.get("/sign-in");
    assert!(page.text().contains("<label for=\"password\">Password</label>"), "{}", page.text());
    let signed_in = browser.sign_in("ada", PASSWORD);
    assert_eq!((signed_in.status, signed_in.field("location")), (303, Some("/")));
    assert!(browser.is_signed_in());
    assert_eq!(site.wait_for_audit("sign_in", "done")["who"], "ada");
    let cookie = browser.cookies[SESSION].clone();
    let signed_out = browser.sign_out();
    assert_eq!((signed_out.status, signed_out.field("location")), (303, Some("/sign-in")));
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), cookie);
    assert!(!browser.is_signed_in(), "the session is over, not only the cookie gone");
    assert_eq!(site.wait_for_audit("sign_out", "done")["who"], "ada");
}

#[test]
fn the_session_cookie_is_kept_from_scripts_and_other_sites() {
    let site = Site::with_ada();
    let signed_in = site.browser().sign_in("ada", PASSWORD);
    let cookies = signed_in.values("set-cookie");
    assert_eq!(cookies.len(), 1);
    let (pair, attributes) = cookies[0].split_once("; ").unwrap();
    assert_eq!(pair.strip_prefix("countersign_session=").unwrap().len(), 43);
    let mut attributes: Vec<&str> = attributes.split("; ").collect();
    attributes.sort_unstable();
    // No Expires or Max-Age: it goes with the browser. No Domain: no other host gets it.
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Strict"]);
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_told_alike() {
    let site = Site::with_ada();
    let mut answers = Vec::new();
    for (name, password) in [("ada", "wrong horse battery"), ("nobody-such", "wrong horse battery")] {
        let refused = site.browser().sign_in(name, password);
        assert_eq!(refused.status, 403);
        let text = refused.text();
        assert!(text.contains("This name and this password do not belong together") && !text.contains(password), "{text}");
        let csrf = hidden(&text, "csrf");
        answers.push(text.replace(&csrf, "CSRF").replace(name, "NAME"));
    }
    assert_eq!(answers[0], answers[1]);
    let lines = eventually("two lines", || Some(site.audit()).filter(|lines| lines.len() == 2));
    assert!(lines.iter().all(|line| line["reason"] == "wrong name or password"), "{lines:?}");
    // Who types the password into the wrong field should not find it in the log.
    assert_eq!((lines[0]["user"].as_str(), lines[1]["user"].as_str()), (Some("ada"), None));
}

#[test]
fn a_session_id_that_was_laid_out_before_is_not_taken_over() {
    let site = Site::with_ada();
    let mut browser = site.browser();
    let planted = "A".repeat(43);
    browser.cookies.insert(SESSION.to_owned(), planted.clone());
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 303);
    assert_ne!(browser.cookies[SESSION], planted);
    let mut attacker = site.browser();
    attacker.cookies.insert(SESSION.to_owned(), planted);
    assert!(!attacker.is_signed_in());
    let first = browser.cookies[SESSION].clone();
    let csrf = hidden(&site.browser().get("/sign-in").text(), "csrf");
    browser.cookies.insert("countersign_form".to_owned(), csrf.clone());
    let again = browser.post("/sign-in", &[("csrf", &csrf), ("name", "ada"), ("password", PASSWORD)]);
    assert_eq!(again.status, 303);
    assert_ne!(browser.cookies[SESSION], first);
    attacker.cookies.insert(SESSION.to_owned(), first);
    assert!(!attacker.is_signed_in(), "the session before the new sign-in is over");
}

#[test]
fn of_two_session_cookies_none_is_believed() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let own = format!("{SESSION}={}", browser.cookies.remove(SESSION).unwrap());
    let planted = format!("{SESSION}={}", "A".repeat(43));
    assert_eq!(browser.send("GET", "/sign-in", &[("cookie", &own)], "").status, 303);
    for both in [format!("{own}; {planted}"), format!("{planted}; {own}")] {
        assert_eq!(browser.send("GET", "/sign-in", &[("cookie", &both)], "").status, 200, "{both}");
    }
}

#[test]
fn guessing_is_slowed_down_and_told_when_to_come_back() {
    let site = Site::with_ada();
    let mut browser = site.browser();
    let csrf = hidden(&browser.get("/sign-in").text(), "csrf");
    let mut guess = |password: &str| browser.post("/sign-in", &[("csrf", &csrf), ("name", "ada"), ("password", password)]);
    let statuses: Vec<u16> = (0..5).map(|_| guess("wrong horse battery").status).collect();
    assert_eq!(statuses[..4], [403, 403, 403, 403]);
    // Each wait is twice the one before: the next guess comes within four seconds, if not within one.
    let (slowed, seconds) = eventually("a guess is too early by some seconds", || {
        let slowed = Some(guess("wrong horse battery")).filter(|answer| answer.status == 429)?;
        let seconds: u64 = slowed.field("retry-after").unwrap().parse().unwrap();
        (seconds >= 4).then_some((slowed, seconds))
    });
    assert!(seconds <= 60, "{seconds}");
    assert!(slowed.text().contains("Too many attempts have failed"), "{}", slowed.text());
    assert_eq!(guess(PASSWORD).status, 429, "not even the right one is looked at");
    assert_eq!(site.wait_for_audit("sign_in", "refused")["user"], "ada");
    eventually("a line about it", || site.audit().into_iter().find(|line| line["reason"] == "too many failed attempts"));
}

#[test]
fn a_flood_of_sign_ins_takes_the_memory_of_two() {
    let site = Site::with_ada();
    let before = site.gateway.resident_kib();
    std::thread::scope(|scope| {
        for at in 0..40 {
            let mut browser = site.browser();
            // Each under a name of its own, until the address has to wait.
            scope.spawn(move || browser.sign_in(&format!("u{at}"), "wrong horse battery").status);
        }
    });
    let grown = site.gateway.resident_kib().saturating_sub(before);
    // Each takes 19 MiB, so three would take 57; that of two stays with the process.
    assert!(grown < 50 * 1024, "{grown} KiB");
}

#[test]
fn forms_from_elsewhere_change_nothing() {
    let site = Site::with_ada();
    let origin = format!("http://{}", site.address);
    let same = format!("http://localhost:{}", site.address.port());
    let mut browser = site.browser();
    let csrf = hidden(&browser.get("/sign-in").text(), "csrf");
    let fields = [("csrf", &*csrf), ("name", "ada"), ("password", PASSWORD)];
    for headers in [
        &[("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", &*same)],
        &[("sec-fetch-site", "same-site"), ("origin", &*origin)],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(browser.post_from("/sign-in", &fields, headers).status, 403, "{headers:?}");
    }
    for wrong in [&[("name", "ada"), ("password", PASSWORD)][..], &[("csrf", ""), ("name", "ada"), ("password", PASSWORD)]] {
        assert_eq!(browser.post("/sign-in", wrong).status, 403);
        assert_eq!(browser.post_from("/sign-in", wrong, &[]).status, 403, "a program needs the form's proof too");
    }
    assert!(!browser.is_signed_in());
    let form = browser.cookies.remove("countersign_form").unwrap();
    assert_eq!(browser.post("/sign-in", &fields).status, 403, "without the cookie");
    browser.cookies.insert("countersign_form".to_owned(), "A".repeat(43));
    assert_eq!(browser.post("/sign-in", &fields).status, 403, "with another one");
    browser.cookies.insert("countersign_form".to_owned(), String::new());
    let empty = [("csrf", ""), ("name", "ada"), ("password", PASSWORD)];
    assert_eq!(browser.post("/sign-in", &empty).status, 403, "with an empty one, and an empty field");
    browser.cookies.insert("countersign_form".to_owned(), form);
    assert_eq!(browser.post_from("/sign-in", &fields, &[]).status, 303, "a program that names no origin");
}

#[test]
fn the_sign_out_needs_the_sessions_own_form() {
    let site = Site::with_ada();
    let (mut browser, mut other) = (site.signed_in(), site.signed_in());
    let foreign = other.session_csrf();
    for fields in [&[][..], &[("csrf", "")], &[("csrf", &*foreign)]] {
        assert_eq!(browser.post("/sign-out", fields).status, 403);
    }
    assert_eq!(browser.get("/sign-out").status, 405, "a link or an image signs nobody out");
    assert!(browser.is_signed_in());
}

#[test]
fn after_the_sign_in_a_local_path_follows_and_nothing_else() {
    let site = Site::with_ada();
    for (path, follows) in [
        ("/refusals?code=nonce_used", "/refusals?code=nonce_used"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/a\r\nset-cookie: x=y", "/aset-cookie:%20x=y"),
        ("javascript:alert(1)", "/"),
    ] {
        let mut browser = site.browser();
        let signed_in = browser.fill_in("/sign-in", &[("name", "ada"), ("password", PASSWORD), ("return", path)]);
        assert_eq!((signed_in.status, signed_in.field("location")), (303, Some(follows)), "{path:?}");
        assert_eq!(signed_in.values("set-cookie").len(), 1);
        let encoded: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(browser.get(&format!("/sign-in?return={encoded}")).field("location"), Some(follows), "{path:?}");
    }
}

#[test]
fn a_page_leads_to_the_sign_in_and_back() {
    let site = Site::with_ada();
    let mut browser = site.browser();
    let asked = browser.get("/account?x=1%262");
    assert_eq!((asked.status, asked.field("location")), (303, Some("/sign-in?return=%2Faccount%3Fx%3D1%25262")));
    let page = browser.get(asked.field("location").unwrap());
    assert_eq!(hidden(&page.text(), "return"), "/account?x=1%262");
}

#[test]
fn a_session_ends_with_its_user_or_the_users_password() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    site.admin(&["add-user", "bob", "--password-stdin"], PASSWORD);
    assert!(browser.is_signed_in(), "somebody else is nothing to ada's session");
    site.admin(&["add-user", "ada", "--password-stdin", "--replace"], "another horse, another battery");
    assert!(!browser.is_signed_in());
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 403);
    assert_eq!(browser.sign_in("ada", "another horse, another battery").status, 303);
    site.admin(&["remove", "ada"], "");
    assert!(!browser.is_signed_in());
}

#[test]
fn another_password_ends_all_sessions_but_the_one_that_asked_for_it() {
    let site = Site::with_ada();
    let (mut browser, mut elsewhere) = (site.signed_in(), site.signed_in());
    let new = "another horse, another battery";
    let mut change = |current: &str, password: &str, again: &str| {
        let csrf = browser.session_csrf();
        let fields = [("csrf", &*csrf), ("current", current), ("password", password), ("again", again)];
        browser.post("/account/password", &fields)
    };
    for (current, password, again, status, why) in [
        (PASSWORD, "short", "short", 422, "needs at least 15"),
        (PASSWORD, new, PASSWORD, 422, "not the same"),
        ("wrong horse battery", new, new, 403, "This is not your password"),
    ] {
        let refused = change(current, password, again);
        assert_eq!(refused.status, status);
        assert!(refused.text().contains(why) && !refused.text().contains("horse"), "{}", refused.text());
    }
    assert!(elsewhere.is_signed_in());
    let changed = change(PASSWORD, new, new);
    assert_eq!((changed.status, changed.field("location")), (303, Some("/account?changed")));
    assert!(browser.get("/account?changed").text().contains("Your password is changed"));
    assert!(!elsewhere.is_signed_in());
    assert_eq!(site.browser().sign_in("ada", PASSWORD).status, 403);
    assert_eq!(site.browser().sign_in("ada", new).status, 303);
    let line = site.wait_for_audit("replace_user", "done");
    assert_eq!((line["who"].as_str(), line["user"].as_str()), (Some("ada"), Some("ada")));
    let csrf = site.browser().post("/account/password", &[("current", new), ("password", PASSWORD), ("again", PASSWORD)]);
    assert_eq!((csrf.status, csrf.field("location")), (303, Some("/sign-in")), "nobody is signed in there");
    let foreign = browser.post("/account/password", &[("current", new), ("password", PASSWORD), ("again", PASSWORD)]);
    assert_eq!(foreign.status, 403, "without what is hidden in the form");
}

#[test]
fn a_damaged_users_file_keeps_who_was_there_and_says_which_line() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let file = site.gateway.folder().join("admin-users.yaml");
    let good = fs::read_to_string(&file).unwrap();
    for (damaged, problem) in [
        (good.replace("argon2id", "argon2x"), "admin-users.yaml:5: `password` is"),
        (String::new(), "admin-users.yaml: the file is empty"),
        (good[..good.len() - 20].to_owned(), "admin-users.yaml:5: `password` is"),
        (good.replace("users:", "user:"), "unknown key `user`"),
    ] {
        fs::write(&file, damaged).unwrap();
        assert!(browser.is_signed_in(), "{problem}");
        assert_eq!(site.browser().sign_in("ada", PASSWORD).status, 303, "{problem}");
        site.gateway.wait_for_line(problem);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    fs::write(&file, &good).unwrap();
    assert!(browser.is_signed_in());
    site.gateway.wait_for_line("others than its owner may write it");
}

#[test]
fn no_page_stands_in_a_frame_or_loads_anything_from_elsewhere() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let mut stranger = site.browser();
    for answer in [browser.get("/account"), stranger.get("/sign-in"), stranger.get("/setup/x"), stranger.get("/assets/style.css")]
    {
        let policy = answer.field("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(answer.field("x-frame-options"), Some("DENY"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(answer.field("cross-origin-opener-policy"), Some("same-origin"));
        let text = answer.text();
        for odd in ["<script", "<style", "style=", " onclick", "http://", "https://", "//"] {
            let is_comment = answer.field("content-type").unwrap().starts_with("text/css") && odd == "//";
            assert!(is_comment || !text.contains(odd), "{odd} in {text}");
        }
    }
}

#[test]
fn what_is_typed_is_text_on_the_page() {
    let site = Site::with_ada();
    let refused = site.browser().sign_in("\"><script>alert(1)</script>", "'\"><img src=x>");
    assert!(!refused.text().contains("<script") && !refused.text().contains("<img src=x"), "{}", refused.text());
}

#[test]
fn neither_passwords_nor_tokens_nor_cookies_are_in_log_or_files() {
    let site = Site::with(|builder| builder.setting("log: { level: trace }"));
    site.admin(&["add-user", "ada", "--password-stdin"], PASSWORD);
    let token = site.admin(&["add-token", "deploy"], "").trim_end().to_owned();
    let mut browser = site.signed_in();
    let (session, form, csrf) =
        (browser.cookies[SESSION].clone(), browser.cookies["countersign_form"].clone(), browser.session_csrf());
    browser.sign_in_as_well("ada", "wrong horse battery");
    site.browser().send("GET", "/account", &[("authorization", &format!("Bearer {token}"))], "");
    browser.sign_out();
    site.wait_for_audit("sign_out", "done");
    let mut texts = vec![site.gateway.lines().join("\n")];
    for file in fs::read_dir(site.gateway.folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        texts.push(fs::read_to_string(file).unwrap());
    }
    for text in texts {
        for secret in [PASSWORD, "wrong horse", &token, &token[4..], &session, &form, &csrf] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn the_audit_log_may_be_a_file_of_its_own_and_is_opened_again_after_a_rotation() {
    let site = Site::with(|builder| builder.setting("log: { audit: audit.log }"));
    site.admin(&["add-user", "ada", "--password-stdin"], PASSWORD);
    let (file, moved) = (site.gateway.folder().join("audit.log"), site.gateway.folder().join("audit.log.1"));
    let has = |file: &std::path::Path, action: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["audit"] == action)
    };
    let mut browser = site.signed_in();
    eventually("the sign-in is in the file", || has(&file, "sign_in").then_some(()));
    assert!(has(&file, "add_user"), "beside what the command wrote into it");
    fs::rename(&file, &moved).unwrap();
    site.gateway.signal("HUP");
    eventually("a new file", || file.exists().then_some(()));
    browser.sign_out();
    eventually("the sign-out is in the new file", || has(&file, "sign_out").then_some(()));
    assert!(!has(&moved, "sign_out"));
    assert_eq!(site.audit(), Vec::<serde_json::Value>::new(), "nothing of it is on standard error");
}
