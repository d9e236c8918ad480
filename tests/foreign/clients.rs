//! A test a library: what its driver sends, and what has to become of it.
//!
//! A request that the library signs wrongly is refused, and that is right: the gateway does not guess what was meant.

use serde_json::json;

use crate::calls::{Call, HARD, HARD_PAIRS, REPEATED, call, object, usual};
use crate::driver::Driver;

#[test]
fn requests_oauthlib_is_admitted() {
    let mut calls = all_usual_calls();
    calls.push(call("GET", "get_in_query").query(REPEATED));
    calls.push(call("POST", "post_in_body").form(REPEATED));
    calls.extend(naming_anna().map(|call| call.refused(401, "permission_denied")));
    Driver::python("requests-oauthlib", "requests_oauthlib_client.py").makes(&calls);
}

#[test]
fn requests_oauthlib_acts_as_the_user_that_it_names_or_the_consumer_has() {
    let driver = || Driver::python("requests-oauthlib", "requests_oauthlib_client.py");
    let calls = |usual: &dyn Fn(Call) -> Call, named: &dyn Fn(Call) -> Call| -> Vec<Call> {
        let mut calls: Vec<Call> = all_usual_calls().into_iter().map(usual).collect();
        calls.push(usual(call("GET", "get_in_query").query(REPEATED)));
        calls.push(usual(call("POST", "post_in_body").form(REPEATED)));
        calls.extend(naming_anna().map(named));
        calls
    };
    let as_service = |call: Call| call.acting_as("service");
    let denied = |call: Call| call.refused(401, "permission_denied");
    let impersonating = "two_legged: { execute_as: service, impersonation: true }";
    driver().with_entry(impersonating).run(&calls(&as_service, &|call| call.acting_as("anna")));
    driver().with_entry("two_legged: { execute_as: service }").run(&calls(&as_service, &denied));
    driver().with_entry("two_legged: { allowed: false, impersonation: true }").run(&calls(&denied, &denied));
}

/// What requests-oauthlib calls as anna, wherever it puts the protocol.
fn naming_anna() -> [Call; 3] {
    let anna = [("xoauth_requestor_id", "anna")];
    [
        call("GET", "get_as_anna").query(&anna),
        call("GET", "get_as_anna_in_query").query(&anna),
        call("POST", "post_as_anna_in_body").form(&anna),
    ]
}

#[test]
fn authlib_is_admitted() {
    let mut calls = all_usual_calls();
    calls.push(call("GET", "get_in_query").query(REPEATED));
    calls.push(call("POST", "post_in_body").form(REPEATED));
    calls.push(call("POST", "post_json_body_hash").json(object()).with_body_hash());
    Driver::python("authlib", "authlib_client.py").makes(&calls);
}

#[test]
fn jira_is_admitted() {
    let fields = json!({ "fields": { "project": { "key": "DEMO" }, "summary": HARD, "issuetype": { "name": "Bug" } } });
    let search = [
        ("jql", &*format!("summary ~ \"{HARD}\"")),
        ("startAt", "0"),
        ("validateQuery", "True"),
        ("fields", "*all"),
        ("maxResults", "50"),
    ];
    Driver::python("jira", "jira_client.py").makes(&[
        call("GET", "connect").at("/rest/api/2/myself"),
        call("GET", "server").at("/rest/api/2/serverInfo").beside(),
        call("GET", "user").at("/rest/api/2/myself").beside(),
        call("POST", "create").at("/rest/api/2/issue").json(fields),
        call("GET", "reload").at("/rest/api/2/issue/DEMO-1").beside(),
        call("PUT", "update")
            .at("/rest/api/2/issue/DEMO-1")
            .query(&[("notifyUsers", "false")])
            .json(json!({ "fields": { "summary": HARD }, "update": {} })),
        call("GET", "reload").at("/rest/api/2/issue/DEMO-1").beside(),
        call("GET", "fields").at("/rest/api/2/field").beside(),
        call("GET", "search").at("/rest/api/2/search").query(&search),
        call("DELETE", "delete").at("/rest/api/2/issue/DEMO-1").query(&[("deleteSubtasks", "True")]),
        // Refused, it tries its other method, and then its first once more.
        call("GET", "a_token").at("/rest/api/2/myself").refused(401, "token_rejected"),
        call("GET", "hmac").at("/rest/api/2/myself").refused(400, "signature_method_rejected").beside(),
        call("GET", "again").at("/rest/api/2/myself").refused(401, "token_rejected").beside(),
    ]);
}

#[test]
fn atlassian_python_api_is_admitted_where_its_method_is() {
    let driver = || Driver::python("atlassian-python-api", "atlassian_client.py");
    let calls = |change: fn(Call) -> Call| {
        vec![
            change(usual("get_plain")),
            change(usual("get_hard")),
            change(usual("get_repeated")),
            change(usual("post_json")),
            change(usual("put_json")),
            change(usual("delete")),
            usual("post_form").never_sent(),
            call("GET", "get_sha1").query(&[("force", "yes please")]),
        ]
    };
    driver().run(&calls(|call| call.refused(400, "signature_method_rejected")));
    driver().at_a_gateway_with("verify: { signature_methods: [RSA-SHA1, RSA-SHA512] }").makes(&calls(|call| call));
}

#[test]
fn node_oauth_is_admitted_except_with_repeated_names_in_a_query() {
    Driver::node("node-oauth", "oauth_client.js").makes(&[
        usual("get_plain"),
        usual("get_hard"),
        // Signed as a[0], a[1], …
        usual("get_repeated").wrongly_signed(),
        usual("post_form"),
        usual("post_form_repeated"),
        // The query's value takes the place of the form's.
        usual("post_form_and_query").wrongly_signed(),
        usual("post_json"),
        usual("put_form"),
        usual("put_json"),
        usual("delete"),
        call("POST", "post_form_as_text").form(&[("a", "1")]).wrongly_signed(),
    ]);
}

#[test]
fn oauth_1_0a_is_admitted_where_it_signs_right() {
    let easy_names: Vec<(&str, &str)> = HARD_PAIRS.iter().filter(|(name, _)| *name != HARD).copied().collect();
    Driver::node("oauth-1.0a", "oauth_1_0a_client.js").makes(&[
        usual("get_plain"),
        usual("get_hard").query(&easy_names),
        call("GET", "get_hard_name").query(HARD_PAIRS).wrongly_signed(),
        usual("get_repeated"),
        usual("post_form"),
        usual("post_form_repeated"),
        // A name in both is signed with one of its values.
        usual("post_form_and_query").wrongly_signed(),
        usual("post_json"),
        usual("put_form"),
        usual("put_json"),
        usual("delete"),
    ]);
}

#[test]
fn jira_connector_is_admitted_with_an_empty_token() {
    let jql = format!("summary ~ \"{HARD}\"");
    let issue = "/rest/api/2/issue/DEMO-1";
    Driver::node("jira-connector", "jira_connector_client.js").makes(&[
        call("GET", "myself").at("/rest/api/2/myself"),
        call("GET", "search").at("/rest/api/2/search").query(&[("jql", &jql), ("startAt", "0"), ("maxResults", "50")]),
        call("POST", "search_by_post").at("/rest/api/2/search").json(json!({ "jql": jql, "startAt": 0, "maxResults": 50 })),
        call("POST", "create").at("/rest/api/2/issue").json(json!({ "fields": { "summary": HARD } })),
        call("PUT", "update").at(issue).json(json!({ "fields": { "summary": HARD } })),
        call("DELETE", "delete").at(issue).query(&[("deleteSubtasks", "true")]).json(json!({})),
        call("GET", "a_token").at("/rest/api/2/myself").refused(401, "token_rejected"),
        call("GET", "token_of_an_empty_list").at("/rest/api/2/myself").wrongly_signed(),
        call("GET", "token_of_an_empty_string").never_sent(),
    ]);
}

#[test]
fn net_oauth_is_admitted_with_everything_in_the_query() {
    Driver::script("perl", "Net::OAuth", "net_oauth_client.pl").makes(&[
        usual("get_plain"),
        call("GET", "get_in_query").query(HARD_PAIRS),
        call("POST", "post_all_in_query").query(HARD_PAIRS).without_length(),
        call("PUT", "put_all_in_query").query(HARD_PAIRS).without_length(),
        usual("delete"),
        call("POST", "post_in_body").form(HARD_PAIRS),
        call("GET", "get_ascii").query(&[("q", "a b+c&d"), ("empty", "")]),
        usual("post_form"),
        usual("put_form"),
        usual("post_json").query(&[("a", "1")]),
        usual("put_json"),
        usual("get_repeated").wrongly_signed(),
        usual("post_form_repeated").wrongly_signed(),
        call("GET", "get_beyond_ascii_in_url").query(&[("q", "ä")]).wrongly_signed(),
    ]);
}

#[test]
fn ruby_oauth_is_admitted_with_its_body_hash() {
    let mut calls = all_usual_calls();
    calls.push(call("GET", "get_in_query").query(&[("a", "2"), ("a", "10")]));
    calls.push(call("POST", "post_in_body").form(&[("q", HARD)]));
    // A form counts with POST and PUT alone.
    calls.push(call("PATCH", "patch_form").form(&[("a", "1")]).wrongly_signed());
    calls.push(call("GET", "get_flag").query(&[("flag", "")]));
    calls.push(call("POST", "post_empty").with_body_hash());
    Driver::script("ruby", "Ruby oauth", "oauth_client.rb").makes(&calls);
}

#[test]
fn php_oauth_is_admitted_except_with_repeated_names() {
    Driver::script("php", "PHP oauth", "oauth_client.php").makes(&[
        usual("get_plain"),
        usual("get_hard"),
        call("GET", "get_parameters").query(HARD_PAIRS),
        usual("get_repeated").wrongly_signed(),
        call("GET", "get_brackets").query(&[("a[0]", "2"), ("a[1]", "10")]),
        usual("post_form"),
        // An array becomes one name several times, not the brackets that PHP writes elsewhere.
        call("POST", "post_form_array").form(&[("a", "10"), ("a", "2"), ("b", "x")]),
        // A form given as text is sent, and not signed.
        usual("post_form_repeated").wrongly_signed(),
        call("POST", "post_form_and_query").query(&[("a", "1")]).form(&[("a", "2"), ("b", "x")]).wrongly_signed(),
        usual("post_json"),
        usual("put_json"),
        usual("put_form"),
        usual("delete"),
        call("GET", "get_in_query").query(&[("a", "1")]),
        call("POST", "post_in_body").form(HARD_PAIRS),
    ]);
}

#[test]
fn liboauth_is_admitted_except_with_an_escaped_name() {
    let easy_names: Vec<(&str, &str)> = HARD_PAIRS.iter().filter(|(name, _)| *name != HARD).copied().collect();
    Driver::c("liboauth", "liboauth_client.c").makes(&[
        usual("get_plain"),
        usual("get_hard").query(&easy_names),
        call("GET", "get_equals_sign_in_name").query(&[("a=b", "c")]).wrongly_signed(),
        call("GET", "get_blank_in_name").query(&[("a b", "c")]),
        usual("get_repeated"),
        usual("post_form").form(&easy_names),
        usual("post_form_repeated"),
        usual("post_form_and_query"),
        usual("post_json").query(&[("a", "1")]),
        usual("put_form").form(&easy_names),
        usual("put_json"),
        usual("delete"),
        call("GET", "get_plus").query(&[("q", "a b")]),
        call("GET", "get_in_query").query(&easy_names),
        // Asked for a name `a=b` it signs and sends a name `a`.
        call("GET", "get_another_name").query(&[("a", "b=c")]),
        call("POST", "post_in_body").form(&easy_names),
    ]);
}

#[test]
fn gomodule_oauth1_is_admitted() {
    Driver::go("gomodule/oauth1", "gomodule_oauth1_client.go").makes(&[
        usual("get_plain"),
        usual("get_hard"),
        usual("get_repeated"),
        call("GET", "get_empty_token"),
        usual("post_form"),
        usual("post_form_repeated"),
        usual("put_form"),
        call("DELETE", "delete_form").form(&[("force", "yes please")]),
        usual("post_json").query(&[("a", "1")]),
        usual("put_json"),
        usual("delete"),
        call("GET", "get_semicolon").query(&[("a", "1;b=2")]).wrongly_signed(),
        call("POST", "post_in_body").form(&[("q", HARD)]),
    ]);
}

#[test]
fn google_oauth_client_is_admitted_without_a_version() {
    Driver::java("google-oauth-client", "GoogleOAuthClient.java").makes(&[
        usual("get_plain"),
        usual("get_hard"),
        usual("get_repeated"),
        call("GET", "get_pair_twice").query(&[("a", "1"), ("a", "1")]).wrongly_signed(),
        usual("post_form"),
        usual("post_form_repeated"),
        // Asked for a name in query and form it does not send that in the query.
        call("POST", "post_form_and_query").form(REPEATED),
        usual("put_form"),
        usual("post_json").query(&[("a", "1")]),
        usual("put_json"),
        usual("delete"),
        call("GET", "get_empty_token"),
        call("GET", "get_realm"),
    ]);
}

fn all_usual_calls() -> Vec<Call> {
    let names = [
        "get_plain",
        "get_hard",
        "get_repeated",
        "post_form",
        "post_form_repeated",
        "post_form_and_query",
        "post_json",
        "put_form",
        "put_json",
        "delete",
    ];
    names.map(usual).into()
}
