//! What became of a reload that was asked for by SIGHUP: a file in the state directory, for the one who asked.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::consumers::reload::{CertificatesOutcome, ReloadOutcome, Reloaded, SettingsOutcome};
use crate::directory::Directory;
use crate::yaml::Problem;

/// The outcome of one reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The process that read the files.
    pub process: u32,
    /// When it began, by the machine's monotonic clock. Who asked before that was served by it.
    pub begun_usec: u64,
    /// Whether both files are in force as they are now.
    pub ok: bool,
    /// The consumers in force.
    pub consumers: usize,
    /// Settings that differ from those in force, until a restart.
    pub needs_restart: Vec<String>,
    /// What is wrong with the files, with file and line.
    pub problems: Vec<String>,
}

impl Verdict {
    /// On a reload that was asked for at `begun_usec`.
    pub fn of(reloaded: &Reloaded, begun_usec: u64, consumers: usize) -> Self {
        let (mut ok, mut needs_restart, mut all) = (true, Vec::new(), Vec::new());
        match &reloaded.settings {
            Some(SettingsOutcome::Replaced { needs_restart: settings, warnings }) => {
                needs_restart.extend(settings.iter().map(ToString::to_string));
                all.extend(warnings);
            }
            Some(SettingsOutcome::KeptOld(problems)) => {
                ok = false;
                all.extend(&problems.0);
            }
            Some(SettingsOutcome::Unchanged) | None => {}
        }
        match &reloaded.certificates {
            Some(CertificatesOutcome::Replaced { warnings }) => all.extend(warnings),
            Some(CertificatesOutcome::KeptOld(problems)) => {
                ok = false;
                all.extend(&problems.0);
            }
            Some(CertificatesOutcome::Unchanged) | None => {}
        }
        match &reloaded.consumers {
            Some(ReloadOutcome::Replaced { warnings, .. }) => all.extend(warnings),
            Some(ReloadOutcome::KeptOld(problems)) => {
                ok = false;
                all.extend(&problems.0);
            }
            Some(ReloadOutcome::Unchanged) | None => {}
        }
        Self { process: std::process::id(), begun_usec, ok, consumers, needs_restart, problems: lines(&all) }
    }

    /// Puts it in the place of the last one. It need not outlive the machine, so nothing is synced.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&self, directory: &Directory) -> io::Result<()> {
        directory.replace(NAME, &serde_json::to_vec(self)?)
    }

    /// The last one that was written; `None` if there is none that can be read.
    pub fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(NAME)).ok()?).ok()
    }
}

/// Errors before warnings, and no more than a person reads: one mistake in a template can be in every entry of a large file.
fn lines(problems: &[&Problem]) -> Vec<String> {
    let (errors, warnings): (Vec<&Problem>, _) = problems.iter().partition(|problem| problem.is_error());
    let line = |problem: &Problem| format!("{}: {problem}", if problem.is_error() { "error" } else { "warning" });
    let mut lines: Vec<String> = errors.into_iter().chain(warnings).take(MAX_PROBLEMS).map(line).collect();
    if problems.len() > MAX_PROBLEMS {
        lines.push(format!("and {} more; countersign check shows all", problems.len() - MAX_PROBLEMS));
    }
    lines
}

const NAME: &str = "reload.json";

const MAX_PROBLEMS: usize = 100;
