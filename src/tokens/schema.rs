//! What the database looks like, and how an older one becomes like that.

use rusqlite::{Connection, TransactionBehavior};

use super::database::fault;
use super::problem::StoreFault;

/// Brings a database to this program's version; makes the tables of one that is new.
///
/// # Errors
/// If it is not ours, or of a later version. Nothing is changed then.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreFault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let number = |pragma: &str| transaction.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(fault);
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let done = match usize::try_from(version) {
        Ok(0) if application == 0 && tables == 0 => 0,
        Ok(version) if application == APPLICATION && (1..=MIGRATIONS.len()).contains(&version) => version,
        Ok(version) if application == APPLICATION && version > 0 => {
            let known = MIGRATIONS.len();
            let why =
                format!("it has version {version}, and this program knows those up to {known}: it was written by a later one");
            return Err(StoreFault::Database(why));
        }
        _ => return Err(StoreFault::Database("it is another program's database".to_owned())),
    };
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    for migration in &MIGRATIONS[done..] {
        transaction.execute_batch(migration).map_err(fault)?;
    }
    let now = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}", MIGRATIONS.len());
    transaction.execute_batch(&now).map_err(fault)?;
    transaction.commit().map_err(fault)
}

/// `CStk`, by which file(1) and we know whose database it is.
const APPLICATION: i64 = 0x4353_746b;

/// From each version to the next. One that was released is never changed.
const MIGRATIONS: [&str; 1] = [VERSION_1];

/// Times are seconds since 1970, tokens and what goes with them SHA-256. `change` is the number of the change that a row was last
/// written by, so that whoever has the tokens in memory finds what is new. What is `forgotten` (since when) is as if it were gone, and
/// stays only until everybody has noticed.
const VERSION_1: &str = "
CREATE TABLE change (number INTEGER NOT NULL) STRICT;
INSERT INTO change VALUES (0);

CREATE TABLE temporary_credentials (
    token BLOB NOT NULL PRIMARY KEY CHECK (length(token) = 32),
    consumer TEXT NOT NULL,
    callback TEXT,
    revision TEXT NOT NULL CHECK (revision IN ('1.0', '1.0a')),
    expires INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('undecided', 'allowed', 'denied', 'exchanged', 'dead')),
    user TEXT CHECK ((user IS NOT NULL) = (state NOT IN ('undecided', 'denied'))),
    verifier BLOB CHECK (length(verifier) = 32),
    wrong_verifiers INTEGER NOT NULL DEFAULT 0,
    change INTEGER NOT NULL,
    forgotten INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX temporary_by_consumer ON temporary_credentials (consumer, expires) WHERE forgotten IS NULL;
CREATE INDEX temporary_by_expiry ON temporary_credentials (expires) WHERE forgotten IS NULL;
CREATE INDEX temporary_by_change ON temporary_credentials (change);
CREATE INDEX temporary_forgotten ON temporary_credentials (forgotten) WHERE forgotten IS NOT NULL;

CREATE TABLE access_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    session_handle BLOB NOT NULL CHECK (length(session_handle) = 32),
    consumer TEXT NOT NULL,
    user TEXT NOT NULL,
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    session_expires INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'revoked', 'renewed', 'over')),
    ended INTEGER CHECK ((ended IS NULL) = (state = 'live')),
    change INTEGER NOT NULL,
    forgotten INTEGER
) STRICT;
CREATE INDEX access_by_consumer ON access_token (consumer) WHERE forgotten IS NULL;
CREATE INDEX access_by_user ON access_token (user) WHERE state = 'live' AND forgotten IS NULL;
CREATE INDEX access_by_end_of_session ON access_token (session_expires) WHERE state = 'live' AND forgotten IS NULL;
CREATE INDEX access_ended ON access_token (ended) WHERE ended IS NOT NULL AND forgotten IS NULL;
CREATE INDEX access_by_change ON access_token (change);
CREATE INDEX access_forgotten ON access_token (forgotten) WHERE forgotten IS NOT NULL;

CREATE TABLE absent_consumer (
    consumer TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

#[cfg(test)]
mod tests {
    use super::super::desk::Desk;
    use super::super::model::TokenId;
    use super::*;

    fn number(connection: &Connection, pragma: &str) -> i64 {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap()
    }

    fn schema(connection: &Connection) -> Vec<String> {
        let mut all = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        let texts = all.query_map([], |row| row.get(0)).unwrap();
        texts.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_new_database_has_the_latest_version_and_stays_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!((number(&connection, "user_version"), number(&connection, "application_id")), (1, APPLICATION));
        let before = schema(&connection);
        migrate(&mut connection).unwrap();
        assert_eq!(schema(&connection), before);
    }

    #[test]
    fn a_database_of_version_1_is_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        Connection::open(&path).unwrap().execute_batch(include_str!("../../tests/data/tokens-1.sql")).unwrap();
        let mut desk = Desk::of(folder);
        let connection = Connection::open(&path).unwrap();
        let mut latest = Connection::open_in_memory().unwrap();
        migrate(&mut latest).unwrap();
        assert_eq!(schema(&connection), schema(&latest), "a version that was released is never changed");
        let token = desk.access("access", "reports").unwrap();
        assert_eq!((token.id, &*token.user), (TokenId(7), "ada"));
        assert!(desk.exchange("request", "reports", Some("verifier")).unwrap().token.id > token.id);
        desk.renew("access", "reports", Some("handle")).unwrap();
    }

    #[test]
    fn a_later_version_and_another_programs_file_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ours = format!("PRAGMA application_id = {APPLICATION}");
        for (number, (make, why)) in [
            (&*format!("{ours}; PRAGMA user_version = 2; CREATE TABLE later (a)"), "written by a later one"),
            ("CREATE TABLE a (b)", "another program's"),
            ("PRAGMA user_version = 1; CREATE TABLE a (b)", "another program's"),
            ("PRAGMA application_id = 5", "another program's"),
            (&*format!("{ours}; PRAGMA user_version = -1"), "another program's"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.path().join(number.to_string());
            let mut connection = Connection::open(&path).unwrap();
            connection.execute_batch(make).unwrap();
            let before = std::fs::read(&path).unwrap();
            let refused = migrate(&mut connection).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn what_is_no_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = crate::directory::Directory::make(folder.path()).unwrap();
        let text = "no database at all\n".repeat(100);
        std::fs::write(folder.path().join("tokens.db"), &text).unwrap();
        super::super::database::Database::open_or_make(&state).unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.path().join("tokens.db")).unwrap(), text);
    }
}
