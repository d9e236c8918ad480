//! From a file, or the command line, to valid settings or every problem.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::read;
use super::settings::Settings;
use crate::yaml::{Document, Node, Problem, Problems, Report};

/// A configuration file larger than this is not read: a thousand route rules take about 100 KiB.
pub const MAX_SIZE: usize = 1024 * 1024;

/// Settings that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What somebody should know about them.
    pub warnings: Vec<Problem>,
    /// What they were read from, for the lines of what is found later.
    pub document: Document,
}

/// Settings that can't be used.
#[derive(Debug)]
pub struct Refused {
    /// Every problem, and with them the warnings.
    pub problems: Problems,
    /// What could be read, with defaults in place of what could not: to look for more problems, never to run on.
    pub(crate) draft: Option<Box<(Settings, Document)>>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problems: problem.into(), draft: None }
    }
}

impl From<Refused> for Problems {
    fn from(refused: Refused) -> Self {
        refused.problems
    }
}

/// Where the settings come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A countersign.yaml.
    File(PathBuf),
    /// The command line; everything else has its default.
    Options(Options),
}

/// `serve` without a configuration file.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--upstream`
    pub upstream: String,
    /// `--consumers`
    pub consumers: PathBuf,
    /// `--listen`
    pub listen: Option<String>,
    /// `--state`
    pub state_directory: Option<PathBuf>,
}

impl Source {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Refused`], with every problem.
    pub fn load(&self) -> Result<Loaded, Refused> {
        match self {
            Self::File(path) => load_document(Document::read(path, MAX_SIZE)?),
            Self::Options(options) => load_options(options),
        }
    }

    /// The file, if there is one to watch.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Options(_) => None,
        }
    }
}

/// Reads a countersign.yaml.
///
/// # Errors
/// Every problem, and with them the warnings.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    Ok(load_document(Document::read(path, MAX_SIZE)?)?)
}

pub(crate) fn load_document(document: Document) -> Result<Loaded, Refused> {
    let mut report = Report::default();
    let base = document.file().parent().unwrap_or(Path::new("")).to_owned();
    let parsed = document.parse(&mut report, None);
    let settings = parsed.and_then(|parsed| settings(&parsed.value, &base, &document, &mut report));
    finish(settings, report, document)
}

/// The options in the shape of the file, so that both are read by the same rules.
fn load_options(options: &Options) -> Result<Loaded, Refused> {
    let mut map = Mapping::new();
    map.insert("upstream".into(), options.upstream.as_str().into());
    map.insert("consumers".into(), options.consumers.to_string_lossy().as_ref().into());
    if let Some(listen) = &options.listen {
        map.insert("listen".into(), listen.as_str().into());
    }
    if let Some(state) = &options.state_directory {
        map.insert("state_directory".into(), state.to_string_lossy().as_ref().into());
    }
    let document = Document::new("command line", "");
    let mut report = Report::default();
    let settings = settings(&Value::Mapping(map), Path::new(""), &document, &mut report);
    finish(settings, report, document)
}

fn settings(value: &Value, base: &Path, document: &Document, report: &mut Report) -> Option<Settings> {
    let top = Node::top(value);
    let mut settings = read::settings(&top, base, report)?;
    let rules = settings.routes.rules().len();
    if rules > 0 {
        settings.place_rules(&document.lines_of_entries("routes", rules));
    }
    super::review::review(&settings, &top, report);
    Some(settings)
}

fn finish(settings: Option<Settings>, report: Report, document: Document) -> Result<Loaded, Refused> {
    let problems = report.into_problems(std::slice::from_ref(&document));
    match settings {
        Some(settings) if !problems.iter().any(Problem::is_error) => Ok(Loaded { settings, warnings: problems, document }),
        settings => Err(Refused { problems: Problems(problems), draft: settings.map(|settings| Box::new((settings, document))) }),
    }
}
