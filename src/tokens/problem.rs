//! Why a token is not taken, or none can be given.

use std::fmt;

/// What is wrong with a token, or what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenProblem {
    /// Nobody was given it here, or so long ago that it is forgotten.
    Unknown,
    /// Where one is asked for, none may be sent.
    NoneExpected,
    /// It was given to another consumer.
    OfAnotherConsumer,
    /// A request token where an access token belongs.
    RequestTokenAsAccessToken,
    /// Its time is over.
    Expired,
    /// Its user or an administrator took it back.
    Revoked,
    /// It was renewed: another took its place.
    Renewed,
    /// The request token was exchanged before.
    Used,
    /// Nobody has decided about the request token yet.
    Undecided,
    /// The resource owner said no, or the yes was revoked.
    Denied,
    /// There is no verifier, and the client does not speak OAuth 1.0.
    VerifierAbsent,
    /// The verifier is not the one that the resource owner was given.
    WrongVerifier {
        /// How many more tries there are.
        tries_left: u32,
    },
    /// Too many verifiers were wrong, and the request token is dead.
    TooManyTries,
    /// There is no session handle with an access token that is to be renewed.
    SessionHandleAbsent,
    /// The session handle is not the token's.
    WrongSessionHandle,
    /// The session is over: the token can't be renewed any more.
    SessionOver,
}

impl TokenProblem {
    /// The problem that the caller is told (OAuth Problem Reporting).
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown
            | Self::NoneExpected
            | Self::OfAnotherConsumer
            | Self::RequestTokenAsAccessToken
            | Self::WrongVerifier { .. }
            | Self::TooManyTries
            | Self::Renewed
            | Self::WrongSessionHandle => "token_rejected",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::Used => "token_used",
            Self::Undecided => "permission_unknown",
            Self::Denied | Self::SessionOver => "permission_denied",
            Self::VerifierAbsent | Self::SessionHandleAbsent => "parameter_absent",
        }
    }
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "oauth_token names no token",
            Self::NoneExpected => "oauth_token stands in a request for a new request token, where none belongs",
            Self::OfAnotherConsumer => "oauth_token was given to another consumer",
            Self::RequestTokenAsAccessToken => {
                "oauth_token is a request token: it has to be exchanged for an access token at the access-token endpoint first"
            }
            Self::Expired => "the token has expired",
            Self::Revoked => "the token was revoked by its user or an administrator",
            Self::Renewed => "the token was renewed, and another has taken its place",
            Self::Used => "the request token was exchanged for an access token before",
            Self::Undecided => "the user has neither allowed nor denied access yet",
            Self::Denied => "the user has denied access, or it was revoked before the exchange",
            Self::VerifierAbsent => "oauth_verifier is absent: the user was given one when access was allowed",
            Self::WrongVerifier { tries_left: 1 } => "oauth_verifier is not the one that the user was given; 1 more try",
            Self::WrongVerifier { tries_left } => {
                return write!(f, "oauth_verifier is not the one that the user was given; {tries_left} more tries");
            }
            Self::TooManyTries => "oauth_verifier was wrong too often, and the request token is dead",
            Self::SessionHandleAbsent => "oauth_session_handle is absent: an access token is renewed with it",
            Self::WrongSessionHandle => "oauth_session_handle is not the token's",
            Self::SessionOver => "the session is over, and the token can't be renewed: the user has to allow access anew",
        })
    }
}

/// Why an operation of the dance came to nothing.
#[derive(Debug)]
pub enum DanceError {
    /// The token is not good for it.
    Problem(TokenProblem),
    /// The store can't do it now.
    Store(StoreFault),
}

impl From<TokenProblem> for DanceError {
    fn from(problem: TokenProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreFault> for DanceError {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

/// Why the store can't do what it is asked for. Nothing has changed then, unless all was done and the disk's last step took too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFault {
    /// As many request tokens wait to be exchanged as may, of all consumers or of the one that asks.
    TooManyTemporary {
        /// How many that are.
        limit: usize,
        /// Whether it is the consumer's share that is used up.
        of_consumer: bool,
    },
    /// The database says no; its words, without values.
    Database(String),
    /// The store is stopping, or its thread has ended.
    Closed,
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyTemporary { limit, of_consumer: false } => write!(f, "{limit} request tokens wait to be exchanged"),
            Self::TooManyTemporary { limit, of_consumer: true } => {
                write!(f, "{limit} request tokens of the consumer wait to be exchanged")
            }
            Self::Database(why) => write!(f, "the token database cannot be used: {why}"),
            Self::Closed => f.write_str("the token store is stopping"),
        }
    }
}
