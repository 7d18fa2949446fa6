//! Opening a file: whose it is, whether it is sound, and that nobody else has it open.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::checkpoint::{BUSY_TIMEOUT, Checkpointer};
use super::database::Database;
use super::readers::Readers;
use super::schema;
use super::schema::{Origin, VERSION};
use super::writer::Writer;

/// Why a file could not be opened. Each is one line that a person can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its directory can't be made or written to.
    #[error("cannot write to {}: {cause}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Another process, or another store in this one, has the file open.
    #[error("{} is in use: another process has it open, and only one at a time may", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The file is no SQLite database, or a broken one.
    #[error("{} is damaged or is no SQLite database: {cause}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// The file is a sound database, but another program's.
    #[error("{} is the database of another program", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error(
        "{} was written by a newer version of LetsApp (schema {found}; this one knows up to {known})",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version of its schema.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// Anything else.
    #[error("cannot open {}: {cause}", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// What SQLite or the system says.
        cause: String,
    },
}

/// How to open a [`SqliteStore`].
///
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
    readers: NonZero<usize>,
    cache_kib: u32,
}

/// What the writer keeps of the file in memory, unless told otherwise: the upper levels of all indexes, and the whole
/// of those that are busy.
const DEFAULT_CACHE_KIB: u32 = 32 * 1024;

/// Up to this size a file is looked through when it is opened: that takes a fraction of a second.
const MAX_CHECKED_BYTES: u64 = 32 * 1024 * 1024;

/// What more readers would wait for is the disk and the processor.
const MAX_READERS: usize = 4;

impl Default for SqliteOptions {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            readers: NonZero::new(processors.clamp(2, MAX_READERS)).expect("two is not zero"),
            cache_kib: DEFAULT_CACHE_KIB,
        }
    }
}

impl SqliteOptions {
    /// Starts from what suits most.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many threads read.
    #[must_use]
    pub const fn readers(mut self, readers: NonZero<usize>) -> Self {
        self.readers = readers;
        self
    }

    /// Sets how much of the file the writer keeps in memory, in KiB; each reader keeps an eighth of that.
    #[must_use]
    pub const fn cache_kib(mut self, cache_kib: u32) -> Self {
        self.cache_kib = cache_kib;
        self
    }

    /// Opens the file, or makes it.
    pub(super) fn open_database(&self, path: &Path) -> Result<Database, OpenError> {
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

        let readers = Readers::start(readers.map_err(explain)?).map_err(failed)?;
        let checkpointer = Checkpointer::start(copier).map_err(failed)?;
        let writer = Writer::start(writer, checkpointer).map_err(failed)?;
        Ok(Database::new(writer, readers, lock))
    }
}

/// Makes the file and its directory where they are missing, and returns the one path that the file has, so that two
/// spellings of it don't make two locks.
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

/// Takes the lock beside the file, which the system releases when the process ends, however it ends.
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

/// For files that nobody else is to read: password hashes and keys are in there.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn connect(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    // Where a sync does not reach the disk by itself (macOS), let it.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    rusqlite::vtab::array::load_module(&connection)?;
    Ok(connection)
}

/// Refuses what is not ours, before anything is written to it.
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
    schema::migrate(connection, version).map_err(explain)
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // Another thread does that.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // After a long transaction or a long read the log gives its room back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

fn prepare_reader(connection: Connection) -> rusqlite::Result<Connection> {
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, cause) = (path.to_owned(), error.to_string().replace('\n', " "));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Corrupt { path, cause },
        _ => OpenError::Failed { path, cause },
    }
}
