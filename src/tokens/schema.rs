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
