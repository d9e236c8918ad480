//! Changes of countersign.yaml, of the consumers, of their credentials and of the certificates go live without a restart, or what was in force stays.
//!
//! [`Reloader`] is one step; [`spawn`] runs it on a thread of its own whenever the files change.

mod certificates;
mod outcome;
mod retired;
mod seen;
mod settle;
mod state;
mod thread;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

pub use certificates::CertificatesOutcome;
use certificates::{Certificates, now};
pub use outcome::{ReloadOutcome, Reloaded, SettingsOutcome};
use retired::Retired;
use seen::{Stamp, content_of, stamps};
pub use state::{LastReload, ListRead, ReloadState};
pub use thread::{ReloadAsker, ReloadThread, spawn};

use super::changes::Changes;
use super::files;
use super::load::{self, LoadPolicy};
use super::model::ConsumerList;
use crate::config::{self, Settings, Source};
use crate::policy::Policy;
use crate::tls::{self, Files, Tls};
use crate::yaml::{Document, Problem, Problems};

/// Reads the files again and publishes what they say.
pub struct Reloader {
    source: Source,
    policy: Arc<ArcSwap<Policy>>,
    retired: Retired,
    state: Arc<ReloadState>,
    /// The files as they were when last looked at.
    stamps: Vec<Stamp>,
    /// Two changes within one tick of the file system's clock have the same stamp, so the next look is at the content.
    look_again: bool,
    /// A file could not be read at all: it may be readable the next moment, and look no different from outside (no descriptor
    /// was left, a network file system was away).
    unread: bool,
    settings_content: Option<u64>,
    /// Of the consumers, and of the credentials' files.
    consumers_content: Option<(u64, u64)>,
    certificates: Certificates,
    /// The files that `upstream_authorization` names, also in a list that was refused: with them it may be of use.
    credential_paths: Vec<PathBuf>,
}

impl Reloader {
    /// Reads everything for the first time. Beside the reloader: what somebody should know about the files.
    ///
    /// # Errors
    /// Every problem; without valid files there is nothing to run on.
    pub fn start(source: Source) -> Result<(Self, Vec<Problem>), Problems> {
        let (settings_content, config::Loaded { settings, mut warnings, document }) =
            first_settings(&source).map_err(load::problems_beside)?;
        let pem_files = Files::default();
        let tls = tls::load(&settings, &document, &pem_files, None, now());
        let policy = LoadPolicy::of(&settings);
        let read = files::read(&settings.consumers, policy.max_size);
        let texts = consumers_content(&read, &policy);
        let consumers = read.and_then(|documents| load::load_documents(&documents, &policy));
        let credential_paths = credential_paths(&consumers, &policy);
        let consumers_content = (texts, policy.credential_files.fingerprint(&credential_paths));
        let (tls, consumers) = both(tls, consumers)?;
        warnings.extend(tls.warnings);
        warnings.extend(consumers.warnings);
        let certificates = Certificates::of(&settings, document, &pem_files);
        let state = ReloadState::starting_with(ListRead::now(consumers.files, consumers.list.len()));
        let policy = Policy { settings: Arc::new(settings), consumers: Arc::new(consumers.list), tls: Arc::new(tls.tls) };
        let reloader = Self {
            source,
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            retired: Retired::default(),
            state: Arc::new(state),
            // The first look is at the contents, and finds what changed since they were read.
            stamps: Vec::new(),
            look_again: true,
            unread: false,
            settings_content,
            consumers_content: Some(consumers_content),
            certificates,
            credential_paths,
        };
        Ok((reloader, warnings))
    }

    /// What requests are judged by; always the newest.
    pub fn policy(&self) -> Arc<ArcSwap<Policy>> {
        Arc::clone(&self.policy)
    }

    /// What became of reloads, for metrics, health, pages and API.
    pub fn state(&self) -> Arc<ReloadState> {
        Arc::clone(&self.state)
    }

    /// Frees the replaced policies that no request goes by any more.
    pub fn let_go(&mut self) {
        self.retired.let_go();
    }

    /// Reads the files if they look changed from outside.
    pub fn check(&mut self) -> Reloaded {
        if self.looks_changed() { self.look() } else { Reloaded::default() }
    }

    /// Reads the files, even if nothing about them changed, and says what is wrong with them even if that was said.
    pub fn reload_now(&mut self) -> Reloaded {
        (self.settings_content, self.consumers_content) = (None, None);
        self.certificates.insist();
        self.look()
    }

    /// Whether names, sizes, times or permissions of the files differ from those at the last look.
    fn looks_changed(&self) -> bool {
        self.look_again || self.unread || self.stamps != self.stamps_now()
    }

    fn stamps_now(&self) -> Vec<Stamp> {
        let settings = &self.policy.load().settings;
        let named = self.certificates.paths(settings).into_iter().chain(self.credential_paths.iter().cloned());
        stamps(self.source.file(), &settings.consumers, named)
    }

    /// Reads the files and takes over what differs from what was read before.
    fn look(&mut self) -> Reloaded {
        let begun = Instant::now();
        self.let_go();
        self.stamps = self.stamps_now();
        self.unread = false;
        let running = self.policy.load_full();
        let pem_files = Files::default();
        let certificates_changed = self.certificates.changed(&running.settings, &pem_files);
        let (settings, mut tls, settings_outcome) = self.read_settings(&running, &pem_files, certificates_changed);
        let mut certificates = None;
        let mut look_again = false;
        if certificates_changed && !matches!(settings_outcome, Some(SettingsOutcome::Replaced { .. })) {
            let read;
            (read, certificates, look_again) = self.certificates.read(&settings, &running.tls, &pem_files);
            tls = read.map_or(tls, Arc::new);
        }
        let (consumers, consumers_outcome) = self.read_consumers(&settings, &running.consumers);
        let reloaded = Reloaded { settings: settings_outcome, certificates, consumers: consumers_outcome };
        if reloaded.replaced_anything() {
            self.retired.keep(self.policy.swap(Arc::new(Policy { settings, consumers, tls })));
        }
        self.look_again = look_again || !reloaded.is_nothing();
        self.state.record(&reloaded, begun.elapsed());
        reloaded.log(begun.elapsed());
        reloaded
    }

    /// What the configuration says, and the certificates that it names.
    fn read_settings(
        &mut self,
        running: &Policy,
        files: &Files,
        retry: bool,
    ) -> (Arc<Settings>, Arc<Tls>, Option<SettingsOutcome>) {
        let kept = |outcome| (Arc::clone(&running.settings), Arc::clone(&running.tls), outcome);
        let Source::File(path) = &self.source else { return kept(None) };
        let (content, read) = read_configuration(path);
        self.unread |= read.is_err();
        let unchanged = self.settings_content.replace(content) == Some(content);
        if unchanged && !(retry && self.certificates.wants_files()) {
            return kept(None);
        }
        let loaded = match read.and_then(|document| Ok(config::load_document(document)?)) {
            Ok(loaded) => loaded,
            Err(problems) => return kept(Some(SettingsOutcome::KeptOld(problems))),
        };
        let config::Loaded { settings: newer, mut warnings, document } = loaded;
        let needs_restart = running.settings.needs_restart(&newer);
        // What is taken only at the next start has to be of use then.
        let at_next_start = (!needs_restart.is_empty()).then(|| newer.clone());
        let settings = running.settings.taking_over(newer);
        if needs_restart.is_empty() && settings == *running.settings {
            // Whether what its files hold is new is the next question.
            self.certificates.read_again(document);
            return kept(Some(SettingsOutcome::Unchanged));
        }
        let mut tls = Tls::default();
        for settings in at_next_start.iter().chain([&settings]) {
            match tls::load(settings, &document, files, Some(&running.tls), now()) {
                Ok(loaded) => {
                    warnings.extend(loaded.warnings);
                    tls = loaded.tls;
                }
                Err(problems) => {
                    self.certificates.want(settings, &running.settings, files);
                    return kept(Some(SettingsOutcome::KeptOld(problems)));
                }
            }
        }
        // Both name mostly the same certificates.
        let mut said = HashSet::new();
        warnings.retain(|warning| said.insert(warning.clone()));
        self.certificates.took(document, &settings, files);
        (Arc::new(settings), Arc::new(tls), Some(SettingsOutcome::Replaced { needs_restart, warnings }))
    }

    fn read_consumers(&mut self, settings: &Settings, running: &Arc<ConsumerList>) -> (Arc<ConsumerList>, Option<ReloadOutcome>) {
        let kept = Arc::clone(running);
        let policy = LoadPolicy { previous: Some(running), ..LoadPolicy::of(settings) };
        let read = files::read(&settings.consumers, policy.max_size);
        let texts = consumers_content(&read, &policy);
        let content = (texts, policy.credential_files.fingerprint(&self.credential_paths));
        self.unread |= read.is_err() || policy.credential_files.is_to_be_read_again();
        if self.consumers_content.replace(content) == Some(content) {
            return (kept, None);
        }
        let loaded = read.and_then(|documents| load::load_documents(&documents, &policy));
        self.credential_paths = credential_paths(&loaded, &policy);
        self.consumers_content = Some((texts, policy.credential_files.fingerprint(&self.credential_paths)));
        match loaded {
            Ok(loaded) => {
                self.state.record_list(ListRead::now(loaded.files, loaded.list.len()));
                let changes = Changes::between(running, &loaded.list);
                if changes.is_empty() {
                    return (kept, Some(ReloadOutcome::Unchanged));
                }
                let outcome = ReloadOutcome::replaced(loaded.list.len(), changes, loaded.warnings);
                (Arc::new(loaded.list), Some(outcome))
            }
            Err(problems) => (kept, Some(ReloadOutcome::KeptOld(problems))),
        }
    }
}

/// Both, or what is wrong with either.
fn both<A, B>(a: Result<A, Problems>, b: Result<B, Problems>) -> Result<(A, B), Problems> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Problems(mut a)), Err(Problems(b))) => {
            a.extend(b);
            Err(Problems(a))
        }
        (Err(problems), _) | (_, Err(problems)) => Err(problems),
    }
}

/// The credentials' files that a list names; of one that was refused, and of the one before it, all.
fn credential_paths(loaded: &Result<load::Loaded, Problems>, policy: &LoadPolicy<'_>) -> Vec<PathBuf> {
    let Ok(loaded) = loaded else { return policy.credential_files.paths() };
    let credentials = loaded.list.iter().filter_map(|consumer| consumer.upstream_authorization.as_ref());
    let mut paths: Vec<PathBuf> = credentials.map(|credential| credential.file().to_owned()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn first_settings(source: &Source) -> Result<(Option<u64>, config::Loaded), config::Refused> {
    let Some(path) = source.file() else { return Ok((None, source.load()?)) };
    let (content, read) = read_configuration(path);
    let document = read.map_err(|problems| config::Refused { problems, draft: None })?;
    Ok((Some(content), config::load_document(document)?))
}

fn read_configuration(path: &Path) -> (u64, Result<Document, Problems>) {
    let read = Document::read(path, config::MAX_SIZE).map_err(Problems::from);
    (content_of(&read.as_ref().map(std::slice::from_ref), &()), read)
}

/// The files, and what of the configuration decides on their meaning.
fn consumers_content(read: &Result<Vec<Document>, Problems>, policy: &LoadPolicy<'_>) -> u64 {
    content_of(&read.as_deref(), &(policy.signature_methods, policy.min_key_bits))
}
