//! [`ConsumerForm`]: what somebody filled in about a consumer, and the changes that it stands for. How it is shown is `form`'s.

use super::super::forms::Fields;
use super::super::layout::FieldErrors;
use crate::consumers::edit::{AllowRule, Change, CredentialFile, Draft, Entry, Rate, Setting};
use crate::consumers::import::Found;

/// Every field as text, as a browser has it. Two are equal if nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ConsumerForm {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) description: String,
    /// One, or several while a key is rolled over.
    pub(super) public_keys: Vec<String>,
    pub(super) callback_url: String,
    pub(super) enabled: bool,
    /// Empty: those of the configuration.
    pub(super) signature_methods: Vec<String>,
    pub(super) three_legged: bool,
    pub(super) two_legged: bool,
    pub(super) execute_as: String,
    pub(super) impersonation: bool,
    /// A rule a line: `GET,POST /rest/**`, or only a path.
    pub(super) allow: String,
    /// A network a line.
    pub(super) allow_from: String,
    pub(super) rate_requests: String,
    pub(super) rate_per: String,
    pub(super) expires: String,
    pub(super) allow_oauth_1_0: bool,
    pub(super) allow_published_key: bool,
    pub(super) upstream_basic_file: String,
    pub(super) upstream_bearer_file: String,
    pub(super) reveal: String,
}

impl ConsumerForm {
    /// Of a consumer that is yet to be: what is not written counts as its default.
    pub(super) fn new() -> Self {
        Self { enabled: true, three_legged: true, two_legged: true, ..Self::default() }
    }

    /// As it was sent.
    pub(super) fn sent(fields: &Fields) -> Self {
        let text = |name| tidy(fields.text(name));
        Self {
            key: text("key"),
            name: text("name"),
            description: text("description"),
            public_keys: fields.all("public_key").map(tidy).filter(|key| !key.is_empty()).collect(),
            callback_url: text("callback_url"),
            enabled: fields.has("enabled"),
            signature_methods: fields.all("signature_methods").map(str::to_owned).collect(),
            three_legged: fields.has("three_legged"),
            two_legged: fields.has("two_legged"),
            execute_as: text("execute_as"),
            impersonation: fields.has("impersonation"),
            allow: text("allow"),
            allow_from: text("allow_from"),
            rate_requests: text("rate_requests"),
            rate_per: text("rate_per"),
            expires: text("expires"),
            allow_oauth_1_0: fields.has("allow_oauth_1_0"),
            allow_published_key: fields.has("allow_published_key"),
            upstream_basic_file: text("upstream_basic_file"),
            upstream_bearer_file: text("upstream_bearer_file"),
            reveal: text("reveal"),
        }
    }

    /// As an entry is written.
    pub(super) fn of(entry: &Entry) -> Self {
        let settings = &entry.settings;
        let text = |setting: &Setting<String>| to(setting).map(|text| tidy(text)).unwrap_or_default();
        let flag = |setting: &Setting<bool>, default| to(setting).copied().unwrap_or(default);
        let rate = to(&settings.rate_limit);
        let mut signature_methods = to(&settings.signature_methods).cloned().unwrap_or_default();
        signature_methods.sort_unstable();
        let (upstream_basic_file, upstream_bearer_file) = match to(&settings.upstream_authorization) {
            Some(CredentialFile::Basic(path)) => (tidy(path), String::new()),
            Some(CredentialFile::Bearer(path)) => (String::new(), tidy(path)),
            None => Default::default(),
        };
        Self {
            key: entry.key.clone(),
            name: text(&settings.name),
            description: text(&settings.description),
            public_keys: to(&settings.public_keys).into_iter().flatten().map(|key| tidy(key)).collect(),
            callback_url: text(&settings.callback_url),
            enabled: flag(&settings.enabled, true),
            signature_methods,
            three_legged: flag(&settings.three_legged, true),
            two_legged: flag(&settings.two_legged, true),
            execute_as: text(&settings.execute_as),
            impersonation: flag(&settings.impersonation, false),
            allow: lines(to(&settings.allow), "(nothing)", rule_text),
            allow_from: lines(to(&settings.allow_from), "(nowhere)", Clone::clone),
            rate_requests: rate.map(|rate| rate.requests.to_string()).unwrap_or_default(),
            rate_per: rate.map(|rate| rate.per.clone()).unwrap_or_default(),
            expires: text(&settings.expires),
            allow_oauth_1_0: flag(&settings.allow_oauth_1_0, false),
            allow_published_key: flag(&settings.allow_published_key, false),
            upstream_basic_file,
            upstream_bearer_file,
            reveal: text(&settings.reveal),
        }
    }

    /// As an application describes itself.
    pub(super) fn found(found: &Found) -> Self {
        Self {
            key: found.key.as_str().to_owned(),
            name: found.name.clone(),
            description: tidy(&found.description),
            public_keys: vec![tidy(&found.public_key_text)],
            callback_url: found.callback_url.clone().unwrap_or_default(),
            ..Self::new()
        }
    }

    /// The new entry; what cannot even be written down is among the errors.
    pub(super) fn draft(&self, errors: &mut FieldErrors) -> Draft {
        Draft { key: self.key.clone(), settings: self.changes_since(&Self::new(), errors) }
    }

    /// What differs from `before`. All else stays as it is in the file, in whichever way it is written there.
    pub(super) fn changes_since(&self, before: &Self, errors: &mut FieldErrors) -> Change {
        let text = |of: fn(&Self) -> &String| setting(of(self), of(before), || some(of(self)));
        let flag = |of: fn(&Self) -> bool| setting(&of(self), &of(before), || Some(of(self)));
        Change {
            key: None,
            name: text(|form| &form.name),
            description: text(|form| &form.description),
            public_keys: setting(&self.public_keys, &before.public_keys, || non_empty(self.public_keys.clone())),
            callback_url: text(|form| &form.callback_url),
            enabled: flag(|form| form.enabled),
            signature_methods: setting(&self.sorted_methods(), &before.sorted_methods(), || {
                non_empty(self.signature_methods.clone())
            }),
            three_legged: flag(|form| form.three_legged),
            two_legged: flag(|form| form.two_legged),
            execute_as: text(|form| &form.execute_as),
            impersonation: flag(|form| form.impersonation),
            allow: setting(&self.allow, &before.allow, || non_empty(filled_lines(&self.allow).map(rule_of).collect())),
            allow_from: setting(&self.allow_from, &before.allow_from, || {
                non_empty(filled_lines(&self.allow_from).map(str::to_owned).collect())
            }),
            rate_limit: setting(&self.rate(), &before.rate(), || self.rate_limit(errors)),
            expires: text(|form| &form.expires),
            allow_oauth_1_0: flag(|form| form.allow_oauth_1_0),
            allow_published_key: flag(|form| form.allow_published_key),
            upstream_authorization: setting(&self.credential_files(), &before.credential_files(), || {
                self.credential_file(errors)
            }),
            reveal: text(|form| &form.reveal),
        }
    }

    fn rate(&self) -> (&str, &str) {
        (&self.rate_requests, &self.rate_per)
    }

    fn rate_limit(&self, errors: &mut FieldErrors) -> Option<Rate> {
        if self.rate() == ("", "") {
            return None;
        }
        let requests = self.rate_requests.parse();
        if requests.is_err() {
            errors.add("rate_requests", "Write how many requests are allowed, such as 100");
        }
        if self.rate_per.is_empty() {
            errors.add("rate_per", "Write in how much time, such as 1s or 1m");
        }
        Some(Rate { requests: requests.ok()?, per: self.rate_per.clone() })
    }

    fn credential_files(&self) -> (&str, &str) {
        (&self.upstream_basic_file, &self.upstream_bearer_file)
    }

    fn credential_file(&self, errors: &mut FieldErrors) -> Option<CredentialFile> {
        match self.credential_files() {
            ("", "") => None,
            (basic, "") => Some(CredentialFile::Basic(basic.to_owned())),
            ("", bearer) => Some(CredentialFile::Bearer(bearer.to_owned())),
            (_, bearer) => {
                errors.add("upstream_bearer_file", "Name one of the two files and leave the other field empty");
                Some(CredentialFile::Bearer(bearer.to_owned()))
            }
        }
    }

    pub(super) fn sorted_methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = self.signature_methods.iter().map(String::as_str).collect();
        methods.sort_unstable();
        methods
    }
}

fn setting<T: PartialEq, S>(now: &T, before: &T, value: impl FnOnce() -> Option<S>) -> Setting<S> {
    if now == before { Setting::Keep } else { value().map_or(Setting::TakeOut, Setting::To) }
}

fn to<T>(setting: &Setting<T>) -> Option<&T> {
    if let Setting::To(value) = setting { Some(value) } else { None }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn non_empty<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

/// A text as it comes back from a page: browsers send CR LF for every line break and have no NUL, and people paste blanks around.
fn tidy(text: &str) -> String {
    text.trim().replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}")
}

/// A list without anything in it lets nothing through, and the empty field says the contrary: so there is a word for it. Nobody can
/// write the word, since it is neither path nor network.
fn lines<T>(values: Option<&Vec<T>>, none: &str, text: impl Fn(&T) -> String) -> String {
    if values.is_some_and(Vec::is_empty) {
        return none.to_owned();
    }
    values.into_iter().flatten().map(text).collect::<Vec<_>>().join("\n")
}

fn filled_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn rule_text(rule: &AllowRule) -> String {
    if rule.methods.is_empty() { rule.path.clone() } else { format!("{} {}", rule.methods.join(","), rule.path) }
}

/// Methods before a path, in whichever way they are separated; without any, all of them are allowed.
fn rule_of(line: &str) -> AllowRule {
    let begin = line.find('/').unwrap_or(0);
    let (methods, path) = line.split_at(begin);
    let words = methods.split([',', ' ', '\t', ':']).filter(|word| !word.is_empty());
    AllowRule { path: path.to_owned(), methods: words.map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(form: &ConsumerForm, before: &ConsumerForm) -> Change {
        let mut errors = FieldErrors::default();
        let change = form.changes_since(before, &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        change
    }

    #[test]
    fn a_form_that_nobody_changed_changes_nothing() {
        let form = ConsumerForm { allow: "odd  line".into(), rate_requests: "x".into(), ..ConsumerForm::new() };
        assert_eq!(changes(&form, &form), Change::default());
        let other_order =
            |methods: [&str; 2]| ConsumerForm { signature_methods: methods.map(str::to_owned).into(), ..ConsumerForm::new() };
        let change = changes(&other_order(["RSA-SHA1", "RSA-SHA256"]), &other_order(["RSA-SHA256", "RSA-SHA1"]));
        assert_eq!(change, Change::default());
    }

    #[test]
    fn what_was_emptied_is_taken_out_and_the_rest_stays() {
        let before =
            ConsumerForm { description: "d".into(), rate_requests: "1".into(), rate_per: "1s".into(), ..ConsumerForm::new() };
        let change = changes(&ConsumerForm { name: "n".into(), two_legged: false, ..ConsumerForm::new() }, &before);
        let expected = Change {
            name: Setting::To("n".into()),
            description: Setting::TakeOut,
            two_legged: Setting::To(false),
            rate_limit: Setting::TakeOut,
            ..Change::default()
        };
        assert_eq!(change, expected);
    }

    #[test]
    fn a_line_is_a_rule_with_or_without_methods() {
        let rule = |line: &str| {
            let AllowRule { path, methods } = rule_of(line);
            (methods.join("+"), path)
        };
        assert_eq!(rule("/rest/**"), (String::new(), "/rest/**".into()));
        assert_eq!(rule("GET, POST /rest/a b"), ("GET+POST".into(), "/rest/a b".into()));
        assert_eq!(rule("GET,POST:/x"), ("GET+POST".into(), "/x".into()));
        // No path: the loader says so.
        assert_eq!(rule("rest"), (String::new(), "rest".into()));
        let written = AllowRule { path: "/rest/**".into(), methods: vec!["GET".into(), "PUT".into()] };
        assert_eq!(rule_of(&rule_text(&written)), written);
    }

    #[test]
    fn a_limit_is_both_numbers_or_none() {
        for (requests, per, wrong) in
            [("100", "1s", vec![]), ("100", "", vec!["rate_per"]), ("many", "1s", vec!["rate_requests"])]
        {
            let form = ConsumerForm { rate_requests: requests.into(), rate_per: per.into(), ..ConsumerForm::new() };
            let mut errors = FieldErrors::default();
            form.draft(&mut errors);
            assert_eq!(errors.list().iter().map(|error| &*error.field).collect::<Vec<_>>(), wrong);
        }
    }
}
