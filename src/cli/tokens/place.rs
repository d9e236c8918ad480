//! Which state directory a command is about, and which tokens.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{DEFAULT_CONFIG, Failure};
use crate::clock::Clock;
use crate::config::{LogTarget, Source};
use crate::consumers::ConsumerKey;
use crate::directory::Directory;
use crate::observe::{Actor, Audited, Subject, check_for_command, record_of_command};
use crate::tokens::{AccessToken, Revoked, Selection, StoreFault, TokenFile};

/// `--config FILE` or `--state DIR`
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration of the gateway
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The state directory, without a configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
}

/// The tokens that a command works on.
pub(super) struct Opened {
    /// `None`: no gateway has given any.
    pub(super) file: Option<TokenFile>,
    path: PathBuf,
    audit: LogTarget,
}

impl Place {
    pub(super) fn open(&self) -> Result<Opened, Failure> {
        let (path, audit) = self.find()?;
        let file = match path.try_exists() {
            Ok(true) => {
                let state = Directory::make(&path).map_err(|error| unreadable(&path, &error))?;
                TokenFile::open(&state, Clock::System).map_err(|fault| failure(&path, &fault))?
            }
            Ok(false) if self.state.is_some() => {
                return Err(Failure::new(format!("there is no directory {}", path.display())));
            }
            Ok(false) => None,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        Ok(Opened { file, path, audit })
    }

    fn find(&self) -> Result<(PathBuf, LogTarget), Failure> {
        if let Some(state) = &self.state {
            return Ok((state.clone(), LogTarget::Stderr));
        }
        let loaded = Source::File(self.config.clone()).load().map_err(|refused| {
            Failure::new(format!("the configuration cannot be used\n{}", refused.problems))
                .hint("mend these lines and try again, or name the state directory with --state")
        })?;
        Ok((loaded.settings.state_directory, loaded.settings.log.audit))
    }
}

impl Opened {
    /// What is told when the database does not do what it should.
    pub(super) fn failure(&self, fault: &StoreFault) -> Failure {
        failure(&self.path, fault)
    }

    /// Refuses what there would be no line of.
    pub(super) fn check_audit(&self) -> Result<(), Failure> {
        check_for_command(&self.audit).map_err(|error| {
            Failure::new(format!("nothing was changed: the audit log cannot be opened: {error}"))
                .hint("see log.audit in the configuration; with --state DIR there is no audit log")
        })
    }

    /// A line in the audit log for each token that was revoked, and one for the request tokens.
    pub(super) fn record(&self, which: &Selection, revoked: &Revoked) {
        let who = Actor::Command(rustix::process::getuid().as_raw());
        let of_token = |token: &AccessToken| {
            let (id, consumer) = (token.id.to_string(), Some(token.consumer.as_str()));
            let subject = Subject::AccessTokens { id: Some(&id), consumer, user: Some(&token.user) };
            record_of_command(&self.audit, &Audited::done(who, None, "revoke_token", subject))
        };
        let of_begun = || {
            let consumer = which.consumer.as_ref().map(ConsumerKey::as_str);
            let subject = Subject::AccessTokens { id: None, consumer, user: which.user.as_deref() };
            let requests_ended = Some(revoked.request_tokens);
            let done = Audited { requests_ended, ..Audited::done(who, None, "revoke_tokens", subject) };
            if revoked.request_tokens > 0 { record_of_command(&self.audit, &done) } else { Ok(()) }
        };
        if let Err(error) = revoked.tokens.iter().try_for_each(of_token).and_then(|()| of_begun()) {
            eprintln!("warning: the audit log cannot be written: {error}");
        }
    }
}

fn failure(path: &std::path::Path, fault: &StoreFault) -> Failure {
    Failure::new(format!("{}: {fault}", path.display()))
        .hint("run this as root or as the gateway's user, if that is what is wrong; nothing was changed")
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot open {}: {error}", path.display())).hint("run this as root or as the gateway's user")
}
