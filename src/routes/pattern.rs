//! Path patterns: `*` within a segment, `**` for any number of segments.

use std::fmt;

use super::path::{CanonicalPath, without_ending};

/// A pattern such as `/status`, `/static/*.css` or `/rest/**`.
///
/// `/rest/**` also matches `/rest` itself. Patterns are written decoded (`/a b`, not `/a%20b`), and are matched as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`
    Any,
    /// Literal text with `*` for any characters.
    Glob(String),
}

/// Why a text is no pattern, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPattern(pub &'static str);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl PathPattern {
    /// # Errors
    /// [`BadPattern`] for a pattern that can match no path, or that would not mean what it seems to.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if !text.starts_with('/') {
            return Err(BadPattern("a path pattern begins with a slash"));
        }
        if text.contains(['?', '#', ';', '\\', '%']) {
            return Err(BadPattern("a path pattern has no query, fragment, ; \\ or % in it; write characters decoded"));
        }
        if text.split('/').skip(1).any(|segment| segment.len() > 2 && segment.contains("**")) {
            return Err(BadPattern("** stands alone between slashes; within a name write a single *"));
        }
        // A lone slash at the end is a segment of its own: /a/ is not /a.
        let inner = text.split('/').skip(1);
        if text.contains("//") || text.split('/').any(|s| matches!(s, "." | "..")) {
            return Err(BadPattern("a path pattern has no // and no . or .. in it"));
        }
        let segments = inner.map(|s| if s == "**" { Segment::Any } else { Segment::Glob(s.to_owned()) }).collect();
        Ok(Self { text: text.to_owned(), segments })
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &CanonicalPath) -> bool {
        matches_all(&self.segments, path, glob_matches)
    }

    /// Whether some server may read the path as one that matches: letters have no case there, a name ends before its last dots and
    /// blanks, or a slash at the end is nothing.
    pub fn matches_loosely(&self, path: &CanonicalPath) -> bool {
        let reads = |path: &CanonicalPath| matches_all(&self.segments, path, loosely);
        let (without_end, without_nothings) = (path.without_end(), path.without_nothings());
        reads(path)
            || (without_end != *path && reads(&without_end))
            || (without_nothings != without_end && reads(&without_nothings))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Matches with one point to come back to, so that the time stays within pattern × path however many `**` there are.
fn matches_all(pattern: &[Segment], path: &CanonicalPath, name_matches: impl Fn(&str, &str) -> bool) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    backtrack(
        pattern,
        &segments,
        |segment| matches!(segment, Segment::Any),
        |segment, text| match segment {
            Segment::Any => false,
            Segment::Glob(glob) => name_matches(glob, text),
        },
    )
}

/// Some servers take off the ending and some don't, and one that does sees no other name than the pattern's without its own.
fn loosely(glob: &str, text: &str) -> bool {
    let (glob, text) = (lower_case(glob), lower_case(text));
    glob_matches(&glob, &text) || glob_matches(without_ending(&glob), without_ending(&text))
}

/// Letter by letter. A whole word's lower case depends on where it ends (Σ), and a glob ends elsewhere than what it matches.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    backtrack(&glob, &text, |c| *c == '*', |wanted, c| wanted == c)
}

/// Wildcard matching: `is_wild` elements of the pattern stand for any run of items, the others for one item.
fn backtrack<P, T>(pattern: &[P], items: &[T], is_wild: impl Fn(&P) -> bool, one: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while i < items.len() {
        match pattern.get(p) {
            Some(wild) if is_wild(wild) => {
                p += 1;
                resume = Some((p, i));
            }
            Some(single) if one(single, &items[i]) => (p, i) = (p + 1, i + 1),
            _ => match &mut resume {
                Some((after_wild, from)) => {
                    *from += 1;
                    (p, i) = (*after_wild, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(is_wild)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(&CanonicalPath::of(path).unwrap())
    }

    #[test]
    fn what_stands_for_a_star_may_be_dots_or_blanks_before_a_slash_at_the_end() {
        let pattern = PathPattern::parse("/users/*/secret").unwrap();
        for path in ["/users/.../secret/", "/users/%20/secret", "/USERS/.../secret.", "/users/x/secret/"] {
            assert!(pattern.matches_loosely(&CanonicalPath::of(path).unwrap()), "{path}");
        }
        assert!(!pattern.matches_loosely(&CanonicalPath::of("/users/x/y/secret/").unwrap()));
    }

    #[test]
    fn a_star_stays_within_a_segment() {
        assert!(matches("/static/*.css", "/static/a.css"));
        assert!(!matches("/static/*.css", "/static/a/b.css"));
        assert!(!matches("/static/*.css", "/static/a.css/"));
        assert!(matches("/a/*/c", "/a/b/c"));
        assert!(!matches("/a/*/c", "/a/c"));
    }

    #[test]
    fn two_stars_cross_segments_and_match_none() {
        for path in ["/rest", "/rest/", "/rest/a/b/c"] {
            assert!(matches("/rest/**", path), "{path}");
        }
        assert!(!matches("/rest/**", "/restricted"));
        assert!(matches("/**/secret/*", "/a/b/secret/x"));
        assert!(!matches("/**/secret/*", "/a/b/secret"));
        assert!(matches("/**", "/"));
    }

    #[test]
    fn nothing_matches_by_prefix_or_in_another_case() {
        assert!(!matches("/status", "/status/"));
        assert!(!matches("/status", "/statusx"));
        assert!(!matches("/status", "/Status"));
    }

    #[test]
    fn what_matches_as_written_matches_loosely_too() {
        let pattern = PathPattern::parse("/\u{391}\u{3a3}*").unwrap();
        for path in ["/\u{391}\u{3a3}\u{392}", "/\u{3b1}\u{3c3}\u{3b2}", "/\u{391}\u{3a3}"] {
            assert!(pattern.matches_loosely(&CanonicalPath::of(path).unwrap()), "{path}");
        }
    }

    #[test]
    fn a_loose_match_takes_endings_off_each_name_or_off_none() {
        let loosely =
            |pattern: &str, path: &str| PathPattern::parse(pattern).unwrap().matches_loosely(&CanonicalPath::of(path).unwrap());
        for path in ["/a./b", "/A/b. .", "/a%20/%42/", "/a/b/.../", "/%20/a../b"] {
            assert!(loosely("/a/b", path), "{path}");
        }
        for path in ["/a.x/b", "/.a/b", "/a/b/c", "/ab", "/a"] {
            assert!(!loosely("/a/b", path), "{path}");
        }
        // The pattern has endings of its own.
        for path in ["/a./b.", "/a./b", "/a/b", "/a./b./"] {
            assert!(loosely("/a./b", path), "{path}");
        }
        assert!(loosely("/", "/") && loosely("/", "/...") && !loosely("/", "/a"));
        assert!(loosely("/a/*.css", "/a/x.CSS.") && !loosely("/a/*.css", "/a./x.cs"));
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in ["/", "/a/*.css", "/a/**/b", "/**"] {
            assert_eq!(PathPattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_can_match_nothing_is_no_pattern() {
        for text in ["", "status", "/a//b", "/a/../b", "/a**", "/rest**", "/**.css", "/a?x=1", "/a%20b", "/a;b", "/."] {
            let refused = PathPattern::parse(text).unwrap_err();
            assert!(!refused.to_string().is_empty(), "{text}");
        }
        for text in ["/", "/a/", "/**/b", "/a b"] {
            assert!(PathPattern::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn many_stars_take_no_more_than_pattern_times_path() {
        let pattern = format!("/{}b", "*a".repeat(200));
        assert!(!matches(&pattern, &format!("/{}", "a".repeat(4000))));
    }
}
