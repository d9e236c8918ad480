//! What is wrong with a file, for the person who wrote it.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The file, or the command-line option.
    pub file: PathBuf,
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// Whether the file can be used nevertheless.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead; empty where the message says it.
    pub hint: String,
}

/// Whether a file with the problem can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It can; somebody should know.
    Warning,
    /// It can't.
    Error,
}

/// Everything that is wrong with the files; at least one error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// An error about a file as a whole.
    pub fn of_file(file: impl Into<PathBuf>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, severity: Severity::Error, message: message.into(), hint: hint.into() }
    }

    /// Whether the file can't be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
