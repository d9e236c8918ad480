//! The files that the configuration names for TLS: a renewed certificate goes live, and a pair that does not fit does not.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::config::{PemFile, Settings};
use crate::oauth::timestamp::Timestamp;
use crate::tls::{self, Files, Tls};
use crate::yaml::{Document, Problem, Problems};

/// What became of the certificates while the configuration stayed as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificatesOutcome {
    /// New connections get the new ones.
    Replaced {
        /// What somebody should know about them.
        warnings: Vec<Problem>,
    },
    /// The files say what they said when they were last of use.
    Unchanged,
    /// The files can't be used, and the certificates are as they were.
    KeptOld(Problems),
}

/// What is known about the files.
pub(super) struct Certificates {
    /// The configuration that runs, for the lines of its settings.
    document: Document,
    /// The number of what was in the files at the last look.
    content: Option<u64>,
    /// Files that only a refused configuration names: with them it may be of use.
    wanted: Vec<PathBuf>,
    /// Since when they have not fitted together.
    unfit_since: Option<Instant>,
    /// Whether that was said.
    told: bool,
}

impl Certificates {
    pub(super) fn of(settings: &Settings, document: Document, files: &Files) -> Self {
        let mut new = Self { document, content: None, wanted: Vec::new(), unfit_since: None, told: false };
        new.content = Some(files.fingerprint(new.paths(settings).iter().map(PathBuf::as_path)));
        new
    }

    /// Everything to watch.
    pub(super) fn paths(&self, settings: &Settings) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = paths(settings);
        paths.extend_from_slice(&self.wanted);
        paths.sort();
        paths.dedup();
        paths
    }

    /// Whether the files differ from those at the last look.
    pub(super) fn changed(&mut self, settings: &Settings, files: &Files) -> bool {
        let content = files.fingerprint(self.paths(settings).iter().map(PathBuf::as_path));
        self.content.replace(content) != Some(content)
    }

    /// The next look takes the files for changed, and says at once what is wrong with them.
    pub(super) fn insist(&mut self) {
        self.content = None;
        self.unfit_since = Instant::now().checked_sub(PATIENCE);
    }

    /// Whether a refused configuration is to be read again when the files have changed.
    pub(super) fn wants_files(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// A configuration was refused that names these.
    pub(super) fn want(&mut self, refused: &Settings, running: &Settings, files: &Files) {
        self.wanted = paths(refused);
        self.changed(running, files);
    }

    /// The configuration that runs was read again, and stands in this document.
    pub(super) fn read_again(&mut self, document: Document) {
        self.document = document;
        self.wanted.clear();
    }

    /// A configuration was taken, with the certificates that it names, and stands in this document.
    pub(super) fn took(&mut self, document: Document, settings: &Settings, files: &Files) {
        *self = Self::of(settings, document, files);
    }

    /// What is in the files now, for the configuration that runs. Beside it: whether to look again soon.
    pub(super) fn read(
        &mut self,
        settings: &Settings,
        running: &Tls,
        files: &Files,
    ) -> (Option<Tls>, Option<CertificatesOutcome>, bool) {
        match tls::load(settings, &self.document, files, Some(running), now()) {
            Ok(loaded) => {
                self.unfit_since = None;
                let told = std::mem::take(&mut self.told);
                if loaded.tls.is_same(running) {
                    return (None, told.then_some(CertificatesOutcome::Unchanged), false);
                }
                (Some(loaded.tls), Some(CertificatesOutcome::Replaced { warnings: loaded.warnings }), false)
            }
            // Certificate and key are two files: between the two changes they do not fit, and that is no fault.
            Err(_) if self.unfit_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {
                self.content = None;
                (None, None, true)
            }
            Err(problems) => {
                self.told = true;
                (None, Some(CertificatesOutcome::KeptOld(problems)), false)
            }
        }
    }
}

fn paths(settings: &Settings) -> Vec<PathBuf> {
    settings.pem_files().map(|PemFile { path, .. }| path.clone()).collect()
}

/// For what is said about the validity of certificates.
pub(super) fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(now.as_secs())
}

/// Whoever renews a certificate writes both files within this time.
const PATIENCE: Duration = Duration::from_secs(1);
