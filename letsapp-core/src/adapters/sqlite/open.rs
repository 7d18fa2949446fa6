//! Opening a database file: locks it, checks that it is an intact LetsApp database, and migrates it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::admission::Queue;
use super::checkpoint::{BUSY_TIMEOUT, Checkpointer, DEFAULT_WIPE_INTERVAL};
use super::database::Database;
use super::interruption;
use super::messages::last_sent::LastSent;
use super::readers::Readers;
use super::schema;
use super::schema::{Origin, VERSION};
use super::terms;
use super::wiping;
use super::writer::Writer;

/// Reason why a file could not be opened. The message is a single line that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its directory can't be created or written to.
    #[error("cannot write to {}: {cause}", path.display())]
    Unwritable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        cause: io::Error,
    },
    /// The file is open in another process, or in another store of this one.
    #[error("{} is in use: another process has it open, and only one process at a time can use it", path.display())]
    InUse {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file is damaged, or no SQLite database.
    #[error("{} is damaged or not a SQLite database: {cause}", path.display())]
    Corrupt {
        /// Path of the file.
        path: PathBuf,
        /// Error of SQLite, or the first finding of its integrity check.
        cause: String,
    },
    /// The file is an intact database of another program.
    #[error("{} is the database of another program", path.display())]
    Foreign {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file was written by a newer version of LetsApp.
    #[error(
        "{} was written by a newer version of LetsApp (schema version {found}; this one supports up to {known})",
        path.display()
    )]
    Newer {
        /// Path of the file.
        path: PathBuf,
        /// Schema version of the file.
        found: usize,
        /// Newest schema version that this program supports.
        known: usize,
    },
    /// Any other error of SQLite or the operating system.
    #[error("cannot open {}: {cause}", path.display())]
    Failed {
        /// Path of the file.
        path: PathBuf,
        /// Error of SQLite or the operating system.
        cause: String,
    },
}

/// Options for opening a [`SqliteStore`](super::SqliteStore).
///
/// # Examples
/// ```
/// # use std::num::NonZero;
/// # use letsapp_core::adapters::sqlite::SqliteOptions;
/// # let directory = tempfile::tempdir().unwrap();
/// let store = SqliteOptions::new()
///     .readers(NonZero::new(2).unwrap())
///     .open(directory.path().join("letsapp.db"))?;
/// # Ok::<(), letsapp_core::adapters::sqlite::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Number of reader threads.
    readers: NonZero<usize>,
    /// Page cache of the writer, in KiB.
    cache_kib: u32,
    /// Maximum time for which text can stay in the write-ahead log after it was deleted, unless a read goes on longer.
    wipe_interval: Duration,
}

/// Default page cache of the writer, in KiB: 32 MiB hold the upper levels of all indexes, and busy indexes whole.
const DEFAULT_CACHE_KIB: u32 = 32 * 1024;

/// Size in bytes up to which a file is checked for damage when it is opened. At 32 MiB that takes a fraction of a
/// second; in a larger file, damage is found when it is read.
const MAX_CHECKED_BYTES: u64 = 32 * 1024 * 1024;

/// Maximum default number of reader threads: more would only wait for the disk and the processors.
const MAX_READERS: usize = 4;

/// Number of threads that search. With one, a long search would hold up all others; with many, searches would take the
/// processors from everything else.
pub(super) const SEARCHERS: usize = 2;

impl Default for SqliteOptions {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            readers: NonZero::new(processors.clamp(2, MAX_READERS)).expect("two is not zero"),
            cache_kib: DEFAULT_CACHE_KIB,
            wipe_interval: DEFAULT_WIPE_INTERVAL,
        }
    }
}

impl SqliteOptions {
    /// Returns the default options: a reader per processor, at least two and at most four, and a cache of 32 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of reader threads.
    #[must_use]
    pub const fn readers(mut self, readers: NonZero<usize>) -> Self {
        self.readers = readers;
        self
    }

    /// Sets the size of the writer's page cache in KiB. Each reader and the checkpointer get an eighth of it.
    #[must_use]
    pub const fn cache_kib(mut self, cache_kib: u32) -> Self {
        self.cache_kib = cache_kib;
        self
    }

    /// Sets the interval at which the write-ahead log is emptied, by default a minute. What is deleted is overwritten in
    /// the database file, and the log contains it until it is emptied; so this bounds how long deleted text can be found
    /// in the files. It takes longer only under a read that does.
    ///
    /// SQLite rarely leaves a copy of a row in the free part of a page that it has rebuilt; `VACUUM` removes these.
    #[must_use]
    pub const fn wipe_interval(mut self, wipe_interval: Duration) -> Self {
        self.wipe_interval = wipe_interval;
        self
    }

    /// Opens the file, or creates it, and starts the threads.
    pub(super) fn open_database(&self, path: &Path) -> Result<Database, OpenError> {
        // Locked before SQLite opens the file: even recovery must not run in two processes at once.
        let path = settle(path)?;
        let lock = lock(&path)?;
        let failed = |cause: io::Error| OpenError::Failed {
            path: path.clone(),
            cause: cause.to_string(),
        };
        let explain = |error| explain(&path, &error);

        let writer = connect(&path, self.cache_kib).map_err(explain)?;
        inspect(&path, &writer)?;
        prepare_writer(&writer).map_err(explain)?;
        let reader = || prepare_reader(connect(&path, self.cache_kib / 8)?);
        let readers = (0..self.readers.get()).map(|_| reader()).collect::<Result<_, _>>();
        let copier = connect(&path, self.cache_kib / 8).map_err(explain)?;

        let searcher = || {
            let mut connection = reader()?;
            interruption::enable(&mut connection)?;
            Ok(connection)
        };
        let searchers = (0..SEARCHERS).map(|_| searcher()).collect::<Result<_, _>>();

        let readers = readers.map_err(explain)?;
        let readers = Readers::start("letsapp-sqlite-reader", Queue::Readers, readers).map_err(failed)?;
        let searchers = searchers.map_err(explain)?;
        let searchers = Readers::start("letsapp-sqlite-search", Queue::Searchers, searchers).map_err(failed)?;
        let checkpointer = Checkpointer::start(copier, self.wipe_interval).map_err(failed)?;
        let last_sent = Arc::new(LastSent::new());
        let writer = Writer::start(writer, checkpointer, Arc::clone(&last_sent)).map_err(failed)?;
        Ok(Database::new(writer, readers, searchers, last_sent, lock))
    }
}

/// Creates the file and its directory if they are missing, and returns the file's canonical path.
///
/// The lock file is named after that path, so two spellings of a path, or a symbolic link, lead to the same lock.
fn settle(path: &Path) -> Result<PathBuf, OpenError> {
    let unwritable = |cause| OpenError::Unwritable {
        path: path.to_owned(),
        cause,
    };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(unwritable)?;
    }
    private().open(path).map_err(unwritable)?;
    path.canonicalize().map_err(unwritable)
}

/// Locks the file `<path>.lock`. The operating system releases the lock when the process ends, even after a crash.
///
/// Separate from the database file, because closing any handle of a file drops the POSIX locks that SQLite holds on it
/// in the same process.
fn lock(path: &Path) -> Result<File, OpenError> {
    let unwritable = |cause| OpenError::Unwritable {
        path: path.to_owned(),
        cause,
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = private().open(beside).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(unwritable(cause)),
    }
}

/// Returns options that create a file which only its owner can read: the database contains password hashes and keys.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a connection with the settings that all connections share.
fn connect(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // More than there are different statements, so that each is prepared once per connection.
    connection.set_prepared_statement_cache_capacity(128);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A manipulated file must not run functions with side effects through its views and triggers.
    connection.pragma_update(None, "trusted_schema", false)?;
    // A negative size is in KiB, a positive one in pages.
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    // On macOS a plain fsync does not reach the disk. These have no effect elsewhere.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Overwrites what is deleted with zeros. The default leaves it in the file until something else is stored there.
    connection.pragma_update(None, "secure_delete", true)?;
    rusqlite::vtab::array::load_module(&connection)?;
    Ok(connection)
}

/// Checks that the file is empty or an intact LetsApp database, and brings it up to date.
///
/// All checks come before the first write, so that a refused file stays unchanged.
fn inspect(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let explain = |error| explain(path, &error);
    let version = match schema::origin(connection).map_err(explain)? {
        Origin::Empty => 0,
        Origin::Ours(found) if found > VERSION => {
            return Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                known: VERSION,
            });
        }
        Origin::Ours(found) => found,
        Origin::Foreign => return Err(OpenError::Foreign { path: path.to_owned() }),
    };
    if fs::metadata(path).is_ok_and(|file| file.len() <= MAX_CHECKED_BYTES) {
        let finding: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(explain)?;
        if finding != "ok" {
            return Err(OpenError::Corrupt {
                path: path.to_owned(),
                cause: finding.replace('\n', " "),
            });
        }
    }
    if (1..schema::WIPING).contains(&version) {
        wiping::wipe(path, connection);
    }
    schema::migrate(connection, version).map_err(explain)?;
    terms::renew(connection).map_err(explain)
}

/// Sets up the writer's connection: write-ahead log, with a sync for each commit.
fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // The checkpointer's thread does that; see [`Checkpointer`].
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Truncates a log that grew past 64 MiB, as under a long read, when it is restarted.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

/// Sets up a reader's connection, on which no write succeeds.
fn prepare_reader(connection: Connection) -> rusqlite::Result<Connection> {
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Maps an error of SQLite to an [`OpenError`] on one line.
fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, cause) = (path.to_owned(), error.to_string().replace('\n', " "));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Corrupt { path, cause },
        _ => OpenError::Failed { path, cause },
    }
}
