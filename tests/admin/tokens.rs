//! Users' access tokens, as administrators see and revoke them; a removed consumer's tokens end with it.

use serde_json::{Value, json};

use crate::allowed::{App, DANCE, allow};
use crate::browser::{Browser, Site, hidden};
use crate::form::unescaped;
use crate::program::Program;
use crate::support::{Backend, Consumer, Gateway, RSA_2048, RSA_2048_OTHER, by_reporting, eventually};

const ALL: &str = "/api/v1/tokens";

/// Where users have given tokens: fred and gina to the first, fred to the second.
struct Allowed {
    site: Site,
    reporting: App,
    other: App,
    /// fred's and gina's at the first, fred's at the second.
    tokens: [String; 3],
}

#[track_caller]
fn allowed() -> Allowed {
    let other = Consumer::named("other app", "The <b>other</b>", &RSA_2048_OTHER);
    let site =
        Site::with_ada_and(|builder| builder.setting(DANCE).consumer(Consumer::new("reporting", &RSA_2048)).consumer(other));
    let (reporting, other) = (App::new("reporting", &RSA_2048), App::new("other app", &RSA_2048_OTHER));
    let gateway = &site.gateway;
    let tokens =
        [reporting.allowed_by(gateway, "fred"), reporting.allowed_by(gateway, "gina"), other.allowed_by(gateway, "fred")];
    Allowed { site, reporting, other, tokens }
}

impl Allowed {
    /// What becomes of a call with each of the tokens: `200`, or the problem.
    #[track_caller]
    fn verdicts(&self) -> [String; 3] {
        let apps = [&self.reporting, &self.reporting, &self.other];
        std::array::from_fn(|at| apps[at].verdict(&self.site.gateway, &self.tokens[at]))
    }
}

/// The text of a page's list, which is empty where there is none.
fn list(page: &str) -> &str {
    page.split_once("<tbody>").map_or("", |(_, rest)| rest.split_once("</tbody>").unwrap().0)
}

/// Where the row of a token leads to be revoked.
#[track_caller]
fn revoke_link(browser: &mut Browser, consumer: &str, user: &str) -> String {
    let page = browser.get(&format!("/tokens?consumer={}&user={user}", consumer.replace(' ', "%20"))).text();
    let link = list(&page).split_once("href=\"/tokens/revoke?id=").unwrap_or_else(|| panic!("no link in {page}")).1;
    format!("/tokens/revoke?id={}", link.split_once('"').unwrap().0)
}

/// Sends the form of a page that asks.
#[track_caller]
fn confirm(browser: &mut Browser, link: &str) -> String {
    let page = browser.get(link);
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.text();
    let fields: Vec<(&str, String)> = ["csrf", "id", "consumer", "user"].map(|name| (name, last_hidden(&page, name))).into();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = browser.post("/tokens/revoke", &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.field("location").unwrap().to_owned()
}

/// Of the page's last form: the first one ends the session.
fn last_hidden(page: &str, name: &str) -> String {
    unescaped(&hidden(page.rsplit_once("<form ").unwrap().1, name))
}

#[test]
fn the_list_has_what_can_be_used_and_is_searched_by_consumer_and_by_user() {
    let allowed = allowed();
    let mut browser = allowed.site.signed_in();
    assert!(browser.get("/").text().contains("<a href=\"/tokens\">Tokens</a>"));
    let page = browser.get("/tokens").text();
    let rows: Vec<&str> = list(&page).split("<tr>").skip(1).collect();
    assert_eq!(rows.len(), 3, "{page}");
    assert!(page.contains("3 access tokens, the newest first."), "{page}");
    assert!(rows[0].contains("The &#60;b&#62;other&#60;/b&#62;") && rows[0].contains("<code>other app</code>"), "{}", rows[0]);
    assert!(rows[0].contains("<bdi>fred</bdi>") && rows[1].contains("<bdi>gina</bdi>"), "{page}");
    for (query, number) in
        [("consumer=reporting", 2), ("user=fred", 2), ("consumer=reporting&user=fred", 1), ("user=nobody", 0), ("user=fre", 0)]
    {
        let page = browser.get(&format!("/tokens?{query}")).text();
        assert_eq!(list(&page).matches("<tr>").count(), number, "{query}: {page}");
    }
    let shown = browser.get("/consumers/show?key=reporting").text();
    assert!(shown.contains("2 of users. <a href=\"/tokens?consumer=reporting\">Tokens of this consumer</a>"), "{shown}");
    assert!(shown.contains("allowed: users can give it tokens"), "{shown}");
    assert!(allowed.tokens.iter().all(|token| !page.contains(token.as_str())), "a token's text is nowhere");
    assert!(allowed.site.browser().get("/tokens").status == 303, "whoever is not signed in sees none");
}

#[test]
fn one_token_is_revoked_after_a_question_and_refused_from_then_on() {
    let allowed = allowed();
    let mut browser = allowed.site.signed_in();
    assert_eq!(allowed.verdicts(), ["200", "200", "200"]);
    let link = revoke_link(&mut browser, "reporting", "fred");
    let asked = browser.get(&link).text();
    assert!(
        asked.contains("1 access token: every request with it is refused") && asked.contains("User <bdi>fred</bdi>"),
        "{asked}"
    );
    assert_eq!(allowed.verdicts(), ["200", "200", "200"], "asking changes nothing");

    let after = confirm(&mut browser, &link);
    assert_eq!(allowed.verdicts(), ["token_revoked", "200", "200"]);
    let page = browser.get(&after).text();
    assert!(page.contains("Revoked: access token "), "{page}");
    let line = allowed.site.wait_for_audit("revoke_token", "done");
    let of = |name: &str| line[name].clone();
    assert_eq!((of("by"), of("who"), of("ended")), (json!("page"), json!("ada"), json!(1)));
    assert_eq!((of("consumer"), of("user")), (json!("reporting"), json!("fred")));
    assert!(link.ends_with(&format!("id={}", of("token").as_str().unwrap())), "{line}");

    assert_eq!(browser.get(&link).status, 404, "there is nothing to revoke any more");
    let reason = allowed.site.gateway.wait_for_access("revoked", |line| line["verdict"] == "token_revoked");
    assert_eq!(reason["reason"], "the token was revoked by its user or an administrator");
    let refusals = browser.get("/refusals?consumer=reporting").text();
    assert!(refusals.contains("<code>token_revoked</code>") && refusals.contains("was revoked by its user"), "{refusals}");
}

#[test]
fn all_of_a_consumer_or_of_a_user_are_revoked_and_no_others() {
    let allowed = allowed();
    let mut browser = allowed.site.signed_in();
    let page = browser.get("/tokens?consumer=reporting").text();
    assert!(page.contains("href=\"/tokens/revoke?consumer=reporting\">Revoke all 2</a>"), "{page}");
    let after = confirm(&mut browser, "/tokens/revoke?consumer=reporting");
    assert_eq!(after, "/tokens?consumer=reporting&done=revoked");
    assert!(browser.get(&after).text().contains("Revoked: all access tokens of consumer “reporting”"));
    assert_eq!(allowed.verdicts(), ["token_revoked", "token_revoked", "200"]);
    let line = allowed.site.wait_for_audit("revoke_tokens", "done");
    assert_eq!((&line["ended"], &line["consumer"], line.get("user")), (&json!(2), &json!("reporting"), None));
    confirm(&mut browser, "/tokens/revoke?user=fred");
    assert_eq!(allowed.verdicts(), ["token_revoked"; 3]);
    assert!(browser.get("/tokens").text().contains("No user has allowed a consumer anything"));
    let said = browser.get("/tokens?consumer=never&done=revoked");
    assert_eq!(said.status, 200, "a link that somebody made up says nothing that is not so");
}

#[test]
fn a_form_that_is_not_ours_or_names_nothing_revokes_nothing() {
    let allowed = allowed();
    let mut browser = allowed.site.signed_in();
    let csrf = browser.session_csrf();
    let whose = [("id", ""), ("consumer", "reporting"), ("user", "")];
    for token in ["", "guessed", &csrf[1..]] {
        assert_eq!(browser.post("/tokens/revoke", &[&[("csrf", token)], &whose[..]].concat()).status, 403, "{token:?}");
    }
    let right = [&[("csrf", csrf.as_str())], &whose[..]].concat();
    for headers in [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")]] {
        assert_eq!(browser.post_from("/tokens/revoke", &right, &headers).status, 403, "{headers:?}");
    }
    for whose in [&[][..], &[("id", "x")], &[("id", ""), ("consumer", ""), ("user", "")], &[("consumer", "a\nb")]] {
        let answer = browser.post("/tokens/revoke", &[&[("csrf", csrf.as_str())], whose].concat());
        assert_eq!(answer.status, 404, "{whose:?}: {}", answer.text());
    }
    assert_eq!(browser.get("/tokens/revoke").field("location"), Some("/tokens"));
    assert_eq!(allowed.site.browser().post("/tokens/revoke", &right).field("location"), Some("/sign-in"));
    assert_eq!(allowed.verdicts(), ["200", "200", "200"]);
}

#[test]
fn a_program_lists_and_revokes_tokens() {
    let allowed = allowed();
    let program = Program::at(&allowed.site);
    let listed = program.get(&format!("{ALL}?consumer=reporting")).json;
    assert_eq!((&listed["total"], listed["tokens"].as_array().unwrap().len()), (&json!(2), 2));
    let first = &listed["tokens"][0];
    assert_eq!((&first["consumer"], &first["user"]), (&json!("reporting"), &json!("fred")));
    assert!(
        first["issued"].as_str() < first["expires"].as_str() && first["expires"].as_str() < first["session_expires"].as_str()
    );
    let second = program.get(&format!("{ALL}?limit=1&offset=1")).json;
    assert_eq!((&second["total"], &second["tokens"][0]["user"]), (&json!(3), &json!("gina")));

    let path = format!("{ALL}/{}", first["id"]);
    let revoked = json!({ "done": "revoked", "revoked": 1, "request_tokens": 0 });
    let nothing = json!({ "done": "nothing", "revoked": 0, "request_tokens": 0 });
    assert_eq!(program.delete(&path).json, revoked);
    assert_eq!(program.delete(&path).json["code"], "unknown_token");
    assert_eq!(allowed.verdicts(), ["token_revoked", "200", "200"]);
    assert_eq!(program.delete(&format!("{ALL}?user=fred")).json, revoked);
    assert_eq!(program.delete(&format!("{ALL}?user=fred")).json, nothing);
    assert_eq!(allowed.verdicts(), ["token_revoked", "200", "token_revoked"]);
    let ends = || allowed.site.audit().into_iter().filter(|line| line["ended"].is_u64()).collect();
    let lines = eventually("four lines", || Some(ends()).filter(|lines: &Vec<Value>| lines.len() == 4));
    assert_eq!(lines.iter().map(|line| line["ended"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 0, 1, 0], "{lines:?}");
    assert!(lines.iter().all(|line| line["by"] == "api" && line["who"] == "deploy"), "{lines:?}");
}

#[test]
fn what_is_allowed_and_not_exchanged_yet_ends_with_all_of_a_user_or_of_a_consumer() {
    let allowed = allowed();
    let (gateway, mut browser, program) = (&allowed.site.gateway, allowed.site.signed_in(), Program::at(&allowed.site));
    let begun = |user: &str| {
        let token = allowed.reporting.request_token(gateway);
        let verifier = allow(gateway, &token, user);
        (token, verifier)
    };
    let is_denied = |(token, verifier): &(String, String)| {
        allowed.reporting.exchange(gateway, token, verifier).problem().as_deref() == Some("permission_denied")
    };
    let [of_fred, of_gina, of_hal] = ["fred", "gina", "hal"].map(begun);
    let page = browser.get("/tokens?user=fred").text();
    assert!(page.contains("1 request token could still become one.") && page.contains("Revoke all of it"), "{page}");
    let asked = browser.get("/tokens/revoke?user=fred").text();
    assert!(asked.contains("2 access tokens: ") && asked.contains("1 request token that could still become"), "{asked}");
    confirm(&mut browser, "/tokens/revoke?user=fred");
    let line = allowed.site.wait_for_audit("revoke_tokens", "done");
    assert_eq!((&line["ended"], &line["requests_ended"]), (&json!(2), &json!(1)), "{line}");
    assert!(is_denied(&of_fred));

    let page = browser.get("/tokens?user=hal").text();
    assert!(page.contains("There is no access token like that. 1 request token could still become one."), "{page}");
    let asked = browser.get("/tokens/revoke?user=hal").text();
    assert!(!asked.contains("0 access tokens") && asked.contains("1 request token that could still become"), "{asked}");
    let ended = |path: &str| program.delete(&format!("{ALL}?{path}")).json;
    assert_eq!(ended("user=hal"), json!({ "done": "revoked", "revoked": 0, "request_tokens": 1 }));
    assert_eq!(ended("user=hal"), json!({ "done": "nothing", "revoked": 0, "request_tokens": 0 }));
    assert!(is_denied(&of_hal));
    assert_eq!(browser.get("/tokens/revoke?user=hal").status, 404, "there is nothing to revoke any more");

    let undecided = (allowed.reporting.request_token(gateway), "guessed".to_owned());
    assert_eq!(ended("consumer=reporting"), json!({ "done": "revoked", "revoked": 1, "request_tokens": 2 }));
    assert!(is_denied(&of_gina) && is_denied(&undecided));
    assert_eq!(allowed.verdicts(), ["token_revoked"; 3]);
}

#[test]
fn a_program_that_does_not_say_whose_tokens_revokes_none() {
    let allowed = allowed();
    let program = Program::at(&allowed.site);
    for path in [ALL.to_owned(), format!("{ALL}?user="), format!("{ALL}?consumer="), format!("{ALL}?whose=x")] {
        let refused = program.delete(&path);
        assert_eq!((refused.status, &refused.json["code"]), (400, &json!("bad_query")), "{path}");
    }
    let refused = program.send_without_token("DELETE", &format!("{ALL}?user=fred"), &[], "");
    assert_eq!(refused.json["code"], "not_signed_in");
    assert_eq!(program.delete(&format!("{ALL}/x")).json["code"], "bad_path");
    assert_eq!(allowed.verdicts(), ["200", "200", "200"]);
}

#[test]
fn without_a_dance_there_is_no_page_in_the_navigation_and_it_says_how_to_switch_it_on() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    assert!(!browser.get("/").text().contains("href=\"/tokens\""));
    let page = browser.get("/tokens");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("oauth: {}") && page.text().contains("resource_owner"), "{}", page.text());
    assert_eq!(browser.get("/tokens/revoke?user=fred").status, 404);
    let shown = browser.get("/consumers/show?key=reporting").text();
    assert!(shown.contains("this gateway gives no tokens") && !shown.contains("/tokens?"), "{shown}");
    let program = Program::at(&site);
    for answer in [program.get(ALL), program.delete(&format!("{ALL}?user=fred")), program.delete(&format!("{ALL}/1"))] {
        assert_eq!((answer.status, &answer.json["code"]), (404, &json!("no_dance")));
    }
}

#[test]
fn a_removed_consumers_tokens_end_with_it_and_whoever_gets_its_key_has_none_of_them() {
    let allowed = allowed();
    let (site, mut browser) = (&allowed.site, allowed.site.signed_in());
    let entry = std::fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let asked = browser.get("/consumers/remove?key=reporting").text();
    assert!(asked.contains("Its 2 access tokens, and the consents that are under way, end first, and for good"), "{asked}");
    let pending = allowed.reporting.request_token(&site.gateway);
    let fields = ["csrf", "revision"].map(|name| (name, last_hidden(&asked, name)));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.post("/consumers/remove", &[&[("key", "reporting")], &fields[..]].concat()).status, 303);
    assert_eq!(allowed.verdicts(), ["consumer_key_unknown", "consumer_key_unknown", "200"]);
    assert_eq!(site.wait_for_audit("remove_consumer", "done")["ended"], 2);
    site.gateway.write_consumers(&entry);
    eventually("the consumer is back", || (site.gateway.ask(&by_reporting()).status == 200).then_some(()));
    assert_eq!(allowed.verdicts(), ["token_rejected", "token_rejected", "200"]);
    assert_eq!(allowed.reporting.exchange(&site.gateway, &pending, "any").problem().as_deref(), Some("token_rejected"));
    assert!(!list(&browser.get("/tokens").text()).contains("reporting"));
}

#[test]
fn a_removal_by_the_api_says_how_many_tokens_ended() {
    let allowed = allowed();
    let removed = Program::at(&allowed.site).delete("/api/v1/consumers/reporting").json;
    assert_eq!((&removed["done"], &removed["tokens_ended"]), (&json!("removed"), &json!(2)));
}

#[test]
fn a_removal_that_comes_to_nothing_ends_no_token() {
    let allowed = allowed();
    let program = Program::at(&allowed.site);
    let condition =
        [("authorization", &*format!("Bearer {}", program.token())), ("if-match", "\"00112233445566778899aabbccddeeff\"")];
    let refused = program.send_without_token("DELETE", "/api/v1/consumers/reporting", &condition, "");
    assert_eq!(refused.status, 412);
    assert_eq!(allowed.verdicts(), ["200", "200", "200"]);
}

#[test]
fn where_the_tokens_cannot_be_ended_the_consumer_is_not_removed() {
    let allowed = allowed();
    let before = std::fs::read_to_string(allowed.site.gateway.consumers_file()).unwrap();
    let held = rusqlite::Connection::open(allowed.site.gateway.folder().join("state/tokens.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let program = Program::at(&allowed.site);
    let refused = program.delete("/api/v1/consumers/reporting");
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("tokens_kept")), "{}", refused.json);
    assert_eq!(program.delete(&format!("{ALL}?user=gina")).json["code"], "tokens_kept");
    assert_eq!(std::fs::read_to_string(allowed.site.gateway.consumers_file()).unwrap(), before);
    let line = allowed.site.wait_for_audit("remove_consumer", "refused");
    assert!(line["reason"].as_str().unwrap().starts_with("the access tokens of the consumer cannot be ended: "), "{line}");
    held.execute_batch("ROLLBACK").unwrap();
    assert_eq!(allowed.verdicts(), ["200", "200", "200"]);
    assert_eq!(program.delete("/api/v1/consumers/reporting").json["tokens_ended"], 2);
}

#[test]
fn tokens_that_are_left_from_a_time_with_a_dance_end_with_their_consumer_too() {
    let backend = Backend::start();
    let app = App::new("reporting", &RSA_2048);
    let mut gateway = Gateway::builder().upstream(&backend).setting("admin: { listen: 127.0.0.1:0 }").setting(DANCE).start();
    let token = app.allowed_by(&gateway, "fred");
    let entry = std::fs::read_to_string(gateway.consumers_file()).unwrap();
    gateway.signal("TERM");
    gateway.wait_for_exit();
    let folder = gateway.leave_folder();
    let config = folder.path().join("countersign.yaml");
    let with_dance = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, with_dance.replace(DANCE, "")).unwrap();
    let mut gateway = Gateway::start_in(folder);
    assert_eq!(app.verdict(&gateway, &token), "token_rejected", "no token is good where there is no dance");
    let added = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["admin", "add-token", "deploy", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    let authorization = format!("Authorization: Bearer {}", String::from_utf8(added.stdout).unwrap().trim_end());
    let removed = gateway.ask_admin("DELETE", "/api/v1/consumers/reporting", &[&authorization], "");
    assert!(removed.text().contains("\"tokens_ended\":1"), "{}", removed.text());
    gateway.signal("TERM");
    gateway.wait_for_exit();
    gateway.write_consumers(&entry);
    let folder = gateway.leave_folder();
    std::fs::write(&config, with_dance).unwrap();
    let gateway = Gateway::start_in(folder);
    assert_eq!(app.verdict(&gateway, &token), "token_rejected");
}

#[test]
fn names_that_mean_harm_are_shown_and_nothing_more() {
    let harm = "<script>window.pwned=1</script>\u{202e}";
    let site = Site::with_ada_and(|builder| builder.setting(DANCE));
    App::new("reporting", &RSA_2048).allowed_by(&site.gateway, harm);
    let mut browser = site.signed_in();
    let page = browser.get("/tokens").text();
    let shown = "&#60;script&#62;window.pwned=1&#60;/script&#62;\\u{202e}";
    assert!(list(&page).contains(shown), "{page}");
    let id = revoke_link(&mut browser, "reporting", "");
    let whole = format!("/tokens/revoke?user={}", harm.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
    for path in [&*id, &whole] {
        let asked = browser.get(path).text();
        assert!(asked.contains(shown) && !asked.contains("<script>window"), "{asked}");
    }
    confirm(&mut browser, &whole);
    assert!(list(&browser.get("/tokens").text()).is_empty());
    let line = site.wait_for_audit("revoke_tokens", "done");
    assert!(!line["user"].as_str().unwrap().contains('\u{202e}'), "{line}");
}

#[test]
fn as_long_as_the_audit_log_takes_no_lines_no_token_is_revoked() {
    let site = Site::with_ada_and(|builder| builder.setting(DANCE).setting("log: { audit: /dev/full }"));
    let app = App::new("reporting", &RSA_2048);
    let token = app.allowed_by(&site.gateway, "fred");
    // Whether the log takes lines shows at the first that it does not take.
    let program = Program::at(&site);
    let first = program.delete(&format!("{ALL}?user=nobody"));
    let refused = program.delete(&format!("{ALL}?user=fred"));
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("failed")), "{} {}", first.json, refused.json);
    assert_eq!(app.verdict(&site.gateway, &token), "200");
}

#[test]
fn a_consumer_that_a_command_removes_loses_its_tokens_too_beside_a_running_gateway() {
    let allowed = allowed();
    let gateway = &allowed.site.gateway;
    let entry = std::fs::read_to_string(gateway.consumers_file()).unwrap();
    let remove = |key: &str, place: [&str; 2]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.current_dir(gateway.folder()).args(["consumers", "remove", key, "--yes"]).args(place);
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = remove("reporting", ["--config", "countersign.yaml"]);
    assert_eq!(said, "note: its 2 access tokens have ended\n");
    eventually("it is gone", || (allowed.verdicts()[0] == "consumer_key_unknown").then_some(()));
    gateway.write_consumers(&entry);
    eventually("it is back", || (gateway.ask(&by_reporting()).status == 200).then_some(()));
    // What another process did to the database, a gateway learns within a second.
    let gone = ["token_rejected", "token_rejected", "200"];
    eventually("its tokens are gone", || (allowed.verdicts() == gone).then_some(()));
    let said = remove("other app", ["--consumers", "consumers.yaml"]);
    assert!(said.contains("refuses them at once, and purges them a day after; with --config they end now"), "{said}");
}

#[test]
fn the_metrics_count_tokens_and_steps() {
    let allowed = allowed();
    let gateway = &allowed.site.gateway;
    let pending = allowed.reporting.request_token(gateway);
    let refused = allowed.reporting.exchange(gateway, &pending, "none");
    assert_eq!(refused.problem().as_deref(), Some("permission_unknown"));
    assert_eq!(Program::at(&allowed.site).delete(&format!("{ALL}?user=gina")).status, 200);
    assert_eq!(allowed.verdicts(), ["200", "token_revoked", "200"]);
    let metrics = gateway.ask_admin("GET", "/metrics", &[], "").text();
    let has = |line: &str| assert!(metrics.lines().any(|other| other == line), "{line}: {metrics}");
    has("countersign_tokens 2");
    has("countersign_dance_steps_total{step=\"request_token\",outcome=\"done\"} 4");
    has("countersign_dance_steps_total{step=\"access_token\",outcome=\"done\"} 3");
    has("countersign_dance_steps_total{step=\"access_token\",outcome=\"refused\"} 1");
    has("countersign_dance_steps_total{step=\"revocation\",outcome=\"done\"} 1");
    has("countersign_requests_total{verdict=\"permission_unknown\"} 1");
}
