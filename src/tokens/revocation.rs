//! How tokens end before their time: taken back by a person.

use rusqlite::ToSql;
use rusqlite::types::Value;

use super::database::{Database, Writing, seconds};
use super::follow::access_token;
use super::model::{AccessToken, Selection};
use super::problem::StoreFault;
use crate::oauth::timestamp::Timestamp;

/// See [`TokenStore::revoke`](super::TokenStore::revoke).
pub(super) fn revoke(writing: &Writing<'_>, which: &Selection, now: Timestamp) -> Result<Vec<AccessToken>, StoreFault> {
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

const COLUMNS: &str = "id, consumer, user, issued, expires, session_expires";

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, key, problem};
    use super::super::ending::purge;
    use super::super::model::TokenId;
    use super::super::problem::TokenProblem;
    use super::*;

    fn revoke(desk: &mut Desk, which: &Selection) -> Vec<TokenId> {
        let revoked = problem(desk.operations.write(|writing, now| Ok(super::revoke(writing, which, now)?))).unwrap();
        revoked.iter().map(|token| token.id).collect()
    }

    #[test]
    fn what_is_revoked_is_what_the_selection_holds_for() {
        let mut desk = Desk::new();
        let dances = [("a", "ada"), ("a", "bob"), ("b", "ada"), ("b", "bob"), ("a", "ada")];
        let given: Vec<_> = dances.iter().map(|(consumer, user)| desk.dance(consumer, user)).collect();
        let ids: Vec<_> = given.iter().map(|given| given.token.id).collect();
        let of = |id, consumer: Option<&str>, user: Option<&str>| Selection {
            id,
            consumer: consumer.map(key),
            user: user.map(str::to_owned),
        };
        assert!(revoke(&mut desk, &of(Some(ids[3]), Some("a"), None)).is_empty());
        assert!(revoke(&mut desk, &of(None, None, Some("ad"))).is_empty());
        assert_eq!(revoke(&mut desk, &of(Some(ids[3]), None, None)), [ids[3]]);
        assert_eq!(revoke(&mut desk, &of(None, Some("a"), Some("ada"))), [ids[0], ids[4]]);
        assert_eq!(desk.access(given[0].issued.token.reveal(), "a").unwrap_err(), TokenProblem::Revoked);
        assert_eq!(desk.access(given[2].issued.token.reveal(), "b").unwrap(), given[2].token);
        let handle = given[0].session_handle.reveal();
        assert_eq!(desk.renew(given[0].issued.token.reveal(), "a", handle).unwrap_err(), TokenProblem::Revoked);
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
