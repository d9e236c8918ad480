//! Which users file a command is about, and the changes that are made to it.

use std::path::PathBuf;

use clap::Args;

use crate::accounts::{UserName, Users, WriteError, change, load};
use crate::cli::{DEFAULT_CONFIG, Failure};
use crate::config::{LogTarget, Source};
use crate::observe::{Actor, Audited, Subject, check_for_command, record_of_command};
use crate::yaml::Problems;

/// `--config FILE` or `--users FILE`
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration of the gateway
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The users file, without a configuration
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    users: Option<PathBuf>,
}

/// The files that a command works on.
pub(super) struct Files {
    pub(super) users: PathBuf,
    audit: LogTarget,
}

impl Place {
    pub(super) fn files(&self) -> Result<Files, Failure> {
        if let Some(users) = &self.users {
            return Ok(Files { users: users.clone(), audit: LogTarget::Stderr });
        }
        let loaded = Source::File(self.config.clone()).load().map_err(|refused| {
            Failure::new(format!("the configuration cannot be used\n{}", refused.problems))
                .hint("mend these lines and try again, or name the users file with --users")
        })?;
        let users = loaded.settings.admin.map(|admin| admin.users).ok_or_else(|| {
            Failure::new(format!("{} has no section admin", self.config.display()))
                .hint("write `admin: {}` there, or name the users file with --users")
        })?;
        Ok(Files { users, audit: loaded.settings.log.audit })
    }
}

impl Files {
    /// What the users file says now.
    pub(super) fn load(&self) -> Result<Users, Failure> {
        let loaded = load(&self.users).map_err(unusable)?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        Ok(loaded.users)
    }

    /// Makes a change and records it.
    pub(super) fn change<T>(
        &self,
        action: &'static str,
        subject: Subject<'_>,
        make: impl FnOnce(&mut Users) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.check_audit()?;
        let made = change(&self.users, make).map_err(|error| self.failure(error));
        let refused = made.as_ref().err().map(Failure::message);
        let who = Actor::Command(rustix::process::getuid().as_raw());
        let audited = Audited { refused, ..Audited::done(who, None, action, subject) };
        if let Err(error) = record_of_command(&self.audit, &audited) {
            eprintln!("warning: the audit log cannot be written: {error}");
        }
        made
    }

    fn check_audit(&self) -> Result<(), Failure> {
        check_for_command(&self.audit).map_err(|error| {
            Failure::new(format!("nothing was changed: the audit log cannot be opened: {error}"))
                .hint("see log.audit in the configuration; with --users FILE there is no audit log")
        })
    }

    fn failure(&self, error: WriteError<Failure>) -> Failure {
        let file = self.users.display();
        match error {
            WriteError::Refused(why) => why,
            WriteError::Problems(problems) => unusable(problems),
            WriteError::Locked => Failure::new(format!("another process has been changing {file} for seconds"))
                .hint("see what holds its folder locked: lslocks"),
            WriteError::Io(error) => Failure::new(format!("cannot write {file}: {error}"))
                .hint("run this as root or as the gateway's user, or set admin.users to a file that may be written"),
        }
    }
}

fn unusable(problems: Problems) -> Failure {
    Failure::new(format!("the users file cannot be used\n{problems}")).hint("mend these lines and try again")
}

/// A name as an argument.
pub(super) fn parse_name(text: &str) -> Result<UserName, String> {
    UserName::new(text).ok_or_else(|| format!("a name has {}", UserName::RULE))
}
