//! Errors of SQLite, and panics in reads and steps, as repository errors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::ports::RepositoryError;

/// Maps an error to [`RepositoryError::Unavailable`] if a later attempt may succeed, and to
/// [`RepositoryError::Internal`] otherwise.
pub(super) fn of(error: Error) -> RepositoryError {
    if may_pass(&error) {
        RepositoryError::unavailable(error)
    } else {
        RepositoryError::internal(error)
    }
}

/// Maps an error that several callers share, like [`of`].
pub(super) fn shared(error: &Arc<Error>) -> RepositoryError {
    if may_pass(error) {
        RepositoryError::unavailable(Arc::clone(error))
    } else {
        RepositoryError::internal(Arc::clone(error))
    }
}

/// Runs a read or a step. A panic is returned as an error with its message, so that a bug in one of them does not end
/// the thread that serves all callers.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("no message").to_owned()
    })
}

/// Returns the error of a read or a step that panicked with this message.
pub(super) fn panicked(message: &str) -> Error {
    // The variant that shows any text as it is; rusqlite has none for errors of other kinds.
    Error::ToSqlConversionFailure(format!("a panic: {message}").into())
}

/// Returns the error of every call after the store is closed.
pub(super) fn closed() -> RepositoryError {
    RepositoryError::unavailable("the store is closed")
}

/// Returns true if the cause may pass without a change of the program or the file, such as a lock or a lack of memory.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OperationInterrupted
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Returns `count` errors with the same cause, because [`RepositoryError`] can't be cloned.
pub(super) fn repeat(error: RepositoryError, count: usize) -> Vec<RepositoryError> {
    let (again, cause): (fn(Arc<Cause>) -> RepositoryError, _) = match error {
        RepositoryError::Unavailable(cause) => (RepositoryError::unavailable, cause),
        RepositoryError::Internal(cause) => (RepositoryError::internal, cause),
    };
    let cause: Arc<Cause> = cause.into();
    (0..count).map(|_| again(Arc::clone(&cause))).collect()
}

type Cause = dyn std::error::Error + Send + Sync;
