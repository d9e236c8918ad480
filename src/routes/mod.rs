//! Which access a request has before anybody has proved anything: route rules on method and path, first match wins.
//!
//! Kept out: consumers. Their own `allow` lists use the same patterns, after the proof.

mod path;
mod pattern;

use std::sync::Arc;

use http::Method;

pub use path::CanonicalPath;
pub use pattern::{BadPattern, PathPattern};

use crate::config::Upstream;

/// What a route asks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Only what a consumer signed; the default where no rule matches.
    Signed,
    /// Verified if it carries OAuth credentials, anonymous if it carries none.
    Optional,
    /// Never verified, always anonymous.
    Open,
    /// A trial run: the verdict is logged and counted, and the request passes without identity whatever it is.
    Observe,
    /// Nobody, signed or not.
    Deny,
}

/// What happens to the browser's cookies on the way to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// They are taken off: a verified consumer must not act in a session of somebody else.
    Drop,
    /// They pass as they came.
    Forward,
}

/// One entry of `routes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which paths.
    pub pattern: PathPattern,
    /// Which methods; `None` means all.
    pub methods: Option<Vec<Method>>,
    /// What it asks.
    pub access: Access,
    /// Another backend than the configured one.
    pub upstream: Option<Arc<Upstream>>,
    /// `None`: dropped from verified requests, forwarded with anonymous ones.
    pub cookies: Option<Cookies>,
    /// Where the rule stands in the configuration file, from 1; 0 if it stands in none.
    pub line: usize,
}

/// All route rules, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes {
    rules: Vec<Rule>,
}

/// What the rules say about one request.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'r> {
    /// What is asked of the request.
    pub access: Access,
    /// The rule that said so; `None` when none matched or none may be trusted to.
    pub rule: Option<&'r Rule>,
    /// Why no rule was asked: what in the path a backend could read in another way.
    pub ambiguity: Option<&'static str>,
}

impl Routes {
    /// Rules in the order in which they are asked.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// First match wins; what no rule matches is signed.
    ///
    /// A path that a backend could read differently is not matched at all, so that it cannot reach a route less guarded
    /// than the one its other reading has: it is signed, or, where any rule denies something, denied.
    pub fn decide(&self, method: &Method, raw_path: &str) -> Decision<'_> {
        if self.rules.is_empty() {
            return Decision { access: Access::Signed, rule: None, ambiguity: None };
        }
        let path = match CanonicalPath::of(raw_path) {
            Ok(path) => path,
            Err(ambiguity) => {
                let denies = self.rules.iter().any(|rule| rule.access == Access::Deny);
                let access = if denies { Access::Deny } else { Access::Signed };
                return Decision { access, rule: None, ambiguity: Some(ambiguity) };
            }
        };
        let found = self.rules.iter().position(|rule| rule.matches(method, &path));
        let rule = found.map(|at| &self.rules[at]);
        let access = rule.map_or(Access::Signed, |rule| rule.access);
        let asks_nothing = matches!(access, Access::Optional | Access::Open | Access::Observe);
        if asks_nothing && self.rules[..found.unwrap_or(0)].iter().any(|rule| rule.guards_loosely(method, &path)) {
            return Decision { access: Access::Signed, rule, ambiguity: Some(NEARLY) };
        }
        Decision { access, rule, ambiguity: None }
    }
}

/// A spelling in which a backend may find what a rule guards: without case on some file systems, `/admin.` and `/admin ` on Windows,
/// `/admin/` in many frameworks.
const NEARLY: &str =
    "a name that differs from a signed rule's only in the case of letters, or in dots, blanks or a slash at the end";

impl<'r> Decision<'r> {
    /// Whether what passes here may touch a second path, as COPY and MOVE do, of which `second` was decided.
    ///
    /// A proof is good for every path but a denied one; without one nothing but the same access is.
    ///
    /// # Errors
    /// What of the second path, in words for the operator.
    pub fn check_second(&self, second: &Self) -> Result<(), &'static str> {
        let is_as_open = match self.access {
            Access::Signed => second.access != Access::Deny,
            access => second.access == access,
        };
        if !is_as_open {
            return Err("whose route has another access");
        }
        if self.upstream() != second.upstream() {
            return Err("whose route leads to another application");
        }
        Ok(())
    }

    /// The rule's own; `None` for the configured one.
    fn upstream(&self) -> Option<&'r Arc<Upstream>> {
        self.rule?.upstream.as_ref()
    }
}

impl Rule {
    fn matches(&self, method: &Method, path: &CanonicalPath) -> bool {
        let in_path = match self.access {
            // A backend that reads names loosely would serve what the rule was to deny.
            Access::Deny => self.pattern.matches_loosely(path),
            _ => self.pattern.matches(path),
        };
        in_path && self.takes(method)
    }

    /// Whether a backend that reads names loosely may find behind the path what this rule asks a signature for.
    fn guards_loosely(&self, method: &Method, path: &CanonicalPath) -> bool {
        self.access == Access::Signed && self.takes(method) && self.pattern.matches_loosely(path)
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }
}

/// One entry of a consumer's `allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// Which paths.
    pub pattern: PathPattern,
    /// Which methods; `None` means all.
    pub methods: Option<Vec<Method>>,
}

impl Allow {
    /// Whether this entry covers the request. A path with more than one reading is covered by none.
    pub fn covers(&self, method: &Method, raw_path: &str) -> bool {
        CanonicalPath::of(raw_path).is_ok_and(|path| self.pattern.matches(&path))
            && self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, access: Access) -> Rule {
        let pattern = PathPattern::parse(pattern).unwrap();
        Rule { pattern, methods: None, access, upstream: None, cookies: None, line: 0 }
    }

    fn access(routes: &Routes, path: &str) -> Access {
        routes.decide(&Method::GET, path).access
    }

    #[test]
    fn the_first_match_wins_and_the_rest_is_signed() {
        let routes = Routes::new(vec![rule("/health", Access::Open), rule("/health/**", Access::Deny)]);
        assert_eq!(access(&routes, "/health"), Access::Open);
        assert_eq!(routes.rules().len(), 2);
        assert_eq!(access(&routes, "/health/x"), Access::Deny);
        assert_eq!(access(&routes, "/Health/X"), Access::Deny);
        assert_eq!(access(&routes, "/Health"), Access::Deny);
        assert_eq!(access(&routes, "/admin"), Access::Signed);
    }

    #[test]
    fn what_is_guarded_is_guarded_in_loose_spellings_too() {
        let loose = ["/a/", "/a.", "/a%20", "/A", "/A./"];
        for path in loose.into_iter().chain(["/A//"]) {
            let denied = Routes::new(vec![rule("/a", Access::Deny), rule("/**", Access::Open)]);
            assert_eq!(access(&denied, path), Access::Deny, "{path}");
        }
        for open in [Access::Open, Access::Optional, Access::Observe] {
            let signed = Routes::new(vec![rule("/a", Access::Signed), rule("/**", open)]);
            for path in loose {
                let decision = signed.decide(&Method::GET, path);
                assert_eq!(
                    (decision.access, decision.rule, decision.ambiguity),
                    (Access::Signed, Some(&signed.rules[1]), Some(NEARLY)),
                    "{path}"
                );
            }
            assert_eq!((access(&signed, "/a"), access(&signed, "/ab"), access(&signed, "/b.")), (Access::Signed, open, open));
            // A rule that comes first is not asked for a later one's sake.
            let first = Routes::new(vec![rule("/A", open), rule("/a", Access::Signed)]);
            assert_eq!((access(&first, "/A"), access(&first, "/a")), (open, Access::Signed));
        }
        let by_method = Rule { methods: Some(vec![Method::POST]), ..rule("/a", Access::Signed) };
        let by_method = Routes::new(vec![by_method, rule("/**", Access::Open)]);
        assert_eq!((access(&by_method, "/a."), by_method.decide(&Method::POST, "/a.").access), (Access::Open, Access::Signed));
    }

    #[test]
    fn a_second_path_is_no_less_guarded_and_of_the_same_application() {
        let all = [Access::Signed, Access::Optional, Access::Open, Access::Observe, Access::Deny];
        let decision = |access| Decision { access, rule: None, ambiguity: None };
        for first in all {
            for second in all {
                let is_fine = first == second || (first == Access::Signed && second != Access::Deny);
                assert_eq!(decision(first).check_second(&decision(second)).is_ok(), is_fine, "{first:?}, {second:?}");
            }
        }
    }

    #[test]
    fn a_path_with_two_readings_never_reaches_a_less_guarded_route() {
        let open = Routes::new(vec![rule("/health/**", Access::Open), rule("/**", Access::Optional)]);
        let denied = Routes::new(vec![rule("/health/**", Access::Open), rule("/admin", Access::Deny)]);
        for path in [
            "/health/../admin",
            "/health%2f..%2fadmin",
            "/health;/../admin",
            "//health",
            "/health/%2e%2e/admin",
            "/health\\admin",
            "/health/%00",
            "/health/%5cadmin",
            "/health/x;jsessionid=1",
            "/health/%3badmin",
            "/health/%252e",
            "/health/./x",
            "/health/%zz",
            "/health/%0a",
            "health",
            "*",
            "",
        ] {
            assert_eq!(access(&open, path), Access::Signed, "{path}");
            assert_eq!(access(&denied, path), Access::Deny, "{path}");
        }
    }

    #[test]
    fn an_allow_list_does_not_cover_a_path_with_two_readings() {
        let allow = Allow { pattern: PathPattern::parse("/rest/**").unwrap(), methods: Some(vec![Method::GET]) };
        assert!(allow.covers(&Method::GET, "/rest/api/2/issue"));
        assert!(allow.covers(&Method::GET, "/r%65st"));
        assert!(!allow.covers(&Method::POST, "/rest/api"));
        assert!(!allow.covers(&Method::GET, "/rest/../admin"));
    }
}
