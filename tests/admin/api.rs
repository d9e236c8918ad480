//! The JSON API: consumers, and what a program makes of them.

use std::fs;

use serde_json::{Value, json};

use crate::browser::Site;
use crate::program::{JSON, Program};
use crate::support::gateway::CONSUMER;
use crate::support::{Consumer, Digest, KeyPair, RSA_2048, RSA_2048_OTHER, by_reporting, eventually, signed};

const ALL: &str = "/api/v1/consumers";
const REPORTING: &str = "/api/v1/consumers/reporting";

fn start() -> (Site, Program) {
    let site = Site::without_users();
    let program = Program::at(&site);
    (site, program)
}

fn invoices(pair: &KeyPair) -> Value {
    json!({ "key": "invoices", "name": "Invoices", "public_key": pair.public_pem })
}

/// The path of a consumer, every byte of its key encoded.
fn path_of(key: &str) -> String {
    format!("{ALL}/{}", key.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>())
}

#[test]
fn an_added_consumer_may_sign_at_once_and_a_removed_one_is_refused_at_once() {
    let (site, program) = start();
    let status = |pair: &'static KeyPair| site.gateway.ask(&signed("invoices", pair)).status;
    assert_eq!(status(&RSA_2048_OTHER), 401);

    let added = program.post(ALL, &invoices(&RSA_2048_OTHER));
    assert_eq!((added.status, added.response.field("location")), (201, Some("/api/v1/consumers/invoices")));
    assert_eq!((&added.json["done"], &added.json["live"], &added.json["line"]), (&json!("added"), &json!(true), &json!(5)));
    assert_eq!(status(&RSA_2048_OTHER), 200);

    let changed = program.patch(&path_of("invoices"), Some(added.tag()), &json!({ "public_key": RSA_2048.public_pem }));
    assert_eq!((changed.status, &changed.json["done"]), (200, &json!("changed")), "{}", changed.json);
    assert_ne!(changed.json["fingerprints_before"], changed.json["fingerprints"]);
    // Each can sign as the other.
    assert!(changed.json["warnings"][0]["message"].as_str().unwrap().contains("same public key"), "{}", changed.json);
    assert_eq!((status(&RSA_2048_OTHER), status(&RSA_2048)), (401, 200));

    let removed = program.delete(&path_of("invoices"));
    assert_eq!((removed.status, &removed.json["done"], &removed.json["fingerprints"]), (200, &json!("removed"), &Value::Null));
    assert_eq!(removed.response.field("etag"), None);
    assert_eq!((status(&RSA_2048), program.get(&path_of("invoices")).status), (401, 404));
    assert_eq!(site.gateway.ask(&by_reporting()).status, 200, "the other one goes on");
}

#[test]
fn each_setting_is_written_changed_and_taken_out() {
    let (site, program) = start();
    let everything = json!({
        "key": "all", "name": "All", "description": "two\nlines", "public_keys": [RSA_2048.public_pem, RSA_2048_OTHER.public_pem],
        "callback_url": "https://all.example.com/cb", "enabled": false, "signature_methods": ["RSA-SHA256", "RSA-SHA1"], "three_legged": false,
        "two_legged": { "allowed": true, "execute_as": "robot", "impersonation": true },
        "allow": [{ "path": "/rest/**", "methods": ["GET"] }, { "path": "/open" }], "allow_from": ["10.0.0.0/8"],
        "rate_limit": { "requests": 10, "per": "1s" }, "expires": "2099-01-01", "allow_oauth_1_0": true, "allow_published_key": true,
        "upstream_authorization": { "basic_file": "legacy.password" }, "refusals": { "reveal": "diagnosis" },
    });
    fs::write(site.gateway.folder().join("legacy.password"), "u:p").unwrap();
    let added = program.post(ALL, &everything);
    assert_eq!(added.status, 201, "{}", added.json);
    let shown = program.get(&path_of("all")).json;
    for (name, value) in everything.as_object().unwrap() {
        match name.as_str() {
            "public_keys" => {
                let pems: Vec<&Value> = shown[name].as_array().unwrap().iter().map(|key| &key["pem"]).collect();
                assert_eq!(json!(pems), *value);
            }
            "allow" => {
                assert_eq!(shown[name], json!([{ "path": "/rest/**", "methods": ["GET"] }, { "path": "/open", "methods": null }]))
            }
            _ => assert_eq!(shown[name], *value, "{name}"),
        }
    }
    assert_eq!((&shown["state"], &shown["live"]), (&json!("disabled"), &json!(true)));

    let out = json!({
        "description": null, "callback_url": null, "enabled": null, "signature_methods": null, "three_legged": null, "two_legged": null,
        "allow": null, "allow_from": null, "rate_limit": null, "expires": null, "allow_oauth_1_0": null, "allow_published_key": null,
        "upstream_authorization": null, "refusals": null,
    });
    assert_eq!(program.patch(&path_of("all"), None, &out).status, 200);
    let shown = program.get(&path_of("all")).json;
    assert_eq!((&shown["enabled"], &shown["signature_methods"]), (&json!(true), &json!(["RSA-SHA1"])));
    assert_eq!((&shown["allow"], &shown["rate_limit"], &shown["expires"]), (&Value::Null, &Value::Null, &Value::Null));
    let text = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert!(
        text.contains("name: All") && !text.contains("upstream") && !text.contains("execute_as") && !text.contains("allow"),
        "{text}"
    );
    assert_eq!(program.patch(&path_of("all"), None, &out).json["done"], "nothing");
}

#[test]
fn what_was_changed_meanwhile_is_a_conflict_that_shows_both_and_changes_nothing() {
    let (site, program) = start();
    let seen = program.get(REPORTING);
    let text = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let by_hand = text.replace("name: \"reporting\"", "name: by hand");
    assert_ne!(by_hand, text);
    site.gateway.write_consumers(&by_hand);
    let patch = json!({ "name": "By the program" });
    for refused in [
        program.patch(REPORTING, Some(seen.tag()), &patch),
        program.patch(REPORTING, Some("\"of another server\""), &patch),
        program.patch(REPORTING, Some(&format!("W/{}", seen.tag())), &patch),
    ] {
        assert_eq!((refused.status, &refused.json["code"]), (412, &json!("changed_meanwhile")));
        assert_eq!((&refused.json["now"]["name"], &refused.json["sent"]), (&json!("by hand"), &patch));
        assert_eq!(refused.json["now"]["revision"], refused.json["revision"]);
    }
    assert_eq!(program.send("DELETE", REPORTING, &[("if-match", seen.tag())], "").status, 412);
    assert_eq!(fs::read_to_string(site.gateway.consumers_file()).unwrap(), by_hand);

    let now = program.get(REPORTING);
    assert_eq!(program.patch(REPORTING, Some(now.tag()), &patch).status, 200);
    assert_eq!(program.patch(REPORTING, Some("*"), &json!({ "name": "Again" })).status, 200);
    assert_eq!(program.delete(REPORTING).status, 200);
    let gone = program.patch(REPORTING, Some(now.tag()), &patch);
    assert_eq!((gone.status, &gone.json["now"]), (412, &Value::Null));
    assert_eq!(program.patch(REPORTING, Some("no tag"), &patch).status, 400);
}

#[test]
fn what_the_loader_refuses_is_refused_in_its_words_and_nothing_is_written() {
    let (site, program) = start();
    let before = fs::read(site.gateway.consumers_file()).unwrap();
    let with = |name: &str, value: Value| {
        let mut consumer = invoices(&RSA_2048_OTHER);
        consumer[name] = value;
        program.post(ALL, &consumer)
    };
    for (refused, message) in [
        (with("name", json!(" ")), "`name` is blank or has control characters in it"),
        (with("callback_url", json!("javascript:alert(1)")), "`callback_url`"),
        (with("signature_methods", json!(["HMAC-SHA1"])), "HMAC-SHA1"),
        (with("expires", json!("tomorrow")), "`expires`"),
        (with("key", json!("a\u{0}b")), "`key` has 3 bytes"),
        (with("allow", json!([{ "path": "rest" }])), "path"),
    ] {
        assert_eq!((refused.status, &refused.json["code"]), (422, &json!("invalid")), "{message}");
        let problem = &refused.json["problems"][0];
        assert!(problem["message"].as_str().unwrap().contains(message), "{}", refused.json);
        assert!(problem["file"].as_str().unwrap().ends_with("consumers.yaml") && problem["line"].as_u64() > Some(4), "{problem}");
        assert!(refused.json["detail"].as_str().unwrap().contains("consumers.yaml:"), "{}", refused.json);
    }
    let taken = program.post(ALL, &json!({ "key": CONSUMER, "name": "n", "public_key": RSA_2048_OTHER.public_pem }));
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("key_taken")));
    assert!(taken.json["detail"].as_str().unwrap().contains("consumers.yaml:2"), "{}", taken.json);
    let immutable = program.patch(REPORTING, None, &json!({ "key": "another" }));
    assert_eq!((immutable.status, &immutable.json["code"]), (422, &json!("key_is_immutable")));
    assert!(immutable.json["hint"].as_str().unwrap().contains("add a new consumer"), "{}", immutable.json);
    let unknown = program.patch(&path_of("reportin"), None, &json!({ "name": "n" }));
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &json!("unknown_consumer")));
    assert!(unknown.json["detail"].as_str().unwrap().contains("did you mean \"reporting\"?"), "{}", unknown.json);
    assert_eq!(program.delete(&path_of("nobody")).status, 404);
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
}

#[test]
fn keys_are_mended_as_on_the_page_and_a_private_one_is_exposed_and_shown_nowhere() {
    let (site, program) = start();
    let bare: String = RSA_2048_OTHER.public_pem.lines().filter(|line| !line.starts_with('-')).collect();
    let added = program.post(ALL, &json!({ "key": "invoices", "name": "n", "public_key": format!("  {bare}\\n") }));
    assert_eq!(added.status, 201, "{}", added.json);
    assert_eq!(program.get(&path_of("invoices")).json["public_keys"][0]["pem"], RSA_2048_OTHER.public_pem);
    assert_eq!(site.gateway.ask(&signed("invoices", &RSA_2048_OTHER)).status, 200);

    let private = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keys/rsa-2048-b.pem")).unwrap();
    let secret = private.lines().nth(3).unwrap();
    let report = program.post("/api/v1/keys/check", &json!({ "public_key": private }));
    assert_eq!((report.status, &report.json["ok"], &report.json["exposed"]), (200, &json!(false), &json!(true)));
    let refused = program.post(ALL, &json!({ "key": "x", "name": "n", "public_keys": [bare, private] }));
    assert_eq!((refused.status, &refused.json["problems"][0]["pointer"]), (422, &json!("/public_keys/1")));
    assert_eq!(refused.json["problems"][0]["exposed"], true);
    assert!(!refused.json.to_string().contains(secret) && !report.json.to_string().contains(secret));
    assert!(site.gateway.lines().iter().all(|line| !line.contains(secret)));

    let used = program.post("/api/v1/keys/check", &json!({ "public_key": RSA_2048.public_pem }));
    assert!(used.json["warnings"][0].as_str().unwrap().contains("consumer \"reporting\" has this key already"), "{}", used.json);
    let own = program.post("/api/v1/keys/check", &json!({ "public_key": RSA_2048.public_pem, "consumer": CONSUMER }));
    assert_eq!((&own.json["ok"], &own.json["bits"], &own.json["warnings"]), (&json!(true), &json!(2048), &json!([])));
}

#[test]
fn any_key_can_be_in_the_path() {
    let (site, program) = start();
    for key in
        ["a/b", "../reload", "?x=y#z", "%2F", "100%", "a b", " ", "Jürg \u{202e}日本", "\"<script>\"", "{key}", "&;=+", "."]
    {
        let added = program.post(ALL, &json!({ "key": key, "name": "n", "public_key": RSA_2048_OTHER.public_pem }));
        assert_eq!(added.status, 201, "{key}: {}", added.json);
        let location = added.response.field("location").unwrap();
        for path in [location, &path_of(key)] {
            assert_eq!(program.get(path).json["key"], key, "{path}");
        }
        assert_eq!(site.gateway.ask(&signed(key, &RSA_2048_OTHER)).status, 200, "{key}");
        assert_eq!(program.delete(location).status, 200, "{key}");
    }
    assert_eq!(program.get("/api/v1/consumers/%FF").status, 400);
}

#[test]
fn the_list_comes_in_pages_and_can_be_searched() {
    let (site, program) = start();
    let entry = |number: usize| {
        format!("  - key: c{number:03}\n    name: Name {number}\n    public_key: {}\n", Value::from(&*RSA_2048.public_pem))
    };
    let text: String = (0..250).map(entry).collect();
    site.gateway.write_consumers(&format!("consumers:\n{text}"));
    assert_eq!(program.post("/api/v1/reload", &json!({})).json["ok"], true);

    let keys = |query: &str| {
        let list = program.get(&format!("{ALL}?{query}"));
        assert_eq!(list.status, 200, "{query}: {}", list.json);
        let keys: Vec<String> = list.json["consumers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|consumer| consumer["key"].as_str().unwrap().to_owned())
            .collect();
        (list.json["total"].as_u64().unwrap(), keys)
    };
    let numbered = |range: std::ops::Range<usize>| range.map(|number| format!("c{number:03}")).collect::<Vec<_>>();
    assert_eq!(keys(""), (250, numbered(0..100)));
    assert_eq!(keys("limit=1000"), (250, numbered(0..250)));
    assert_eq!(keys("limit=7&offset=246"), (250, numbered(246..250)));
    assert_eq!(keys("offset=18446744073709551615"), (250, vec![]));
    assert_eq!(keys("search=NAME%2024&limit=3"), (11, vec!["c024".into(), "c240".into(), "c241".into()]));
    for query in ["limit=0", "limit=1001", "limit=-1", "limit=x", "offset=1e3", "page=2", "limit=1&limit=2"] {
        let refused = program.get(&format!("{ALL}?{query}"));
        assert_eq!((refused.status, &refused.json["code"]), (400, &json!("bad_query")), "{query}");
    }
}

#[test]
fn the_list_tells_what_a_consumer_did_lately_and_the_refusals_why() {
    let (site, program) = start();
    let activity = || program.get(REPORTING).json["activity"].clone();
    assert_eq!(activity(), json!({ "last_used": null, "requests": 0, "refusals": 0 }));
    assert_eq!(site.gateway.ask(&by_reporting()).status, 200);
    assert_eq!(site.gateway.ask(&signed(CONSUMER, &RSA_2048_OTHER).digest(Digest::Sha1)).status, 401);
    assert_eq!(site.gateway.ask(&signed("nobody", &RSA_2048)).status, 401);
    eventually("both are counted", || (activity()["requests"] == 2).then_some(()));
    let listed = &program.get(ALL).json["consumers"][0];
    assert_eq!((&listed["activity"], &listed["activity"]["refusals"]), (&activity(), &json!(1)));
    assert!(listed["activity"]["last_used"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());

    let refusals = |query: &str| {
        let all = program.get(&format!("/api/v1/refusals{query}")).json["refusals"].clone();
        let verdicts = all.as_array().unwrap().iter();
        verdicts.map(|refusal| refusal["verdict"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refusals(""), ["consumer_key_unknown", "signature_invalid"]);
    assert_eq!(refusals("?limit=1"), ["consumer_key_unknown"]);
    assert_eq!(refusals("?consumer=reporting"), ["signature_invalid"]);
    assert_eq!(program.get("/api/v1/refusals?limit=501").status, 400);
}

#[test]
fn a_broken_file_is_told_with_every_problem_and_its_line_while_the_old_list_is_in_force() {
    let (site, program) = start();
    let before = program.get("/api/v1/reload").json;
    assert_eq!((&before["consumers"], &before["problems"], &before["last"]), (&json!(1), &json!([]), &Value::Null));
    assert!(before["files"][0].as_str().unwrap().ends_with("consumers.yaml"), "{before}");
    site.gateway.write_consumers("consumers:\n  - key: a\n  - key: b\n    nome: x\n");

    let read = program.post("/api/v1/reload", &json!({}));
    assert_eq!((read.status, &read.json["ok"], &read.json["consumers"]["outcome"]), (200, &json!(false), &json!("kept_old")));
    let lines = |problems: &Value| {
        problems.as_array().unwrap().iter().map(|problem| problem["line"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let state = program.get("/api/v1/reload").json;
    assert_eq!(state["problems"], read.json["consumers"]["problems"]);
    assert!(lines(&state["problems"]).contains(&2) && lines(&state["problems"]).contains(&4), "{state}");
    assert_eq!((&state["consumers"], &state["read_at"]), (&json!(1), &before["read_at"]), "the list in force is the old one");
    assert_eq!(program.get(ALL).json["total"], 1);
    for refused in [program.get(REPORTING), program.post(ALL, &invoices(&RSA_2048)), program.delete(&path_of("a"))] {
        assert_eq!((refused.status, &refused.json["code"]), (409, &json!("file_has_problems")), "{}", refused.json);
        assert!(lines(&refused.json["problems"]).contains(&4), "{}", refused.json);
    }
    // The gateway may notice a file before the program asks; another list is another chance.
    let mut round = 0;
    eventually("the program's reading is the one that replaces the list", || {
        round += 1;
        let consumers = ["a".to_owned(), format!("b{round}")].map(|key| Consumer::new(&key, &RSA_2048));
        site.gateway.write_consumers(&Consumer::file(&consumers));
        let read = program.post("/api/v1/reload", &json!({})).json;
        assert_eq!(read["ok"], true, "{read}");
        (read["consumers"]["outcome"] == "replaced").then_some(())
    });
    let state = program.get("/api/v1/reload").json;
    assert_eq!((&state["consumers"], &state["problems"]), (&json!(2), &json!([])));
}

#[test]
fn twenty_programs_at_once_lose_nothing() {
    let (site, program) = start();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let program = &program;
            scope.spawn(move || {
                let added = program
                    .post(ALL, &json!({ "key": format!("k{number}"), "name": "n", "public_key": RSA_2048_OTHER.public_pem }));
                assert!(added.status == 201 && added.json["live"] == true, "{}", added.json);
            });
        }
    });
    assert_eq!(program.get(ALL).json["total"], 21);
    assert_eq!(site.gateway.ask(&signed("k19", &RSA_2048_OTHER)).status, 200);
}

#[test]
fn every_change_and_every_attempt_has_a_line_in_the_audit_log() {
    let (site, program) = start();
    let first = program.post(ALL, &invoices(&RSA_2048_OTHER)).json["fingerprints"][0].clone();
    program.post(ALL, &invoices(&RSA_2048_OTHER));
    program.patch(&path_of("invoices"), None, &json!({ "public_key": RSA_2048.public_pem }));
    program.patch(&path_of("invoices"), Some("\"x\""), &json!({ "name": "n" }));
    program.delete(&path_of("invoices"));
    let lines = eventually("five lines", || Some(site.audit()).filter(|lines| lines.len() == 5));
    let shown: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {} {} {}", line["audit"], line["result"], !line["before"].is_null(), !line["after"].is_null()))
        .collect();
    let expected = [
        r#""add_consumer" "done" false true"#,
        r#""add_consumer" "refused" false false"#,
        r#""edit_consumer" "done" true true"#,
        r#""edit_consumer" "refused" false false"#,
        r#""remove_consumer" "done" true false"#,
    ];
    assert_eq!(shown, expected);
    assert_eq!((&lines[0]["after"], &lines[2]["before"]), (&first, &first));
    assert!(lines[1]["reason"].as_str().unwrap().contains("already, in"), "{}", lines[1]);
    for line in lines {
        assert_eq!((&line["who"], &line["by"]), (&json!("deploy"), &json!("api")));
        assert_eq!((&line["consumer"], &line["from"]), (&json!("invoices"), &json!("127.0.0.1")));
    }
}

#[test]
fn a_program_that_hangs_up_leaves_the_change_and_its_audit_line() {
    let (site, program) = start();
    let body = invoices(&RSA_2048_OTHER).to_string();
    let (name, value) = JSON;
    let head = format!(
        "POST {ALL} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{name}: {value}\r\ncontent-length: {}\r\n\r\n",
        site.address,
        program.token(),
        body.len()
    );
    site.wait_for_audit_of("add_consumer", "done", || {
        let mut client = crate::support::Client::connect(site.address);
        client.send(format!("{head}{body}"));
        client.finish();
    });
    eventually("it is in force", || (site.gateway.ask(&signed("invoices", &RSA_2048_OTHER)).status == 200).then_some(()));
}

#[test]
fn a_line_that_the_audit_log_did_not_take_is_told_and_the_next_change_is_refused() {
    // Takes nothing, like a full disk (full(4)).
    let site = Site::with(|builder| builder.setting("log: { audit: /dev/full }"));
    let program = Program::at(&site);
    assert_eq!(program.post(ALL, &invoices(&RSA_2048_OTHER)).status, 201, "nothing has failed so far");
    let line = site.gateway.wait_for_line("a line is missing in the audit log");
    assert!(line.contains("add_consumer") && line.contains("invoices"), "{line}");
    let before = fs::read(site.gateway.consumers_file()).unwrap();
    let refused = program.delete(&path_of("invoices"));
    assert_eq!(refused.status, 503, "{}", refused.json);
    assert!(refused.json["detail"].as_str().unwrap().contains("the audit log: it cannot be written"), "{}", refused.json);
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
}
