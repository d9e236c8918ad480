//! How tokens end before their time: taken back by a person.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use super::database::{Database, Writing, seconds};
use super::follow::access_token;
use super::model::{AccessToken, Revoked, Selection, TokenId};
use super::problem::StoreFault;
use crate::oauth::timestamp::Timestamp;

/// See [`TokenStore::revoke`](super::TokenStore::revoke).
pub(super) fn revoke(writing: &Writing<'_>, which: &Selection, now: Timestamp) -> Result<Revoked, StoreFault> {
    let tokens = revoke_access(writing, which, now)?;
    Ok(Revoked { tokens, request_tokens: deny(writing, which, now)? })
}

/// See [`TokenStore::withdraw`](super::TokenStore::withdraw).
pub(super) fn withdraw(writing: &Writing<'_>, id: TokenId, user: &str, now: Timestamp) -> Result<Revoked, StoreFault> {
    let which = Selection { id: Some(id), user: Some(user.to_owned()), consumer: None };
    let mut revoked = Revoked { tokens: revoke_access(writing, &which, now)?, request_tokens: 0 };
    for token in &revoked.tokens {
        let of_both = Selection { id: None, user: which.user.clone(), consumer: Some(token.consumer.clone()) };
        revoked.request_tokens += deny(writing, &of_both, now)?;
    }
    Ok(revoked)
}

fn revoke_access(writing: &Writing<'_>, which: &Selection, now: Timestamp) -> Result<Vec<AccessToken>, StoreFault> {
    let (conditions, wanted) = conditions(which);
    let (now, change) = (seconds(now), writing.change()?);
    let mut values: Vec<&dyn ToSql> = vec![&now, &change, &now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    let update =
        format!("UPDATE access_token SET state = 'revoked', ended = ?, change = ? WHERE {LIVE}{conditions} RETURNING {COLUMNS}");
    let mut statement = writing.prepare(&update)?;
    let mut rows = statement.query(&*values)?;
    let mut revoked = Vec::new();
    while let Some(row) = rows.next()? {
        revoked.push(access_token(row, 0)?);
    }
    revoked.sort_by_key(|token| token.id);
    Ok(revoked)
}

/// Makes a no of every yes that was not exchanged yet, and of every question that is still open: what a dance that was begun before a
/// revocation leads to would be a token after it. Gives how many that were.
fn deny(writing: &Writing<'_>, which: &Selection, now: Timestamp) -> Result<usize, StoreFault> {
    if which.id.is_some() {
        return Ok(0);
    }
    let (conditions, wanted) = conditions(which);
    let (now, change) = (seconds(now), writing.change()?);
    let mut values: Vec<&dyn ToSql> = vec![&change, &now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    Ok(writing.execute(&format!("{DENY} WHERE {WAITING}{conditions}"), &*values)?)
}

/// Those that can be used or renewed, oldest first; for whoever has not all of them in memory.
pub(super) fn list(database: &Database, which: &Selection, now: Timestamp) -> Result<Vec<AccessToken>, StoreFault> {
    let (conditions, wanted) = conditions(which);
    let now = seconds(now);
    let mut values: Vec<&dyn ToSql> = vec![&now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    let mut statement = database.prepare(&format!("SELECT {COLUMNS} FROM access_token WHERE {LIVE}{conditions} ORDER BY id"))?;
    let mut rows = statement.query(&*values)?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        listed.push(access_token(row, 0)?);
    }
    Ok(listed)
}

/// See [`TokenStore::waiting`](super::TokenStore::waiting).
pub(super) fn waiting(connection: &Connection, which: &Selection, now: Timestamp) -> Result<usize, StoreFault> {
    if which.id.is_some() {
        return Ok(0);
    }
    let (conditions, wanted) = conditions(which);
    let now = seconds(now);
    let mut values: Vec<&dyn ToSql> = vec![&now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    let count = format!("SELECT count(*) FROM temporary_credentials WHERE {WAITING}{conditions}");
    let waiting: i64 = connection.query_row(&count, &*values, |row| row.get(0))?;
    Ok(usize::try_from(waiting).unwrap_or(0))
}

/// What of a selection is to be added to a WHERE clause, and its values.
fn conditions(which: &Selection) -> (String, Vec<Value>) {
    let mut conditions = String::new();
    let mut values: Vec<Value> = Vec::new();
    if let Some(id) = which.id {
        conditions.push_str(" AND id = ?");
        values.push(id.0.into());
    }
    if let Some(consumer) = &which.consumer {
        conditions.push_str(" AND consumer = ?");
        values.push(consumer.as_str().to_owned().into());
    }
    if let Some(user) = &which.user {
        conditions.push_str(" AND user = ?");
        values.push(user.clone().into());
    }
    (conditions, values)
}

/// Can be used or renewed at a time.
const LIVE: &str = "state = 'live' AND forgotten IS NULL AND session_expires > ?";

/// Could still become an access token. While nobody has decided it is no user's, and none of those that are selected by one.
const WAITING: &str = "state IN ('undecided', 'allowed') AND forgotten IS NULL AND expires > ?";

const DENY: &str = "UPDATE temporary_credentials SET state = 'denied', user = NULL, verifier = NULL, change = ?";

const COLUMNS: &str = "id, consumer, user, issued, expires, session_expires";

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, LIFETIMES, key, problem};
    use super::super::ending::purge;
    use super::super::model::Decision;
    use super::super::problem::TokenProblem;
    use super::*;

    fn revoke(desk: &mut Desk, which: &Selection) -> Vec<TokenId> {
        let revoked = problem(desk.operations.write(|writing, now| Ok(super::revoke(writing, which, now)?))).unwrap();
        revoked.tokens.iter().map(|token| token.id).collect()
    }

    /// How many request tokens end with what is selected.
    fn denies(desk: &mut Desk, which: &Selection) -> usize {
        let waiting = problem(desk.operations.write(|writing, now| Ok(super::waiting(writing, which, now)?))).unwrap();
        let revoked = problem(desk.operations.write(|writing, now| Ok(super::revoke(writing, which, now)?))).unwrap();
        assert_eq!(waiting, revoked.request_tokens);
        waiting
    }

    fn of(id: Option<TokenId>, consumer: Option<&str>, user: Option<&str>) -> Selection {
        Selection { id, consumer: consumer.map(key), user: user.map(str::to_owned) }
    }

    #[test]
    fn what_is_revoked_is_what_the_selection_holds_for() {
        let mut desk = Desk::new();
        let dances = [("a", "ada"), ("a", "bob"), ("b", "ada"), ("b", "bob"), ("a", "ada")];
        let given: Vec<_> = dances.iter().map(|(consumer, user)| desk.dance(consumer, user)).collect();
        let ids: Vec<_> = given.iter().map(|given| given.token.id).collect();
        assert!(revoke(&mut desk, &of(Some(ids[3]), Some("a"), None)).is_empty());
        assert!(revoke(&mut desk, &of(None, None, Some("ad"))).is_empty());
        assert_eq!(revoke(&mut desk, &of(Some(ids[3]), None, None)), [ids[3]]);
        assert_eq!(revoke(&mut desk, &of(None, Some("a"), Some("ada"))), [ids[0], ids[4]]);
        assert_eq!(desk.access(given[0].issued.token.reveal(), "a").unwrap_err(), TokenProblem::Revoked);
        assert_eq!(desk.access(given[2].issued.token.reveal(), "b").unwrap(), given[2].token);
        let handle = given[0].session_handle.reveal();
        assert_eq!(desk.renew(given[0].issued.token.reveal(), "a", Some(handle)).unwrap_err(), TokenProblem::Revoked);
        let left = |desk: &Desk, which: &Selection| {
            desk.index.list(which, desk.now(), 10).iter().map(|token| token.id).collect::<Vec<_>>()
        };
        assert_eq!(left(&desk, &Selection::default()), [ids[1], ids[2]]);
        assert_eq!(left(&desk, &of(None, None, Some("ada"))), [ids[2]]);
        assert_eq!(left(&desk, &of(None, Some("a"), None)), [ids[1]]);
        assert!(left(&desk, &of(Some(ids[1]), Some("b"), None)).is_empty());
        assert_eq!(revoke(&mut desk, &of(None, None, None)), [ids[1], ids[2]]);
        assert_eq!(desk.index.len(), 0);
    }

    #[test]
    fn what_was_allowed_before_a_revocation_is_not_exchanged_after_it() {
        let mut desk = Desk::new();
        let allowed = |desk: &mut Desk, consumer: &str, user: &str| {
            let token = desk.begin(consumer);
            let verifier = desk.allow(&token, user);
            (token, verifier)
        };
        let dances = [("a", "ada"), ("a", "bob"), ("b", "ada"), ("b", "bob")];
        let [at_a, of_bob, at_b, last] = dances.map(|(consumer, user)| allowed(&mut desk, consumer, user));
        let (undecided, late) = (desk.begin("a"), desk.begin("a"));
        let given = desk.dance("a", "ada").token;
        assert_eq!(denies(&mut desk, &of(Some(given.id), None, None)), 0, "one is meant, and no other");
        assert_eq!(denies(&mut desk, &of(None, Some("b"), Some("ada"))), 1);
        assert_eq!(desk.exchange(&at_b.0, "b", Some(&at_b.1)).unwrap_err(), TokenProblem::Denied);
        assert_eq!(denies(&mut desk, &of(None, None, Some("ada"))), 1);
        assert_eq!(desk.exchange(&at_a.0, "a", Some(&at_a.1)).unwrap_err(), TokenProblem::Denied);
        assert_eq!(desk.exchange(&undecided, "a", None).unwrap_err(), TokenProblem::Undecided);
        assert_eq!(denies(&mut desk, &of(None, Some("a"), None)), 3, "what nobody has decided about, too");
        assert_eq!(desk.exchange(&of_bob.0, "a", Some(&of_bob.1)).unwrap_err(), TokenProblem::Denied);
        assert_eq!(desk.decide(&undecided, &Decision::Allow { user: "ada".to_owned() }), Err(TokenProblem::Used));
        assert_eq!(desk.exchange(&undecided, "a", None).unwrap_err(), TokenProblem::Denied);
        desk.exchange(&last.0, "b", Some(&last.1)).unwrap();
        let (now, over) = (allowed(&mut desk, "a", "ada"), allowed(&mut desk, "a", "ada"));
        desk.exchange(&now.0, "a", Some(&now.1)).unwrap();
        desk.clock.advance(LIFETIMES.request_token.as_secs());
        assert_eq!(denies(&mut desk, &Selection::default()), 0, "what is exchanged, decided or over is as it was");
        for (token, problem) in [(&now.0, TokenProblem::Used), (&over.0, TokenProblem::Expired), (&late, TokenProblem::Expired)] {
            assert_eq!(desk.exchange(token, "a", None).unwrap_err(), problem);
        }
    }

    #[test]
    fn with_a_token_that_its_user_takes_back_ends_what_that_user_has_just_allowed_the_same_consumer() {
        let mut desk = Desk::new();
        let (given, others) = (desk.dance("a", "ada").token, desk.dance("a", "bob").token);
        let begun = [("a", "ada"), ("a", "bob"), ("b", "ada")].map(|(consumer, user)| {
            let token = desk.begin(consumer);
            let verifier = desk.allow(&token, user);
            (token, consumer, verifier)
        });
        let withdraw = |desk: &mut Desk, id: TokenId| {
            problem(desk.operations.write(|writing, now| Ok(super::withdraw(writing, id, "ada", now)?))).unwrap()
        };
        assert!(withdraw(&mut desk, others.id).is_empty(), "it is bob's");
        let revoked = withdraw(&mut desk, given.id);
        assert_eq!(revoked, Revoked { tokens: vec![(*given).clone()], request_tokens: 1 });
        assert!(withdraw(&mut desk, given.id).is_empty());
        let ends = begun.map(|(token, consumer, verifier)| desk.exchange(&token, consumer, Some(&verifier)).err());
        assert_eq!(ends, [Some(TokenProblem::Denied), None, None]);
    }

    #[test]
    fn what_is_stored_and_cannot_be_read_yet_is_looked_for_again() {
        let mut desk = Desk::new();
        let given = desk.dance("a", "ada");
        let broken = desk.operations.write(|writing, now| {
            let many = "INSERT INTO temporary_credentials (token, consumer, revision, expires, state, change)
                VALUES (zeroblob(32), '', '1.0a', 0, 'undecided', ?)";
            writing.execute(many, [writing.change()?])?;
            Ok(super::revoke(writing, &Selection::default(), now)?)
        });
        assert!(broken.is_err() && desk.operations.notice().is_err() && desk.operations.notice().is_err());
        let mended =
            desk.operations.write(|writing, _| Ok(writing.execute("DELETE FROM temporary_credentials WHERE consumer = ''", [])?));
        assert_eq!(problem(mended), Ok(1));
        assert_eq!(desk.access(given.issued.token.reveal(), "a").unwrap_err(), TokenProblem::Revoked);
    }

    #[test]
    fn what_another_connection_changes_is_noticed() {
        let mut desk = Desk::new();
        let given = desk.dance("a", "ada");
        let mut other = desk.another();
        let new = other.dance("a", "bob");
        let id = Selection { id: Some(given.token.id), ..Selection::default() };
        assert_eq!(revoke(&mut other, &id), [given.token.id]);
        assert!(desk.access(given.issued.token.reveal(), "a").is_ok(), "not yet");
        desk.operations.notice().unwrap();
        assert_eq!(desk.access(given.issued.token.reveal(), "a").unwrap_err(), TokenProblem::Revoked);
        assert_eq!(desk.access(new.issued.token.reveal(), "a").unwrap(), new.token);
        problem(other.operations.write(|writing, now| Ok(purge(writing, "a", now)?))).unwrap();
        // Whoever writes notices, too.
        desk.begin("b");
        assert_eq!(desk.access(new.issued.token.reveal(), "a").unwrap_err(), TokenProblem::Unknown);
    }
}
