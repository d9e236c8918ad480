//! The form of a consumer as a page shows it: what is filled in, what is wrong with it, what its keys are.

use super::super::Admin;
use super::super::layout::FieldErrors;
use super::draft::ConsumerForm;
use super::key::KeyView;
use crate::oauth::signature::SignatureMethod;

/// Everything that `consumer_form.html` shows.
pub(super) struct FormView {
    pub(super) form: ConsumerForm,
    pub(super) errors: FieldErrors,
    pub(super) keys: Vec<KeyField>,
    pub(super) methods: Vec<MethodChoice>,
    pub(super) default_methods: String,
    pub(super) three_legged_hint: &'static str,
    pub(super) reveals: Vec<RevealChoice>,
}

/// A field for a public key. What the report says of a key is not said once more as an error.
pub(super) struct KeyField {
    pub(super) id: String,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) text: String,
    pub(super) error: Option<String>,
    pub(super) report: Option<KeyView>,
}

pub(super) struct MethodChoice {
    pub(super) name: &'static str,
    pub(super) checked: bool,
}

pub(super) struct RevealChoice {
    pub(super) value: &'static str,
    pub(super) text: &'static str,
    pub(super) selected: bool,
}

/// The keys of a form, looked at.
pub(super) struct CheckedKeys(Vec<KeyView>);

impl CheckedKeys {
    /// Looks at all of them.
    pub(super) fn of(admin: &Admin, form: &ConsumerForm) -> Self {
        let own = Some(form.key.as_str()).filter(|key| !key.is_empty());
        Self(form.public_keys.iter().map(|text| KeyView::of(admin, text, own)).collect())
    }

    /// Whether one of them has this fingerprint.
    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.0.iter().any(|report| report.key.as_ref().is_some_and(|key| key.fingerprint == fingerprint))
    }

    /// Writes down what is wrong, and takes what can be mended as mended. Keys that the entry has already stay as they stand there.
    pub(super) fn apply(&self, form: &mut ConsumerForm, before: &[String], errors: &mut FieldErrors) {
        for (at, (text, report)) in form.public_keys.iter_mut().zip(&self.0).enumerate() {
            if let Some(wrong) = &report.wrong {
                errors.add(key_id(at), wrong.sentence());
                if wrong.is_exposed {
                    // What should never have been sent is not sent back.
                    text.clear();
                }
            }
            if let Some(key) = report.key.as_ref().filter(|_| !before.contains(text)) {
                text.clone_from(&key.pem);
            }
        }
    }
}

impl FormView {
    /// The form as it is, with nothing to say about its keys.
    pub(super) fn of(admin: &Admin, form: ConsumerForm) -> Self {
        Self::with(admin, form, FieldErrors::default(), CheckedKeys(Vec::new()))
    }

    /// With what is known of its keys.
    pub(super) fn with(admin: &Admin, form: ConsumerForm, errors: FieldErrors, keys: CheckedKeys) -> Self {
        let policy = admin.policy();
        let default_methods = policy.settings.verify.signature_methods.iter().map(|method| method.name());
        Self {
            keys: key_fields(&form, &errors, keys),
            methods: SignatureMethod::ALL.map(|method| MethodChoice::of(method, &form)).into(),
            default_methods: default_methods.collect::<Vec<_>>().join(", "),
            three_legged_hint: if admin.shared.gateway.tokens.is_some() { USERS_ALLOW } else { NO_DANCE },
            reveals: REVEALS.map(|(value, text)| RevealChoice { value, text, selected: value == form.reveal }).into(),
            form,
            errors,
        }
    }

    /// Whether the settings that few need have to be seen: one of them is set, or wrong.
    pub(super) fn has_more(&self) -> bool {
        let form = &self.form;
        let plain = ConsumerForm {
            key: form.key.clone(),
            name: form.name.clone(),
            description: form.description.clone(),
            public_keys: form.public_keys.clone(),
            callback_url: form.callback_url.clone(),
            enabled: form.enabled,
            three_legged: form.three_legged,
            two_legged: form.two_legged,
            execute_as: form.execute_as.clone(),
            impersonation: form.impersonation,
            ..ConsumerForm::default()
        };
        *form != plain || MORE.iter().any(|field| self.errors.of(field).is_some())
    }

    /// With another field for a key.
    pub(super) fn with_room_for_another_key(mut self) -> Self {
        let at = self.keys.len();
        self.keys.push(KeyField::empty(at));
        self
    }
}

impl MethodChoice {
    fn of(method: SignatureMethod, form: &ConsumerForm) -> Self {
        let name = method.name();
        Self { name, checked: form.signature_methods.iter().any(|checked| checked == name) }
    }
}

impl KeyField {
    pub(super) fn is_wrong(&self) -> bool {
        self.error.is_some() || self.report.as_ref().is_some_and(|report| report.wrong.is_some())
    }

    fn empty(at: usize) -> Self {
        let (label, hint) = if at == 0 { FIRST } else { OTHER };
        Self { id: key_id(at), label, hint, text: String::new(), error: None, report: None }
    }
}

fn key_fields(form: &ConsumerForm, errors: &FieldErrors, keys: CheckedKeys) -> Vec<KeyField> {
    let mut reports = keys.0.into_iter();
    let mut texts: Vec<&str> = form.public_keys.iter().map(String::as_str).collect();
    if texts.is_empty() {
        texts.push("");
    }
    let field = |(at, text): (usize, &str)| {
        let report = reports.next();
        let is_said = report.as_ref().is_some_and(|report| report.wrong.is_some());
        let error = errors.of(&key_id(at)).filter(|_| !is_said).map(str::to_owned);
        KeyField { text: text.to_owned(), error, report, ..KeyField::empty(at) }
    };
    texts.into_iter().enumerate().map(field).collect()
}

/// The fields that are folded away while nobody needs them.
const MORE: [&str; 9] = [
    "signature_methods",
    "expires",
    "rate_requests",
    "rate_per",
    "allow",
    "allow_from",
    "upstream_basic_file",
    "upstream_bearer_file",
    "reveal",
];

fn key_id(at: usize) -> String {
    if at == 0 { "public_key".to_owned() } else { format!("public_key-{}", at + 1) }
}

const FIRST: (&str, &str) = ("Public Key", "An RSA public key or a certificate, as PEM or bare base64; never the private key");
const OTHER: (&str, &str) = (
    "Another Public Key",
    "While a key is rolled over, the consumer may sign with each of them; empty a field to take its key out",
);

const USERS_ALLOW: &str = "Users can give the consumer tokens, with which it acts in their name";
const NO_DANCE: &str =
    "Users could give the consumer tokens, but this gateway gives none: its configuration has no section oauth";

const REVEALS: [(&str, &str); 4] = [
    ("", "As the configuration says"),
    ("code", "The problem's code"),
    ("diagnosis", "Why a signature did not match"),
    ("base_string", "Also the base string that the gateway made"),
];
