//! Asking for a password at the terminal, without showing it.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::cli::Failure;

/// The terminal that the command was started from, whatever its standard input is.
pub(super) struct Terminal(File);

impl Terminal {
    pub(super) fn open() -> Result<Self, Failure> {
        let opened = File::options().read(true).write(true).open("/dev/tty");
        opened.map(Self).map_err(|_| {
            Failure::new("there is no terminal to ask for the password at").hint("--password-stdin takes it from standard input")
        })
    }

    /// Shows the question and reads a line that is not shown.
    pub(super) fn ask_secretly(&self, question: &str) -> Result<String, Failure> {
        self.ask(question).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => Failure::new("stopped; nothing was changed"),
            _ => {
                Failure::new(format!("cannot ask at the terminal: {error}")).hint("--password-stdin takes it from standard input")
            }
        })
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        // Before the question: what is typed at the sight of it is not shown.
        let _silence = Silence::on(&self.0)?;
        (&self.0).write_all(question.as_bytes())?;
        let line = self.read_line();
        (&self.0).write_all(b"\n")?;
        line
    }

    /// Keys come as they are pressed, and none is a signal: Ctrl-C must not leave a terminal behind that shows nothing.
    fn read_line(&self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut key = [0];
        loop {
            if (&self.0).read(&mut key)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match key[0] {
                b'\r' | b'\n' => break,
                CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
                CTRL_D if line.is_empty() => return Err(io::ErrorKind::Interrupted.into()),
                CTRL_U => line.clear(),
                BACKSPACE | DELETE => remove_last_character(&mut line),
                byte if line.len() < MOST => line.push(byte),
                _ => {}
            }
        }
        String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what was typed is no UTF-8 text"))
    }
}

/// As long as this lives, the terminal shows nothing of what is typed.
struct Silence<'t> {
    terminal: &'t File,
    before: Termios,
}

impl Silence<'_> {
    fn on(terminal: &File) -> io::Result<Silence<'_>> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        (silent.special_codes[SpecialCodeIndex::VMIN], silent.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Silence { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// A character may have up to four bytes (RFC 3629); those after the first are `10xxxxxx`.
fn remove_last_character(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// More is refused as a password anyway.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_taken_back_as_a_whole() {
        let mut line = "aä€𝄞".as_bytes().to_vec();
        for left in ["aä€", "aä", "a", "", ""] {
            remove_last_character(&mut line);
            assert_eq!(line, left.as_bytes());
        }
    }
}
