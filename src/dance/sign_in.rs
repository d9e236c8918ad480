//! Signing in and out, where the gateway has users of its own.

use std::io;
use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::answer::DanceAnswer;
use super::cookies::USER;
use super::desk::Desk;
use super::doorkeeper::{Browser, FormPurpose};
use super::layout::Layout;
use crate::accounts::{Accounts, Live, NewSession, Password, SignInError};
use crate::observe::{Actor, Audited, Subject};
use crate::web::words::whole_seconds;
use crate::web::{FieldErrors, cookies, to_the_end};

#[derive(Template)]
#[template(path = "dance/pages/sign_in.html")]
struct SignInPage<'a> {
    layout: Layout,
    action: &'a str,
    csrf: &'a str,
    token: &'a str,
    name: &'a str,
    host: String,
    notice: Option<String>,
    errors: FieldErrors,
}

/// What the form shows when it comes back.
#[derive(Default)]
struct Again<'a> {
    name: &'a str,
    notice: Option<String>,
    errors: FieldErrors,
}

impl Desk<'_> {
    /// Who has signed in here with this browser, and the session's cookie.
    pub(super) fn session(&self) -> Option<(&str, Live)> {
        let id = cookies::find(&self.visit.headers, &USER.name(&self.visit))?;
        Some((id, self.keeper.accounts.as_ref()?.session(id)?))
    }

    /// The form, or the session for whoever fills it in right.
    pub async fn sign_in(&self) -> DanceAnswer {
        let Some(accounts) = &self.keeper.accounts else { return self.nobody_signs_in_here() };
        if self.visit.form.is_some() {
            return self.signed_in(accounts).await;
        }
        // Whoever comes back here with a session has no more to say; the page wanted asks for it again if it is over.
        if self.session().is_some() {
            return DanceAnswer::redirect(&self.visit.links.back_to(self.visit.token()));
        }
        self.form(StatusCode::OK, accounts, Again::default())
    }

    async fn signed_in(&self, accounts: &Arc<Accounts>) -> DanceAnswer {
        let form = self.visit.form.as_ref();
        let field = |name| form.and_then(|form| form.one(name)).unwrap_or_default();
        let (name, token) = (field("name").trim(), self.visit.token());
        if !self.keeper.is_proved(&self.visit, sign_in_for(token)) {
            return self.not_ours(self.visit.links.sign_in_for(token));
        }
        let again = Again { name, ..Again::default() };
        match self.prove(accounts, name, Password::new(field("password"))).await {
            Ok(session) => self.begun(accounts, &session),
            Err(SignInError::Wrong) => {
                let mut errors = FieldErrors::default();
                errors.add("name", "This name and this password do not belong together");
                self.form(StatusCode::FORBIDDEN, accounts, Again { errors, ..again })
            }
            Err(SignInError::Wait(wait)) => {
                let seconds = whole_seconds(wait);
                let unit = if seconds == 1 { "second" } else { "seconds" };
                let notice = Some(format!("Too many attempts have failed. Try again in {seconds} {unit}."));
                let mut answer = self.form(StatusCode::TOO_MANY_REQUESTS, accounts, Again { notice, ..again });
                answer.response.headers_mut().insert(RETRY_AFTER, seconds.into());
                answer
            }
            Err(SignInError::System(error)) => {
                tracing::error!(%error, "a sign-in cannot be looked at");
                let notice = Some("Your password cannot be looked at now. Try again in a moment.".to_owned());
                let mut answer = self.form(StatusCode::SERVICE_UNAVAILABLE, accounts, Again { notice, ..again });
                answer.response.headers_mut().insert(RETRY_AFTER, 1.into());
                answer
            }
        }
    }

    /// Looks at name and password, and writes down what came of it.
    async fn prove(&self, accounts: &Arc<Accounts>, name: &str, password: Password) -> Result<NewSession, SignInError> {
        let (keeper, accounts, from, name) = (Arc::clone(self.keeper), Arc::clone(accounts), self.from(), name.to_owned());
        let work = async move {
            let turn = keeper.sign_ins.try_acquire().map_err(|_| io::Error::other("too many sign-ins at once"))?;
            let signed_in = accounts.sign_in(&name, password, from).await;
            drop(turn);
            // A name that nobody has may be a password in the wrong field, and is not written down.
            let subject = if accounts.knows(&name) { Subject::User(&name) } else { Subject::Nothing };
            let refused = |why| Audited::refused(Actor::Visitor, from, "sign_in", subject, why);
            let audited = match &signed_in {
                Ok(session) => Audited::done(Actor::Owner(session.user.as_str()), from, "sign_in", Subject::Nothing),
                Err(SignInError::Wrong) => refused("wrong name or password"),
                Err(SignInError::Wait(_)) => refused("too many failed attempts"),
                Err(SignInError::System(_)) => refused("the password could not be looked at"),
            };
            keeper.audit.note(&audited).await;
            signed_in
        };
        to_the_end(work, io::Error::other("the sign-in was stopped").into()).await
    }

    /// Gives the browser its session; one that it had before is over, be it its own or one that somebody planted.
    fn begun(&self, accounts: &Accounts, session: &NewSession) -> DanceAnswer {
        if let Some(old) = cookies::find(&self.visit.headers, &USER.name(&self.visit)) {
            accounts.sign_out(old);
        }
        DanceAnswer::redirect(&self.visit.links.back_to(self.visit.token()))
            .with_cookie(Some(USER.set(&self.visit, session.id.reveal())))
            .to(session.user.as_str())
    }

    /// Ends a session, and asks for the next one.
    pub async fn sign_out(&self) -> DanceAnswer {
        let Some(accounts) = &self.keeper.accounts else { return self.nobody_signs_in_here() };
        let next = self.visit.links.sign_in_for(self.visit.token());
        let Some((id, live)) = self.session() else { return DanceAnswer::redirect(&next) };
        let user = live.user.as_str();
        if !self.keeper.is_proved(&self.visit, FormPurpose { user, token: self.visit.token().unwrap_or_default() }) {
            return self.not_ours(self.visit.links.back_to(self.visit.token()));
        }
        accounts.sign_out(id);
        self.keeper.audit.note(&Audited::done(Actor::Owner(user), self.from(), "sign_out", Subject::Nothing)).await;
        DanceAnswer::redirect(&next).with_cookie(Some(USER.clear(&self.visit))).to(user)
    }

    fn form(&self, status: StatusCode, accounts: &Accounts, again: Again<'_>) -> DanceAnswer {
        let browser = match Browser::of(&self.visit) {
            Ok(browser) => browser,
            Err(error) => return self.system_fault(&error),
        };
        let (token, action) = (self.visit.token(), self.visit.links.sign_in());
        let proof = self.keeper.proof(&browser, sign_in_for(token));
        let nobody = accounts
            .has_nobody()
            .then(|| "There are no users yet: nobody can sign in. Whoever runs the gateway makes them.".to_owned());
        let page = SignInPage {
            layout: Layout::of_nobody(&self.visit),
            action: &action,
            csrf: &proof.0,
            token: token.unwrap_or_default(),
            name: again.name,
            host: self.visit.origin.authority.to_string(),
            notice: again.notice.or(nobody),
            errors: again.errors,
        };
        DanceAnswer::page(status, &page).with_cookie(browser.set_cookie)
    }

    fn nobody_signs_in_here(&self) -> DanceAnswer {
        self.message(StatusCode::NOT_FOUND, "There is nothing here", "Nobody signs in at this address.")
    }
}

/// A form that is good for anybody: who it is shows only when it is sent.
fn sign_in_for(token: Option<&str>) -> FormPurpose<'_> {
    FormPurpose { user: "", token: token.unwrap_or_default() }
}
