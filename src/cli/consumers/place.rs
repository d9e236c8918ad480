//! Which consumers a command is about, and the rules that they have to keep.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::tokens::{self, TokensFate};
use crate::admin::change::{audited, reason};
use crate::cli::DEFAULT_CONFIG;
use crate::config::{Settings, Source};
use crate::consumers::LoadPolicy;
use crate::consumers::edit::{EditError, Editor, Revision, Rules, Written};
use crate::observe::{Actor, Audited, Subject, check_for_command, record_of_command};

/// `--config` or `--consumers`.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The configuration of the gateway, which names the consumers file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The consumers file, or a folder of such files
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    consumers: Option<PathBuf>,
}

/// Where the consumers are, and what the configuration says about all of them.
#[derive(Debug)]
pub(super) struct Opened {
    /// The file, or the folder.
    pub(super) path: PathBuf,
    settings: Option<Settings>,
}

impl Place {
    pub(super) fn open(&self) -> Result<Opened, Failure> {
        if let Some(path) = &self.consumers {
            return Ok(Opened { path: path.clone(), settings: None });
        }
        let loaded = Source::File(self.config.clone()).load().map_err(|refused| {
            Failure::new(format!("the configuration cannot be used\n{}", refused.problems))
                .hint("mend these lines, or name the consumers file with --consumers FILE")
        })?;
        Ok(Opened { path: loaded.settings.consumers.clone(), settings: Some(loaded.settings) })
    }
}

impl Opened {
    /// Who changes the list.
    pub(super) fn editor(&self) -> Editor {
        Editor::open(&self.path, self.settings.as_ref().map_or_else(Rules::by_default, Rules::of))
    }

    /// Makes a change and records it.
    pub(super) fn change(
        &self,
        action: &'static str,
        key: &str,
        step: impl FnOnce(&Editor) -> Result<Written, EditError>,
    ) -> Result<Written, Failure> {
        self.check_audit()?;
        let written = step(&self.editor());
        self.conclude(action, key, written, None)
    }

    /// Removes a consumer. Its tokens end first, if it is known where they are: see [`change::remove`](crate::admin::change::remove).
    pub(super) fn remove(&self, key: &str, revision: Option<&Revision>) -> Result<(Written, TokensFate), Failure> {
        self.check_audit()?;
        let mut fate = TokensFate::NotThere;
        let end_tokens = || {
            fate = tokens::end(self.settings.as_ref(), key);
            Ok(())
        };
        let written = self.editor().remove_after(key, revision, end_tokens);
        self.conclude("remove_consumer", key, written, fate.ended()).map(|written| (written, fate))
    }

    fn conclude(
        &self,
        action: &'static str,
        key: &str,
        written: Result<Written, EditError>,
        ended: Option<usize>,
    ) -> Result<Written, Failure> {
        let refused = written.as_ref().err().map(reason);
        let line = audited(who(), None, action, key, &written, refused.as_deref());
        self.record(&Audited { ended, ..line });
        written.map_err(failure)
    }

    fn check_audit(&self) -> Result<(), Failure> {
        let Some(settings) = &self.settings else { return Ok(()) };
        check_for_command(&settings.log.audit).map_err(|error| {
            Failure::new(format!("nothing was changed: the audit log cannot be opened: {error}"))
                .hint("see log.audit in the configuration; with --consumers FILE there is no audit log")
        })
    }

    /// Records a change that was not even begun.
    pub(super) fn refused(&self, action: &'static str, subject: Subject<'_>, why: Failure) -> Failure {
        self.record(&Audited::refused(who(), None, action, subject, why.message()));
        why
    }

    /// Only a configuration says where the audit log is.
    fn record(&self, audited: &Audited<'_>) {
        let Some(settings) = &self.settings else { return };
        if let Err(error) = record_of_command(&settings.log.audit, audited) {
            eprintln!("warning: the audit log cannot be written: {error}");
        }
    }

    /// As configured, or as without a configuration.
    pub(super) fn policy(&self) -> LoadPolicy<'_> {
        self.settings.as_ref().map_or_else(LoadPolicy::by_default, LoadPolicy::of)
    }
}

fn who() -> Actor<'static> {
    Actor::Command(rustix::process::getuid().as_raw())
}

/// Why nothing was read or changed, for the person at the keyboard.
pub(super) fn failure(error: EditError) -> Failure {
    let hint = error.hint();
    match &error {
        EditError::Problems(problems) => {
            let errors: Vec<String> = problems.0.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
            Failure::new(format!("the list cannot be used like that\n{}", errors.join("\n")))
                .hint("nothing was changed; mend these lines first")
        }
        _ if hint.is_empty() => Failure::new(error.to_string()),
        _ => Failure::new(error.to_string()).hint(hint),
    }
}
