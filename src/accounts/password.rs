//! Passwords, and the argon2id hashes that stand for them in the users file.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use super::model::UserName;
use crate::secret::fill;

/// What somebody typed. Neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Any text; one that is too long to be a password matches no hash and costs no hashing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it may become the password of `name`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, name: &UserName) -> Result<(), UnfitPassword> {
        let length = self.0.chars().count();
        let mut letters: Vec<char> = self.0.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        if length < MIN_LENGTH {
            Err(UnfitPassword::Short(length))
        } else if self.0.len() > MAX_BYTES {
            Err(UnfitPassword::Long)
        } else if letters.len() < MIN_LETTERS || self.0.to_lowercase().contains(&name.as_str().to_lowercase().repeat(2)) {
            Err(UnfitPassword::Obvious)
        } else if self.0.chars().any(char::is_control) {
            Err(UnfitPassword::Control)
        } else {
            Ok(())
        }
    }
}

/// Why a text may not become a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfitPassword {
    /// Its length in characters.
    Short(usize),
    /// More bytes than are hashed.
    Long,
    /// A few characters or the user's name, repeated.
    Obvious,
    /// A control character: it was hardly meant, and can hardly be typed again.
    Control,
}

impl fmt::Display for UnfitPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(length) => write!(f, "the password has {length} characters, and needs at least {MIN_LENGTH}"),
            Self::Long => write!(f, "the password has more than {MAX_BYTES} bytes"),
            Self::Obvious => f.write_str("the password is one of the first that somebody would try"),
            Self::Control => f.write_str("the password has a control character in it"),
        }
    }
}

/// An argon2id hash in the form of the password hashing competition (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash of a password under a new salt; takes some hundredths of a second.
    ///
    /// # Errors
    /// If the system gives no random numbers or no memory.
    pub fn make(password: &Password, memory: &mut Memory) -> io::Result<Self> {
        let mut salt = [0; SALT_BYTES];
        fill(&mut salt)?;
        let hash = memory.hash(password, &salt, &Params::DEFAULT, HASH_BYTES).map_err(io::Error::other)?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        let (m, t, p) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST);
        Ok(Self(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}")))
    }

    /// One that stands in a file.
    ///
    /// # Errors
    /// What it is instead.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let phc = Phc::new(text).map_err(|_| "no password hash")?;
        if phc.algorithm != argon2::ARGON2ID_IDENT {
            return Err("a hash of another kind than argon2id");
        }
        let params = Params::try_from(&phc).map_err(|_| "an argon2id hash with impossible parameters")?;
        if params.m_cost() > MAX_MEMORY || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            return Err("an argon2id hash that takes more memory or time than a sign-in may");
        }
        if phc.version != Some(Version::V0x13.into()) {
            return Err("an argon2id hash of an old version");
        }
        if phc.salt.is_none() || phc.hash.is_none_or(|hash| hash.len() < HASH_BYTES) {
            return Err("an argon2id hash that is cut off");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it takes less work than new ones.
    pub fn is_weak(&self) -> bool {
        let params = Phc::new(&self.0).ok().and_then(|phc| Params::try_from(&phc).ok());
        params.is_none_or(|params| {
            let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
            work(&params) < work(&Params::DEFAULT) * 9 / 10
        })
    }

    /// Whether this is the hash of that password; takes some hundredths of a second.
    pub fn is_of(&self, password: &Password, memory: &mut Memory) -> bool {
        self.compare(password, memory).unwrap_or(false)
    }

    /// `None`: there is nothing to compare.
    fn compare(&self, password: &Password, memory: &mut Memory) -> Option<bool> {
        let phc = Phc::new(&self.0).ok().filter(|_| password.0.len() <= MAX_BYTES)?;
        let (params, hash) = (Params::try_from(&phc).ok()?, phc.hash?);
        let mut salt = [0; Salt::MAX_LENGTH];
        let salt = phc.salt?.decode_b64(&mut salt).ok()?;
        let made = memory.hash(password, salt, &params, hash.len()).ok()?;
        Some(aws_lc_rs::constant_time::verify_slices_are_equal(&made, hash.as_bytes()).is_ok())
    }

    /// As it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What one hash is made in. It is used again: given back to the allocator, it would stay with each thread that once had it.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    fn hash(&mut self, password: &Password, salt: &[u8], params: &Params, length: usize) -> Result<Vec<u8>, argon2::Error> {
        let blocks = params.block_count();
        let usual = Params::DEFAULT.block_count();
        self.0.resize(self.0.len().max(blocks.min(usual)), Block::default());
        let mut larger = Vec::new();
        let memory = if blocks > usual {
            larger.resize(blocks, Block::default());
            &mut larger
        } else {
            &mut self.0
        };
        let mut hash = vec![0; length];
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        hasher.hash_password_into_with_memory(password.0.as_bytes(), salt, &mut hash, &mut memory[..blocks])?;
        Ok(hash)
    }
}

/// Hashes beside the event loop, and only so many at once: each takes 19 MiB.
#[derive(Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Memory>>>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), free: Arc::default() }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Hasher {
    /// Runs `work` on a thread of its own when it is its turn.
    ///
    /// # Errors
    /// If it did not end.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> io::Result<T> {
        let (permit, free) = (Arc::clone(&self.turns), Arc::clone(&self.free));
        let permit = permit.acquire_owned().await.map_err(io::Error::other)?;
        // The permit goes along: a client that leaves does not end the work, and must not make room for more.
        let task = tokio::task::spawn_blocking(move || {
            let taken = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = taken.unwrap_or_default();
            let result = work(&mut memory);
            free.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(permit);
            result
        });
        task.await.map_err(io::Error::other)
    }
}

/// NIST SP 800-63B-4 §3.1.1.2, where a password is all that is asked for. No rule about which characters, as there.
pub const MIN_LENGTH: usize = 15;

/// More is no password; hashing would take time in proportion.
const MAX_BYTES: usize = 1024;

/// `aaaaaaaaaaaaaaa` and `123123123123123` have fewer.
const MIN_LETTERS: usize = 5;

/// RFC 9106 §3.1 recommends 128 bits. The other parameters, `Params::DEFAULT` (19 MiB, 2 passes, 1 lane), are those of the OWASP
/// Password Storage Cheat Sheet.
const SALT_BYTES: usize = 16;

/// 256 bits, as argon2's own program gives by default.
const HASH_BYTES: usize = 32;

/// A flood of sign-ins takes as much memory as this many.
const AT_ONCE: usize = 2;

/// KiB; what a hash may ask for that somebody wrote into the file, at most.
const MAX_MEMORY: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::new(text).unwrap()
    }

    #[test]
    fn a_hash_is_of_its_password_alone_and_never_the_same_twice() {
        let password = Password::new("correct horse battery");
        let memory = &mut Memory::default();
        let (one, other) = (PasswordHash::make(&password, memory).unwrap(), PasswordHash::make(&password, memory).unwrap());
        assert_ne!(one, other);
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        assert_eq!(PasswordHash::parse(one.as_str()), Ok(one.clone()));
        assert!(one.is_of(&password, memory) && other.is_of(&password, memory) && !one.is_weak());
        assert!(!one.is_of(&Password::new("correct horse batterz"), memory));
        assert!(!one.is_of(&Password::new("correct horse battery\n"), memory));
    }

    #[test]
    fn hashes_of_other_kinds_or_without_bounds_are_refused() {
        let tail = "$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        let of = |head: &str| PasswordHash::parse(&format!("{head}{tail}"));
        assert!(of("$argon2id$v=19$m=19456,t=2,p=1").is_ok());
        assert!(of("$argon2id$v=19$m=8,t=1,p=1").unwrap().is_weak());
        for (head, why) in [
            ("$argon2i$v=19$m=19456,t=2,p=1", "another kind"),
            ("$2b$10", "no password hash"),
            ("$argon2id$v=19$m=4194304,t=2,p=1", "more memory"),
            ("$argon2id$v=19$m=19456,t=4000000,p=1", "more memory or time"),
            ("secret", "no password hash"),
        ] {
            let refused = of(head).unwrap_err();
            assert!(refused.contains(why), "{head}: {refused}");
        }
        assert_eq!(PasswordHash::parse("$argon2id$v=19$m=19456,t=2,p=1"), Err("an argon2id hash that is cut off"));
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        let check = |text: &str| Password::new(text).check(&name("ada"));
        assert_eq!(check("fourteen chars"), Err(UnfitPassword::Short(14)));
        assert_eq!(check("abcabcabcabcabcabc"), Err(UnfitPassword::Obvious));
        assert_eq!(check("AdaAda and thirteen"), Err(UnfitPassword::Obvious));
        assert_eq!(check("with a tab\tin the middle"), Err(UnfitPassword::Control));
        assert_eq!(check(&"long and varied ".repeat(65)), Err(UnfitPassword::Long));
        assert_eq!(check("fünfzehn Zeichen"), Ok(()));
    }

    /// By the reference implementation: `echo -n "correct horse battery" | argon2 saltsaltsaltsalt -id -t 2 -k 19456 -p 1 -e`
    #[test]
    fn a_hash_of_the_reference_implementation_is_taken() {
        let hash = PasswordHash::parse(
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$iPOQ5f2O21FsjnBvo1AiFcDuSXciCnKUrXFO+yfgNoM",
        )
        .unwrap();
        let memory = &mut Memory::default();
        assert!(hash.is_of(&Password::new("correct horse battery"), memory));
        assert!(!hash.is_of(&Password::new("correct horse batterx"), memory));
    }

    #[tokio::test]
    async fn no_more_than_two_are_hashed_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let hasher = Hasher::default();
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move {
                    let work = |_: &mut Memory| {
                        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        // On a busy machine the second may begin late.
                        let begun = std::time::Instant::now();
                        while MOST.load(Ordering::SeqCst) < AT_ONCE && begun.elapsed().as_secs() < 5 {
                            std::thread::sleep(std::time::Duration::from_millis(1));
                        }
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        NOW.fetch_sub(1, Ordering::SeqCst);
                    };
                    hasher.run(work).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(MOST.load(Ordering::SeqCst), AT_ONCE);
    }
}
