//! What a page says of a pasted key, and `/consumers/check-key`, which a script asks as soon as one is pasted.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::super::Admin;
use super::super::forms::Submission;
use super::super::page::page;
use super::super::words::{date, sentence, shown};
use crate::consumers::key_check::{CheckedKey, KeyReport, Wrong, check};

/// A report in words.
pub(super) struct KeyView {
    pub(super) key: Option<Facts>,
    pub(super) wrong: Option<WrongKey>,
    pub(super) mended: Vec<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) struct Facts {
    pub(super) kind: String,
    pub(super) bits: u32,
    pub(super) fingerprint: String,
    pub(super) certificate: Option<CertificateView>,
    /// As the consumers file has it.
    pub(super) pem: String,
}

pub(super) struct CertificateView {
    pub(super) subject: String,
    pub(super) from: String,
    pub(super) to: String,
}

pub(super) struct WrongKey {
    pub(super) message: String,
    pub(super) hint: String,
    /// It was a private key: nothing may show it again.
    pub(super) is_exposed: bool,
}

impl KeyView {
    /// Looks at a text that was pasted for a consumer: `own` is its key, which may have this public key already.
    pub(super) fn of(admin: &Admin, text: &str, own: Option<&str>) -> Self {
        let policy = admin.policy();
        let report = check(text, policy.settings.verify.min_key_bits).compared_with(&policy.consumers, own);
        Self::from(&report)
    }
}

impl From<&KeyReport> for KeyView {
    fn from(report: &KeyReport) -> Self {
        Self {
            key: report.key.as_ref().ok().map(Facts::of),
            wrong: report.key.as_ref().err().map(WrongKey::of),
            mended: report.mended.iter().map(|mended| shown(&mended.to_string())).collect(),
            warnings: report.warnings.iter().map(|warning| sentence(&shown(&warning.to_string()))).collect(),
        }
    }
}

impl Facts {
    fn of(key: &CheckedKey) -> Self {
        let certificate = key.certificate.as_ref().map(|facts| CertificateView {
            subject: shown(&facts.subject),
            from: date(facts.not_before),
            to: date(facts.not_after),
        });
        let kind = sentence(key.kind.name());
        Self { kind, bits: key.bits, fingerprint: key.fingerprint.to_string(), certificate, pem: key.pem.clone() }
    }
}

impl WrongKey {
    fn of(wrong: &Wrong) -> Self {
        Self { message: sentence(&shown(&wrong.message())), hint: sentence(wrong.hint()), is_exposed: wrong.is_exposed() }
    }

    /// For the summary of errors, and above the field.
    pub(super) fn sentence(&self) -> String {
        let Self { message, hint, .. } = self;
        if hint.is_empty() { message.clone() } else { format!("{message}. {hint}") }
    }
}

#[derive(Template)]
#[template(path = "admin/pages/key_report.html")]
struct Fragment {
    report: KeyView,
}

/// The report alone, which the script puts below the field; the same that *Check key* shows on a new page.
pub(super) async fn check_key(State(admin): State<Admin>, Submission { fields, .. }: Submission) -> Response {
    let own = Some(fields.text("key")).filter(|key| !key.is_empty());
    page(StatusCode::OK, &Fragment { report: KeyView::of(&admin, fields.text("public_key"), own) })
}
