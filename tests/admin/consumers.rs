//! The consumers' pages: the list, and how one is added, edited and removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::browser::{Browser, Site, hidden};
use crate::form::Form;
use crate::support::{CONSUMER, Consumer, RSA_2048, RSA_2048_OTHER, RSA_4096, Signing, eventually, signed};

const GOOGLE: &str = include_str!("../data/google-consumer.yaml");

/// A request of the consumer that the tests here add.
fn by_partner() -> Signing {
    signed("partner", &RSA_2048_OTHER)
}

/// The status of a request, and the problem that the gateway has with it.
fn answer(site: &Site, request: &Signing) -> (u16, Option<String>) {
    let response = site.gateway.ask(request);
    (response.status, response.problem())
}

#[track_caller]
fn add_partner(browser: &mut Browser) {
    let form = Form::of(&browser.get("/consumers/add").text());
    let form = form.set("key", " partner\t").set("name", "Partner").set("public_key", &RSA_2048_OTHER.public_pem);
    let added = browser.post("/consumers/add", &form.fields());
    assert_eq!(
        (added.status, added.field("location")),
        (303, Some("/consumers/show?key=partner&done=added")),
        "{}",
        added.text()
    );
}

#[track_caller]
fn edit_form(browser: &mut Browser, key: &str) -> Form {
    let page = browser.get(&format!("/consumers/edit?key={key}"));
    assert_eq!(page.status, 200, "{}", page.text());
    Form::of(&page.text())
}

#[test]
fn a_consumer_that_is_added_may_sign_before_the_answer_is_there() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let before = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert_eq!(answer(&site, &by_partner()), (401, Some("consumer_key_unknown".into())));
    add_partner(&mut browser);
    assert_eq!(answer(&site, &by_partner()).0, 200);
    let shown = browser.get("/consumers/show?key=partner&done=added").text();
    for words in ["The consumer was added. It is in force.", "<code class=\"text\">partner</code>", "Public key, RSA 2048 bits"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert!(file.starts_with(&before) && file[before.len()..].contains("key: partner\n"), "{file}");
    let line = site.wait_for_audit("add_consumer", "done");
    assert_eq!((&line["who"], &line["consumer"]), (&"ada".into(), &"partner".into()));
    assert_eq!(line["after"].as_str().unwrap().len(), 64, "{line}");
}

#[test]
fn the_consumer_of_the_documentation_is_added_as_it_stands_there() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let certificate: String =
        GOOGLE.lines().filter_map(|line| line.strip_prefix("      ")).map(|line| format!("{line} \r\n")).collect();
    let form = Form::of(&browser.get("/consumers/add").text());
    let form = form.set("key", "www.google.com").set("name", "iGoogle").set("public_key", &certificate);
    let form = form.set("description", "Google's iGoogle gadget container, https://www.google.com/ig");
    assert_eq!(browser.post("/consumers/add", &form.fields()).status, 303);
    let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let entry = GOOGLE.split_once("consumers:\n").unwrap().1;
    assert!(file.ends_with(entry), "{file}");
}

#[test]
fn what_is_wrong_is_told_at_its_field_and_nothing_is_written() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let before = fs::read(site.gateway.consumers_file()).unwrap();
    let form = || Form::of(&site.signed_in().get("/consumers/add").text()).without("csrf");
    let good = || form().set("key", "partner").set("name", "Partner").set("public_key", &RSA_2048_OTHER.public_pem);
    let csrf = browser.session_csrf();
    let cases = [
        (form(), 422, "key", "Write the consumer key, which the client sends as oauth_consumer_key"),
        (form(), 422, "name", "Write a name that people know it by"),
        (form(), 422, "public_key", "Paste the consumer's public key or certificate"),
        (good().set("key", CONSUMER), 409, "key", "already"),
        (good().set("key", &"k".repeat(300)), 422, "key", "`key` has 300 bytes"),
        (good().set("callback_url", "javascript:alert(1)"), 422, "callback_url", "has to be an http or https URL"),
        (good().set("expires", "tomorrow"), 422, "expires", "has to be a date or a time"),
        (good().set("rate_requests", "many"), 422, "rate_requests", "how many requests are allowed"),
        (good().set("rate_requests", "5").set("rate_per", "1y"), 422, "rate_per", "rate_limit.per"),
        (good().set("allow", "GET rest"), 422, "allow", "no path pattern"),
        (good().set("allow_from", "10.0.0.0/40"), 422, "allow_from", "`allow_from`"),
        (good().and("signature_methods", "HMAC-SHA1"), 422, "signature_methods", "HMAC-SHA1 needs a secret"),
        (good().set("reveal", "everything"), 422, "reveal", "`refusals.reveal`"),
    ];
    for (form, status, field, words) in cases {
        let refused = browser.post("/consumers/add", &form.and("csrf", &csrf).fields());
        let text = crate::form::unescaped(&refused.text());
        let link = format!("<a href=\"#{field}\">");
        let told = text.split_once(&link).unwrap_or_else(|| panic!("{field}: {text}")).1.split_once("</a>").unwrap().0;
        assert_eq!(refused.status, status, "{field}");
        assert!(told.contains(words), "{field}: {told}");
        assert!(text.contains(&format!("id=\"{field}\"")), "the link to {field} leads somewhere");
    }
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
}

#[test]
fn an_edit_changes_what_was_changed_and_not_a_byte_besides() {
    let settings =
        ["enabled: true   # for now", "rate_limit: { requests: 1000, per: 1s }", "signature_methods: [RSA-SHA256, RSA-SHA1]"];
    let odd = settings.iter().fold(Consumer::new(CONSUMER, &RSA_2048), |odd, line| odd.with(line));
    let site = Site::with_ada_and(|builder| builder.consumer(odd));
    let mut browser = site.signed_in();
    let before = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let form = edit_form(&mut browser, CONSUMER);
    let unchanged = browser.post("/consumers/edit", &form.fields());
    assert_eq!(unchanged.field("location"), Some("/consumers/show?key=reporting&done=unchanged"), "{}", unchanged.text());
    assert_eq!(fs::read_to_string(site.gateway.consumers_file()).unwrap(), before);

    let form = edit_form(&mut browser, CONSUMER).without("enabled");
    assert_eq!(
        browser.post("/consumers/edit", &form.fields()).field("location"),
        Some("/consumers/show?key=reporting&done=saved")
    );
    let after = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert_eq!(after, before.replace("enabled: true   # for now", "enabled: false   # for now"));
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048)), (401, Some("consumer_key_rejected".into())));

    let form = edit_form(&mut browser, CONSUMER).and("enabled", "yes");
    browser.post("/consumers/edit", &form.fields());
    assert_eq!(fs::read_to_string(site.gateway.consumers_file()).unwrap(), before);
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048)).0, 200);
}

#[test]
fn a_text_that_no_browser_sends_back_as_it_was_stays_as_it_is_in_the_file() {
    let odd = Consumer::new(CONSUMER, &RSA_2048).with(r#"description: " a\rb\r\nc\0 ""#);
    let site = Site::with_ada_and(|builder| builder.consumer(odd));
    let mut browser = site.signed_in();
    let before = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let form = edit_form(&mut browser, CONSUMER);
    let description = form.value("description").replace('\n', "\r\n");
    assert_eq!(description, "a\r\nb\r\nc\u{fffd}", "nothing in it that a browser would change");
    let saved = browser.post("/consumers/edit", &form.set("description", &description).without("enabled").fields());
    assert_eq!(saved.status, 303, "{}", saved.text());
    let after = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert_eq!(after.replace("    enabled: false\n", ""), before);
}

#[test]
fn while_a_key_is_rolled_over_both_count() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let form = edit_form(&mut browser, CONSUMER).without("public_key");
    let both = form.and("public_key", &RSA_2048.public_pem).and("public_key", &RSA_2048_OTHER.public_pem).and("public_key", "");
    assert_eq!(browser.post("/consumers/edit", &both.fields()).status, 303);
    for pair in [&RSA_2048, &RSA_2048_OTHER] {
        assert_eq!(answer(&site, &signed(CONSUMER, pair)).0, 200);
    }
    let one = edit_form(&mut browser, CONSUMER).set("public_key", "");
    assert_eq!(browser.post("/consumers/edit", &one.fields()).status, 303);
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048)), (401, Some("signature_invalid".into())));
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048_OTHER)).0, 200);
    let lines = eventually("both lines", || {
        let lines: Vec<_> = site.audit().into_iter().filter(|line| line["audit"] == "edit_consumer").collect();
        (lines.len() == 2).then_some(lines)
    });
    assert!(lines.iter().all(|line| line["before"] != line["after"]), "{lines:?}");
}

#[test]
fn a_file_that_changed_meanwhile_is_a_conflict_that_shows_both() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let form = edit_form(&mut browser, CONSUMER).set("description", "what ada wrote");
    let theirs = fs::read_to_string(site.gateway.consumers_file()).unwrap() + "    description: what somebody else wrote\n";
    site.gateway.write_consumers(&theirs);
    let conflict = browser.post("/consumers/edit", &form.fields());
    let text = conflict.text();
    assert_eq!(conflict.status, 409);
    for words in ["what ada wrote", "what somebody else wrote", "The file was changed since you opened this page"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(fs::read_to_string(site.gateway.consumers_file()).unwrap(), theirs);
    let decided = browser.post("/consumers/edit", &Form::of(&text).fields());
    assert_eq!(decided.status, 303, "whoever has seen both decides");
    assert_eq!(fs::read_to_string(site.gateway.consumers_file()).unwrap(), theirs.replace("somebody else", "ada"));
}

#[test]
fn who_has_seen_nothing_changes_nothing() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let before = fs::read(site.gateway.consumers_file()).unwrap();
    for revision in ["", "0", "ffffffffffffffffffffffffffffffff"] {
        let form = edit_form(&mut browser, CONSUMER).set("revision", revision).set("name", "Other");
        assert_eq!(browser.post("/consumers/edit", &form.fields()).status, 409, "{revision}");
        let removal = browser.fill_in("/consumers/remove?key=reporting", &[("key", CONSUMER), ("revision", revision)]);
        assert_ne!(removal.field("location"), Some("/?removed=reporting"), "{revision}");
    }
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
}

#[test]
fn a_consumer_is_removed_after_a_question_that_says_what_ends() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    add_partner(&mut browser);
    assert_eq!(answer(&site, &by_partner()).0, 200);
    let question = browser.get("/consumers/remove?key=partner").text();
    for words in
        ["Remove Partner?", "is refused from that moment on", "It is in use: 1 request of it went through", "consumers.yaml:"]
    {
        assert!(question.contains(words), "{words}: {question}");
    }
    assert_eq!(answer(&site, &by_partner()).0, 200, "a question removes nobody");
    let revision = hidden(&question, "revision");
    let removed = browser.fill_in("/consumers/remove?key=partner", &[("key", "partner"), ("revision", &revision)]);
    assert_eq!((removed.status, removed.field("location")), (303, Some("/?removed=partner")));
    assert_eq!(answer(&site, &by_partner()), (401, Some("consumer_key_unknown".into())));
    let list = browser.get("/?removed=partner").text();
    assert!(list.contains("There is no consumer “partner” any more") && list.contains("1 consumer"), "{list}");
    assert!(site.wait_for_audit("remove_consumer", "done")["before"].is_string());
    assert_eq!(browser.get("/consumers/show?key=partner").status, 404);
}

#[test]
fn a_question_about_a_file_that_changed_meanwhile_is_asked_again() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    add_partner(&mut browser);
    let revision = hidden(&browser.get("/consumers/remove?key=partner").text(), "revision");
    let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    site.gateway.write_consumers(&file.replace("name: Partner", "name: Somebody"));
    let asked = browser.fill_in("/consumers/remove?key=partner", &[("key", "partner"), ("revision", &revision)]);
    assert_eq!(asked.status, 409);
    assert!(asked.text().contains("Nothing was removed") && asked.text().contains("Remove Somebody?"), "{}", asked.text());
    assert!(fs::read_to_string(site.gateway.consumers_file()).unwrap().contains("key: partner"));
}

#[test]
fn a_key_is_never_changed() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let page = browser.get("/consumers/edit?key=reporting").text();
    assert!(page.contains("can't be changed: add a new consumer instead"), "{page}");
    let form = Form::of(&page).set("key", "other");
    assert_eq!(browser.post("/consumers/edit", &form.fields()).status, 404);
}

#[test]
fn a_file_that_may_not_be_written_is_only_looked_at_and_the_pages_say_why() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let form = edit_form(&mut browser, CONSUMER).set("name", "Other");
    let file = site.gateway.consumers_file();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let list = browser.get("/").text();
    assert!(list.contains("consumers.yaml is write-protected (mode 0444)") && !list.contains("Add OAuth Consumer"), "{list}");
    assert!(list.contains("/consumers/show?key=reporting") && !list.contains("/consumers/edit"), "{list}");
    let shown = browser.get("/consumers/show?key=reporting").text();
    assert!(shown.contains("is write-protected") && !shown.contains("/consumers/edit"), "{shown}");
    for path in ["/consumers/edit?key=reporting", "/consumers/remove?key=reporting"] {
        assert_eq!(browser.get(path).status, 403, "{path}");
    }
    assert!(browser.get("/consumers/add").text().contains("No consumer can be added here"));
    let refused = browser.post("/consumers/edit", &form.fields());
    assert!(refused.status == 403 && refused.text().contains("is write-protected"), "{}", refused.text());
    assert_eq!(site.wait_for_audit("edit_consumer", "refused")["consumer"], CONSUMER);
}

#[test]
fn of_a_folder_the_pages_say_which_file() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let place = site.gateway.consumers_file();
    let text = fs::read_to_string(&place).unwrap();
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("first.yaml"), text).unwrap();
    add_partner(&mut browser);
    let shown = browser.get("/consumers/show?key=partner").text();
    assert!(shown.contains("consumers.yaml/partner.yaml:2"), "{shown}");
    assert!(browser.get("/consumers/edit?key=reporting").text().contains("consumers.yaml/first.yaml:2"));
    assert_eq!(answer(&site, &by_partner()).0, 200);
    let files = browser.get("/files").text();
    assert!(files.contains("first.yaml") && files.contains("partner.yaml"), "{files}");
}

#[test]
fn the_list_is_searched_and_shown_in_parts() {
    let many = (0..120)
        .map(|number| Consumer::new(&format!("client-{number:03}"), &RSA_2048).with(&format!("description: no {number}")));
    let last = Consumer::new("the/last one", &RSA_4096).with("enabled: false");
    let site = Site::with_ada_and(|builder| many.chain([last]).fold(builder, |builder, consumer| builder.consumer(consumer)));
    let mut browser = site.signed_in();
    let mut rows = |path: &str| {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        (page.text().matches("<th scope=\"row\">").count(), page.text())
    };
    let (count, page) = rows("/");
    assert!(count == 50 && page.contains("121 consumers") && page.contains("Page 1 of 3"), "{count} {page}");
    let (count, page) = rows("/?page=3");
    assert!(count == 21 && page.contains("href=\"/consumers/show?key=the%2Flast+one\""), "{count} {page}");
    assert!(page.contains("RSA 4096 <code"), "{page}");
    for (query, found) in
        [("q=CLIENT-01", 10), ("q=no+77", 1), ("state=disabled", 1), ("q=client&state=disabled", 0), ("q=%25", 0)]
    {
        let (count, page) = rows(&format!("/?{query}"));
        assert!(count == found && page.contains(&format!("{found} of 121 consumers")), "{query}: {count} {page}");
    }
    let (_, page) = rows("/?q=client&page=2");
    assert!(page.contains("href=\"/?q=client&#38;page=1\"") && page.contains("Page 2 of 3"), "{page}");
    assert_eq!(browser.get("/consumers/show?key=the%2Flast+one").status, 200);
}

#[test]
fn the_list_tells_what_each_consumer_did_in_the_last_hour() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let row = |page: &str| page.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0.to_owned();
    let idle = row(&browser.get("/").text());
    assert!(idle.contains("not since start") && idle.contains("class=\"number\"><span>0<"), "{idle}");
    for _ in 0..3 {
        assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048)).0, 200);
    }
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048_OTHER)).0, 401);
    let busy = eventually("four requests", || {
        Some(row(&browser.get("/").text())).filter(|row| row.contains("class=\"number\"><span>4<"))
    });
    assert!(busy.contains(" s ago") && busy.contains("class=\"number\"><span>1<"), "{busy}");
}

#[test]
fn a_key_with_a_blank_at_its_end_is_edited_and_not_the_one_without() {
    let both = [Consumer::new(CONSUMER, &RSA_2048), Consumer::new("reporting ", &RSA_2048_OTHER)];
    let site = Site::with_ada_and(|builder| both.into_iter().fold(builder, |builder, consumer| builder.consumer(consumer)));
    let mut browser = site.signed_in();
    let form = edit_form(&mut browser, "reporting+").set("description", "the other one");
    let saved = browser.post("/consumers/edit", &form.fields());
    assert_eq!(saved.field("location"), Some("/consumers/show?key=reporting+&done=saved"), "{}", saved.text());
    let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert!(file.trim_end().ends_with("description: the other one") && file.matches("description").count() == 1, "{file}");
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048)).0, 200);
    assert_eq!(answer(&site, &signed(CONSUMER, &RSA_2048_OTHER)), (401, Some("signature_invalid".into())));
}

#[test]
fn a_consumer_that_may_reach_nothing_is_not_shown_as_one_that_may_reach_everything() {
    let closed = Consumer::new(CONSUMER, &RSA_2048).with("allow: []").with("allow_from: []");
    let site = Site::with_ada_and(|builder| builder.consumer(closed));
    let mut browser = site.signed_in();
    let shown = browser.get("/consumers/show?key=reporting").text();
    assert!(shown.contains("(nothing)") && shown.contains("(nowhere)"), "{shown}");
    let file = || fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let before = file();
    let form = edit_form(&mut browser, CONSUMER);
    assert_eq!(browser.post("/consumers/edit", &form.fields()).status, 303);
    assert_eq!(file(), before);
    let more = form.set("allow", "(nothing)\n/rest/**");
    assert_eq!(browser.post("/consumers/edit", &more.fields()).status, 422);
    let all = more.set("allow", "").set("allow_from", "");
    assert_eq!(browser.post("/consumers/edit", &all.fields()).status, 303);
    assert!(!file().contains("allow"), "{}", file());
}
