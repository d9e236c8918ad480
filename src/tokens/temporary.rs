//! Request tokens until they are exchanged: given, looked at, decided about.

use rusqlite::{named_params, params};

use super::database::{Writing, seconds, timestamp};
use super::follow::consumer;
use super::model::{Callback, Decided, Decision, Issued, NewTemporary, Revision, TemporaryCredentials};
use super::operations::{fresh, hash};
use super::problem::{DanceError, StoreFault, TokenProblem};
use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;
use crate::secret::{Secret, SecretHash};

/// See [`TokenStore::begin`](super::TokenStore::begin).
pub(super) fn begin(writing: &Writing<'_>, new: &NewTemporary, now: Timestamp, expires: Timestamp) -> Result<Issued, StoreFault> {
    make_room(writing, Some(&new.consumer), now)?;
    make_room(writing, None, now)?;
    let issued = Issued { token: fresh(TOKEN_LETTERS)?, secret: fresh(TOKEN_LETTERS)? };
    let callback = match &new.callback {
        Callback::OutOfBand => None,
        Callback::Url(url) => Some(url.as_str()),
    };
    let revision = match new.revision {
        Revision::OneA => "1.0a",
        Revision::One => "1.0",
    };
    let token = issued.token.hash();
    let values = params![token.as_bytes(), new.consumer.as_str(), callback, revision, seconds(expires), writing.change()?];
    writing.execute(INSERT, values)?;
    Ok(issued)
}

/// See [`TokenStore::pending`](super::TokenStore::pending).
pub(super) fn pending(writing: &Writing<'_>, token: &str, now: Timestamp) -> Result<TemporaryCredentials, DanceError> {
    let found = find(writing, token)?.ok_or(TokenProblem::Unknown)?;
    match found.state.as_str() {
        "exchanged" => Err(TokenProblem::Used.into()),
        _ if found.credentials.expires <= now => Err(TokenProblem::Expired.into()),
        _ => Ok(found.credentials),
    }
}

/// See [`TokenStore::decide`](super::TokenStore::decide).
pub(super) fn decide(writing: &Writing<'_>, token: &str, decision: &Decision, now: Timestamp) -> Result<Decided, DanceError> {
    let found = find(writing, token)?.ok_or(TokenProblem::Unknown)?;
    let TemporaryCredentials { consumer, callback, revision, .. } = found.credentials;
    let (state, user) = match decision {
        Decision::Allow { user } => ("allowed", Some(user.as_str())),
        Decision::Deny => ("denied", None),
    };
    let verifier = match (decision, revision) {
        (Decision::Allow { .. }, Revision::OneA) => Some(fresh(VERIFIER_LETTERS)?),
        _ => None,
    };
    let verifier_hash = verifier.as_ref().map(Secret::hash);
    let values = named_params! {
        ":token": found.token.as_bytes(),
        ":state": state,
        ":user": user,
        ":verifier": verifier_hash.as_ref().map(SecretHash::as_bytes),
        ":now": seconds(now),
        ":change": writing.change()?,
    };
    if writing.execute(DECIDE, values)? == 1 {
        return Ok(Decided { consumer, callback, verifier });
    }
    Err(if found.state == "undecided" { TokenProblem::Expired.into() } else { TokenProblem::Used.into() })
}

struct Found {
    token: SecretHash,
    credentials: TemporaryCredentials,
    state: String,
}

fn find(writing: &Writing<'_>, token: &str) -> Result<Option<Found>, StoreFault> {
    let Some(token) = hash(token.as_bytes()) else { return Ok(None) };
    let mut statement = writing.prepare(FIND)?;
    let mut rows = statement.query([token.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state: String = row.get(4)?;
    let credentials = TemporaryCredentials {
        consumer: consumer(row.get(0)?)?,
        callback: row.get::<_, Option<String>>(1)?.map_or(Callback::OutOfBand, Callback::Url),
        revision: if row.get_ref(2)?.as_str().is_ok_and(|revision| revision == "1.0") { Revision::One } else { Revision::OneA },
        expires: timestamp(row.get(3)?),
        is_decided: state != "undecided",
    };
    Ok(Some(Found { token, credentials, state }))
}

/// Finds a place for one more request token, of a consumer or of all. Those that are good for nothing any more make room.
fn make_room(writing: &Writing<'_>, of: Option<&ConsumerKey>, now: Timestamp) -> Result<(), StoreFault> {
    let limit = if of.is_some() { MOST_OF_CONSUMER } else { MOST };
    let consumer = of.map(ConsumerKey::as_str);
    let count = if of.is_some() { COUNT_OF_CONSUMER } else { COUNT };
    let kept: i64 = match consumer {
        Some(consumer) => writing.query_row(count, [consumer], |row| row.get(0))?,
        None => writing.query_row(count, [], |row| row.get(0))?,
    };
    if usize::try_from(kept).is_ok_and(|kept| kept < limit) {
        return Ok(());
    }
    let over = named_params! { ":consumer": consumer, ":now": seconds(now), ":change": writing.change()? };
    match writing.execute(FORGET_SOME, over)? {
        0 => Err(StoreFault::TooManyTemporary { limit, of_consumer: of.is_some() }),
        _ => Ok(()),
    }
}

/// The old providers' tokens, secrets and handles had as many: 190 bits.
pub(super) const TOKEN_LETTERS: usize = 32;

/// People type it in: 71 bits, of which five tries find out nothing.
const VERIFIER_LETTERS: usize = 12;

/// Request tokens that are remembered at once. A hundred begin each second of their ten minutes, and nobody decides: more is no dance.
/// Each takes about half a kilobyte, on disk and in memory.
pub(super) const MOST: usize = 100_000;

/// Of one consumer: a tenth, so that one that loops keeps nobody else off.
pub(super) const MOST_OF_CONSUMER: usize = MOST / 10;

const INSERT: &str = "\
INSERT INTO temporary_credentials (token, consumer, callback, revision, expires, state, change)
VALUES (?, ?, ?, ?, ?, 'undecided', ?)";

const FIND: &str = "\
SELECT consumer, callback, revision, expires, state FROM temporary_credentials WHERE token = ? AND forgotten IS NULL";

const DECIDE: &str = "\
UPDATE temporary_credentials SET state = :state, user = :user, verifier = :verifier, change = :change
WHERE token = :token AND state = 'undecided' AND expires > :now AND forgotten IS NULL";

const COUNT: &str = "SELECT count(*) FROM temporary_credentials WHERE forgotten IS NULL";

const COUNT_OF_CONSUMER: &str = "SELECT count(*) FROM temporary_credentials WHERE forgotten IS NULL AND consumer = ?";

/// A hundred at once, so that not every request has to look for one.
const FORGET_SOME: &str = "\
UPDATE temporary_credentials SET forgotten = :now, change = :change WHERE token IN (
    SELECT token FROM temporary_credentials
    WHERE forgotten IS NULL AND (:consumer IS NULL OR consumer = :consumer)
        AND (expires <= :now OR state IN ('denied', 'exchanged', 'dead'))
    ORDER BY expires LIMIT 100)";
