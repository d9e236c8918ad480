//! All that is asked about those who sign in, in one value: from a name and a password to a session; for administrators also from a
//! token to a program's name, and from the set-up link to the first user.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;

use super::current::CurrentUsers;
use super::model::{User, UserName};
use super::password::{Hasher, Memory, Password, PasswordHash};
use super::refused::{ChangeError, Closed, Gone, SetUpError, SignInError};
use super::sessions::{Live, NewSession, Sessions};
use super::set_up::SetUp;
use super::throttle::Throttle;
use super::write::{WriteError, change};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::yaml::Problems;

/// Everything about the people of one users file.
#[derive(Debug)]
pub struct Accounts {
    users: CurrentUsers,
    sessions: Sessions,
    throttle: Throttle,
    set_up: SetUp,
    hasher: Hasher,
    clock: Clock,
}

impl Accounts {
    /// Those that the file names now and will name.
    pub fn of(users_file: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            users: CurrentUsers::of(users_file),
            sessions: Sessions::default(),
            throttle: Throttle::default(),
            set_up: SetUp::default(),
            hasher: Hasher::default(),
            clock,
        }
    }

    /// The users file.
    pub fn file(&self) -> &Path {
        self.users.path()
    }

    /// Why nothing could be written into the users file's folder.
    pub fn unwritable(&self) -> Option<io::Error> {
        // Each change is a new file that takes the old one's place; a link is followed.
        let file = std::fs::canonicalize(self.file()).unwrap_or_else(|_| self.file().to_owned());
        let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).err().map(Into::into)
    }

    /// What is wrong with the users file, if it cannot be used.
    pub fn problems(&self) -> Option<Problems> {
        self.users.problems()
    }

    /// Whether a user has that name.
    pub fn knows(&self, name: &str) -> bool {
        self.users.get().user(name).is_some()
    }

    /// Whether there is nobody who could sign in.
    pub fn has_nobody(&self) -> bool {
        self.users.get().is_without_user()
    }

    /// Begins a session for whoever knows a user's password.
    ///
    /// # Errors
    /// [`SignInError`]; the same, after the same work, for an unknown user and for a wrong password.
    pub async fn sign_in(&self, name: &str, password: Password, from: Option<IpAddr>) -> Result<NewSession, SignInError> {
        let user = self.prove(name, password, from).await?;
        self.begin(&user).map_err(SignInError::System)
    }

    /// Gives a user who knows the password another one, and begins a session with that; all others of the user end.
    ///
    /// # Errors
    /// [`ChangeError`]; whether the new password may be taken was asked before.
    pub async fn change_password(
        &self,
        name: &UserName,
        old: Password,
        new: Password,
        from: Option<IpAddr>,
    ) -> Result<NewSession, ChangeError> {
        let user = self.prove(name.as_str(), old, from).await.map_err(|error| match error {
            SignInError::Wrong => ChangeError::Wrong,
            SignInError::Wait(wait) => ChangeError::Wait(wait),
            SignInError::System(error) => ChangeError::System(error),
        })?;
        let file = self.file().to_owned();
        let made =
            self.hasher.run(move |memory| another_password(&file, &user, &new, memory)).await.map_err(ChangeError::System)?;
        self.begin(&made.map_err(ChangeError::Write)?).map_err(ChangeError::System)
    }

    /// The user of that name, if that is the password.
    async fn prove(&self, name: &str, password: Password, from: Option<IpAddr>) -> Result<User, SignInError> {
        let attempt = self.throttle.attempt(name, from, self.now()).map_err(SignInError::Wait)?;
        let user = self.users.get().user(name).cloned();
        let hash = match &user {
            Some(user) => user.password.clone(),
            None => PasswordHash::parse(DECOY).map_err(|why| SignInError::System(io::Error::other(why)))?,
        };
        let is_right = self.hasher.run(move |memory| hash.is_of(&password, memory)).await.map_err(SignInError::System)?;
        let user = user.filter(|_| is_right).ok_or(SignInError::Wrong)?;
        self.throttle.succeeded(&attempt);
        Ok(user)
    }

    /// The session of a cookie, if it lives and its user still stands in the file with the password that it was begun with.
    pub fn session(&self, id: &str) -> Option<Live> {
        let stands = |name: &UserName, password: &PasswordHash| {
            self.users.get().user(name.as_str()).is_some_and(|user| user.password == *password)
        };
        self.sessions.find(id, self.now(), stands)
    }

    /// Ends a session; says whose it was.
    pub fn sign_out(&self, id: &str) -> Option<UserName> {
        self.sessions.end(id)
    }

    /// Whose API token that is.
    pub fn token(&self, text: &str) -> Option<UserName> {
        self.users.get().token(text).map(|token| token.name.clone())
    }

    /// Opens the way in for the first user, where there is none and the file is in order; gives the secret of the link.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn open_set_up(&self) -> io::Result<Option<Secret>> {
        if self.users.problems().is_some() || !self.users.get().is_without_user() {
            return Ok(None);
        }
        let token = Secret::random()?;
        self.set_up.open(&token, self.now());
        Ok(Some(token))
    }

    /// Whether the link with this secret still makes the first user. Once somebody was seen who can sign in, no link does, even if
    /// that user is gone by now.
    pub fn is_set_up_open(&self, token: &str) -> bool {
        if !self.users.get().is_without_user() {
            self.set_up.close();
        }
        self.set_up.is_open_to(token, self.now())
    }

    /// Makes the first user and signs them in; the link is used up.
    ///
    /// # Errors
    /// [`SetUpError`]; whether name and password may be taken was asked before.
    pub async fn set_up(&self, token: &str, name: UserName, password: Password) -> Result<NewSession, SetUpError> {
        if !self.is_set_up_open(token) {
            return Err(SetUpError::Closed);
        }
        let file = self.file().to_owned();
        let made = self.hasher.run(move |memory| first_user(&file, name, &password, memory)).await.map_err(SetUpError::System)?;
        let user = made.map_err(|error| match error {
            WriteError::Refused(Closed) => SetUpError::Closed,
            other => SetUpError::Write(other),
        })?;
        self.begin(&user).map_err(SetUpError::System)
    }

    fn begin(&self, user: &User) -> io::Result<NewSession> {
        self.set_up.close();
        self.sessions.begin(user, self.now())
    }

    fn now(&self) -> Duration {
        self.clock.now().monotonic
    }
}

/// Asked again under the file's lock: two who have the link make one user.
fn first_user(file: &Path, name: UserName, password: &Password, memory: &mut Memory) -> Result<User, WriteError<Closed>> {
    let user = User { name, password: PasswordHash::make(password, memory)? };
    change(file, |users| {
        if !users.is_without_user() || users.has(&user.name) {
            return Err(Closed);
        }
        users.users.push(user.clone());
        Ok(())
    })?;
    Ok(user)
}

fn another_password(file: &Path, user: &User, password: &Password, memory: &mut Memory) -> Result<User, WriteError<Gone>> {
    let new = User { password: PasswordHash::make(password, memory)?, ..user.clone() };
    change(file, |users| {
        let there = users.users.iter_mut().find(|there| *there == user).ok_or(Gone)?;
        *there = new.clone();
        Ok(())
    })?;
    Ok(new)
}

/// Of a password that nobody knows, with the parameters of every new hash: an unknown name takes as long as a known one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$hR8Vd0uYb0mK0Vv1mJ3lQA$ZGVjb3kgZGVjb3kgZGVjb3kgZGVjb3kgZGVjb3kgZGU";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const PASSWORD: &str = "correct horse battery";

    fn ada() -> UserName {
        UserName::new("ada").unwrap()
    }

    fn accounts(folder: &tempfile::TempDir) -> (Accounts, std::sync::Arc<ManualClock>) {
        let clock = ManualClock::at(1_800_000_000);
        (Accounts::of(folder.path().join("users.yaml"), Clock::Manual(std::sync::Arc::clone(&clock))), clock)
    }

    #[tokio::test]
    async fn the_first_user_comes_in_by_the_link_and_later_by_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let (accounts, clock) = accounts(&folder);
        let token = accounts.open_set_up().unwrap().unwrap();
        assert!(accounts.is_set_up_open(token.reveal()) && !accounts.is_set_up_open("x"));
        let session = accounts.set_up(token.reveal(), ada(), Password::new(PASSWORD)).await.unwrap();
        assert_eq!(accounts.session(session.id.reveal()).unwrap().user, ada());
        let again = accounts.set_up(token.reveal(), UserName::new("eve").unwrap(), Password::new(PASSWORD)).await;
        assert!(matches!(again, Err(SetUpError::Closed)));
        assert!(accounts.open_set_up().unwrap().is_none());
        let other = accounts.sign_in("ada", Password::new(PASSWORD), None).await.unwrap();
        assert!(!session.id.is(other.id.reveal()));
        for (name, password) in [("ada", "wrong horse battery"), ("eve", PASSWORD), ("", "")] {
            let refused = accounts.sign_in(name, Password::new(password), None).await;
            assert!(matches!(refused, Err(SignInError::Wrong)), "{name}");
        }
        clock.advance(super::super::LONGEST.as_secs());
        assert!(accounts.session(other.id.reveal()).is_none());
    }

    #[tokio::test]
    async fn a_session_ends_at_once_when_its_user_is_taken_out_or_gets_another_password() {
        let folder = tempfile::tempdir().unwrap();
        let (accounts, _) = accounts(&folder);
        let token = accounts.open_set_up().unwrap().unwrap();
        let session = accounts.set_up(token.reveal(), ada(), Password::new(PASSWORD)).await.unwrap();
        let rehash = |users: &mut super::super::Users| {
            users.users[0].password = PasswordHash::make(&Password::new(PASSWORD), &mut Memory::default()).unwrap();
            Ok::<(), Closed>(())
        };
        change(accounts.file(), rehash).unwrap();
        assert!(accounts.session(session.id.reveal()).is_none());
        let session = accounts.sign_in("ada", Password::new(PASSWORD), None).await.unwrap();
        change(accounts.file(), |users| users.remove(&ada()).then_some(()).ok_or(Closed)).unwrap();
        assert!(accounts.session(session.id.reveal()).is_none());
    }

    #[tokio::test]
    async fn a_broken_or_emptied_file_opens_no_way_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.yaml"), "").unwrap();
        let (accounts, _) = accounts(&folder);
        assert!(accounts.open_set_up().unwrap().is_none());
        assert!(accounts.problems().is_some());
    }

    #[tokio::test]
    async fn guessing_is_slowed_down_even_when_it_guesses_right() {
        let folder = tempfile::tempdir().unwrap();
        let (accounts, clock) = accounts(&folder);
        let token = accounts.open_set_up().unwrap().unwrap();
        accounts.set_up(token.reveal(), ada(), Password::new(PASSWORD)).await.unwrap();
        let mut waited = None;
        for _ in 0..20 {
            if let Err(SignInError::Wait(wait)) = accounts.sign_in("ada", Password::new("a wrong password"), None).await {
                waited = Some(wait);
                break;
            }
        }
        let wait = waited.expect("it is slowed down");
        assert!(matches!(accounts.sign_in("ada", Password::new(PASSWORD), None).await, Err(SignInError::Wait(_))));
        clock.advance(wait.as_secs());
        assert!(accounts.sign_in("ada", Password::new(PASSWORD), None).await.is_ok());
    }

    #[test]
    fn the_decoy_takes_as_much_work_as_a_new_hash() {
        assert!(!PasswordHash::parse(DECOY).unwrap().is_weak());
    }
}
