//! Questions to the person at the terminal, for what no option says.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::failure::Failure;

/// Asks, or says which option is missing where nobody can be asked.
pub(super) fn text(question: &str, option: &str) -> Result<String, Failure> {
    let answer = first_line(question, option)?;
    let answer = answer.trim();
    if answer.is_empty() { Err(missing(option)) } else { Ok(answer.to_owned()) }
}

/// Asks for a key, which is pasted.
pub(super) fn public_key(option: &str) -> Result<String, Failure> {
    prompt("Paste the public key or certificate, to its END line (after bare base64 an empty line):\n", option)?;
    pasted(io::stdin().lock()).map_err(|error| Failure::new(format!("cannot read the key: {error}")))
}

/// Whether the answer is yes. Without a terminal it is not asked, and `--yes` is what is missing.
pub(in crate::cli) fn confirmed(question: &str) -> Result<bool, Failure> {
    let answer = first_line(&format!("{question} [y/N] "), "--yes")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}

fn first_line(question: &str, option: &str) -> Result<String, Failure> {
    prompt(question, option)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    Ok(answer)
}

fn prompt(question: &str, option: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(missing(option));
    }
    let mut terminal = io::stderr().lock();
    terminal.write_all(question.as_bytes()).and_then(|()| terminal.flush()).map_err(|_| missing(option))
}

fn missing(option: &str) -> Failure {
    Failure::new(format!("{option} is missing")).hint("name it as an option, or run the command on a terminal to be asked")
}

/// Everything up to the END line of a PEM block; of bare base64 everything up to an empty line.
fn pasted(lines: impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    for line in lines.lines() {
        let line = line?;
        let (is_end, is_empty) = (line.trim_start().starts_with("-----END"), line.trim().is_empty());
        if is_empty && text.is_empty() {
            continue;
        }
        if is_empty && !text.contains("-----BEGIN") {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        if is_end || text.len() > MAX_KEY {
            break;
        }
    }
    Ok(text)
}

/// Far more than any key or certificate.
const MAX_KEY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_key_ends_with_its_end_line_or_an_empty_one() {
        let rest = "rest\n";
        for (text, key) in [
            (
                "\n\n-----BEGIN PUBLIC KEY-----\nab\n\ncd\n-----END PUBLIC KEY-----\nrest\n",
                "-----BEGIN PUBLIC KEY-----\nab\n\ncd\n-----END PUBLIC KEY-----\n",
            ),
            ("abcd\nefgh\n\nrest\n", "abcd\nefgh\n"),
            ("abcd", "abcd\n"),
            ("", ""),
        ] {
            let mut lines = text.as_bytes();
            assert_eq!(pasted(&mut lines).unwrap(), key);
            assert!(lines.is_empty() || lines == rest.as_bytes());
        }
    }
}
