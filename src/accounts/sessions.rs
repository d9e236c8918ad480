//! Who is signed in: in this process's memory, known by the hashes of their cookies.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::model::{User, UserName};
use super::password::PasswordHash;
use crate::secret::{Secret, SecretHash};

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<SecretHash, Session>>);

struct Session {
    user: UserName,
    /// With which the user signed in: another password ends what was begun with the old one.
    password: PasswordHash,
    csrf: Secret,
    begun: Duration,
    used: Duration,
}

/// What a browser is given at the sign-in: it exists nowhere else.
pub struct NewSession {
    /// For the cookie.
    pub id: Secret,
    /// Who signed in.
    pub user: UserName,
}

/// A session that lives.
#[derive(Clone)]
pub struct Live {
    /// Who is signed in.
    pub user: UserName,
    /// What each form of this session has in it.
    pub csrf: Secret,
}

impl Sessions {
    /// Begins one, with an id that was never anybody's.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn begin(&self, user: &User, now: Duration) -> io::Result<NewSession> {
        let (id, csrf) = (Secret::random()?, Secret::random()?);
        let session = Session { user: user.name.clone(), password: user.password.clone(), csrf, begun: now, used: now };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_young(now));
        make_room(&mut sessions, MOST_OF_USER, |session| session.user == user.name);
        make_room(&mut sessions, MOST, |_| true);
        sessions.insert(id.hash(), session);
        Ok(NewSession { id, user: user.name.clone() })
    }

    /// The session of a cookie, if `stands` says of its user and password hash that they still stand in the users file; else it is
    /// over.
    pub fn find(&self, id: &str, now: Duration, stands: impl FnOnce(&UserName, &PasswordHash) -> bool) -> Option<Live> {
        let hash = SecretHash::of(id);
        let mut sessions = self.lock();
        let session = sessions.get_mut(&hash)?;
        if !session.is_young(now) || !stands(&session.user, &session.password) {
            sessions.remove(&hash);
            return None;
        }
        session.used = now;
        Some(Live { user: session.user.clone(), csrf: session.csrf.clone() })
    }

    /// Ends one; says whose it was.
    pub fn end(&self, id: &str) -> Option<UserName> {
        self.lock().remove(&SecretHash::of(id)).map(|session| session.user)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the longest unused of some out, if they are as many as there may be.
fn make_room(sessions: &mut HashMap<SecretHash, Session>, most: usize, is_one: impl Fn(&Session) -> bool) {
    let some = || sessions.iter().filter(|(_, session)| is_one(session));
    if some().count() < most {
        return;
    }
    let oldest = some().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
    oldest.and_then(|oldest| sessions.remove(&oldest));
}

impl Session {
    fn is_young(&self, now: Duration) -> bool {
        now.saturating_sub(self.used) < IDLE && now.saturating_sub(self.begun) < LONGEST
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.user).field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// OWASP's Session Management Cheat Sheet: 15 to 30 minutes without use, for what is not worth the least of them.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// NIST SP 800-63B-4 §2.2.3: at least once in 12 to 24 hours the password is asked for again.
pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// Each has a few hundred bytes, and each was begun with a password.
const MOST: usize = 1000;

/// More browsers than one person has: whoever signs in time and again ends sessions of their own, and nobody else's.
const MOST_OF_USER: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> User {
        user("ada")
    }

    fn user(name: &str) -> User {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        User { name: UserName::new(name).unwrap(), password: PasswordHash::parse(hash).unwrap() }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lives(sessions: &Sessions, id: &Secret, now: Duration) -> bool {
        sessions.find(id.reveal(), now, |_, _| true).is_some()
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_at_the_latest_after_half_a_day() {
        let sessions = Sessions::default();
        let idle = sessions.begin(&ada(), at(0)).unwrap().id;
        let used = sessions.begin(&ada(), at(0)).unwrap().id;
        for minute in (0..720).step_by(29) {
            assert!(lives(&sessions, &used, at(minute * 60)), "{minute}");
        }
        assert!(lives(&sessions, &used, LONGEST - at(1)));
        assert!(!lives(&sessions, &used, LONGEST));
        assert!(!lives(&sessions, &idle, IDLE));
        assert!(!lives(&sessions, &idle, at(0)), "it does not come back");
    }

    #[test]
    fn a_session_ends_with_its_user_or_password_and_at_the_sign_out() {
        let sessions = Sessions::default();
        let id = sessions.begin(&ada(), at(0)).unwrap().id;
        assert!(sessions.find(id.reveal(), at(1), |user, password| *user == ada().name && *password == ada().password).is_some());
        assert!(sessions.find(id.reveal(), at(1), |_, _| false).is_none());
        assert!(!lives(&sessions, &id, at(1)));
        let id = sessions.begin(&ada(), at(0)).unwrap().id;
        assert_eq!(sessions.end(id.reveal()), Some(ada().name));
        assert!(!lives(&sessions, &id, at(1)) && sessions.end(id.reveal()).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_the_longest_unused_one_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin(&ada(), at(0)).unwrap().id;
        let second = sessions.begin(&ada(), at(1)).unwrap().id;
        assert!(lives(&sessions, &first, at(2)));
        for number in 2..=MOST {
            sessions.begin(&user(&format!("u{}", number / MOST_OF_USER)), at(3)).unwrap();
        }
        assert!(lives(&sessions, &first, at(4)) && !lives(&sessions, &second, at(4)));
        assert_eq!(sessions.lock().len(), MOST);
    }

    #[test]
    fn whoever_signs_in_time_and_again_ends_their_own_sessions_alone() {
        let sessions = Sessions::default();
        let of_bob = sessions.begin(&user("bob"), at(0)).unwrap().id;
        let of_ada: Vec<_> = (1..=MOST_OF_USER as u64 + 2).map(|second| sessions.begin(&ada(), at(second)).unwrap().id).collect();
        assert_eq!(sessions.lock().len(), 1 + MOST_OF_USER);
        let live: Vec<bool> = of_ada.iter().map(|id| lives(&sessions, id, at(100))).collect();
        assert_eq!(live, [&[false; 2][..], &[true; MOST_OF_USER]].concat());
        assert!(lives(&sessions, &of_bob, at(100)));
    }
}
