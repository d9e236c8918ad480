//! What the editor and the loader refuse, as problem documents: with their own sentences, and each problem with its file and line.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::admin::problem::ProblemDocument;
use crate::consumers::edit::{Conflict, EditError, Editor};
use crate::consumers::key_check::Wrong;
use crate::yaml::{Problem, Problems};

/// Why a consumer is not shown or changed. `on_condition`: the request had a precondition.
pub(super) fn refused(error: &EditError, on_condition: bool) -> ProblemDocument {
    let (status, code) = match error {
        EditError::Problems(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        EditError::KeyIsImmutable { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "key_is_immutable"),
        EditError::Conflict(_) if on_condition => (StatusCode::PRECONDITION_FAILED, "changed_meanwhile"),
        EditError::Conflict(_) => (StatusCode::CONFLICT, "changed_meanwhile"),
        EditError::KeyTaken { .. } => (StatusCode::CONFLICT, "key_taken"),
        EditError::ByHand { .. } => (StatusCode::CONFLICT, "by_hand"),
        EditError::ReadOnly(_) => (StatusCode::FORBIDDEN, "read_only"),
        EditError::UnknownKey { .. } => (StatusCode::NOT_FOUND, "unknown_consumer"),
        EditError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        EditError::Io { .. } => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        EditError::TokensKept(_) => (StatusCode::SERVICE_UNAVAILABLE, "tokens_kept"),
        EditError::Unfinished => (StatusCode::SERVICE_UNAVAILABLE, "unfinished"),
    };
    match error {
        EditError::Problems(problems) => with_problems(ProblemDocument::new(status, code, INVALID), problems),
        _ => ProblemDocument::new(status, code, error.to_string()).hint(error.hint()),
    }
}

/// What is wrong with files that nobody has changed here: 409, since it is not the request that has to be mended.
pub(super) fn unusable(problems: &Problems) -> ProblemDocument {
    let detail = "the consumers file has problems, and the list before them is in force; mend them first";
    with_problems(ProblemDocument::new(StatusCode::CONFLICT, "file_has_problems", detail), problems)
}

/// As [`refused`], for a change: problems are the request's if the file was in order before.
pub(super) fn refused_change(error: &EditError, on_condition: bool, editor: &Editor) -> ProblemDocument {
    let before = if let EditError::Problems(_) = error { editor.list().err() } else { None };
    match before {
        Some(EditError::Problems(problems)) => unusable(&problems),
        _ => refused(error, on_condition),
    }
}

/// Both versions, of a consumer that was changed since it was looked at: what is there now, and what was sent.
pub(super) fn with_both(
    document: ProblemDocument,
    conflict: &Conflict,
    now: Option<Value>,
    sent: Option<Value>,
) -> ProblemDocument {
    let revision = conflict.revision.map(|revision| revision.to_string());
    document.with("now", now).with("revision", revision).with("sent", sent)
}

/// A key that cannot be one, at its place in what was sent.
pub(super) fn wrong_key(wrong: &Wrong, pointer: &str) -> ProblemDocument {
    let problem = json!({
        "pointer": pointer, "severity": "error", "message": wrong.message(), "hint": wrong.hint(), "exposed": wrong.is_exposed(),
    });
    let document = ProblemDocument::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", wrong.message());
    document.hint(wrong.hint()).with("problems", vec![problem]).with("problems_in_all", 1)
}

/// What cannot be meant as it was sent.
pub(super) fn invalid(detail: &str) -> ProblemDocument {
    ProblemDocument::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
}

fn with_problems(document: ProblemDocument, Problems(problems): &Problems) -> ProblemDocument {
    let first = problems.iter().find(|problem| problem.is_error()).map(ToString::to_string);
    let document = document.with("problems", views(problems)).with("problems_in_all", problems.len());
    match first {
        Some(first) => document.with("detail", first),
        None => document,
    }
}

/// Each with its place, up to a number that can be read.
pub(super) fn views(problems: &[Problem]) -> Vec<Value> {
    problems.iter().take(MOST).map(view).collect()
}

fn view(problem: &Problem) -> Value {
    json!({
        "file": problem.file.display().to_string(),
        "line": (problem.line > 0).then_some(problem.line),
        "severity": if problem.is_error() { "error" } else { "warning" },
        "message": problem.message,
        "hint": problem.hint,
    })
}

const INVALID: &str = "the list with this in it could not be used";

/// A file with one mistake in each of ten thousand entries.
const MOST: usize = 100;
