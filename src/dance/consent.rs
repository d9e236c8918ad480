//! The page that asks the resource owner whether a consumer may act in their name (RFC 5849 §2.2), and what becomes of the answer.

use std::io;
use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::answer::DanceAnswer;
use super::callback;
use super::desk::Desk;
use super::doorkeeper::{Browser, FormPurpose};
use super::layout::Layout;
use crate::consumers::Consumer;
use crate::oauth::timestamp::Timestamp;
use crate::observe::{Actor, Audited, Subject};
use crate::refusal::Refusal;
use crate::tokens::{Callback, DanceError, Decided, Decision, StoreFault, TemporaryCredentials, TokenProblem};
use crate::web::to_the_end;
use crate::web::words::{date, shown};

/// A request token that somebody may decide about.
#[derive(Debug)]
pub struct Asked {
    token: String,
    consumer: Arc<Consumer>,
    temporary: TemporaryCredentials,
}

#[derive(Template)]
#[template(path = "dance/pages/consent.html")]
struct ConsentPage<'a> {
    layout: Layout,
    csrf: &'a str,
    action: &'a str,
    token: &'a str,
    consumer: String,
    description: String,
    user: String,
    host: String,
    /// Empty: the code is shown here.
    callback_host: String,
    until: String,
    user_tokens: &'a str,
}

#[derive(Template)]
#[template(path = "dance/pages/code.html")]
struct CodePage<'a> {
    layout: Layout,
    consumer: String,
    /// Empty: the consumer knows of none.
    verifier: &'a str,
    user_tokens: &'a str,
}

impl Desk<'_> {
    /// What the browser is asked to decide about. Looked at first: whoever has no live request token learns nothing here, and has
    /// nobody asked who they are.
    ///
    /// # Errors
    /// A page that says what is wrong with it. Never a redirect: only a decision leads to a callback.
    pub async fn asked(&self) -> Result<Asked, DanceAnswer> {
        let Some(token) = self.visit.token() else {
            let text = "The address of this page is not complete: it has to name what you are asked about (oauth_token).";
            return Err(self.message(StatusCode::BAD_REQUEST, "There is nothing to decide", text));
        };
        let temporary = self.tokens.pending(token).await.map_err(|error| self.undecidable(error))?;
        if temporary.is_decided {
            return Err(self.undecidable(TokenProblem::Used.into()));
        }
        let consumer = self.policy.consumers.get(temporary.consumer.as_str());
        let consumer = consumer.filter(|consumer| consumer.is_active(self.now) && consumer.three_legged);
        let Some(consumer) = consumer else {
            let text = "The application that asks is not one that may act for you any more. Nothing was changed.";
            return Err(self.message(StatusCode::FORBIDDEN, "This application may not ask", text));
        };
        Ok(Asked { token: token.to_owned(), consumer: Arc::clone(consumer), temporary })
    }

    /// Asks the user, or does what the user decided.
    pub async fn consent(&self, asked: Asked, user: &str) -> DanceAnswer {
        let answer = match self.visit.form {
            None => self.question(&asked, user),
            Some(_) => self.decision(asked, user).await,
        };
        answer.to(user)
    }

    fn question(&self, asked: &Asked, user: &str) -> DanceAnswer {
        let browser = match Browser::of(&self.visit) {
            Ok(browser) => browser,
            Err(error) => return self.system_fault(&error),
        };
        let proof = self.keeper.proof(&browser, FormPurpose { user, token: &asked.token });
        let callback = match &asked.temporary.callback {
            Callback::Url(url) => Some(url.as_str()),
            Callback::OutOfBand => None,
        };
        let until = self.now.seconds().saturating_add(self.dance.lifetimes.access_token.as_secs());
        let page = ConsentPage {
            layout: self.layout_of(user, &proof, &asked.token),
            csrf: &proof.0,
            action: self.visit.links.authorize(),
            token: &asked.token,
            consumer: shown(&asked.consumer.name),
            description: shown(&asked.consumer.description),
            user: shown(user),
            host: self.visit.origin.authority.to_string(),
            callback_host: callback.map(callback::host).unwrap_or_default(),
            until: date(Timestamp::from_seconds(until)),
            user_tokens: self.visit.links.user_tokens(),
        };
        let targets = if callback.is_some() { ANYWHERE } else { "'self'" };
        DanceAnswer::page_with_forms_to(StatusCode::OK, &page, targets).with_cookie(browser.set_cookie)
    }

    async fn decision(&self, asked: Asked, user: &str) -> DanceAnswer {
        let form = self.visit.form.as_ref();
        if !self.keeper.is_proved(&self.visit, FormPurpose { user, token: &asked.token }) {
            return self.not_ours(self.visit.links.back_to(Some(&asked.token)));
        }
        let decision = match form.and_then(|form| form.one("decision")) {
            Some("allow") => Decision::Allow { user: user.to_owned() },
            Some("deny") => Decision::Deny,
            _ => return self.no_form(StatusCode::BAD_REQUEST),
        };
        let is_allowed = decision != Decision::Deny;
        // Who allowed what is asked years later. A no can be said at any time: it gives nobody anything.
        if is_allowed && let Err(error) = self.keeper.audit.ready().await {
            return self.unaudited(&error);
        }
        match self.decide(&asked, user, decision).await {
            Ok(decided) => self.led_on(&asked, &decided, is_allowed),
            Err(error) => self.undecidable(error),
        }
    }

    /// Nothing is decided, and the page that asks is as good as before.
    fn unaudited(&self, error: &io::Error) -> DanceAnswer {
        let text = "The gateway cannot write down now who allows what, so nothing was allowed. Try again in a moment.";
        self.message(StatusCode::SERVICE_UNAVAILABLE, "This cannot be done now", text).noting(format!("the audit log: {error}"))
    }

    /// Decides once and writes it down, whether or not the browser waits for it.
    async fn decide(&self, asked: &Asked, user: &str, decision: Decision) -> Result<Decided, DanceError> {
        let (keeper, tokens, from) = (Arc::clone(self.keeper), Arc::clone(self.tokens), self.from());
        let (token, user, key) = (asked.token.clone(), user.to_owned(), asked.consumer.key.clone());
        let work = async move {
            let action = if decision == Decision::Deny { "deny_consumer" } else { "allow_consumer" };
            let decided = tokens.decide(&token, decision).await?;
            let audited = Audited::done(Actor::Owner(&user), from, action, Subject::Consumer(key.as_str()));
            keeper.audit.note(&audited).await;
            Ok(decided)
        };
        to_the_end(work, StoreFault::Closed.into()).await
    }

    /// To the callback, or to the page with the code.
    fn led_on(&self, asked: &Asked, decided: &Decided, is_allowed: bool) -> DanceAnswer {
        let verifier = decided.verifier.as_ref().map(|verifier| verifier.reveal());
        match &decided.callback {
            Callback::Url(url) => {
                let verifier = if is_allowed { verifier } else { Some(DENIED) };
                let mut pairs = vec![("oauth_token", asked.token.as_str())];
                pairs.extend(verifier.map(|verifier| ("oauth_verifier", verifier)));
                DanceAnswer::redirect(&callback::with_parameters(url, &pairs))
            }
            Callback::OutOfBand if is_allowed => {
                let (layout, consumer) = (Layout::of_nobody(&self.visit), shown(&asked.consumer.name));
                let user_tokens = self.visit.links.user_tokens();
                DanceAnswer::page(
                    StatusCode::OK,
                    &CodePage { layout, consumer, verifier: verifier.unwrap_or_default(), user_tokens },
                )
            }
            Callback::OutOfBand => {
                let text = "You did not allow it, and the application has no access. You can close this page.";
                self.message(StatusCode::OK, "Access denied", text)
            }
        }
    }

    /// Why there is nothing to decide. Whoever has the address learns no more than that.
    fn undecidable(&self, error: DanceError) -> DanceAnswer {
        let problem = match error {
            DanceError::Problem(problem) => problem,
            DanceError::Store(fault) => return self.store_fault(fault),
        };
        let (status, title, text) = match problem {
            TokenProblem::Expired => (
                StatusCode::GONE,
                "This took too long",
                "The request has expired. Start again in the application that sent you here.",
            ),
            TokenProblem::Used | TokenProblem::Denied | TokenProblem::TooManyTries => (
                StatusCode::GONE,
                "This was decided before",
                "A request is answered once. To decide anew, start again in the application that sent you here.",
            ),
            _ => (
                StatusCode::NOT_FOUND,
                "This request is not known",
                "The address is wrong, or the request is long over. Start again in the application that sent you here.",
            ),
        };
        let answer = self.message(status, title, text);
        DanceAnswer { reason: Some(Refusal::Token(problem).to_string()), ..answer }
    }
}

/// Chromium holds a form's targets against every redirect that follows its answer, and consumers' callbacks lead on to wherever they
/// like: with the callback's origin alone, whoever allowed it would be left on the page that asked.
const ANYWHERE: &str = "'self' http: https:";

/// What the old providers send in the verifier's place.
const DENIED: &str = "denied";
