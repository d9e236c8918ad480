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
    let consumer = of.map(ConsumerKey::as_str);
    let (limit, kept): (usize, i64) = match consumer {
        Some(consumer) => (MOST_OF_CONSUMER, writing.query_row(COUNT_OF_CONSUMER, [consumer], |row| row.get(0))?),
        None => (MOST, writing.query_row(COUNT, [], |row| row.get(0))?),
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

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, LIFETIMES, key, problem};
    use super::super::exchange::VERIFIER_TRIES;
    use super::*;

    fn begin(desk: &mut Desk, callback: &Callback, revision: Revision) -> String {
        let new = NewTemporary { consumer: key("a"), callback: callback.clone(), revision };
        let expires = Timestamp::from_seconds(desk.now().seconds() + LIFETIMES.request_token.as_secs());
        let begun = desk.operations.write(|writing, now| Ok(super::begin(writing, &new, now, expires)?));
        problem(begun).unwrap().token.reveal().to_owned()
    }

    fn pending(desk: &mut Desk, token: &str) -> Result<TemporaryCredentials, TokenProblem> {
        problem(desk.operations.write(|writing, now| super::pending(writing, token, now)))
    }

    fn allow() -> Decision {
        Decision::Allow { user: "ada".to_owned() }
    }

    #[test]
    fn the_page_that_asks_is_told_what_the_consumer_asked_for() {
        let mut desk = Desk::new();
        for callback in [Callback::OutOfBand, Callback::Url("https://a.example/?x='%00".to_owned())] {
            for revision in [Revision::OneA, Revision::One] {
                let token = begin(&mut desk, &callback, revision);
                let expires = Timestamp::from_seconds(desk.now().seconds() + 600);
                let (consumer, callback) = (key("a"), callback.clone());
                let expected = TemporaryCredentials { consumer, callback, revision, expires, is_decided: false };
                assert_eq!(pending(&mut desk, &token), Ok(expected.clone()));
                let decided = desk.decide(&token, &allow()).unwrap();
                assert_eq!(decided.is_some(), revision == Revision::OneA, "OAuth 1.0 knows no verifier");
                assert_eq!(pending(&mut desk, &token), Ok(TemporaryCredentials { is_decided: true, ..expected }));
            }
        }
        assert_eq!(pending(&mut desk, "nothing"), Err(TokenProblem::Unknown));
    }

    #[test]
    fn a_request_token_is_decided_about_once_and_in_time() {
        let mut desk = Desk::new();
        let (allowed, denied, late) = (desk.begin("a"), desk.begin("a"), desk.begin("a"));
        desk.allow(&allowed, "ada");
        assert_eq!(desk.decide(&denied, &Decision::Deny), Ok(None));
        for token in [&allowed, &denied] {
            assert_eq!(desk.decide(token, &allow()), Err(TokenProblem::Used));
            assert_eq!(desk.decide(token, &Decision::Deny), Err(TokenProblem::Used));
        }
        desk.clock.advance(599);
        assert!(!pending(&mut desk, &late).unwrap().is_decided);
        desk.clock.advance(1);
        assert_eq!(desk.decide(&late, &allow()), Err(TokenProblem::Expired));
        assert_eq!(pending(&mut desk, &late), Err(TokenProblem::Expired));
        assert_eq!(desk.decide("nothing", &allow()), Err(TokenProblem::Unknown));
    }

    #[test]
    fn one_that_is_exchanged_is_used_for_the_page_too() {
        let mut desk = Desk::new();
        let token = desk.begin("a");
        let verifier = desk.allow(&token, "ada");
        let access = desk.exchange(&token, "a", Some(&verifier)).unwrap();
        for _ in 0..2 {
            assert_eq!(pending(&mut desk, &token), Err(TokenProblem::Used));
            assert_eq!(desk.decide(&token, &allow()), Err(TokenProblem::Used));
            assert_eq!(pending(&mut desk, access.issued.token.reveal()), Err(TokenProblem::Unknown));
            desk.clock.advance(600);
        }
    }

    /// As if a consumer had begun that many.
    fn fill(desk: &mut Desk, consumer: &str, count: usize) {
        let expires = seconds(desk.now()) + 600;
        let filled = desk.operations.write(|writing, _| {
            let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO temporary_credentials (token, consumer, revision, expires, state, change)
                SELECT randomblob(32), ?2, '1.0a', ?3, 'undecided', ?4 FROM n";
            Ok(writing.execute(many, params![i64::try_from(count).unwrap(), consumer, expires, writing.change()?])?)
        });
        assert_eq!(problem(filled), Ok(count));
    }

    #[test]
    fn a_consumer_that_loops_keeps_itself_off_and_nobody_else() {
        let mut desk = Desk::new();
        fill(&mut desk, "a", MOST_OF_CONSUMER - 1);
        let last = desk.begin("a");
        let refused = Err(StoreFault::TooManyTemporary { limit: MOST_OF_CONSUMER, of_consumer: true });
        assert_eq!(desk.try_begin("a", Revision::OneA), refused);
        desk.begin("b");
        // What can't become anything any more makes room.
        desk.allow(&last, "ada");
        for _ in 0..VERIFIER_TRIES {
            desk.exchange(&last, "a", Some("wrong")).unwrap_err();
        }
        desk.begin("a");
        assert_eq!(desk.try_begin("a", Revision::OneA), refused);
        desk.clock.advance(600);
        (0..200).for_each(|_| drop(desk.begin("a")));
    }

    #[test]
    fn there_is_a_bound_for_all_together() {
        let mut desk = Desk::new();
        (0..10).for_each(|number| fill(&mut desk, &format!("c{number}"), MOST_OF_CONSUMER - 1));
        (0..10).for_each(|_| drop(desk.begin("a")));
        let refused = Err(StoreFault::TooManyTemporary { limit: MOST, of_consumer: false });
        assert_eq!(desk.try_begin("a", Revision::OneA), refused);
        assert_eq!(desk.try_begin("c1", Revision::OneA), refused);
        desk.clock.advance(600);
        desk.begin("a");
    }

    #[test]
    fn a_disk_without_room_is_a_fault_and_nothing_has_changed() {
        let mut desk = Desk::new();
        let token = desk.begin("a");
        let verifier = desk.allow(&token, "ada");
        // As many pages as there are: SQLite says what it says of a full disk.
        desk.operations.write(|writing, _| Ok(writing.query_row("PRAGMA max_page_count = 1", [], |_| Ok(()))?)).unwrap();
        let full = loop {
            match desk.try_begin("a", Revision::OneA) {
                Ok(_) => {}
                Err(fault) => break fault,
            }
        };
        assert!(matches!(&full, StoreFault::Database(why) if why.contains("full")), "{full}");
        let known = desk.index.known();
        assert_eq!(desk.try_begin("a", Revision::OneA), Err(full));
        assert_eq!(desk.index.known(), known);
        desk.operations.write(|writing, _| Ok(writing.query_row("PRAGMA max_page_count = 100000", [], |_| Ok(()))?)).unwrap();
        desk.exchange(&token, "a", Some(&verifier)).unwrap();
        desk.begin("a");
        assert_eq!(desk.index.known(), known + 2);
    }
}
