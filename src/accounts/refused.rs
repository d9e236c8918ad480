//! Why somebody is not let in, or something about who is stays as it was.

use std::fmt;
use std::io;
use std::time::Duration;

use super::write::WriteError;

/// Why nobody was signed in.
#[derive(Debug)]
pub enum SignInError {
    /// There is no such user, or the password is another; which of them is nobody's business.
    Wrong,
    /// Too much failed; so long until the next attempt is looked at.
    Wait(Duration),
    /// No memory, no threads, no random numbers.
    System(io::Error),
}

/// Why a password is still the old one.
#[derive(Debug)]
pub enum ChangeError {
    /// The old one is another.
    Wrong,
    /// Too much failed; so long until the next attempt is looked at.
    Wait(Duration),
    /// The users file cannot be written.
    Write(WriteError<Gone>),
    /// No memory, no threads, no random numbers.
    System(io::Error),
}

impl From<io::Error> for SignInError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<io::Error> for ChangeError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<io::Error> for SetUpError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("wrong password"),
            Self::Wait(_) => f.write_str("too many failed attempts"),
            Self::Write(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

/// The user is not there any more, or has another password already.
#[derive(Debug)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the user was taken out or got another password in the meantime")
    }
}

/// Why there is no first user.
#[derive(Debug)]
pub enum SetUpError {
    /// The link was used, is too old, or never was one.
    Closed,
    /// The users file cannot be written.
    Write(WriteError<Closed>),
    /// No memory, no threads, no random numbers.
    System(io::Error),
}

impl fmt::Display for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the link is used up"),
            Self::Write(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

/// Somebody else was first.
#[derive(Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is a user already")
    }
}
