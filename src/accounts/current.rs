//! The users file as it is now: read at each question, so that who is taken out is out at once.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::model::Users;
use super::read;
use crate::secret::SecretHash;
use crate::yaml::{Document, Problem, Problems};

/// The file, and what it said when it could be read last.
#[derive(Debug)]
pub struct CurrentUsers {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was read last, be it a text or a problem.
    seen: Option<Seen>,
    users: Arc<Users>,
    problems: Option<Problems>,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    /// And its mode: to mend that changes no text.
    Text(SecretHash, Option<u32>),
    Unreadable(Problem),
}

impl CurrentUsers {
    /// Reads the file for the first time; problems are logged, and nobody is known then.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        let current = Self { path: path.into(), state: Mutex::default() };
        current.get();
        current
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The users that it names. A file that has problems changes nothing; one that is gone names nobody.
    pub fn get(&self) -> Arc<Users> {
        let mut state = self.lock();
        self.look(&mut state);
        Arc::clone(&state.users)
    }

    /// What is wrong with the file, if it cannot be used as it is now.
    pub fn problems(&self) -> Option<Problems> {
        let mut state = self.lock();
        self.look(&mut state);
        state.problems.clone()
    }

    fn look(&self, state: &mut State) {
        let read = read::read(&self.path);
        let seen = match &read {
            Ok(None) => Seen::Absent,
            Ok(Some(document)) => {
                let mode = std::fs::metadata(&self.path).ok().map(|found| found.mode());
                Seen::Text(SecretHash::of(document.text()), mode)
            }
            Err(problem) => Seen::Unreadable(problem.clone()),
        };
        if state.seen.as_ref() == Some(&seen) {
            return;
        }
        state.seen = Some(seen);
        match read.map_err(Problems::from).and_then(|document| users_of(document.as_ref())) {
            Ok(users) => {
                let (file, count) = (self.path.display(), users.users.len());
                tracing::info!(%file, users = count, tokens = users.tokens.len(), "the users file is read");
                (state.users, state.problems) = (Arc::new(users), None);
            }
            Err(problems) => {
                tracing::error!("the users file cannot be used; who was known before still is\n{problems}");
                state.problems = Some(problems);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn users_of(document: Option<&Document>) -> Result<Users, Problems> {
    let Some(document) = document else { return Ok(Users::default()) };
    let loaded = read::parse(document)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded.users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ADA: &str = "users:\n- name: ada\n  password: $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n";

    #[test]
    fn a_change_is_seen_at_the_next_question_and_a_broken_file_keeps_the_old_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        let current = CurrentUsers::of(&path);
        assert!(current.get().is_without_user() && current.problems().is_none());
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        };
        write(ADA);
        assert!(current.get().user("ada").is_some());
        write(&ADA[..ADA.len() / 2]);
        assert!(current.get().user("ada").is_some());
        assert!(current.problems().unwrap().to_string().contains("users.yaml:3:"), "{:?}", current.problems());
        write("users: []");
        assert!(current.get().user("ada").is_none() && current.problems().is_none());
        write(ADA);
        assert!(current.get().user("ada").is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(current.get().user("ada").is_none());
    }
    #[test]
    fn a_file_that_others_could_write_is_taken_when_its_mode_is_mended_and_no_text_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        let set_mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::write(&path, ADA).unwrap();
        set_mode(0o664);
        let current = CurrentUsers::of(&path);
        assert!(current.get().is_without_user());
        assert!(current.problems().unwrap().to_string().contains("chmod 600"), "{:?}", current.problems());
        set_mode(0o600);
        assert!(current.problems().is_none() && current.get().user("ada").is_some());
        set_mode(0o666);
        assert!(current.problems().is_some(), "and is watched for it");
    }
}
