//! Where pages and API change consumers: the editor writes the file, a line goes into the audit log, and the answer waits for the
//! new list to be in force, or says that it is not ([`Live`]).
//!
//! `countersign consumers` goes its own way to the same editor; the running gateway notices that by the file.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::author::Author;
use super::tokens::Ending;
use super::{Admin, Peer};
use crate::consumers::Consumer;
use crate::consumers::edit::{Change, Draft, EditError, Editor, Revision, Rules, Written};
use crate::consumers::reload::{ReloadAsker, ReloadOutcome, Reloaded};
use crate::observe::{Actor, Audited, Subject};
use crate::yaml::Problems;

/// A change that was made.
#[derive(Debug)]
pub struct Changed {
    /// What was written, and where.
    pub written: Written,
    /// Whether it counts already.
    pub live: Live,
    /// How many access tokens ended with it.
    pub ended: usize,
}

/// Whether the gateway goes by what is written.
#[derive(Debug)]
pub enum Live {
    /// It does.
    Now,
    /// The files are still being read, after the longest that anybody waits for that.
    Soon,
    /// Somebody else has made the files unusable meanwhile.
    KeptOld(Problems),
}

/// Adds a consumer.
///
/// # Errors
/// [`EditError`]; nothing was written then.
pub async fn add(admin: &Admin, actor: Actor<'_>, peer: Peer, draft: Draft) -> Result<Changed, EditError> {
    let key = draft.key.clone();
    make(admin, actor, peer, "add_consumer", key, move |editor, _| editor.add(&draft).into()).await
}

/// Changes a consumer; with a revision, only if its file is still that one.
///
/// # Errors
/// [`EditError`]; nothing was written then.
pub async fn edit(
    admin: &Admin,
    actor: Actor<'_>,
    peer: Peer,
    key: &str,
    changes: Change,
    seen: Option<Revision>,
) -> Result<Changed, EditError> {
    let step = move |editor: &Editor, key: &str| editor.edit(key, &changes, seen.as_ref()).into();
    make(admin, actor, peer, "edit_consumer", key.to_owned(), step).await
}

/// Removes a consumer; with a revision, only if its file is still that one.
///
/// Its tokens end first. The other way round, a fault between the two would leave tokens of a consumer that is gone, and whoever is
/// given its key next would have them.
///
/// # Errors
/// [`EditError`]; nothing was written then.
pub async fn remove(
    admin: &Admin,
    actor: Actor<'_>,
    peer: Peer,
    key: &str,
    seen: Option<Revision>,
) -> Result<Changed, EditError> {
    let mut ending = Ending::of(admin, key);
    let step = move |editor: &Editor, key: &str| {
        let end_tokens = || ending.as_mut().map_or(Ok(()), Ending::end).map_err(EditError::TokensKept);
        let written = editor.remove_after(key, seen.as_ref(), end_tokens);
        Attempt { written, ending }
    };
    make(admin, actor, peer, "remove_consumer", key.to_owned(), step).await
}

/// Has the files read, whether they changed or not; `None`: they are still being read.
pub async fn read_now(admin: &Admin) -> Option<Reloaded> {
    let reloading = admin.reloading.clone();
    tokio::task::spawn_blocking(move || read(&reloading)).await.ok().flatten()
}

/// An editor of the consumers that the configuration in force names.
pub fn editor(admin: &Admin) -> Editor {
    let policy = admin.policy();
    Editor::open(&policy.settings.consumers, Rules::of(&policy.settings)).beside(Arc::clone(&policy.consumers))
}

/// Does what takes a while, such as reading a long list, where it holds up nobody else.
///
/// # Errors
/// That of the work, or that it ended early.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, EditError> + Send + 'static) -> Result<T, EditError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(EditError::Unfinished))
}

/// All of it goes on when whoever asked hangs up. Nothing is written while the audit log takes no lines; should it stop doing so
/// between that question and the change, the diagnostics have what the line would have said.
async fn make(
    admin: &Admin,
    actor: Actor<'_>,
    peer: Peer,
    action: &'static str,
    key: String,
    step: impl FnOnce(&Editor, &str) -> Attempt + Send + 'static,
) -> Result<Changed, EditError> {
    let (editor, audit, reloading, author) = (editor(admin), admin.audit.clone(), admin.reloading.clone(), Author::of(actor));
    blocking(move || {
        audit.check().map_err(|error| EditError::Io { path: "the audit log".into(), error })?;
        let Attempt { written, ending } = step(&editor, &key);
        let (refused, ended) = (written.as_ref().err().map(reason), ending.as_ref().and_then(Ending::ended));
        let line = audited(author.actor(), peer.address(), action, &key, &written, refused.as_deref());
        audit.record(&Audited { ended, ..line });
        let written = written?;
        let live = live(&reloading);
        if let Some(ending) = ending {
            ending.end_once_more();
        }
        Ok(Changed { written, live, ended: ended.unwrap_or(0) })
    })
    .await
}

/// What became of a change, and of the tokens that end with it, which may have ended though nothing was written.
struct Attempt {
    written: Result<Written, EditError>,
    ending: Option<Ending>,
}

impl From<Result<Written, EditError>> for Attempt {
    fn from(written: Result<Written, EditError>) -> Self {
        Self { written, ending: None }
    }
}

/// What the audit log has of a change; `refused` is the [`reason`] why it was not made.
pub fn audited<'a>(
    actor: Actor<'a>,
    from: Option<IpAddr>,
    action: &'static str,
    key: &'a str,
    written: &Result<Written, EditError>,
    refused: Option<&'a str>,
) -> Audited<'a> {
    let (before, after) = match written {
        Ok(written) => (written.before.as_deref(), written.after.as_deref()),
        Err(_) => (None, None),
    };
    let changed = before.zip(after).map_or_else(Vec::new, |(before, after)| before.differences(after));
    let (before, after) = (before.map(fingerprints), after.map(fingerprints));
    Audited { before, after, changed, refused, ..Audited::done(actor, from, action, Subject::Consumer(key)) }
}

fn fingerprints(consumer: &Consumer) -> String {
    let keys = consumer.public_keys.iter().map(|key| key.fingerprint().to_string());
    keys.collect::<Vec<_>>().join(" ")
}

/// Why a change was not made, in one sentence: a file can have a problem in each of its entries.
pub fn reason(error: &EditError) -> String {
    let EditError::Problems(Problems(problems)) = error else { return error.to_string() };
    let mut errors = problems.iter().filter(|problem| problem.is_error());
    let first = errors.next().map(ToString::to_string).unwrap_or_default();
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

fn live(reloading: &ReloadAsker) -> Live {
    match read(reloading) {
        Some(Reloaded { consumers: Some(ReloadOutcome::KeptOld(problems)), .. }) => Live::KeptOld(problems),
        Some(_) => Live::Now,
        None => Live::Soon,
    }
}

fn read(reloading: &ReloadAsker) -> Option<Reloaded> {
    reloading.reload_now().recv_timeout(READ_WITHIN).ok()
}

/// A list of 100,000 is read in a second or two; below what the listener gives an answer.
const READ_WITHIN: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Problem, Severity};

    #[test]
    fn a_refusal_is_one_sentence_however_many_problems_there_are() {
        let problem = |message: &str| Problem::of_file("c.yaml", message, "");
        let warning = Problem { severity: Severity::Warning, ..problem("w") };
        let of = |problems: &[Problem]| reason(&EditError::Problems(Problems(problems.to_vec())));
        assert_eq!(of(&[warning.clone(), problem("a")]), "c.yaml: a");
        assert_eq!(of(&[problem("a"), warning, problem("b"), problem("c")]), "c.yaml: a (and 2 more)");
        assert_eq!(reason(&EditError::ReadOnly("no".to_owned())), "no");
    }
}
