//! How the demo looks: 80 columns, colours on a terminal only and never where NO_COLOR is set (no-color.org).

use std::env;
use std::io::{IsTerminal, stdout};

use super::application::Seen;
use super::folder::Folder;
use super::scene::{Played, Scene};
use super::stage::{CONSUMER, Stage};

pub(super) struct Screen {
    colours: bool,
}

impl Screen {
    pub(super) fn detect() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && stdout().is_terminal() }
    }

    /// Who takes part.
    pub(super) fn opening(&self, stage: &Stage) -> String {
        let mut text = format!("{}\n\n", self.bold("Countersign demo"));
        text += &self.row("consumer", &format!("{CONSUMER}, with a 2048-bit RSA key made just now"));
        text += &self.row("gateway", &format!("{} lets through what {CONSUMER} signed", stage.url("")));
        text += &self.row("application", &format!("http://{} knows nothing of OAuth", stage.application.address()));
        text
    }

    /// What was sent, what came back, why, and what the application noticed of it.
    pub(super) fn scene(&self, number: usize, scene: &Scene, played: &Played) -> String {
        let mut text = format!("\n{} {}\n", self.bold(&format!("{number}")), self.bold(scene.title));
        text += &self.row("sent", &format!("GET {}", scene.target));
        if let Some(authorization) = &scene.authorization {
            let [first, second] = shortened(authorization);
            text += &self.row("", &first);
            text += &self.row("", &second);
        }
        text += &self.row("answer", &answer(played));
        text += &self.row("log", &played.log);
        text += &self.row("application", &played.seen.first().map_or("heard nothing of it".to_owned(), noticed));
        let verdict =
            if played.is_right(scene) { self.green("✓ as it should be") } else { self.red("✗ not as it should be") };
        text + &self.row("", &verdict)
    }

    /// What to try now.
    pub(super) fn by_hand(&self, commands: &[String; 2], folder: &Folder) -> String {
        let [unsigned, signed] = commands;
        format!(
            "\n{}\n\n{unsigned}\n\n{signed}\n\nThe second one signs anew each time. The gateway follows a change of consumers.yaml\n\
             within a second; it is, with access.log, in {}\n{}\n",
            self.bold("Try it by hand, in another terminal:"),
            folder.as_path().display(),
            self.bold("Ctrl-C ends the demo and removes them."),
        )
    }

    /// A label and a text, the text wrapped beside it.
    fn row(&self, label: &str, text: &str) -> String {
        let mut label = label;
        let mut rows = String::new();
        for line in wrap(text) {
            rows += &format!("  {}  {line}\n", self.dim(&format!("{label:<LABEL$}")));
            label = "";
        }
        rows
    }

    fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn green(&self, text: &str) -> String {
        self.styled("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.styled("31", text)
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn answer(played: &Played) -> String {
    match (&played.problem, played.status.is_success()) {
        (Some(problem), _) => format!("{}, oauth_problem={problem}", played.status),
        (None, true) => format!("{}: {}", played.status, played.text),
        (None, false) => format!("{}, and the challenge to use OAuth", played.status),
    }
}

fn noticed(seen: &Seen) -> String {
    let consumer = seen.consumer.as_ref().map_or("no X-OAuth-Consumer".to_owned(), |key| format!("X-OAuth-Consumer: {key}"));
    let authorization = if seen.has_authorization { "and the Authorization header" } else { "and no Authorization" };
    format!("got {}, {consumer} {authorization}", seen.line)
}

/// Two rows of the header: enough to tell whose it is, and to see that a replay is the same again.
fn shortened(authorization: &str) -> [String; 2] {
    let value = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=\"")).unwrap_or_default();
        rest.chars().take(SHOWN_VALUE).take_while(|c| *c != '"').collect::<String>()
    };
    [
        format!("Authorization: OAuth oauth_consumer_key=\"{}\", …,", value("oauth_consumer_key")),
        format!("oauth_nonce=\"{}…\", oauth_signature=\"{}…\"", value("oauth_nonce"), value("oauth_signature")),
    ]
}

/// Lines of at most [`TEXT`] columns, broken between words.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line from the start");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > TEXT {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Characters of a nonce and a signature.
const SHOWN_VALUE: usize = 10;
/// `application`
const LABEL: usize = 11;
/// What is left of 80 columns beside the label and its margins.
const TEXT: usize = 80 - LABEL - 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_80_columns() {
        let screen = Screen { colours: false };
        let text = "word ".repeat(60);
        for line in screen.row("log", text.trim_end()).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_header_is_shortened_to_what_tells_it_from_another() {
        let header = r#"OAuth oauth_consumer_key="demo", oauth_nonce="0123456789abcdef", oauth_signature="ABCDEFGHIJKLMN%3D""#;
        let [first, second] = shortened(header);
        assert_eq!(first, "Authorization: OAuth oauth_consumer_key=\"demo\", …,");
        assert_eq!(second, "oauth_nonce=\"0123456789…\", oauth_signature=\"ABCDEFGHIJ…\"");
    }

    #[test]
    fn colours_are_codes_around_the_text_or_nothing() {
        assert_eq!(Screen { colours: true }.green("x"), "\x1b[32mx\x1b[0m");
        assert_eq!(Screen { colours: false }.green("x"), "x");
    }
}
