//! The settings of a consumer as a program sends them: a JSON merge patch (RFC 7396), in which `null` takes a setting out.

use serde::{Deserialize, Deserializer};

use super::object::Object;
use crate::consumers::edit::{AllowRule, Change, CredentialFile, Rate, Setting};

/// The members have the names of the consumers file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    key: Option<String>,
    #[serde(deserialize_with = "setting")]
    name: Setting<String>,
    #[serde(deserialize_with = "setting")]
    description: Setting<String>,
    #[serde(deserialize_with = "setting")]
    public_key: Setting<String>,
    #[serde(deserialize_with = "setting")]
    public_keys: Setting<Vec<String>>,
    #[serde(deserialize_with = "setting")]
    callback_url: Setting<String>,
    #[serde(deserialize_with = "setting")]
    enabled: Setting<bool>,
    #[serde(deserialize_with = "setting")]
    signature_methods: Setting<Vec<String>>,
    #[serde(deserialize_with = "setting")]
    three_legged: Setting<bool>,
    #[serde(deserialize_with = "setting")]
    two_legged: Setting<Object<TwoLegged>>,
    #[serde(deserialize_with = "setting")]
    allow: Setting<Vec<Object<Rule>>>,
    #[serde(deserialize_with = "setting")]
    allow_from: Setting<Vec<String>>,
    #[serde(deserialize_with = "setting")]
    rate_limit: Setting<Object<RateLimit>>,
    #[serde(deserialize_with = "setting")]
    expires: Setting<String>,
    #[serde(deserialize_with = "setting")]
    allow_oauth_1_0: Setting<bool>,
    #[serde(deserialize_with = "setting")]
    allow_published_key: Setting<bool>,
    #[serde(deserialize_with = "setting")]
    upstream_authorization: Setting<Object<UpstreamAuthorization>>,
    #[serde(deserialize_with = "setting")]
    refusals: Setting<Object<Refusals>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TwoLegged {
    #[serde(deserialize_with = "setting")]
    allowed: Setting<bool>,
    #[serde(deserialize_with = "setting")]
    execute_as: Setting<String>,
    #[serde(deserialize_with = "setting")]
    impersonation: Setting<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    path: String,
    /// Absent: all.
    methods: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimit {
    requests: u64,
    per: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct UpstreamAuthorization {
    basic_file: Option<String>,
    bearer_file: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Refusals {
    #[serde(deserialize_with = "setting")]
    reveal: Setting<String>,
}

impl Settings {
    /// The key, if one was sent.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The changes that this stands for.
    ///
    /// # Errors
    /// Why they cannot be written down.
    pub(super) fn change(self) -> Result<Change, &'static str> {
        let public_keys = match (self.public_key, self.public_keys) {
            (Setting::Keep, keys) => keys,
            (Setting::To(key), Setting::Keep) => Setting::To(vec![key]),
            (Setting::TakeOut, Setting::Keep) => Setting::TakeOut,
            (_, _) => return Err("`public_key` and `public_keys` are both there: send one of the two"),
        };
        let (two_legged, execute_as, impersonation) = match self.two_legged {
            Setting::Keep => Default::default(),
            Setting::To(Object(TwoLegged { allowed, execute_as, impersonation })) => (allowed, execute_as, impersonation),
            Setting::TakeOut => (Setting::TakeOut, Setting::TakeOut, Setting::TakeOut),
        };
        let reveal = match self.refusals {
            Setting::Keep => Setting::Keep,
            Setting::To(Object(refusals)) => refusals.reveal,
            Setting::TakeOut => Setting::TakeOut,
        };
        Ok(Change {
            key: self.key,
            name: self.name,
            description: self.description,
            public_keys,
            callback_url: self.callback_url,
            enabled: self.enabled,
            signature_methods: self.signature_methods,
            three_legged: self.three_legged,
            two_legged,
            execute_as,
            impersonation,
            allow: map(self.allow, |rules| rules.into_iter().map(|Object(rule)| rule.rule()).collect())?,
            allow_from: self.allow_from,
            rate_limit: map(self.rate_limit, |Object(RateLimit { requests, per })| Ok(Rate { requests, per }))?,
            expires: self.expires,
            allow_oauth_1_0: self.allow_oauth_1_0,
            allow_published_key: self.allow_published_key,
            upstream_authorization: map(self.upstream_authorization, |Object(of)| of.file())?,
            reveal,
        })
    }
}

impl Rule {
    /// In the editor's rules no method means all; whoever sends an empty list hardly does.
    fn rule(self) -> Result<AllowRule, &'static str> {
        if self.methods.as_ref().is_some_and(Vec::is_empty) {
            return Err("`methods` of an `allow` entry is empty: leave it out for all methods, or leave the entry out");
        }
        Ok(AllowRule { path: self.path, methods: self.methods.unwrap_or_default() })
    }
}

impl UpstreamAuthorization {
    fn file(self) -> Result<CredentialFile, &'static str> {
        match (self.basic_file, self.bearer_file) {
            (Some(path), None) => Ok(CredentialFile::Basic(path)),
            (None, Some(path)) => Ok(CredentialFile::Bearer(path)),
            _ => Err("`upstream_authorization` has either `basic_file` or `bearer_file`"),
        }
    }
}

fn map<A, B>(setting: Setting<A>, with: impl FnOnce(A) -> Result<B, &'static str>) -> Result<Setting<B>, &'static str> {
    Ok(match setting {
        Setting::Keep => Setting::Keep,
        Setting::To(value) => Setting::To(with(value)?),
        Setting::TakeOut => Setting::TakeOut,
    })
}

/// Called only where the member is there.
fn setting<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Setting<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(Setting::TakeOut, Setting::To))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn change(sent: Value) -> Result<Change, &'static str> {
        serde_json::from_value::<Object<Settings>>(sent).unwrap().0.change()
    }

    #[test]
    fn what_is_absent_stays_and_null_takes_out() {
        assert_eq!(change(json!({})), Ok(Change::default()));
        let sent = json!({
            "name": "n", "description": null, "public_key": "k", "two_legged": { "execute_as": null, "impersonation": true },
            "allow": [{ "path": "/a" }, { "path": "/b", "methods": ["GET"] }], "rate_limit": { "requests": 1, "per": "1s" },
            "refusals": { "reveal": "code" },
        });
        let rule = |path: &str, methods: &[&str]| AllowRule {
            path: path.to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
        };
        let expected = Change {
            name: Setting::To("n".to_owned()),
            description: Setting::TakeOut,
            public_keys: Setting::To(vec!["k".to_owned()]),
            execute_as: Setting::TakeOut,
            impersonation: Setting::To(true),
            allow: Setting::To(vec![rule("/a", &[]), rule("/b", &["GET"])]),
            rate_limit: Setting::To(Rate { requests: 1, per: "1s".to_owned() }),
            reveal: Setting::To("code".to_owned()),
            ..Change::default()
        };
        assert_eq!(change(sent), Ok(expected));
    }

    #[test]
    fn a_group_that_is_null_is_taken_out_as_a_whole() {
        let out = change(json!({ "two_legged": null, "refusals": null, "public_keys": null })).unwrap();
        assert_eq!((out.two_legged, out.execute_as), (Setting::TakeOut, Setting::TakeOut));
        assert_eq!((out.impersonation, out.reveal, out.public_keys), (Setting::TakeOut, Setting::TakeOut, Setting::TakeOut));
    }

    #[test]
    fn what_can_be_meant_in_two_ways_is_refused() {
        for sent in [
            json!({ "public_key": "a", "public_keys": ["b"] }),
            json!({ "public_key": null, "public_keys": ["b"] }),
            json!({ "allow": [{ "path": "/", "methods": [] }] }),
            json!({ "upstream_authorization": {} }),
            json!({ "upstream_authorization": { "basic_file": "a", "bearer_file": "b" } }),
        ] {
            assert!(change(sent.clone()).is_err(), "{sent}");
        }
    }

    #[test]
    fn unknown_members_and_wrong_types_are_refused() {
        for sent in [
            json!({ "names": "n" }),
            json!({ "name": 1 }),
            json!({ "enabled": "true" }),
            json!({ "two_legged": { "allow": true } }),
            json!({ "allow": [{ "path": "/", "method": "GET" }] }),
            json!({ "allow": [{ "methods": [] }] }),
            json!({ "allow": [["/"]] }),
            json!({ "two_legged": [true] }),
            json!({ "rate_limit": [1, "1s"] }),
            json!({ "rate_limit": { "requests": -1, "per": "1s" } }),
            json!({ "upstream_authorization": { "basic": "u:p" } }),
            json!({ "key": ["a"] }),
            json!([]),
        ] {
            assert!(serde_json::from_value::<Object<Settings>>(sent.clone()).is_err(), "{sent}");
        }
        let twice = r#"{ "name": "a", "name": "b" }"#;
        assert!(serde_json::from_str::<Object<Settings>>(twice).is_err());
    }
}
