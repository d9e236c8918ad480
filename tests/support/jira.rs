//! A stand-in for what old clients expect behind the gateway.

use serde_json::json;

use super::backend::response;
use super::message::Request;

/// As much of a Jira as its clients ask for before they do what they are asked; `ok` for everything else. `identity` is the header
/// that says who somebody is.
pub fn small_jira(request: &Request, identity: &str) -> Vec<u8> {
    let Some(resource) = request.path().strip_prefix("/rest/api/2/") else {
        return response(200, &[("Content-Type", "text/plain")], b"ok");
    };
    let url = format!("http://{}/rest/api/2/issue/DEMO-1", request.field("host").unwrap());
    let issue = json!({ "id": "1", "key": "DEMO-1", "self": url, "fields": { "summary": "stand-in" } });
    let answer = match (&*request.method, resource) {
        ("GET", "myself") => json!({ "name": request.field(identity) }),
        ("GET", "serverInfo") => json!({ "versionNumbers": [9, 12, 0], "deploymentType": "Server" }),
        ("GET", "field") => json!([{ "id": "summary", "name": "Summary", "clauseNames": ["summary"] }]),
        (_, "search") => json!({ "startAt": 0, "maxResults": 50, "total": 1, "issues": [issue] }),
        _ => issue,
    };
    response(200, &[("Content-Type", "application/json")], answer.to_string().as_bytes())
}
