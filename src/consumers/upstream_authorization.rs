//! `upstream_authorization`: the credential that a backend asks for which cannot take an identity header.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::credential_files::{CredentialFiles, Secret};
use crate::harmless::harmless;
use crate::yaml::{Fields, Node, Report};

/// A Basic or Bearer credential, ready to be sent, and the file that it came from. Two are equal if they are of the
/// same file and send the same.
#[derive(Clone, PartialEq)]
pub struct UpstreamAuthorization {
    kind: Kind,
    file: PathBuf,
    value: HeaderValue,
}

/// Which scheme the credential is of, and with that what its file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `user:password` (RFC 7617).
    Basic,
    /// A `b64token` (RFC 6750 §2.1).
    Bearer,
}

impl UpstreamAuthorization {
    /// The file that the credential is read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is sent as `Authorization`. It is marked as a secret: its `Debug` output does not show it.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

/// Says which file, and never what is in it.
impl fmt::Debug for UpstreamAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamAuthorization({} {})", self.kind.key(), self.file.display())
    }
}

/// Reads `upstream_authorization`, which stands in a file of `folder`.
pub(super) fn upstream_authorization(
    node: &Node<'_>,
    folder: &Path,
    files: &CredentialFiles,
    report: &mut Report,
) -> Option<UpstreamAuthorization> {
    if !node.value().is_mapping() {
        // Not repeated: it may be the credential.
        report.problem(node, format!("`{}` has to be a map", node.label()), NAME_ONE);
        return None;
    }
    let mut fields = Fields::of(node, report)?;
    let written = [Kind::Basic, Kind::Bearer].map(|kind| fields.get(kind.key()).map(|node| (kind, node)));
    fields.finish(report);
    match written {
        [Some((kind, node)), None] | [None, Some((kind, node))] => credential(kind, &node, folder, files, report),
        [Some(_), Some((_, second))] => {
            report.problem(&second, "`basic_file` and `bearer_file` both stand here", "take one of the two out");
            None
        }
        [None, None] => {
            report.problem(node, format!("`{}` names no file", node.label()), NAME_ONE);
            None
        }
    }
}

fn credential(
    kind: Kind,
    node: &Node<'_>,
    folder: &Path,
    files: &CredentialFiles,
    report: &mut Report,
) -> Option<UpstreamAuthorization> {
    let file = path(kind, node, folder, report)?;
    let about = |what: &str| format!("`{}`: {} {what}", node.label(), shown(&file));
    let secret = match files.get(&file) {
        Ok(secret) => secret,
        Err(unreadable) => {
            report.problem(node, about(&unreadable.why), unreadable.hint);
            return None;
        }
    };
    let value = match kind.value(&secret.bytes) {
        Ok(value) => value,
        Err(what) => {
            report.problem(node, about(what), kind.hint());
            return None;
        }
    };
    warn(&secret, node, &file, report);
    Some(UpstreamAuthorization { kind, file, value })
}

fn path(kind: Kind, node: &Node<'_>, folder: &Path, report: &mut Report) -> Option<PathBuf> {
    let text = node.value().as_str().unwrap_or_default();
    if text.is_empty() || text.chars().any(char::is_control) {
        report.problem(node, format!("`{}` is no path", node.label()), "write the path of a file, in quotes if it is a number");
        return None;
    }
    if kind == Kind::Basic && text.contains(':') && !text.contains('/') {
        // Not repeated: it is a password.
        let message = format!("`{}` looks like a user and a password", node.label());
        report.problem(node, message, "write them into a file, and its path here; a file in this folder may be named ./NAME");
        return None;
    }
    Some(folder.join(text))
}

fn warn(secret: &Secret, node: &Node<'_>, file: &Path, report: &mut Report) {
    if let Some(mode) = secret.open_to_others {
        let file = shown(file);
        let message = format!("`{}`: {file} has the mode {mode:o}: others than its owner may read the credential", node.label());
        report.warn(node, message, format!("chmod 600 {file}"));
    }
}

/// The path may come from a form or a program.
fn shown(file: &Path) -> String {
    harmless(&file.display().to_string())
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Basic => "basic_file",
            Self::Bearer => "bearer_file",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Basic => "write user:password on one line of UTF-8, not encoded, the user without a colon",
            Self::Bearer => {
                "write the token on one line, without the word Bearer; it has letters, digits, -._~+/ and = at its end"
            }
        }
    }

    /// The header's value, or what is wrong with what the file holds.
    fn value(self, bytes: &[u8]) -> Result<HeaderValue, &'static str> {
        let line = line_of(bytes)?;
        let value = match self {
            Self::Basic if !line.contains(':') => return Err("has no colon between a user and a password"),
            Self::Basic => format!("Basic {}", STANDARD.encode(line)),
            Self::Bearer if !is_b64token(line) => return Err("holds no bearer token"),
            Self::Bearer => format!("Bearer {line}"),
        };
        let mut value = HeaderValue::try_from(value).expect("visible ASCII and a blank are a header value");
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The only line, without its end.
fn line_of(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("is empty");
    }
    if line.contains(['\n', '\r']) {
        return Err("has several lines");
    }
    if line.starts_with('\u{feff}') {
        return Err("begins with a byte order mark");
    }
    if line.chars().any(char::is_control) {
        return Err("has a control character in it");
    }
    Ok(line)
}

/// RFC 6750 §2.1.
fn is_b64token(text: &str) -> bool {
    let token = text.trim_end_matches('=');
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

const NAME_ONE: &str = "write { basic_file: PATH } or { bearer_file: PATH }";

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: Kind, bytes: &[u8]) -> Result<String, &'static str> {
        kind.value(bytes).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn basic_is_encoded_as_in_the_rfcs_examples() {
        // RFC 7617 §2 and §2.1.
        assert_eq!(value(Kind::Basic, b"Aladdin:open sesame").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(value(Kind::Basic, "test:123£".as_bytes()).unwrap(), "Basic dGVzdDoxMjPCow==");
        // Only the first colon divides; both halves may be empty.
        for text in ["u:p:q", ":p", "u:"] {
            assert_eq!(value(Kind::Basic, text.as_bytes()).unwrap(), format!("Basic {}", STANDARD.encode(text)));
        }
    }

    #[test]
    fn one_line_end_is_taken_off_and_no_more() {
        for end in ["", "\n", "\r\n"] {
            assert_eq!(value(Kind::Bearer, format!("mF_9.B5f-4.1JqM{end}").as_bytes()).unwrap(), "Bearer mF_9.B5f-4.1JqM");
        }
        assert_eq!(value(Kind::Basic, b" u:p \n").unwrap(), format!("Basic {}", STANDARD.encode(" u:p ")));
        for text in ["u:p\n\n", "u:p\r\n\r\n", "u:p\nu:q", "u:p\ru:q"] {
            assert_eq!(value(Kind::Basic, text.as_bytes()), Err("has several lines"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_credential_is_told_without_being_shown() {
        for (kind, bytes, wrong) in [
            (Kind::Basic, &b""[..], "is empty"),
            (Kind::Bearer, b"\n", "is empty"),
            (Kind::Basic, b"dTpw", "has no colon between a user and a password"),
            (Kind::Basic, b"u:p\0", "has a control character in it"),
            (Kind::Basic, b"u\t:p", "has a control character in it"),
            (Kind::Basic, b"u:p\x7f", "has a control character in it"),
            (Kind::Basic, b"u:\xe4", "is not UTF-8"),
            (Kind::Basic, b"\xef\xbb\xbfu:p", "begins with a byte order mark"),
            (Kind::Bearer, b"Bearer abc", "holds no bearer token"),
            (Kind::Bearer, b"abc ", "holds no bearer token"),
            (Kind::Bearer, b"a=b", "holds no bearer token"),
            (Kind::Bearer, b"==", "holds no bearer token"),
            (Kind::Bearer, "ä".as_bytes(), "holds no bearer token"),
        ] {
            assert_eq!(value(kind, bytes), Err(wrong), "{}", bytes.escape_ascii());
        }
        assert!(value(Kind::Bearer, b"abc+/~==").is_ok());
    }

    #[test]
    fn a_credential_is_never_shown() {
        let value = Kind::Basic.value(b"u:hunter2").unwrap();
        let encoded = STANDARD.encode("u:hunter2");
        let shown = format!("{:?}", UpstreamAuthorization { kind: Kind::Basic, file: "b.txt".into(), value: value.clone() });
        assert_eq!(shown, "UpstreamAuthorization(basic_file b.txt)");
        assert!(!format!("{value:?}").contains(&encoded));
    }
}
