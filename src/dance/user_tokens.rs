//! Authorised applications: what a user has allowed, and how to take it back.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::answer::DanceAnswer;
use super::desk::Desk;
use super::doorkeeper::{Browser, FormPurpose};
use super::layout::Layout;
use crate::observe::{Actor, Audited, Subject};
use crate::tokens::{AccessToken, Revoked, Selection, StoreFault, TokenId};
use crate::web::to_the_end;
use crate::web::words::{date, moment, shown};

#[derive(Template)]
#[template(path = "dance/pages/user_tokens.html")]
struct UserTokensPage<'a> {
    layout: Layout,
    here: &'a str,
    host: String,
    is_revoked: bool,
    /// How many are not shown.
    more: usize,
    tokens: Vec<ShownToken>,
}

#[derive(Template)]
#[template(path = "dance/pages/revoke.html")]
struct RevokePage<'a> {
    layout: Layout,
    here: &'a str,
    csrf: &'a str,
    token: ShownToken,
}

/// A token as its user sees it.
struct ShownToken {
    id: TokenId,
    consumer: String,
    description: String,
    issued: String,
    expires: String,
}

impl Desk<'_> {
    /// The list, the question whether to revoke one, or the revocation.
    pub async fn user_tokens(&self, user: &str) -> DanceAnswer {
        let asked = self.visit.query.one("revoke").and_then(token_id);
        let answer = match (&self.visit.form, asked) {
            (Some(form), _) => self.revoked(form.one("revoke").and_then(token_id), user).await,
            (None, Some(id)) => self.sure(id, user),
            (None, None) => self.list(user),
        };
        answer.to(user)
    }

    fn list(&self, user: &str) -> DanceAnswer {
        let browser = match Browser::of(&self.visit) {
            Ok(browser) => browser,
            Err(error) => return self.system_fault(&error),
        };
        let proof = self.keeper.proof(&browser, FormPurpose { user, token: "" });
        let mut tokens = self.tokens.list(&Selection { user: Some(user.to_owned()), ..Selection::default() }, usize::MAX);
        let more = tokens.len().saturating_sub(SHOWN);
        // The newest are those that somebody looks for.
        tokens.reverse();
        let page = UserTokensPage {
            layout: self.layout_of(user, &proof, ""),
            here: self.visit.links.user_tokens(),
            host: self.visit.origin.authority.to_string(),
            is_revoked: self.visit.query.one("revoked").is_some(),
            more,
            tokens: tokens.iter().take(SHOWN).map(|token| self.shown(token)).collect(),
        };
        DanceAnswer::page(StatusCode::OK, &page).with_cookie(browser.set_cookie)
    }

    /// Asks once more: there is no way back but through the application.
    fn sure(&self, id: TokenId, user: &str) -> DanceAnswer {
        let browser = match Browser::of(&self.visit) {
            Ok(browser) => browser,
            Err(error) => return self.system_fault(&error),
        };
        let Some(token) = self.tokens.list(&ones_own(id, user), 1).pop() else { return self.none_such() };
        let proof = self.keeper.proof(&browser, FormPurpose { user, token: "" });
        let page = RevokePage {
            layout: self.layout_of(user, &proof, ""),
            here: self.visit.links.user_tokens(),
            csrf: &proof.0,
            token: self.shown(&token),
        };
        DanceAnswer::page(StatusCode::OK, &page).with_cookie(browser.set_cookie)
    }

    async fn revoked(&self, id: Option<TokenId>, user: &str) -> DanceAnswer {
        let Some(id) = id else { return self.no_form(StatusCode::BAD_REQUEST) };
        let here = self.visit.links.user_tokens();
        if !self.keeper.is_proved(&self.visit, FormPurpose { user, token: "" }) {
            return self.not_ours(here.to_owned());
        }
        match self.withdraw(id, user).await {
            Ok(revoked) if revoked.is_empty() => self.none_such(),
            Ok(_) => DanceAnswer::redirect(&format!("{here}?revoked=yes")),
            Err(fault) => self.store_fault(fault),
        }
    }

    /// Revokes and writes it down, whether or not the browser waits for it.
    async fn withdraw(&self, id: TokenId, user: &str) -> Result<Revoked, StoreFault> {
        let (keeper, tokens, from) = (Arc::clone(self.keeper), Arc::clone(self.tokens), self.from());
        let user = user.to_owned();
        let work = async move {
            let revoked = tokens.withdraw(id, &user).await?;
            for token in &revoked.tokens {
                let (id, consumer) = (token.id.to_string(), Some(token.consumer.as_str()));
                let subject = Subject::AccessTokens { id: Some(&id), consumer, user: Some(&user) };
                let done = Audited::done(Actor::Owner(&user), from, "revoke_token", subject);
                let requests_ended = (revoked.request_tokens > 0).then_some(revoked.request_tokens);
                keeper.audit.note(&Audited { requests_ended, ..done }).await;
            }
            Ok(revoked)
        };
        to_the_end(work, StoreFault::Closed).await
    }

    fn none_such(&self) -> DanceAnswer {
        let text = "You have no such authorisation: it has ended already, or it is somebody else's.";
        let (layout, here) = (Layout::of_nobody(&self.visit), self.visit.links.user_tokens().to_owned());
        DanceAnswer::message(
            StatusCode::NOT_FOUND,
            layout,
            "There is nothing to revoke",
            text,
            Some((here, "Authorised applications")),
        )
    }

    /// A consumer that is gone has only its key left.
    fn shown(&self, token: &AccessToken) -> ShownToken {
        let consumer = self.policy.consumers.get(token.consumer.as_str());
        ShownToken {
            id: token.id,
            consumer: shown(consumer.map_or(token.consumer.as_str(), |consumer| consumer.name.as_str())),
            description: consumer.map(|consumer| shown(&consumer.description)).unwrap_or_default(),
            issued: moment(token.issued),
            expires: date(token.expires),
        }
    }
}

/// The one with this number, if it is the user's.
fn ones_own(id: TokenId, user: &str) -> Selection {
    Selection { id: Some(id), user: Some(user.to_owned()), consumer: None }
}

fn token_id(text: &str) -> Option<TokenId> {
    text.parse().ok().map(TokenId)
}

/// More than anybody reads; a script that dances for itself every minute makes many.
const SHOWN: usize = 200;
