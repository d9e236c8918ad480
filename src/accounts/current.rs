//! The users file as it is now: looked at with each question, so that who is taken out is out at once, and read when it is another.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::model::Users;
use super::read;
use crate::secret::SecretHash;
use crate::stamp::FileStamp;
use crate::yaml::{Document, Problem, Problems};

/// The file, and what it said when it could be read last.
#[derive(Debug)]
pub struct CurrentUsers {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How the file looked when it was read, if every change of it since would show.
    stamp: Option<FileStamp>,
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
        self.look(&mut state, SystemTime::now());
        Arc::clone(&state.users)
    }

    /// What is wrong with the file, if it cannot be used as it is now.
    pub fn problems(&self) -> Option<Problems> {
        let mut state = self.lock();
        self.look(&mut state, SystemTime::now());
        state.problems.clone()
    }

    /// Anybody may have this asked: a file that is as it was is not read again.
    fn look(&self, state: &mut State, now: SystemTime) {
        // Before the file is read: what is written meanwhile makes it another one at the next look.
        let stamp = FileStamp::of(&self.path);
        if stamp.is_some() && state.stamp == stamp {
            return;
        }
        let read = read::read(&self.path);
        let seen = match &read {
            Ok(None) => Seen::Absent,
            Ok(Some(document)) => Seen::Text(SecretHash::of(document.text()), stamp.map(FileStamp::mode)),
            Err(problem) => Seen::Unreadable(problem.clone()),
        };
        // What could not be read may be readable without a change: no descriptor was left, a share was away.
        state.stamp = stamp.filter(|stamp| matches!(seen, Seen::Text(..)) && stamp.is_settled(now));
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
    use crate::stamp;
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
    fn a_file_that_is_as_it_was_for_some_seconds_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        std::fs::write(&path, ADA).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        // So that a change shows at once, whatever the file system's clock.
        let long_ago = SystemTime::now() - stamp::SETTLED_AFTER * 100;
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let current = CurrentUsers::of(&path);
        let (now, later) = (SystemTime::now(), SystemTime::now() + stamp::SETTLED_AFTER * 2);
        // As if nothing had been read: whoever reads finds ada again.
        let finds_ada = |now| {
            let mut state = current.lock();
            (state.seen, state.users) = Default::default();
            current.look(&mut state, now);
            state.users.user("ada").is_some()
        };
        assert!(finds_ada(now) && finds_ada(now), "a second change within the same tick of its clock would not show");
        assert!(finds_ada(later), "nor would one that came right after it was read first");
        assert!(!finds_ada(later) && !finds_ada(now));
        std::fs::write(&path, ADA).unwrap();
        assert!(finds_ada(later) && !finds_ada(later), "the same text in it, written anew");
        let other = folder.path().join("other");
        std::fs::copy(&path, &other).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(finds_ada(later), "another file in its place");
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
