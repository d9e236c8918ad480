//! Why the server gives no token, in plain words, and what to do about it.

use http::StatusCode;

use super::answer::{Answer, Problem};
use super::provider::Provider;
use crate::cli::failure::Failure;
use crate::harmless::harmless;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    RequestToken,
    AccessToken,
    Renewal,
    /// A call of the application, with the access token.
    Call,
}

/// The user said no.
pub(super) fn denied() -> Failure {
    Failure::new("the user denied access").hint("nothing was given; begin anew if that was a mistake")
}

/// Explains an answer that is not what was asked for. `secrets`: what the server's own words are freed of.
pub(super) fn failure(step: Step, answer: &Answer, provider: &Provider<'_>, secrets: &[&str]) -> Failure {
    let Some(problem) = answer.problem() else { return no_provider(step, answer) };
    let safe = |text: &str| {
        let short: String = text.chars().take(MAX_SHOWN).collect();
        let freed = secrets.iter().filter(|secret| !secret.is_empty()).fold(short, |text, secret| text.replace(secret, "…"));
        harmless(&freed)
    };
    let (meaning, hint) = explained(step, &problem, answer, provider, &safe);
    let mut message = format!("no {}: {meaning} ({} {})", step.wanted(), answer.status.as_u16(), safe(&problem.code));
    if let Some(advice) = problem.pair("oauth_problem_advice") {
        message.push_str(&format!("\nthe server says: {}", safe(&advice)));
    }
    Failure::new(message).hint(hint)
}

impl Step {
    fn wanted(self) -> &'static str {
        match self {
            Self::RequestToken => "request token",
            Self::AccessToken => "access token",
            Self::Renewal => "new access token",
            Self::Call => "answer from the application",
        }
    }

    fn has_user(self) -> bool {
        self != Self::RequestToken
    }
}

/// The meaning of a problem, and the next step.
fn explained(
    step: Step,
    problem: &Problem,
    answer: &Answer,
    provider: &Provider<'_>,
    safe: &dyn Fn(&str) -> String,
) -> (String, String) {
    let consumer = harmless(provider.consumer);
    let list = |name: &str| problem.pair(name).map_or_else(|| "the server does not say which".into(), |list| safe(&list));
    match problem.code.as_str() {
        "consumer_key_unknown" => (
            format!("the server knows no consumer {consumer}"),
            "compare --consumer with the consumer's entry, letter by letter: countersign consumers list".into(),
        ),
        "consumer_key_rejected" | "consumer_key_refused" => (
            format!("the consumer {consumer} is disabled, or its time is over"),
            "have its administrator look at `enabled` and `expires`".into(),
        ),
        "signature_invalid" => ("the signature does not hold".into(), not_the_key(provider)),
        "signature_method_rejected" => (
            format!(
                "the consumer may not sign with {}; acceptable: {}",
                provider.method.name(),
                list("oauth_acceptable_signature_methods")
            ),
            "name one of those: --signature-method METHOD; or have the consumer's entry allow this one".into(),
        ),
        "timestamp_refused" => clock(problem, answer),
        "nonce_used" => {
            ("the server has seen this request before".into(), "something on the way may send requests twice; begin anew".into())
        }
        "parameter_absent" => (
            format!("the server misses {}", list("oauth_parameters_absent")),
            "see what stands between, and takes it away".into(),
        ),
        "parameter_rejected" if step == Step::RequestToken && is_about(problem, "oauth_callback") => {
            ("the server does not take this callback".into(), "register it with the consumer there, or use --callback oob".into())
        }
        "parameter_rejected" => (
            "the server does not take a parameter as it is".into(),
            "see what stands between, and changes requests; the server's log may say more".into(),
        ),
        "permission_denied" if step == Step::RequestToken => (
            format!("the consumer {consumer} may not ask for users' tokens"),
            "have its administrator allow it: countersign consumers edit KEY --three-legged".into(),
        ),
        code => explained_token(step, code),
    }
}

/// What can be wrong with tokens, and with what users decide.
fn explained_token(step: Step, code: &str) -> (String, String) {
    let (meaning, hint) = match (code, step) {
        ("token_rejected", Step::AccessToken) => (
            "the server does not take the code, or the request token",
            "begin anew, and give the code exactly as it is shown; after some wrong ones the request token is dead",
        ),
        ("token_rejected", Step::Renewal) => (
            "the server does not take the token with its session handle",
            "each renewal ends the token and the handle before it: use the newest; else have the user allow access anew",
        ),
        ("token_rejected", _) => ("the server does not take the access token", "have the user allow access anew"),
        ("token_expired", Step::AccessToken) => (
            "the request token had expired before it was exchanged",
            "begin anew, and decide at once: a request token is good for some minutes",
        ),
        ("token_expired", _) => ("the access token has expired", "renew it with its session handle: --renew FILE"),
        ("token_used", _) => ("the request token was exchanged before", "begin anew; each is good for one access token"),
        ("token_revoked", _) => ("the token was revoked by its user or an administrator", "have the user allow access anew"),
        ("permission_unknown", _) => {
            ("the user has neither allowed nor denied access yet", "begin anew, decide on the page, and give the code after that")
        }
        ("permission_denied", Step::Renewal) => ("the session is over", "have the user allow access anew"),
        ("permission_denied", Step::Call) => (
            "the consumer may not make this call",
            "have its administrator look at the consumer's `allow`, `allow_from` and `three_legged`, and at the routes",
        ),
        ("user_refused" | "permission_denied", _) if step.has_user() => (
            "the user denied access, or it was revoked before the exchange",
            "nothing was given; begin anew if that was a mistake",
        ),
        ("additional_authorization_required", _) => {
            ("the server wants more from the user", "open the application in the browser first, then begin anew")
        }
        _ => ("the server refuses", "the server's log says why"),
    };
    (meaning.into(), hint.into())
}

/// The three reasons that are met in practice.
fn not_the_key(provider: &Provider<'_>) -> String {
    format!(
        "is the public half of --key the consumer's key there? its SHA-256 fingerprint is {}; \
         is the base URL exactly what the server calls itself (`public_url`)? does something between change the path?",
        provider.key.public_key().fingerprint()
    )
}

/// Compares this machine's clock with what the server says of its own.
fn clock(problem: &Problem, answer: &Answer) -> (String, String) {
    let now = i64::try_from(crate::clock::Clock::System.wall().seconds()).unwrap_or(i64::MAX);
    let window = problem.pair("oauth_acceptable_timestamps");
    let window = window.as_deref().and_then(|window| window.split_once('-'));
    let window = window.and_then(|(from, to)| Some((from.parse::<i64>().ok()?, to.parse::<i64>().ok()?)));
    let difference = match (answer.date(), window) {
        (Some(date), _) => date.checked_sub(now),
        (None, Some((from, to))) => from.checked_add(to).and_then(|sum| (sum / 2).checked_sub(now)),
        (None, None) => None,
    };
    let accepted = window.map(|(from, to)| format!("; it accepts {from} to {to}, and it is {now} here")).unwrap_or_default();
    match difference {
        Some(behind @ 2..) => (format!("this machine's clock is {behind} s behind the server's{accepted}"), CLOCK.into()),
        Some(ahead @ ..-1) => {
            (format!("this machine's clock is {} s ahead of the server's{accepted}", ahead.unsigned_abs()), CLOCK.into())
        }
        Some(_) => (
            format!("the server does not take the time, though both clocks agree{accepted}"),
            "it may have been restarted after a crash, and refuse some minutes; try again then".into(),
        ),
        None => ("the server does not take the time".into(), CLOCK.into()),
    }
}

fn is_about(problem: &Problem, name: &str) -> bool {
    problem.pair("oauth_parameters_rejected").is_some_and(|pairs| pairs.contains(name))
}

/// No problem is told: what answers is no OAuth provider, or something in front of it.
fn no_provider(step: Step, answer: &Answer) -> Failure {
    let (url, status) = (&answer.url, answer.status.as_u16());
    if let Some(location) = answer.location() {
        let location: String = location.chars().take(MAX_SHOWN).collect();
        return Failure::new(format!("{url} redirects to {}, which is not followed", harmless(&location)))
            .hint("a signature holds for one URL alone: give the base URL that the server has now");
    }
    let (message, hint) = match answer.status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            (format!("{url} gives no {} ({status}): no OAuth provider is there", step.wanted()), NOT_THERE)
        }
        StatusCode::OK if answer.is_page() => {
            (format!("{url} is a page, and gives no {}: no OAuth provider is there", step.wanted()), NOT_THERE)
        }
        StatusCode::OK => (format!("the answer of {url} holds no oauth_token"), NOT_THERE),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            format!("{url} answers {status} and tells no OAuth problem: something else refuses"),
            "the dance's endpoints have to be reachable without signing in; see what stands in front of the gateway",
        ),
        StatusCode::TOO_MANY_REQUESTS => {
            (format!("{url} answers {status}: too many requests"), "wait a moment; the consumer may have a `rate_limit`")
        }
        other if other.is_server_error() => {
            (format!("{url} answers {status}: the server can't do it now"), "try again later; the server's log says why")
        }
        _ => (format!("{url} answers {status}, and gives no {}", step.wanted()), "the server's log may say why"),
    };
    Failure::new(message).hint(hint)
}

const NOT_THERE: &str = "check the base URL, with its context path such as /jira; a gateway gives tokens where its configuration has `oauth`, \
                         and at other paths by --request-token-path and --access-token-path";
const CLOCK: &str = "set this machine's clock, by NTP for example: timedatectl";
/// Of what the server wrote, in characters: a long URL.
const MAX_SHOWN: usize = 300;
