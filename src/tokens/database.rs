//! The connection to the database, and what holds for every transaction.

use std::cell::Cell;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::problem::{DanceError, StoreFault};
use super::schema;
use crate::directory::Directory;
use crate::oauth::timestamp::Timestamp;

/// An open database of tokens.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Database {
    /// Opens the database of a state directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it can't be opened, is another program's, or of a later version.
    pub(super) fn open_or_make(state: &Directory) -> Result<Self, StoreFault> {
        match state.begin(NAME) {
            // Made by us, so that it is ours alone from its first moment on: what SQLite puts beside it becomes like it.
            Ok(_) => state.sync().map_err(io_fault)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_fault(error)),
        }
        Self::open(state)
    }

    /// Opens the database of a state directory; `None` if there is none.
    ///
    /// # Errors
    /// As of [`Self::open_or_make`].
    pub(super) fn open_if_there(state: &Directory) -> Result<Option<Self>, StoreFault> {
        match state.path().join(NAME).symlink_metadata() {
            Ok(_) => Self::open(state).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_fault(error)),
        }
    }

    fn open(state: &Directory) -> Result<Self, StoreFault> {
        let path = real_path(state)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(fault)?;
        // SQLite opens by path. Whoever put another directory there meanwhile gets nothing.
        if real_path(state)? != path {
            return Err(StoreFault::Database("the state directory was replaced while it was opened".to_owned()));
        }
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(fault)?;
        connection.execute_batch(PRAGMAS).map_err(fault)?;
        // Before the file itself is changed in any way.
        schema::migrate(&mut connection)?;
        connection.execute_batch("PRAGMA journal_mode = WAL").map_err(fault)?;
        let file = identity(&path).map_err(io_fault)?;
        Ok(Self { connection, path, file })
    }

    /// Whether the file that is open is the one at its path.
    ///
    /// # Errors
    /// If it is not: what is written to it would be gone with this process, and commands have another one.
    pub(super) fn check_in_place(&self) -> Result<(), StoreFault> {
        if identity(&self.path).is_ok_and(|found| found == self.file) {
            return Ok(());
        }
        Err(StoreFault::Database(
            "it was removed or replaced while it was open, and the gateway has to be started again".to_owned(),
        ))
    }

    /// One transaction that may write: it is all there or not at all, and nobody else writes meanwhile. A problem with a token does not
    /// undo it (a wrong verifier counts).
    ///
    /// # Errors
    /// What `work` gives, or that it can't be stored; then nothing has changed.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T, DanceError>) -> Result<T, DanceError> {
        self.check_in_place()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let writing = Writing { transaction, change: Cell::new(None) };
        let made = work(&writing);
        if !matches!(made, Err(DanceError::Store(_))) {
            writing.transaction.commit().map_err(fault)?;
        }
        made
    }

    /// A number that is another one whenever another connection has changed something.
    pub(super) fn data_version(&self) -> Result<i64, StoreFault> {
        self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(fault)
    }
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// A transaction that may write.
pub(super) struct Writing<'c> {
    transaction: Transaction<'c>,
    change: Cell<Option<i64>>,
}

impl Writing<'_> {
    /// This change's number, which the rows get that it writes.
    pub(super) fn change(&self) -> Result<i64, StoreFault> {
        if let Some(number) = self.change.get() {
            return Ok(number);
        }
        let next = "UPDATE change SET number = number + 1 RETURNING number";
        let number = self.transaction.query_row(next, [], |row| row.get(0)).map_err(fault)?;
        self.change.set(Some(number));
        Ok(number)
    }
}

impl<'c> Deref for Writing<'c> {
    type Target = Transaction<'c>;

    fn deref(&self) -> &Transaction<'c> {
        &self.transaction
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    path.symlink_metadata().map(|found| (found.dev(), found.ino()))
}

/// Where the directory is now that was opened; NOFOLLOW takes a path without links alone.
fn real_path(state: &Directory) -> Result<PathBuf, StoreFault> {
    if !state.is_in_place() {
        return Err(StoreFault::Database("the state directory was replaced".to_owned()));
    }
    let folder = state.path().canonicalize().map_err(io_fault)?;
    let path = folder.join(NAME);
    check_owner(&path)?;
    Ok(path)
}

/// Files that SQLite puts beside the database become its owner's, if root makes them. For everybody else they would be in the gateway's
/// way.
fn check_owner(path: &Path) -> Result<(), StoreFault> {
    let (user, owner) = (rustix::process::geteuid(), path.symlink_metadata().map_err(io_fault)?.uid());
    if user.is_root() || user.as_raw() == owner {
        return Ok(());
    }
    Err(StoreFault::Database(format!("it belongs to the user with number {owner}")))
}

/// What went wrong, without the values that it went wrong with.
pub(super) fn fault(error: rusqlite::Error) -> StoreFault {
    StoreFault::Database(match error {
        rusqlite::Error::SqliteFailure(error, _) => error.to_string(),
        rusqlite::Error::SqlInputError { error, .. } => error.to_string(),
        rusqlite::Error::QueryReturnedNoRows => "a row is missing".to_owned(),
        rusqlite::Error::FromSqlConversionFailure(column, ..)
        | rusqlite::Error::IntegralValueOutOfRange(column, _)
        | rusqlite::Error::InvalidColumnType(column, ..) => format!("column {column} of a row is not what it should be"),
        _ => "it does not take the request".to_owned(),
    })
}

fn io_fault(error: std::io::Error) -> StoreFault {
    StoreFault::Database(error.to_string())
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        fault(error)
    }
}

impl From<rusqlite::Error> for DanceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(fault(error))
    }
}

/// A time as the database has it.
pub(super) fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.seconds()).unwrap_or(i64::MAX)
}

/// A time out of the database.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(u64::try_from(seconds).unwrap_or(0))
}

/// In the state directory.
pub(super) const NAME: &str = "tokens.db";

/// How long another process's transaction is waited for: a command's takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// FULL: a dance is rare, and a token that a client was given is not lost over a power cut for the millisecond that it costs. The
/// write-ahead log is cut to 16 MiB again after something large.
const PRAGMAS: &str = "
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA journal_size_limit = 16777216;
";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn state(folder: &tempfile::TempDir) -> Directory {
        Directory::make(&folder.path().join("state")).unwrap()
    }

    #[test]
    fn it_is_ours_alone_and_a_write_ahead_log_is_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder);
        assert!(Database::open_if_there(&state).unwrap().is_none());
        let mut database = Database::open_or_make(&state).unwrap();
        database.write(|writing| Ok(writing.change()?)).unwrap();
        for name in ["tokens.db", "tokens.db-wal", "tokens.db-shm"] {
            assert_eq!(std::fs::metadata(state.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        let pragma = |name: &str| database.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((pragma("synchronous"), pragma("trusted_schema"), pragma("foreign_keys")), (2, 0, 1));
        assert!(Database::open_if_there(&state).unwrap().is_some());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed_and_neither_is_a_directory_that_was_swapped() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder);
        let target = folder.path().join("target");
        std::fs::write(&target, "").unwrap();
        symlink(&target, state.path().join(NAME)).unwrap();
        assert!(Database::open_or_make(&state).is_err() && Database::open_if_there(&state).is_err());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "");
        std::fs::remove_file(state.path().join(NAME)).unwrap();
        std::fs::rename(state.path(), folder.path().join("elsewhere")).unwrap();
        std::fs::create_dir(state.path()).unwrap();
        assert!(Database::open_or_make(&state).is_err());
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_written_to_a_file_that_was_removed_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (state, file) = (state(&folder), folder.path().join("state/tokens.db"));
        let mut database = Database::open_or_make(&state).unwrap();
        let copy = folder.path().join("copy");
        std::fs::copy(&file, &copy).unwrap();
        std::fs::rename(&file, folder.path().join("old")).unwrap();
        for _ in 0..2 {
            let refused = database.write(|_| -> Result<(), _> { panic!("it is not begun") }).unwrap_err();
            assert!(matches!(refused, DanceError::Store(StoreFault::Database(why)) if why.contains("removed or replaced")));
            assert!(database.check_in_place().is_err());
            std::fs::copy(&copy, &file).unwrap();
        }
        std::fs::rename(folder.path().join("old"), &file).unwrap();
        database.write(|writing| Ok(writing.change()?)).unwrap();
    }

    #[test]
    fn a_path_to_the_state_directory_may_have_links() {
        let folder = tempfile::tempdir().unwrap();
        let linked = folder.path().join("linked");
        symlink(state(&folder).path(), &linked).unwrap();
        Database::open_or_make(&Directory::make(&linked).unwrap()).unwrap();
        assert!(folder.path().join("state/tokens.db").exists());
    }

    #[test]
    fn what_goes_wrong_within_a_transaction_undoes_it_and_a_problem_with_a_token_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open_or_make(&state(&folder)).unwrap();
        let number =
            |database: &Database| database.query_row("SELECT number FROM change", [], |row| row.get::<_, i64>(0)).unwrap();
        let problem = database.write(|writing| {
            writing.change().map_err(Into::into).and(Err::<(), _>(DanceError::Problem(super::super::TokenProblem::Used)))
        });
        assert!(matches!(problem, Err(DanceError::Problem(_))));
        assert_eq!(number(&database), 1);
        let fault = database
            .write(|writing| writing.change().map_err(Into::into).and(Err::<(), _>(DanceError::Store(StoreFault::Closed))));
        assert!(matches!(fault, Err(DanceError::Store(_))));
        assert_eq!(number(&database), 1);
    }

    #[test]
    fn a_fault_says_nothing_of_values() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open_or_make(&state(&folder)).unwrap();
        let wrong = "INSERT INTO temporary_credentials VALUES (x'00', 'secret-a', NULL, 'secret-b', 1, 'secret-c', NULL, NULL, 0, 0, NULL)";
        for statement in [wrong, "SELECT 'secret-d' FROM nowhere", "'secret-e", "INSERT INTO change VALUES ('secret-f')"] {
            let said = fault(database.execute(statement, []).unwrap_err()).to_string();
            assert!(!said.contains("secret") && said.starts_with("the token database cannot be used: "), "{said}");
        }
    }
}
