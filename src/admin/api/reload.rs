//! `/reload`: when the files were read, what the gateway goes by, and what is wrong with them now; has them read.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get};
use serde_json::{Value, json};

use super::refused::views;
use crate::admin::Admin;
use crate::admin::change::read_now;
use crate::admin::problem::ProblemDocument;
use crate::admin::session::ApiCaller;
use crate::consumers::reload::{CertificatesOutcome, LastReload, ReloadOutcome, Reloaded, SettingsOutcome};
use crate::yaml::{Problem, Problems};

/// `/reload`
pub(super) fn routes() -> MethodRouter<Admin> {
    get(state).post(reload)
}

async fn state(State(admin): State<Admin>, _: ApiCaller) -> Json<Value> {
    let (list, problems) = (admin.reloads.list(), admin.reloads.problems());
    let counts = admin.reloads.counts().into_iter().map(|(outcome, count)| (outcome.to_owned(), count.into()));
    Json(json!({
        "consumers": list.consumers,
        "read_at": moment(list.at),
        "files": list.files.iter().take(FILES_SHOWN).map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "files_in_all": list.files.len(),
        "problems": views(&problems),
        "problems_in_all": problems.len(),
        "reads": counts.collect::<serde_json::Map<String, Value>>(),
        "last": admin.reloads.last().map(|last| of_last(&last)),
    }))
}

/// 200 whatever came of it: `ok` tells.
async fn reload(State(admin): State<Admin>, _: ApiCaller) -> Result<Json<Value>, ProblemDocument> {
    let still_reading = || {
        let detail = "the files are still being read";
        ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, "still_reading", detail).hint("GET this path in a moment")
    };
    read_now(&admin).await.as_ref().map(of_outcome).map(Json).ok_or_else(still_reading)
}

fn of_last(last: &LastReload) -> Value {
    let ms = u64::try_from(last.took.as_millis()).unwrap_or(u64::MAX);
    json!({ "at": moment(last.at), "took_ms": ms, "outcome": of_outcome(&last.reloaded) })
}

fn of_outcome(reloaded: &Reloaded) -> Value {
    let settings = reloaded.settings.as_ref().map(of_settings);
    let certificates = reloaded.certificates.as_ref().map(of_certificates);
    let consumers = reloaded.consumers.as_ref().map(of_consumers);
    let kept = |outcome: &Option<Value>| outcome.as_ref().is_some_and(|outcome| outcome["outcome"] == KEPT_OLD);
    let ok = !kept(&settings) && !kept(&certificates) && !kept(&consumers);
    json!({ "ok": ok, "configuration": settings, "certificates": certificates, "consumers": consumers })
}

fn of_settings(outcome: &SettingsOutcome) -> Value {
    match outcome {
        SettingsOutcome::Replaced { needs_restart, warnings } => {
            let mut value = replaced(warnings);
            value["needs_restart"] = json!(needs_restart);
            value
        }
        SettingsOutcome::Unchanged => unchanged(),
        SettingsOutcome::KeptOld(problems) => kept_old(problems),
    }
}

fn of_certificates(outcome: &CertificatesOutcome) -> Value {
    match outcome {
        CertificatesOutcome::Replaced { warnings } => replaced(warnings),
        CertificatesOutcome::Unchanged => unchanged(),
        CertificatesOutcome::KeptOld(problems) => kept_old(problems),
    }
}

fn of_consumers(outcome: &ReloadOutcome) -> Value {
    match outcome {
        ReloadOutcome::Replaced { consumers, added, removed, changed, warnings } => {
            let mut value = replaced(warnings);
            for (name, count) in [("consumers", consumers), ("added", added), ("removed", removed), ("changed", changed)] {
                value[name] = json!(count);
            }
            value
        }
        ReloadOutcome::Unchanged => unchanged(),
        ReloadOutcome::KeptOld(problems) => kept_old(problems),
    }
}

fn replaced(warnings: &[Problem]) -> Value {
    with_problems("replaced", warnings)
}

fn unchanged() -> Value {
    with_problems("unchanged", &[])
}

fn kept_old(Problems(problems): &Problems) -> Value {
    with_problems(KEPT_OLD, problems)
}

fn with_problems(outcome: &str, problems: &[Problem]) -> Value {
    json!({ "outcome": outcome, "problems": views(problems), "problems_in_all": problems.len() })
}

fn moment(time: SystemTime) -> Option<String> {
    jiff::Timestamp::try_from(time).ok().map(|time| format!("{time:.3}"))
}

const KEPT_OLD: &str = "kept_old";

/// A folder can have a file for each consumer.
const FILES_SHOWN: usize = 100;
