//! Pasted keys: mended, warned of, or refused with a reason; with a script at once, and without by a button.

use crate::browser::{Browser, Site};
use crate::form::{Form, unescaped};
use crate::support::{RSA_1024, RSA_2048, RSA_2048_OTHER, RSA_4096};

const PRIVATE: &str = include_str!("../data/keys/rsa-2048-b.pem");
const PUBLISHED: &str = include_str!("../data/keys/atlassian-tutorial.pub");
const CERTIFICATE: &str = include_str!("../data/keys/rsa-2048-a.crt");

/// What the script is told.
#[track_caller]
fn report(browser: &mut Browser, key: &str) -> String {
    let csrf = browser.session_csrf();
    let report = browser.post("/consumers/check-key", &[("csrf", &csrf), ("key", ""), ("public_key", key)]);
    assert_eq!(report.status, 200);
    unescaped(&report.text())
}

#[test]
fn a_pasted_key_is_told_with_all_that_matters_about_it() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let bare: String = RSA_4096.public_pem.lines().filter(|line| !line.starts_with('-')).collect();
    let cases: [(&str, &[&str]); 8] = [
        (&RSA_4096.public_pem, &["This key can be used<", "Public key, RSA 4096 bits", "SHA-256 fingerprint"]),
        (&bare, &["RSA 4096 bits", "the BEGIN and END lines were missing and have been added"]),
        (CERTIFICATE, &["Certificate, RSA 2048 bits", "CN="]),
        (&RSA_1024.public_pem, &["This key can be used, but", "The key has 1024 bits, and fewer than 2048 are weak today"]),
        (&RSA_2048.public_pem, &["Consumer \"reporting\" has this key already"]),
        (PUBLISHED, &["The private half of this key stands in public documentation"]),
        (
            "~/keys/partner.pub",
            &["This cannot be used", "This looks like the name of a file", "Open the file, and paste the text in it"],
        ),
        (PRIVATE, &["This key is exposed", "Make a new key pair"]),
    ];
    for (key, words) in cases {
        let report = report(&mut browser, key);
        for words in words {
            assert!(report.contains(words), "{words}: {report}");
        }
    }
}

#[test]
fn without_a_script_a_button_does_the_same_and_keeps_what_was_filled_in() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let before = std::fs::read(site.gateway.consumers_file()).unwrap();
    let pasted = RSA_2048_OTHER.public_pem.replace('\n', "  \r\n");
    let form = Form::of(&browser.get("/consumers/add").text());
    let form =
        form.set("key", "partner").set("name", "Partner").set("public_key", &pasted).without("enabled").and("do", "check-key");
    let checked = browser.post("/consumers/add", &form.fields());
    let text = checked.text();
    assert_eq!(checked.status, 200);
    assert!(text.contains("This key can be used") && text.contains("blanks around the lines were taken off"), "{text}");
    let again = Form::of(&text);
    assert_eq!((again.value("key"), again.value("name")), ("partner", "Partner"));
    assert_eq!(again.value("public_key").trim(), RSA_2048_OTHER.public_pem.trim());
    assert!(!again.fields().iter().any(|(name, _)| *name == "enabled"));
    assert_eq!(std::fs::read(site.gateway.consumers_file()).unwrap(), before);
}

#[test]
fn a_private_key_is_neither_taken_nor_sent_back_nor_written_anywhere() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let secret = PRIVATE.lines().nth(3).unwrap();
    let form = |page: &str| Form::of(page).set("public_key", PRIVATE);
    let add = form(&browser.get("/consumers/add").text()).set("key", "partner").set("name", "Partner");
    let edit = form(&browser.get("/consumers/edit?key=reporting").text());
    let stale = form(&browser.get("/consumers/edit?key=reporting").text()).set("revision", &"0".repeat(32));
    for (path, form) in [("/consumers/add", add), ("/consumers/edit", edit), ("/consumers/edit", stale)] {
        let refused = browser.post(path, &form.fields());
        assert!(matches!(refused.status, 409 | 422), "{path}: {}", refused.status);
        let text = refused.text();
        assert!(text.contains("exposed") && !text.contains(secret), "{path}: {text}");
    }
    assert!(!report(&mut browser, PRIVATE).contains(secret));
    assert!(!std::fs::read_to_string(site.gateway.consumers_file()).unwrap().contains(secret));
    assert_eq!(site.gateway.count_lines(secret), 0);
}
