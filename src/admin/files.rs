//! `/files`: when the files were read, what the gateway goes by, and what is wrong with them now.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::Admin;
use super::change::read_now;
use super::forms::Submission;
use super::layout::{Layout, Section};
use super::page::page;
use super::session::SignedIn;
use super::words::{ago, count, moment, shown, timestamp};
use crate::consumers::reload::{ReloadOutcome, Reloaded};
use crate::yaml::Problem;

/// The page, and its *Read the files now*.
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/files", get(show).post(read))
}

#[derive(Template)]
#[template(path = "admin/pages/files.html")]
struct FilesPage {
    layout: Layout,
    csrf: String,
    outcome: Option<String>,
    problems: Vec<ProblemView>,
    warnings: Vec<ProblemView>,
    consumers: usize,
    files: Vec<String>,
    last: String,
    counts: String,
}

struct ProblemView {
    place: String,
    message: String,
    hint: String,
}

async fn show(State(admin): State<Admin>, signed_in: SignedIn) -> Response {
    files(&admin, &signed_in, None)
}

async fn read(State(admin): State<Admin>, Submission { signed_in, .. }: Submission) -> Response {
    let outcome = match read_now(&admin).await {
        Some(reloaded) => outcome(&reloaded),
        None => "The files are still being read; look again in a moment.".to_owned(),
    };
    files(&admin, &signed_in, Some(outcome))
}

fn files(admin: &Admin, signed_in: &SignedIn, outcome: Option<String>) -> Response {
    let (list, now) = (admin.reloads.list(), admin.clock().wall());
    let (at, all) = (timestamp(list.at), admin.reloads.problems());
    let (problems, warnings): (Vec<_>, Vec<_>) = all.iter().partition(|problem| problem.is_error());
    let files = FilesPage {
        layout: Layout::of(signed_in, Section::Files),
        csrf: signed_in.csrf.reveal().to_owned(),
        outcome,
        problems: problems.into_iter().map(ProblemView::of).collect(),
        warnings: warnings.into_iter().map(ProblemView::of).collect(),
        consumers: list.consumers,
        files: list.files.iter().map(|file| shown(&file.display().to_string())).collect(),
        last: format!("{} ({})", moment(at), ago(now, at)),
        counts: counts(admin),
    };
    page(StatusCode::OK, &files)
}

impl FilesPage {
    fn title(&self) -> String {
        format!("{} in the files", count(self.problems.len(), "problem"))
    }
}

impl ProblemView {
    fn of(problem: &Problem) -> Self {
        let file = problem.file.display();
        let place = if problem.line > 0 { format!("{file}:{}", problem.line) } else { file.to_string() };
        Self { place: shown(&place), message: shown(&problem.message), hint: shown(&problem.hint) }
    }
}

/// What became of the consumers, of which the page is about; other files have their problems below.
fn outcome(reloaded: &Reloaded) -> String {
    match &reloaded.consumers {
        Some(ReloadOutcome::Replaced { consumers, added, removed, changed, .. }) => {
            format!("Read: {} now, {added} added, {removed} removed, {changed} changed.", count(*consumers, "consumer"))
        }
        Some(ReloadOutcome::Unchanged) | None => "Read: the consumers are as they were.".to_owned(),
        Some(ReloadOutcome::KeptOld(_)) => "Read, and not taken over: the consumers in force are as they were.".to_owned(),
    }
}

fn counts(admin: &Admin) -> String {
    let each = admin.reloads.counts().map(|(outcome, number)| match outcome {
        "replaced" => format!("{number} with changes"),
        "unchanged" => format!("{number} without"),
        _ => format!("{number} that could not be used"),
    });
    each.join(", ")
}
