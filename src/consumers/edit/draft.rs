//! An entry, or changes of one, in plain values: what a command line, a page or an imported document says.

use serde_yaml::{Mapping, Value};

use super::fields::{Field, effective};

/// What becomes of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Setting<T> {
    /// It stays as it is; a new entry does not have it.
    #[default]
    Keep,
    /// It has this value from now on.
    To(T),
    /// It is not written any more: its default counts.
    TakeOut,
}

/// A new entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// The consumer key.
    pub key: String,
    /// Everything else.
    pub settings: Change,
}

/// Changes of an entry's settings. What values may be is the loader's to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The key never changes; another one than the entry's is refused.
    pub key: Option<String>,
    /// `name`
    pub name: Setting<String>,
    /// `description`
    pub description: Setting<String>,
    /// `public_key`, or `public_keys` if there are several: PEM or bare base64.
    pub public_keys: Setting<Vec<String>>,
    /// `callback_url`
    pub callback_url: Setting<String>,
    /// `enabled`
    pub enabled: Setting<bool>,
    /// `signature_methods`
    pub signature_methods: Setting<Vec<String>>,
    /// `three_legged`
    pub three_legged: Setting<bool>,
    /// `two_legged.allowed`
    pub two_legged: Setting<bool>,
    /// `two_legged.execute_as`
    pub execute_as: Setting<String>,
    /// `two_legged.impersonation`
    pub impersonation: Setting<bool>,
    /// `allow`
    pub allow: Setting<Vec<AllowRule>>,
    /// `allow_from`
    pub allow_from: Setting<Vec<String>>,
    /// `rate_limit`
    pub rate_limit: Setting<Rate>,
    /// `expires`
    pub expires: Setting<String>,
    /// `allow_oauth_1_0`
    pub allow_oauth_1_0: Setting<bool>,
    /// `allow_published_key`
    pub allow_published_key: Setting<bool>,
    /// `upstream_authorization`
    pub upstream_authorization: Setting<CredentialFile>,
    /// `refusals.reveal`
    pub reveal: Setting<String>,
}

/// An entry of `allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    /// `path`
    pub path: String,
    /// `methods`; empty: all.
    pub methods: Vec<String>,
}

/// `rate_limit`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// `requests`
    pub requests: u64,
    /// `per`, such as `1s`.
    pub per: String,
}

/// `upstream_authorization`: the file of a credential, as a path that begins at the consumers file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialFile {
    /// `basic_file`
    Basic(String),
    /// `bearer_file`
    Bearer(String),
}

impl Draft {
    /// The entry, its keys in the documented order.
    pub(super) fn entry(&self) -> Mapping {
        let mut entry = Mapping::new();
        entry.insert("key".into(), self.key.as_str().into());
        for field in self.settings.fields(&entry.clone()) {
            field.apply_to(&mut entry);
        }
        entry
    }
}

impl Change {
    /// What differs from an entry. A default is not written where nothing was.
    pub(super) fn fields(&self, entry: &Mapping) -> Vec<Field> {
        let mut fields =
            vec![field("name", &self.name, |value| text(value)), field("description", &self.description, |value| text(value))];
        fields.extend(self.key_fields(entry));
        fields.extend([
            field("callback_url", &self.callback_url, |value| text(value)),
            flag("enabled", None, &self.enabled, true, entry),
            field("signature_methods", &self.signature_methods, |value| texts(value)),
            flag("three_legged", None, &self.three_legged, true, entry),
            flag("two_legged", Some("allowed"), &self.two_legged, true, entry),
            inner("two_legged", "execute_as", &self.execute_as),
            flag("two_legged", Some("impersonation"), &self.impersonation, false, entry),
            field("allow", &self.allow, |rules| rules.iter().map(AllowRule::value).collect()),
            field("allow_from", &self.allow_from, |value| texts(value)),
            field("rate_limit", &self.rate_limit, Rate::value),
            field("expires", &self.expires, |value| text(value)),
            flag("allow_oauth_1_0", None, &self.allow_oauth_1_0, false, entry),
            flag("allow_published_key", None, &self.allow_published_key, false, entry),
            field("upstream_authorization", &self.upstream_authorization, CredentialFile::value),
            inner("refusals", "reveal", &self.reveal),
        ]);
        effective(fields.into_iter().flatten().collect(), entry)
    }

    /// An entry's settings as they are written.
    pub(super) fn written_in(entry: &Mapping) -> Self {
        let get = |key: &str| entry.get(key);
        let inner = |key: &str, inner: &str| entry.get(key).and_then(|map| map.get(inner));
        Self {
            key: get("key").and_then(as_text),
            name: written(get("name"), as_text),
            description: written(get("description"), as_text),
            public_keys: match get("public_keys") {
                None => written(get("public_key"), |key| Some(vec![as_text(key)?])),
                several => written(several, as_texts),
            },
            callback_url: written(get("callback_url"), as_text),
            enabled: written(get("enabled"), Value::as_bool),
            signature_methods: written(get("signature_methods"), as_texts),
            three_legged: written(get("three_legged"), Value::as_bool),
            two_legged: written(inner("two_legged", "allowed"), Value::as_bool),
            execute_as: written(inner("two_legged", "execute_as"), as_text),
            impersonation: written(inner("two_legged", "impersonation"), Value::as_bool),
            allow: written(get("allow"), |rules| rules.as_sequence()?.iter().map(AllowRule::of).collect()),
            allow_from: written(get("allow_from"), as_texts),
            rate_limit: written(get("rate_limit"), Rate::of),
            expires: written(get("expires"), as_text),
            allow_oauth_1_0: written(get("allow_oauth_1_0"), Value::as_bool),
            allow_published_key: written(get("allow_published_key"), Value::as_bool),
            upstream_authorization: written(get("upstream_authorization"), CredentialFile::of),
            reveal: written(inner("refusals", "reveal"), as_text),
        }
    }

    /// One key is `public_key`, several are `public_keys`; a list that is there already stays one.
    fn key_fields(&self, entry: &Mapping) -> Vec<Option<Field>> {
        let keys = match &self.public_keys {
            Setting::Keep => return Vec::new(),
            Setting::TakeOut => return vec![Some(Field::new("public_key", None)), Some(Field::new("public_keys", None))],
            Setting::To(keys) => keys.iter().map(|key| Value::from(mended(key))).collect::<Vec<_>>(),
        };
        match <[Value; 1]>::try_from(keys) {
            Ok([key]) if !entry.contains_key("public_keys") => vec![Some(Field::new("public_key", Some(key)))],
            Ok(one) => vec![Some(Field::new("public_keys", Some(one.to_vec().into())))],
            Err(several) => vec![
                Some(Field { after: Some("public_key"), ..Field::new("public_keys", Some(several.into())) }),
                Some(Field::new("public_key", None)),
            ],
        }
    }
}

impl AllowRule {
    fn of(value: &Value) -> Option<Self> {
        let methods = value.get("methods").map_or(Some(Vec::new()), as_texts)?;
        Some(Self { path: as_text(value.get("path")?)?, methods })
    }

    fn value(&self) -> Value {
        let mut rule = Mapping::new();
        rule.insert("path".into(), self.path.as_str().into());
        if !self.methods.is_empty() {
            rule.insert("methods".into(), texts(&self.methods));
        }
        rule.into()
    }
}

impl Rate {
    fn of(value: &Value) -> Option<Self> {
        Some(Self { requests: value.get("requests")?.as_u64()?, per: as_text(value.get("per")?)? })
    }

    fn value(&self) -> Value {
        let mut rate = Mapping::new();
        rate.insert("requests".into(), self.requests.into());
        rate.insert("per".into(), self.per.as_str().into());
        rate.into()
    }
}

impl CredentialFile {
    /// What stands in the file: which kind it is, and the path.
    pub fn written(&self) -> (&'static str, &str) {
        match self {
            Self::Basic(path) => ("basic_file", path),
            Self::Bearer(path) => ("bearer_file", path),
        }
    }

    fn of(value: &Value) -> Option<Self> {
        let path = |key: &str| value.get(key).and_then(as_text);
        path("basic_file").map(Self::Basic).or_else(|| path("bearer_file").map(Self::Bearer))
    }

    fn value(&self) -> Value {
        let (key, path) = self.written();
        let mut map = Mapping::new();
        map.insert(key.into(), path.into());
        map.into()
    }
}

fn field<T>(key: &'static str, setting: &Setting<T>, value: impl Fn(&T) -> Value) -> Option<Field> {
    match setting {
        Setting::Keep => None,
        Setting::To(new) => Some(Field::new(key, Some(value(new)))),
        Setting::TakeOut => Some(Field::new(key, None)),
    }
}

fn inner(key: &'static str, inner: &'static str, setting: &Setting<String>) -> Option<Field> {
    field(key, setting, |value| text(value)).map(|field| Field { inner: Some(inner), ..field })
}

fn flag(
    key: &'static str,
    inner: Option<&'static str>,
    setting: &Setting<bool>,
    default: bool,
    entry: &Mapping,
) -> Option<Field> {
    let found = entry.get(key);
    let is_written = match inner {
        Some(inner) => found.is_some_and(|map| map.get(inner).is_some()),
        None => found.is_some(),
    };
    let field = field(key, setting, |flag| Value::Bool(*flag))?;
    (is_written || field.value != Some(Value::Bool(default))).then_some(Field { inner, ..field })
}

fn written<T>(value: Option<&Value>, read: impl Fn(&Value) -> Option<T>) -> Setting<T> {
    value.and_then(read).map_or(Setting::Keep, Setting::To)
}

fn as_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn as_texts(value: &Value) -> Option<Vec<String>> {
    value.as_sequence()?.iter().map(as_text).collect()
}

fn text(text: &str) -> Value {
    text.into()
}

fn texts(texts: &[String]) -> Value {
    texts.iter().map(String::as_str).collect()
}

/// A key as it was pasted, with lines that end as in a file: so that it can stand as a block.
fn mended(key: &str) -> String {
    let lines: Vec<&str> = key.trim().lines().map(str::trim).collect();
    let end = if lines.len() > 1 { "\n" } else { "" };
    lines.join("\n") + end
}
