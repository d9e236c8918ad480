//! Who may administer the gateway: people with passwords, and programs with tokens.

use std::fmt;

use super::password::PasswordHash;
use crate::secret::SecretHash;

/// A name of a user or of a token; no two of either have the same. Letters, digits and `. _ - @`, so that it is the same to a shell, a
/// log and a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// `None`: it is no name.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        // An option of a command begins with a dash.
        (fits && !text.starts_with('-')).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bytes; an address of electronic mail fits.
    pub const MAX: usize = 64;

    /// What a name has to be, for people.
    pub const RULE: &str = "1 to 64 letters, digits and . _ - @, not beginning with -";
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person, who signs in on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Unique among users and tokens.
    pub name: UserName,
    /// The password's hash.
    pub password: PasswordHash,
}

/// A program, which sends its token with each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Unique among users and tokens.
    pub name: UserName,
    /// The token's hash.
    pub hash: SecretHash,
    /// When it was made.
    pub created: jiff::Timestamp,
}

/// The users file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// People.
    pub users: Vec<User>,
    /// Programs.
    pub tokens: Vec<ApiToken>,
}

impl Users {
    /// The user of that name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name.as_str() == name)
    }

    /// The token that this is; all are compared, each in constant time.
    pub fn token(&self, text: &str) -> Option<&ApiToken> {
        let mut found = None;
        for token in &self.tokens {
            found = if token.hash.is_of(text) { Some(token) } else { found };
        }
        found
    }

    /// Whether a user or a token has the name.
    pub fn has(&self, name: &UserName) -> bool {
        self.users.iter().any(|user| user.name == *name) || self.tokens.iter().any(|token| token.name == *name)
    }

    /// Takes out the user or token of that name; false: there is none.
    pub fn remove(&mut self, name: &UserName) -> bool {
        let before = self.users.len() + self.tokens.len();
        self.users.retain(|user| user.name != *name);
        self.tokens.retain(|token| token.name != *name);
        before > self.users.len() + self.tokens.len()
    }

    /// Whether nobody can sign in.
    pub fn is_without_user(&self) -> bool {
        self.users.is_empty()
    }
}

/// What every token begins with, so that secret scanners find one where it should not be.
pub const TOKEN_PREFIX: &str = "cst_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for name in ["ada", "ada.lovelace@example.com", "A-1_b", "0", &"x".repeat(64)] {
            assert!(UserName::new(name).is_some(), "{name}");
        }
        for name in ["", "-x", "a b", "ä", "a/b", "a\n", "a:b", "<b>", &"x".repeat(65)] {
            assert!(UserName::new(name).is_none(), "{name}");
        }
    }
}
