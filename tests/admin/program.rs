//! A program that uses the API, and knows its description: no answer may have what that does not say.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::browser::Site;
use crate::support::{Client, Response};

/// One with a token.
pub(crate) struct Program {
    address: SocketAddr,
    token: String,
    description: Value,
}

/// An answer with its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) response: Response,
    pub(crate) json: Value,
}

impl Program {
    #[track_caller]
    pub(crate) fn at(site: &Site) -> Self {
        let token = site.admin(&["add-token", "deploy"], "").trim_end().to_owned();
        let description =
            Client::connect(site.address).ask(format!("GET /openapi.json HTTP/1.1\r\nhost: {}\r\n\r\n", site.address));
        assert_eq!((description.status, description.field("content-type")), (200, Some("application/json")));
        Self { address: site.address, token, description: serde_json::from_slice(&description.body).unwrap() }
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn description(&self) -> &Value {
        &self.description
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[JSON], &body.to_string())
    }

    /// A merge patch, on the condition of an entity tag if there is one.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, tag: Option<&str>, body: &Value) -> Answer {
        let condition = tag.map(|tag| ("if-match", tag));
        self.send("PATCH", path, &[&[JSON][..], condition.as_slice()].concat(), &body.to_string())
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "")
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        self.send_without_token(method, path, &[&[("authorization", &*authorization)], headers].concat(), body)
    }

    #[track_caller]
    pub(crate) fn send_without_token(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.address, body.len());
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let response = Client::connect(self.address).ask(format!("{head}\r\n{body}"));
        let answer = Answer { status: response.status, json: serde_json::from_slice(&response.body).unwrap(), response };
        self.check(method, path, &answer);
        answer
    }

    /// That the answer is described: its status, its type, and each member of it.
    #[track_caller]
    fn check(&self, method: &str, path: &str, answer: &Answer) {
        let path = path.split('?').next().unwrap();
        let below = |parent: &str| path.strip_prefix(parent).is_some();
        let described = match path {
            _ if below("/api/v1/consumers/") => "/api/v1/consumers/{key}",
            _ if below("/api/v1/tokens/") => "/api/v1/tokens/{id}",
            path => path,
        };
        let described = &self.description["paths"][described];
        let response = &described[method.to_lowercase()]["responses"][answer.status.to_string()];
        // What stands for no operation is refused without a description.
        let schema = match (response.is_null(), answer.status) {
            (true, 404 | 405) => json!({ "$ref": "#/components/schemas/ProblemDocument" }),
            _ => self.content(method, path, response, answer),
        };
        self.check_members(&schema, &answer.json, &format!("{method} {path}: {}", answer.status));
        if answer.status >= 400 {
            assert_eq!((&answer.json["type"], &answer.json["status"]), (&json!("about:blank"), &json!(answer.status)));
            let codes = &self.description["components"]["schemas"]["ProblemDocument"]["properties"]["code"]["enum"];
            assert!(codes.as_array().unwrap().contains(&answer.json["code"]), "{}", answer.json);
        }
    }

    #[track_caller]
    fn content(&self, method: &str, path: &str, response: &Value, answer: &Answer) -> Value {
        let content_type = answer.response.field("content-type").unwrap();
        let schema = &self.resolved(response)["content"][content_type]["schema"];
        assert!(!schema.is_null(), "{method} {path}: {} {content_type} is not described: {}", answer.status, answer.json);
        schema.clone()
    }

    #[track_caller]
    fn check_members(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolved(schema);
        if let Some(one_of) = schema.get("oneOf").and_then(Value::as_array) {
            let schema = one_of.iter().find(|one| (one["type"] == "null") == value.is_null()).unwrap();
            return self.check_members(schema, value, place);
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check_members(&schema["items"], item, &format!("{place}/{index}"));
        }
        let Some(properties) = schema.get("properties") else { return };
        for (name, member) in value.as_object().into_iter().flatten() {
            let property = properties.get(name).unwrap_or_else(|| panic!("{place}/{name} is not described: {value}"));
            self.check_members(property, member, &format!("{place}/{name}"));
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let missing = value.is_object() && value.get(name.as_str().unwrap()).is_none();
            assert!(!missing, "{place} lacks {name}: {value}");
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.resolved(self.description.pointer(reference.strip_prefix('#').unwrap()).unwrap()),
            None => schema,
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn tag(&self) -> &str {
        self.response.field("etag").unwrap()
    }
}

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
