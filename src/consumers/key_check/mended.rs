//! What was not as it should be in a pasted key.

use std::fmt;

/// Something that was put right, told in the past tense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// Indentation, or blanks at the ends of lines.
    Blanks,
    /// CR LF, or CR alone.
    LineEnds,
    /// `\n` where line breaks were meant, as in a string of a program or of JSON.
    Escapes,
    /// Quotes around the whole.
    Quotes,
    /// A byte order mark, or blanks without width, as web pages and mail programs have them.
    Invisible,
    /// Neither BEGIN nor END.
    NoArmour,
    /// BEGIN without its END, though the key is complete.
    NoEnd,
    /// A label that names another kind of content.
    Label {
        /// As pasted.
        was: String,
        /// What is right.
        is: &'static str,
    },
    /// An SSH key, written anew.
    Ssh,
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blanks => f.write_str("blanks around the lines were taken off"),
            Self::LineEnds => f.write_str("line ends of another system were replaced"),
            Self::Escapes => f.write_str("\\n, written as two characters, became line breaks"),
            Self::Quotes => f.write_str("the quotes around it were taken off"),
            Self::Invisible => f.write_str("invisible characters were taken out"),
            Self::NoArmour => f.write_str("the BEGIN and END lines were missing and have been added"),
            Self::NoEnd => f.write_str("the END line was missing and has been added"),
            Self::Label { was, is } => write!(f, "it was labelled {was:?}, and is a {is}"),
            Self::Ssh => f.write_str("it was converted from an SSH key"),
        }
    }
}
