//! The five requests, and what should become of each.

use http::{Method, StatusCode};

use super::application::Seen;
use super::stage::{CONSUMER, Stage};
use crate::cli::failure::Failure;
use crate::cli::signing::{Signer, SigningKey, Stamp, Unsigned};
use crate::oauth::signature::SignatureMethod;

/// One request and the answer that it deserves.
pub(super) struct Scene {
    pub(super) title: &'static str,
    /// The target that is sent.
    pub(super) target: &'static str,
    /// The Authorization header that is sent.
    pub(super) authorization: Option<String>,
    status: StatusCode,
    /// `oauth_problem`
    problem: Option<&'static str>,
    reaches_the_application: bool,
}

/// What became of it.
pub(super) struct Played {
    pub(super) status: StatusCode,
    pub(super) problem: Option<String>,
    /// The answer's body, where it is the application's.
    pub(super) text: String,
    /// The operator's sentence, or who was admitted, from the access log.
    pub(super) log: String,
    pub(super) seen: Vec<Seen>,
}

/// Unsigned, signed, tampered with, replayed, and signed by somebody else.
pub(super) fn all(stage: &Stage) -> Result<Vec<Scene>, Failure> {
    let signed = header(stage, &stage.key, ASKED)?;
    let denied = |title, target, authorization, problem| Scene {
        title,
        target,
        authorization,
        status: StatusCode::UNAUTHORIZED,
        problem,
        reaches_the_application: false,
    };
    Ok(vec![
        denied("Unsigned: nobody vouches for it", ASKED, None, None),
        Scene {
            title: "Signed with the consumer's private key",
            target: ASKED,
            authorization: Some(signed.clone()),
            status: StatusCode::OK,
            problem: None,
            reaches_the_application: true,
        },
        denied(
            "Tampered with: signed for 2026, sent for 2025",
            TAMPERED,
            Some(header(stage, &stage.key, ASKED)?),
            Some("signature_invalid"),
        ),
        denied("Replayed: the signed request once more, byte for byte", ASKED, Some(signed), Some("nonce_used")),
        denied(
            "An impostor: the consumer's name, somebody else's key",
            ASKED,
            Some(header(stage, &SigningKey::generate(2048)?, ASKED)?),
            Some("signature_invalid"),
        ),
    ])
}

impl Played {
    pub(super) fn is_right(&self, scene: &Scene) -> bool {
        let reached = match &self.seen[..] {
            [] => !scene.reaches_the_application,
            [seen] => scene.reaches_the_application && seen.consumer.as_deref() == Some(CONSUMER) && !seen.has_authorization,
            _ => false,
        };
        reached && self.status == scene.status && self.problem.as_deref() == scene.problem
    }
}

fn header(stage: &Stage, key: &SigningKey, target: &str) -> Result<String, Failure> {
    let url = stage.url(target).parse().map_err(Failure::new)?;
    let signer = Signer { key, consumer: CONSUMER, token: None, method: SignatureMethod::RsaSha1, realm: None };
    let request = Unsigned { method: &Method::GET, url: &url, form: None, body_hash: None, more: &[] };
    Ok(signer.sign(&request, &Stamp::now())?.authorization)
}

const ASKED: &str = "/invoices?year=2026";
const TAMPERED: &str = "/invoices?year=2025";

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(status: StatusCode, problem: Option<&'static str>, reaches_the_application: bool) -> Scene {
        Scene { title: "", target: ASKED, authorization: None, status, problem, reaches_the_application }
    }

    fn played(status: StatusCode, problem: Option<&str>, seen: &[Seen]) -> Played {
        let problem = problem.map(str::to_owned);
        Played { status, problem, text: String::new(), log: String::new(), seen: seen.to_vec() }
    }

    #[test]
    fn only_the_answer_that_is_deserved_is_right() {
        let as_demo = Seen { line: String::new(), consumer: Some(CONSUMER.into()), has_authorization: false };
        let signed = scene(StatusCode::OK, None, true);
        assert!(played(StatusCode::OK, None, std::slice::from_ref(&as_demo)).is_right(&signed));
        assert!(!played(StatusCode::OK, None, &[]).is_right(&signed));
        assert!(!played(StatusCode::OK, None, &[as_demo.clone(), as_demo.clone()]).is_right(&signed));
        let with_credentials = Seen { has_authorization: true, ..as_demo.clone() };
        assert!(!played(StatusCode::OK, None, &[with_credentials]).is_right(&signed));
        let nobody = Seen { consumer: None, ..as_demo.clone() };
        assert!(!played(StatusCode::OK, None, &[nobody]).is_right(&signed));

        let replayed = scene(StatusCode::UNAUTHORIZED, Some("nonce_used"), false);
        assert!(played(StatusCode::UNAUTHORIZED, Some("nonce_used"), &[]).is_right(&replayed));
        assert!(!played(StatusCode::UNAUTHORIZED, Some("signature_invalid"), &[]).is_right(&replayed));
        assert!(!played(StatusCode::OK, None, &[]).is_right(&replayed));
        assert!(!played(StatusCode::UNAUTHORIZED, Some("nonce_used"), &[as_demo]).is_right(&replayed));
    }
}
