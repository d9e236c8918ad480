//! What became of one look at the files.

use std::time::Duration;

use tracing::{error, info, warn};

use super::certificates::CertificatesOutcome;
use crate::consumers::Changes;
use crate::yaml::{Problem, Problems};

/// What one look at the files brought; `None` where the very bytes are those of the last look, and nobody insisted on reading them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// countersign.yaml
    pub settings: Option<SettingsOutcome>,
    /// The certificates and keys that countersign.yaml names; `None` too where that was taken over, and they with it.
    pub certificates: Option<CertificatesOutcome>,
    /// consumers.yaml
    pub consumers: Option<ReloadOutcome>,
}

/// What became of the consumers; the other files have outcomes of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The new list is live.
    Replaced {
        /// How many consumers there are now.
        consumers: usize,
        /// How many are new.
        added: usize,
        /// How many are gone.
        removed: usize,
        /// How many have another entry than before.
        changed: usize,
        /// What somebody should know about the new list.
        warnings: Vec<Problem>,
    },
    /// The files were read, and mean what is in force.
    Unchanged,
    /// The new files can't be used, and the consumers are as they were.
    KeptOld(Problems),
}

/// What became of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsOutcome {
    /// The new settings are live.
    Replaced {
        /// All but these, which are taken at the next start.
        needs_restart: Vec<&'static str>,
        /// What somebody should know about the new settings.
        warnings: Vec<Problem>,
    },
    /// The file was read, and means what is in force.
    Unchanged,
    /// The new file can't be used, and the settings are as they were.
    KeptOld(Problems),
}

impl ReloadOutcome {
    pub(super) fn replaced(consumers: usize, changes: Changes, warnings: Vec<Problem>) -> Self {
        let Changes { added, removed, changed } = changes;
        Self::Replaced { consumers, added, removed, changed, warnings }
    }

    /// The outcome's name in metrics: `replaced`, `unchanged` or `kept_old`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replaced { .. } => "replaced",
            Self::Unchanged => "unchanged",
            Self::KeptOld(_) => "kept_old",
        }
    }
}

impl Reloaded {
    /// Whether no file had anything new.
    pub fn is_nothing(&self) -> bool {
        self.settings.is_none() && self.certificates.is_none() && self.consumers.is_none()
    }

    /// Whether the gateway goes by something else than before.
    pub fn replaced_anything(&self) -> bool {
        matches!(self.settings, Some(SettingsOutcome::Replaced { .. }))
            || matches!(self.certificates, Some(CertificatesOutcome::Replaced { .. }))
            || matches!(self.consumers, Some(ReloadOutcome::Replaced { .. }))
    }

    pub(super) fn log(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &self.settings {
            Some(SettingsOutcome::Replaced { needs_restart, warnings }) => {
                log_problems(warnings);
                info!("countersign.yaml was read again");
                if !needs_restart.is_empty() {
                    warn!(settings = needs_restart.join(", "), "these settings changed and are taken at the next start");
                }
            }
            Some(SettingsOutcome::KeptOld(problems)) => {
                log_problems(&problems.0);
                error!("countersign.yaml can't be used; the gateway goes on with the settings that it has");
            }
            Some(SettingsOutcome::Unchanged) | None => {}
        }
        match &self.certificates {
            Some(CertificatesOutcome::Replaced { warnings }) => {
                log_problems(warnings);
                info!(ms, "the certificates were read again; new connections get them");
            }
            Some(CertificatesOutcome::KeptOld(problems)) => {
                log_problems(&problems.0);
                error!("the certificates can't be used; the gateway goes on with those that it has");
            }
            Some(CertificatesOutcome::Unchanged) => info!("the certificates are again as they were"),
            None => {}
        }
        match &self.consumers {
            Some(ReloadOutcome::Replaced { consumers, added, removed, changed, warnings }) => {
                log_problems(warnings);
                info!(consumers, added, removed, changed, ms, "the consumers were read again");
            }
            Some(ReloadOutcome::KeptOld(problems)) => {
                log_problems(&problems.0);
                error!("the consumers can't be read; the gateway goes on with those that it has");
            }
            Some(ReloadOutcome::Unchanged) => info!(ms, "the consumers were read again and are as they were"),
            None => {}
        }
    }
}

/// Each with its file and line, up to a number that can be read.
fn log_problems(problems: &[Problem]) {
    for problem in problems.iter().take(MAX_LOGGED) {
        if problem.is_error() {
            error!("{problem}");
        } else {
            warn!("{problem}");
        }
    }
    if problems.len() > MAX_LOGGED {
        warn!("and {} more; countersign check shows all", problems.len() - MAX_LOGGED);
    }
}

/// One mistake in a template can be in every entry of a large file.
const MAX_LOGGED: usize = 20;
