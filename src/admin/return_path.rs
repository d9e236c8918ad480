//! Where to go on after signing in: somewhere here, and nowhere else.

use url::Url;

/// A path of ours with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReturnPath(String);

impl ReturnPath {
    /// The path that `text` is; the first page if it is none, or leads to another host.
    pub(super) fn of(text: &str) -> Self {
        Self::local(text).unwrap_or_else(|| Self("/".to_owned()))
    }

    /// A browser's own reading of the text decides, since it is a browser that follows it: `//host`, `/\host` and `/<tab>/host` are
    /// other hosts to it.
    fn local(text: &str) -> Option<Self> {
        let here = Url::parse(HERE).ok()?;
        let there = here.join(text).ok()?;
        let is_here = there.origin() == here.origin() && text.starts_with('/') && text.len() <= LONGEST;
        let path = &there[url::Position::BeforePath..url::Position::AfterQuery];
        let is_page = !AROUND_SIGNING_IN.iter().any(|other| path.starts_with(other));
        // Whatever `join` made of it: it is one path to every reader.
        (is_here && is_page && !path.starts_with("//")).then(|| Self(path.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign-in page that leads there.
    pub(super) fn sign_in(&self) -> String {
        if self.0 == "/" {
            return "/sign-in".to_owned();
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", &self.0).finish();
        format!("/sign-in?{query}")
    }
}

/// A host that nothing else is called.
const HERE: &str = "http://here.invalid/";

/// Nobody wants to be led back to these.
const AROUND_SIGNING_IN: [&str; 3] = ["/sign-in", "/sign-out", "/setup"];

/// As long as our longest paths, which have a consumer key in them.
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_ours_lead_back() {
        for path in ["/", "/refusals", "/consumers/a%2Fb?key=x%0Ay&z", "/a%5C/b"] {
            assert_eq!(ReturnPath::of(path).as_str(), path);
        }
        assert_eq!(ReturnPath::of("/refusals").sign_in(), "/sign-in?return=%2Frefusals");
        assert_eq!(ReturnPath::of("/").sign_in(), "/sign-in");
    }

    #[test]
    fn everything_else_leads_to_the_first_page() {
        for text in [
            "",
            "refusals",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "http://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e//evil.example",
            "/sign-out",
            "/sign-in?return=/",
            "/setup/x",
            &format!("/{}", "x".repeat(LONGEST)),
        ] {
            assert_eq!(ReturnPath::of(text).as_str(), "/", "{text:?}");
        }
        assert_eq!(ReturnPath::of("/a\r\nSet-Cookie: x").as_str(), "/aSet-Cookie:%20x");
    }
}
