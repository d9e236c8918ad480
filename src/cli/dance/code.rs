//! The code that the user was shown, from the keyboard or from a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;

use super::tell;
use crate::cli::failure::Failure;

/// Where it comes from.
pub(super) enum Code<'a> {
    Terminal,
    StandardInput,
    File(&'a Path),
}

impl<'a> Code<'a> {
    /// `--verifier-file`
    pub(super) fn from(file: Option<&'a Path>) -> Self {
        match file {
            None => Self::Terminal,
            Some(file) if file == Path::new("-") => Self::StandardInput,
            Some(file) => Self::File(file),
        }
    }

    /// Whether there is somebody to be asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if matches!(self, Self::Terminal) && !io::stdin().is_terminal() {
            return Err(Failure::new("there is no terminal at which the code could be typed")
                .hint("--verifier-file - takes it from standard input, and --callback http://127.0.0.1:0/ from the browser"));
        }
        Ok(())
    }

    /// Waits for its first line.
    pub(super) fn read(&self, question: &str) -> Result<String, Failure> {
        let line = match self {
            Self::Terminal => {
                tell(question);
                first_line(io::stdin().lock())
            }
            Self::StandardInput => first_line(io::stdin().lock()),
            Self::File(path) => File::open(path).and_then(|file| first_line(BufReader::new(file))),
        };
        line.map(|line| line.trim().to_owned()).map_err(|error| Failure::new(format!("cannot read the code: {error}")))
    }
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(MOST).read_line(&mut line)?;
    Ok(line)
}

/// In bytes: a code, or an address of any length that browsers have.
const MOST: u64 = 8 * 1024;
