//! Why an import came to nothing.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::address::Inside;
use super::document::{DocumentError, MAX_DOCUMENT};
use crate::client::NoAnswer;

/// [`Self::message`] says what happened, [`Self::hint`] what to do about it. Neither shows any of what the other side sent but the
/// few words that are quoted: else an import would be a way to read pages inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// A URL without scheme.
    NoScheme {
        /// As given.
        url: String,
    },
    /// No URL, or one that is no base URL.
    NoUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Neither http nor https.
    OtherScheme {
        /// Which.
        scheme: String,
    },
    /// http, and nobody allowed it.
    ClearText {
        /// The host.
        host: String,
    },
    /// A name that nobody knows.
    UnknownHost {
        /// The name.
        host: String,
        /// The system's words.
        why: String,
    },
    /// Every address of the host is inside, and nobody allowed one.
    Inside {
        /// The host as it stands in the URL.
        host: String,
        /// All its addresses.
        addresses: Vec<(IpAddr, Inside)>,
    },
    /// There is no answer.
    NoAnswer(NoAnswer),
    /// Not everything was there in time.
    TooSlow {
        /// How much time there is.
        limit: Duration,
    },
    /// A redirect to another host, another port, or back to http.
    Elsewhere {
        /// Where to.
        location: String,
    },
    /// A redirect, or a page, that asks for a user's password.
    SignIn,
    /// Redirects without an end.
    TooManyRedirects,
    /// There is no such document.
    NotThere,
    /// Neither 200 nor one of the above.
    Status(u16),
    /// The answer is no XML.
    OtherType {
        /// The beginning of its Content-Type.
        content_type: String,
    },
    /// A content coding, which nobody asked for.
    Encoded,
    /// More than [`MAX_DOCUMENT`] bytes.
    TooLarge,
    /// The document can't be used.
    Document(DocumentError),
}

impl ImportError {
    /// What happened.
    pub fn message(&self) -> String {
        self.explain().0
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        self.explain().1
    }

    fn explain(&self) -> (String, String) {
        match self {
            Self::NoScheme { url } => (format!("{url:?} is no URL"), format!("write https://{url}")),
            Self::NoUrl { url, why } => (
                format!("{url:?} is no base URL: {why}"),
                "write what users have in their browser: https://jira.example.com".into(),
            ),
            Self::OtherScheme { scheme } => {
                (format!("nothing is read from {scheme}: URLs"), "give the application's https URL".into())
            }
            Self::ClearText { host } => (
                format!("over http, anybody between here and {host} could put a key of their own in the answer"),
                "use https; or allow http (and its address, if it is inside), and compare the key's fingerprint with the application's administrator".into(),
            ),
            Self::UnknownHost { host, why } => (format!("{host} can't be found: {why}"), "check how the name is spelled".into()),
            Self::Inside { host, addresses } => (
                format!("{host} is inside: {}", named(addresses)),
                "if the application really is there, allow that address".into(),
            ),
            Self::NoAnswer(why) => (why.message(), why.hint()),
            Self::TooSlow { limit } => (
                format!("not everything was there within {} s", limit.as_secs_f64()),
                "try again when the application is less busy".into(),
            ),
            Self::Elsewhere { location } => (
                format!("the application redirects to {}, which is not followed", shortened(location)),
                "if the application moved, import from its new URL".into(),
            ),
            Self::SignIn => ("the application asks for a user to sign in".into(), ANONYMOUS.into()),
            Self::TooManyRedirects => ("the application redirects without an end".into(), "see what a browser gets there".into()),
            Self::NotThere => (
                "the application publishes no consumer there (404)".into(),
                "check the base URL, with its context path such as /jira; Jira, Confluence and their relatives publish one; \
                 for others add the consumer with its key by hand"
                    .into(),
            ),
            Self::Status(status) => (format!("the application answered with status {status}"), "see its log for why".into()),
            Self::OtherType { content_type } => {
                (format!("the answer is {}, and no XML", shortened(content_type)), "check the base URL".into())
            }
            Self::Encoded => ("the answer is compressed, which nobody asked for".into(), "see what stands between".into()),
            Self::TooLarge => (format!("the answer has more than {MAX_DOCUMENT} bytes"), "check the base URL".into()),
            Self::Document(error) => (error.to_string(), "see what a browser gets there, or add the consumer by hand".into()),
        }
    }
}

/// `10.0.0.1, a private network`
fn named(addresses: &[(IpAddr, Inside)]) -> String {
    let each = addresses.iter().map(|(address, inside)| format!("{address} is {}", inside.name()));
    each.collect::<Vec<_>>().join(", ")
}

/// Some of what the other side sent, harmless in a terminal and in a log.
fn shortened(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN).collect();
    start.escape_debug().to_string()
}

impl From<NoAnswer> for ImportError {
    fn from(why: NoAnswer) -> Self {
        Self::NoAnswer(why)
    }
}

impl From<DocumentError> for ImportError {
    fn from(error: DocumentError) -> Self {
        if error == DocumentError::Page { Self::SignIn } else { Self::Document(error) }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, hint) = self.explain();
        write!(f, "{message}; {hint}")
    }
}

impl std::error::Error for ImportError {}

const ANONYMOUS: &str = "the document has to be readable without signing in; a gateway in front of the application may have to let \
                         /plugins/servlet/oauth/consumer-info through";
/// A long URL.
const MAX_SHOWN: usize = 200;
