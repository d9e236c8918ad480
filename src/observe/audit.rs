//! The audit log: one JSON object a line for each change that an administrator made or tried, each sign-in, and what users allow.
//!
//! No password, token, key or cookie is in it; a public key is its fingerprint.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::access::OneLine;
use super::sink::Sink;
use crate::config::{Log, LogTarget};

/// Where audit lines go.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Sink>);

/// One thing that was done or tried.
#[derive(Debug, Clone)]
pub struct Audited<'a> {
    /// Who did it.
    pub who: Actor<'a>,
    /// From where; `None`: by the Unix socket, or on the machine itself.
    pub from: Option<IpAddr>,
    /// What it is: `sign_in`, `add_user`, `add_consumer`, …
    pub action: &'static str,
    /// What it is done to.
    pub subject: Subject<'a>,
    /// The fingerprint of the consumer's key before.
    pub before: Option<String>,
    /// The fingerprint of the consumer's key after.
    pub after: Option<String>,
    /// The consumer's settings that are others now, by their names in the file.
    pub changed: Vec<&'static str>,
    /// How many access tokens ended with it; `None`: it is not about tokens.
    pub ended: Option<usize>,
    /// How many request tokens ended with them; `None`: none that could have.
    pub requests_ended: Option<usize>,
    /// Why it was refused; `None`: it was done.
    pub refused: Option<&'a str>,
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// Somebody who is not signed in.
    Nobody,
    /// A user on the page.
    User(&'a str),
    /// A program, by the name of its token.
    Token(&'a str),
    /// A resource owner, on the dance's pages.
    Owner(&'a str),
    /// Somebody who is not signed in there.
    Visitor,
    /// Somebody at the command line, by the number of the system's user.
    Command(u32),
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Nothing but oneself.
    Nothing,
    /// A consumer, by its key.
    Consumer(&'a str),
    /// An administrator.
    User(&'a str),
    /// An API token, by its name.
    Token(&'a str),
    /// Users' access tokens: all that what is given holds for.
    AccessTokens {
        /// The one with this number, as `countersign tokens list` shows it.
        id: Option<&'a str>,
        /// Those of the consumer with this key.
        consumer: Option<&'a str>,
        /// Those of this user.
        user: Option<&'a str>,
    },
}

impl<'a> Audited<'a> {
    /// Something that was done, with nothing more to say about it.
    pub fn done(who: Actor<'a>, from: Option<IpAddr>, action: &'static str, subject: Subject<'a>) -> Self {
        let (before, after, ended, requests_ended, refused) = Default::default();
        Self { who, from, action, subject, before, after, changed: Vec::new(), ended, requests_ended, refused }
    }

    /// As [`Self::done`], but it was not.
    pub fn refused(who: Actor<'a>, from: Option<IpAddr>, action: &'static str, subject: Subject<'a>, why: &'a str) -> Self {
        Self { refused: Some(why), ..Self::done(who, from, action, subject) }
    }

    /// With its end.
    fn line_now(&self) -> io::Result<String> {
        let time = format!("{:.3}", jiff::Timestamp::now());
        Ok(serde_json::to_string(&self.line(&time))? + "\n")
    }

    fn line(&'a self, time: &'a str) -> Line<'a> {
        let (by, who) = match self.who {
            Actor::Nobody => ("page", None),
            Actor::User(name) => ("page", Some(name.to_owned())),
            Actor::Token(name) => ("api", Some(name.to_owned())),
            Actor::Owner(name) => ("user", Some(OneLine::Plain(name).shown().into_owned())),
            Actor::Visitor => ("user", None),
            Actor::Command(uid) => ("command", Some(format!("uid {uid}"))),
        };
        let (consumer, user, token) = self.subject.names();
        Line {
            time,
            audit: self.action,
            by,
            who,
            from: self.from,
            consumer: consumer.map(OneLine::Plain),
            user: user.map(OneLine::Plain),
            token: token.map(OneLine::Plain),
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            changed: &self.changed,
            ended: self.ended,
            requests_ended: self.requests_ended,
            result: if self.refused.is_some() { "refused" } else { "done" },
            reason: self.refused.map(OneLine::Plain),
        }
    }
}

impl<'a> Subject<'a> {
    /// Consumer, user, token.
    fn names(self) -> (Option<&'a str>, Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Nothing => (None, None, None),
            Self::Consumer(key) => (Some(key), None, None),
            Self::User(name) => (None, Some(name), None),
            Self::Token(name) => (None, None, Some(name)),
            Self::AccessTokens { id, consumer, user } => (consumer, user, id),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    /// What tells an audit line from one of the access log.
    audit: &'static str,
    by: &'static str,
    who: Option<String>,
    from: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<OneLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changed: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_ended: Option<usize>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<OneLine<'a>>,
}

impl Audit {
    /// Opens `log.audit`. Where that is the same as `log.file`, lines go into the same sink, so that they never mix.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(log: &Log, access: &Arc<Sink>) -> io::Result<Self> {
        if log.audit == log.file { Ok(Self(Arc::clone(access))) } else { Sink::open(&log.audit).map(Self) }
    }

    /// Asks whether the log takes lines, so that nothing is done of which there would be none: it does not while a reader stalls, or
    /// when what was written last could not be, and still cannot. To be called where it may take a while.
    ///
    /// # Errors
    /// Why it could not.
    pub fn check(&self) -> io::Result<()> {
        self.0.write(b"", WRITTEN_WITHIN)
    }

    /// As [`Self::check`], where others must not be held up.
    ///
    /// # Errors
    /// Why it could not.
    pub async fn ready(&self) -> io::Result<()> {
        let audit = self.clone();
        tokio::task::spawn_blocking(move || audit.check()).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Writes a line, and returns when it is written; of one that is not, the log says everything that it would have said. To be
    /// called where it may take a while.
    pub fn record(&self, audited: &Audited<'_>) {
        self.put(audited.line_now());
    }

    /// As [`Self::record`], where others must not be held up. Goes on when the caller does not.
    pub async fn note(&self, audited: &Audited<'_>) {
        let (audit, line) = (self.clone(), audited.line_now());
        let _ = tokio::task::spawn_blocking(move || audit.put(line)).await;
    }

    fn put(&self, line: io::Result<String>) {
        let text = line.as_deref().unwrap_or_default().trim_end().to_owned();
        let written = line.and_then(|line| self.0.write(line.as_bytes(), WRITTEN_WITHIN));
        if let Err(error) = written {
            tracing::error!(line = text, %error, "a line is missing in the audit log");
        }
    }

    /// Opens the file again, after a log rotation has moved it.
    pub fn reopen(&self) {
        self.0.reopen();
    }

    /// Writes what is pending.
    pub fn flush(&self) {
        self.0.flush();
    }
}

/// Asks whether a command could write its line, so that nothing is done of which there would be none. That the disk is full shows only
/// at the line itself, and does not keep root from taking a consumer out: of what is done then, the screen alone has the line.
///
/// # Errors
/// If the file cannot be opened.
pub fn check_for_command(target: &LogTarget) -> io::Result<()> {
    if let LogTarget::File(path) = target { open_for_command(path).map(drop) } else { Ok(()) }
}

/// Writes a line for a command, which ends at once. Standard error is a person's screen then, and no record: nothing is written.
///
/// # Errors
/// If the file cannot be written.
pub fn record_of_command(target: &LogTarget, audited: &Audited<'_>) -> io::Result<()> {
    let LogTarget::File(path) = target else { return Ok(()) };
    let line = audited.line_now()?;
    open_for_command(path)?.write_all(line.as_bytes())
}

fn open_for_command(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    // One write, appended: the gateway may be writing to it too.
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if is_new && let Some(folder) = path.parent().and_then(|folder| std::fs::metadata(folder).ok()) {
        // Root makes it, and the gateway has to write it: whose the folder is, his is the file. Nobody else can give it away.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(file)
}

/// A disk that is busy takes a line within that; what takes longer hangs.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_did_what_to_whom_and_what_became_of_it() {
        let from = Some("127.0.0.1".parse().unwrap());
        let changed = Audited {
            before: Some("aa".to_owned()),
            after: Some("bb".to_owned()),
            ..Audited::done(Actor::User("ada"), from, "edit_consumer", Subject::Consumer("a\nb\u{202e}"))
        };
        let text = serde_json::to_string(&changed.line("T")).unwrap();
        let expected = r#"{"time":"T","audit":"edit_consumer","by":"page","who":"ada","from":"127.0.0.1","consumer":"a\nb\\u{202e}","before":"aa","after":"bb","result":"done"}"#;
        assert_eq!(text, expected);
        let refused = Audited::refused(Actor::Nobody, None, "sign_in", Subject::User("x"), "wrong name or password");
        let text = serde_json::to_string(&refused.line("T")).unwrap();
        let expected = r#"{"time":"T","audit":"sign_in","by":"page","who":null,"from":null,"user":"x","result":"refused","reason":"wrong name or password"}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_about_users_tokens_says_whose_they_were_and_how_many_ended() {
        let of = |id, consumer, user, ended| {
            let which = Subject::AccessTokens { id, consumer, user };
            let revoked = Audited { ended, ..Audited::done(Actor::Token("ops"), None, "revoke_tokens", which) };
            serde_json::to_string(&revoked.line("T")).unwrap()
        };
        let expected = r#"{"time":"T","audit":"revoke_tokens","by":"api","who":"ops","from":null,"consumer":"app","user":"fred","ended":2,"result":"done"}"#;
        assert_eq!(of(None, Some("app"), Some("fred"), Some(2)), expected);
        let expected = r#"{"time":"T","audit":"revoke_tokens","by":"api","who":"ops","from":null,"token":"7","result":"done"}"#;
        assert_eq!(of(Some("7"), None, None, None), expected);
    }

    #[test]
    fn a_command_appends_to_the_file_and_leaves_a_screen_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let done = Audited::done(Actor::Command(0), None, "add_user", Subject::User("ada"));
        for target in [LogTarget::File(path.clone()), LogTarget::Stderr, LogTarget::File(path.clone())] {
            record_of_command(&target, &done).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((line["who"].as_str(), line["by"].as_str()), (Some("uid 0"), Some("command")));
            assert!(line["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        }
    }
}
