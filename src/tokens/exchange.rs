//! Access tokens: given for an allowed request token, and for an old one of the same session.

use std::sync::Arc;

use rusqlite::{named_params, params};

use super::database::{Writing, seconds, timestamp};
use super::follow::consumer;
use super::model::{AccessToken, Issued, TokenCredentials, TokenId};
use super::operations::{fresh, hash};
use super::problem::{DanceError, StoreFault, TokenProblem};
use super::temporary::TOKEN_LETTERS;
use crate::config::Lifetimes;
use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;
use crate::secret::SecretHash;

/// What an access token is asked for with.
pub(super) struct Asked<'a> {
    /// The request token, or the access token to be renewed.
    pub(super) token: &'a [u8],
    pub(super) consumer: &'a ConsumerKey,
    /// The verifier, or the session handle.
    pub(super) proof: Option<&'a [u8]>,
    pub(super) lifetimes: Lifetimes,
}

/// See [`TokenStore::exchange`](super::TokenStore::exchange).
pub(super) fn exchange(writing: &Writing<'_>, asked: &Asked<'_>, now: Timestamp) -> Result<TokenCredentials, DanceError> {
    let token = hash(asked.token).ok_or(TokenProblem::Unknown)?;
    let user = check_temporary(writing, &token, asked, now)?;
    // The row says whether it was exchanged before, whoever did that.
    if writing.execute(EXCHANGE, params![writing.change()?, token.as_bytes()])? != 1 {
        return Err(TokenProblem::Used.into());
    }
    Ok(give(writing, asked, user.into(), now)?)
}

/// See [`TokenStore::renew`](super::TokenStore::renew).
pub(super) fn renew(writing: &Writing<'_>, asked: &Asked<'_>, now: Timestamp) -> Result<TokenCredentials, DanceError> {
    let token = hash(asked.token).ok_or(TokenProblem::Unknown)?;
    let user = check_access(writing, &token, asked, now)?;
    let values = named_params! { ":now": seconds(now), ":change": writing.change()?, ":token": token.as_bytes() };
    if writing.execute(RENEW, values)? != 1 {
        return Err(TokenProblem::Renewed.into());
    }
    Ok(give(writing, asked, user.into(), now)?)
}

/// Whether the request token may be exchanged now; gives the user who allowed it. To another consumer nothing is told of it.
fn check_temporary(writing: &Writing<'_>, token: &SecretHash, asked: &Asked<'_>, now: Timestamp) -> Result<String, DanceError> {
    let mut statement = writing.prepare(FIND_TEMPORARY)?;
    let mut rows = statement.query([token.as_bytes()])?;
    let row = rows.next()?.ok_or(TokenProblem::Unknown)?;
    if consumer(row.get(0)?)? != *asked.consumer {
        return Err(TokenProblem::OfAnotherConsumer.into());
    }
    let state: String = row.get(1)?;
    if state == "exchanged" {
        return Err(TokenProblem::Used.into());
    }
    if timestamp(row.get(2)?) <= now {
        return Err(TokenProblem::Expired.into());
    }
    match state.as_str() {
        "undecided" => return Err(TokenProblem::Undecided.into()),
        "denied" => return Err(TokenProblem::Denied.into()),
        "dead" => return Err(TokenProblem::TooManyTries.into()),
        _ => {}
    }
    // Without one it was allowed to a client of OAuth 1.0, which knows none.
    if let Some(verifier) = row.get::<_, Option<[u8; 32]>>(4)?.map(SecretHash::from_bytes) {
        let sent = asked.proof.ok_or(TokenProblem::VerifierAbsent)?;
        if !is_of(&verifier, sent) {
            return Err(count_wrong_verifier(writing, token)?.into());
        }
    }
    Ok(row.get(3)?)
}

/// Counts a wrong verifier; the last one is the request token's end.
fn count_wrong_verifier(writing: &Writing<'_>, token: &SecretHash) -> Result<TokenProblem, StoreFault> {
    let values = params![VERIFIER_TRIES, writing.change()?, token.as_bytes()];
    let wrong: u32 = writing.query_row(COUNT_WRONG_VERIFIER, values, |row| row.get(0))?;
    Ok(match VERIFIER_TRIES.saturating_sub(wrong) {
        0 => TokenProblem::TooManyTries,
        tries_left => TokenProblem::WrongVerifier { tries_left },
    })
}

/// Whether the access token may be renewed now; gives its user.
fn check_access(writing: &Writing<'_>, token: &SecretHash, asked: &Asked<'_>, now: Timestamp) -> Result<String, DanceError> {
    let mut statement = writing.prepare(FIND_ACCESS)?;
    let mut rows = statement.query([token.as_bytes()])?;
    let row = rows.next()?.ok_or(TokenProblem::Unknown)?;
    if consumer(row.get(0)?)? != *asked.consumer {
        return Err(TokenProblem::OfAnotherConsumer.into());
    }
    match row.get_ref(1)?.as_str().unwrap_or_default() {
        "revoked" => return Err(TokenProblem::Revoked.into()),
        "renewed" => return Err(TokenProblem::Renewed.into()),
        "live" if now < timestamp(row.get(2)?) => {}
        _ => return Err(TokenProblem::SessionOver.into()),
    }
    let (handle, sent) = (SecretHash::from_bytes(row.get(4)?), asked.proof.ok_or(TokenProblem::SessionHandleAbsent)?);
    if !is_of(&handle, sent) {
        return Err(TokenProblem::WrongSessionHandle.into());
    }
    Ok(row.get(3)?)
}

/// Writes a new access token down.
fn give(writing: &Writing<'_>, asked: &Asked<'_>, user: Arc<str>, now: Timestamp) -> Result<TokenCredentials, StoreFault> {
    let issued = Issued { token: fresh(TOKEN_LETTERS)?, secret: fresh(TOKEN_LETTERS)? };
    let session_handle = fresh(TOKEN_LETTERS)?;
    let after = |lifetime: std::time::Duration| Timestamp::from_seconds(now.seconds().saturating_add(lifetime.as_secs()));
    let (expires, session_expires) = (after(asked.lifetimes.access_token), after(asked.lifetimes.session));
    writing.execute(
        INSERT,
        named_params! {
            ":token": issued.token.hash().as_bytes(),
            ":session_handle": session_handle.hash().as_bytes(),
            ":consumer": asked.consumer.as_str(),
            ":user": &*user,
            ":issued": seconds(now),
            ":expires": seconds(expires),
            ":session_expires": seconds(session_expires),
            ":change": writing.change()?,
        },
    )?;
    let id = TokenId(writing.last_insert_rowid());
    let token = AccessToken { id, consumer: asked.consumer.clone(), user, issued: now, expires, session_expires };
    Ok(TokenCredentials { issued, session_handle, token: Arc::new(token) })
}

/// In constant time.
fn is_of(kept: &SecretHash, sent: &[u8]) -> bool {
    std::str::from_utf8(sent).is_ok_and(|sent| kept.is_of(sent))
}

/// A person who types the verifier in may err; nobody guesses one of 62^12 in five tries.
pub(super) const VERIFIER_TRIES: u32 = 5;

const FIND_TEMPORARY: &str = "\
SELECT consumer, state, expires, user, verifier FROM temporary_credentials WHERE token = ? AND forgotten IS NULL";

const EXCHANGE: &str = "\
UPDATE temporary_credentials SET state = 'exchanged', change = ? WHERE token = ? AND state = 'allowed' AND forgotten IS NULL";

const COUNT_WRONG_VERIFIER: &str = "\
UPDATE temporary_credentials
SET wrong_verifiers = wrong_verifiers + 1, state = iif(wrong_verifiers + 1 >= ?, 'dead', state), change = ?
WHERE token = ? RETURNING wrong_verifiers";

const FIND_ACCESS: &str = "\
SELECT consumer, state, session_expires, user, session_handle FROM access_token WHERE token = ? AND forgotten IS NULL";

const RENEW: &str = "\
UPDATE access_token SET state = 'renewed', ended = :now, change = :change
WHERE token = :token AND state = 'live' AND forgotten IS NULL";

const INSERT: &str = "\
INSERT INTO access_token (token, session_handle, consumer, user, issued, expires, session_expires, state, change)
VALUES (:token, :session_handle, :consumer, :user, :issued, :expires, :session_expires, 'live', :change)";

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, LIFETIMES};
    use super::super::model::{Decision, Revision};
    use super::*;

    #[test]
    fn a_whole_dance_gives_a_token_that_is_good_for_its_consumer_alone() {
        let mut desk = Desk::new();
        let given = desk.dance("a", "ada");
        let token = given.issued.token.reveal();
        assert_eq!((token.len(), given.issued.secret.reveal().len(), given.session_handle.reveal().len()), (32, 32, 32));
        let access = desk.access(token, "a").unwrap();
        assert_eq!(access, given.token);
        assert_eq!((&*access.user, access.consumer.as_str(), access.issued), ("ada", "a", desk.now()));
        assert_eq!(access.expires.seconds() - access.issued.seconds(), LIFETIMES.access_token.as_secs());
        assert_eq!(access.session_expires.seconds() - access.issued.seconds(), LIFETIMES.session.as_secs());
        assert_eq!(desk.access(token, "b").unwrap_err(), TokenProblem::OfAnotherConsumer);
        assert_eq!(desk.access(&token.to_lowercase(), "a").unwrap_err(), TokenProblem::Unknown);
        assert!(desk.index.is_access(&hash(token.as_bytes()).unwrap()));
    }

    #[test]
    fn a_request_token_is_exchanged_once_and_is_no_access_token() {
        let mut desk = Desk::new();
        let token = desk.begin("a");
        let verifier = desk.allow(&token, "ada");
        assert_eq!(verifier.len(), 12);
        assert_eq!(desk.access(&token, "a").unwrap_err(), TokenProblem::RequestTokenAsAccessToken);
        assert_eq!(desk.access(&token, "b").unwrap_err(), TokenProblem::OfAnotherConsumer);
        assert!(!desk.index.is_access(&hash(token.as_bytes()).unwrap()));
        desk.exchange(&token, "a", Some(&verifier)).unwrap();
        assert_eq!(desk.exchange(&token, "a", Some(&verifier)).unwrap_err(), TokenProblem::Used);
        assert_eq!(desk.exchange(&token, "b", Some(&verifier)).unwrap_err(), TokenProblem::OfAnotherConsumer);
        assert_eq!(desk.access(&token, "a").unwrap_err(), TokenProblem::RequestTokenAsAccessToken);
    }

    #[test]
    fn an_exchange_needs_a_decision_in_time() {
        let mut desk = Desk::new();
        let (undecided, denied, late) = (desk.begin("a"), desk.begin("a"), desk.begin("a"));
        assert_eq!(desk.exchange("nothing", "a", Some("x")).unwrap_err(), TokenProblem::Unknown);
        assert_eq!(desk.exchange(&undecided, "a", Some("x")).unwrap_err(), TokenProblem::Undecided);
        assert_eq!(desk.decide(&denied, &Decision::Deny), Ok(None));
        assert_eq!(desk.exchange(&denied, "a", Some("x")).unwrap_err(), TokenProblem::Denied);
        let verifier = desk.allow(&late, "ada");
        desk.clock.advance(LIFETIMES.request_token.as_secs());
        for token in [&late, &undecided, &denied] {
            assert_eq!(desk.exchange(token, "a", Some(&verifier)).unwrap_err(), TokenProblem::Expired);
        }
    }

    #[test]
    fn five_wrong_verifiers_are_a_request_tokens_end_and_none_is_not_counted() {
        let mut desk = Desk::new();
        let (token, other) = (desk.begin("a"), desk.begin("a"));
        let (verifier, wrong) = (desk.allow(&token, "ada"), desk.allow(&other, "ada"));
        for tries_left in [4, 3, 2, 1] {
            assert_eq!(desk.exchange(&token, "a", None).unwrap_err(), TokenProblem::VerifierAbsent);
            assert_eq!(desk.exchange(&token, "a", Some(&wrong)).unwrap_err(), TokenProblem::WrongVerifier { tries_left });
        }
        for last in [&wrong, &wrong, &verifier] {
            assert_eq!(desk.exchange(&token, "a", Some(last)).unwrap_err(), TokenProblem::TooManyTries);
        }
        for tries_left in [4, 3, 2, 1] {
            assert_eq!(desk.exchange(&other, "a", Some("")).unwrap_err(), TokenProblem::WrongVerifier { tries_left });
        }
        desk.exchange(&other, "a", Some(&wrong)).unwrap();
    }

    #[test]
    fn a_client_of_oauth_1_0_has_no_verifier_and_one_that_it_sends_is_ignored() {
        let mut desk = Desk::new();
        for sent in [None, Some("1.0")] {
            let token = desk.try_begin("a", Revision::One).unwrap();
            assert_eq!(desk.decide(&token, &Decision::Allow { user: "ada".to_owned() }), Ok(None));
            desk.exchange(&token, "a", sent).unwrap();
        }
    }

    #[test]
    fn a_renewal_ends_the_old_token_and_its_handle() {
        let mut desk = Desk::new();
        let old = desk.dance("a", "ada");
        let (token, handle) = (old.issued.token.reveal(), old.session_handle.reveal());
        assert_eq!(desk.renew("nothing", "a", Some(handle)).unwrap_err(), TokenProblem::Unknown);
        assert_eq!(desk.renew(token, "b", Some(handle)).unwrap_err(), TokenProblem::OfAnotherConsumer);
        assert_eq!(desk.renew(token, "a", Some(token)).unwrap_err(), TokenProblem::WrongSessionHandle);
        assert_eq!(desk.renew(token, "a", None).unwrap_err(), TokenProblem::SessionHandleAbsent);
        desk.clock.advance(LIFETIMES.access_token.as_secs());
        assert_eq!(desk.access(token, "a").unwrap_err(), TokenProblem::Expired);
        let new = desk.renew(token, "a", Some(handle)).unwrap();
        assert_eq!(desk.access(new.issued.token.reveal(), "a").unwrap(), new.token);
        assert_eq!((&*new.token.user, new.token.issued), ("ada", desk.now()));
        assert!(new.token.id > old.token.id);
        assert_eq!(desk.access(token, "a").unwrap_err(), TokenProblem::Renewed);
        assert_eq!(desk.access(token, "b").unwrap_err(), TokenProblem::OfAnotherConsumer);
        assert_eq!(desk.renew(token, "a", Some(handle)).unwrap_err(), TokenProblem::Renewed);
        assert_eq!(desk.renew(new.issued.token.reveal(), "a", Some(handle)).unwrap_err(), TokenProblem::WrongSessionHandle);
    }

    #[test]
    fn a_session_that_is_over_is_not_renewed() {
        let mut desk = Desk::new();
        let old = desk.dance("a", "ada");
        let (token, handle) = (old.issued.token.reveal(), old.session_handle.reveal());
        desk.clock.advance(LIFETIMES.session.as_secs());
        for _ in 0..2 {
            assert_eq!(desk.renew(token, "a", Some(handle)).unwrap_err(), TokenProblem::SessionOver);
            assert_eq!(desk.access(token, "a").unwrap_err(), TokenProblem::Expired);
            desk.clean_up();
        }
    }
}
