//! The one form of a path that rules are matched on, or the reason why there is no such form.

use crate::oauth::percent::{self, Plus};

/// A path decoded once, with exactly one reading: no dot segments, empty segments, parameters or encoded delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// # Errors
    /// What in `raw` two servers may read differently, in words for the operator.
    pub fn of(raw: &str) -> Result<Self, &'static str> {
        if !raw.starts_with('/') {
            return Err("a path that does not begin with a slash");
        }
        let decoded = percent::decode(raw.as_bytes(), Plus::IsPlus).map_err(|_| "a % without two hexadecimal digits")?;
        let decoded = std::str::from_utf8(&decoded).map_err(|_| "bytes that are not UTF-8")?;
        // Slashes of the raw path only: an encoded one is a slash to some backends and a character to others.
        if decoded.matches('/').count() != raw.matches('/').count() {
            return Err("an encoded slash");
        }
        match decoded.chars().find(|c| matches!(c, '\\' | ';' | '%' | '?' | '#') || c.is_control()) {
            Some('\\') => return Err("a backslash"),
            Some(';') => return Err("a semicolon (path parameters)"),
            Some('%') => return Err("an encoded % (double encoding)"),
            Some('?' | '#') => return Err("an encoded ? or #"),
            Some(_) => return Err("a control character"),
            None => {}
        }
        if decoded.contains("//") {
            return Err("an empty segment (//)");
        }
        if decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("a dot segment (. or ..)");
        }
        Ok(Self(decoded.to_owned()))
    }

    /// Without what some servers take for nothing: a slash at the end, and segments of dots and blanks alone.
    pub(super) fn without_nothings(&self) -> Self {
        let named: Vec<&str> = self.segments().filter(|segment| !without_ending(segment).is_empty()).collect();
        Self(format!("/{}", named.join("/")))
    }

    /// Without slashes, dots and blanks at the end.
    pub(super) fn without_end(&self) -> Self {
        Self(format!("/{}", self.0.trim_start_matches('/').trim_end_matches(['/', '.', ' '])))
    }

    /// What stands between the slashes; of `/` one that is empty.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A segment without the dots and blanks that Windows takes off the end of a name.
pub(super) fn without_ending(segment: &str) -> &str {
    segment.trim_end_matches(['.', ' '])
}
