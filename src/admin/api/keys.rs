//! `/keys/check`: what a key is, and what would be mended; and the mending of those that are sent with a consumer.

use axum::Json;
use axum::extract::State;
use axum::routing::{MethodRouter, post};
use serde::Deserialize;
use serde_json::Value;

use super::refused;
use super::sent::Sent;
use crate::admin::Admin;
use crate::admin::problem::ProblemDocument;
use crate::admin::session::ApiCaller;
use crate::consumers::edit::{Change, Setting};
use crate::consumers::key_check;

/// `/keys/check`
pub(super) fn check() -> MethodRouter<Admin> {
    post(report)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pasted {
    public_key: String,
    /// Whose key it is to be: that this one has it already is no news.
    consumer: Option<String>,
}

async fn report(State(admin): State<Admin>, _: ApiCaller, sent: Sent<Pasted>) -> Json<Value> {
    let (policy, Pasted { public_key, consumer }) = (admin.policy(), sent.value);
    let report = key_check::check(&public_key, policy.settings.verify.min_key_bits);
    Json(report.compared_with(&policy.consumers, consumer.as_deref()).json())
}

/// Keys as the file takes them. Blanks and missing armour are mended and not complained about; a private key is called exposed.
pub(super) fn mend(settings: &mut Change, admin: &Admin) -> Result<(), ProblemDocument> {
    let Setting::To(keys) = &mut settings.public_keys else { return Ok(()) };
    let min_bits = admin.policy().settings.verify.min_key_bits;
    for (at, key) in keys.iter_mut().enumerate() {
        match key_check::check(key, min_bits).key {
            Ok(checked) => *key = checked.pem,
            Err(wrong) => return Err(refused::wrong_key(&wrong, &format!("/public_keys/{at}"))),
        }
    }
    Ok(())
}
