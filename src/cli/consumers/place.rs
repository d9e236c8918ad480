//! Which consumers a command is about, and the rules that they have to keep.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::admin::change::{audited, reason};
use crate::cli::DEFAULT_CONFIG;
use crate::config::{Settings, Source};
use crate::consumers::LoadPolicy;
use crate::consumers::edit::{EditError, Editor, Rules, Written};
use crate::observe::{Actor, Audited, Subject, record_of_command};

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
        let written = step(&self.editor());
        let refused = written.as_ref().err().map(reason);
        self.record(&audited(who(), None, action, key, &written, refused.as_deref()));
        written.map_err(failure)
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
