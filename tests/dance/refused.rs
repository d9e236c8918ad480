//! What a refusal of the dance has to look like.

use crate::site::Site;
use crate::support::{Response, Signing};

/// Asserts the status and the problem, told in the body and, word for word, in the challenge.
#[track_caller]
pub(crate) fn refused(answer: &Response, (status, problem): (u16, &str), what: &str) {
    let got = (answer.status, answer.problem().unwrap_or_default());
    assert_eq!(got, (status, problem.to_owned()), "{what}: {}", answer.text());
    if matches!(status, 400 | 401) {
        let challenge = answer.field("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("OAuth realm=\"http%3A%2F%2F"), "{what}: {challenge}");
        assert!(challenge.contains(&format!(", oauth_problem=\"{problem}\"")), "{what}: {challenge}");
    }
}

impl Site {
    /// Sends a request that is refused, and of which the application sees nothing.
    #[track_caller]
    pub(crate) fn refuses(&self, problem: (u16, &str), what: &str, request: &Signing) -> Response {
        let before = self.backend.byte_count();
        let answer = self.gateway.ask(request);
        refused(&answer, problem, what);
        assert_eq!(self.backend.byte_count(), before, "{what}: something reached the application");
        answer
    }
}
