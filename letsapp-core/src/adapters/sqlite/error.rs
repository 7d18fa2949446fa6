//! What SQLite's failures mean to a caller.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::ports::RepositoryError;

/// Sorts a failure by what the caller can do about it.
pub(super) fn of(error: Error) -> RepositoryError {
    if may_pass(&error) {
        RepositoryError::unavailable(error)
    } else {
        RepositoryError::internal(error)
    }
}

/// Likewise for a failure that many callers are told of.
pub(super) fn shared(error: &Arc<Error>) -> RepositoryError {
    if may_pass(error) {
        RepositoryError::unavailable(Arc::clone(error))
    } else {
        RepositoryError::internal(Arc::clone(error))
    }
}

/// What is answered once the store is closed.
pub(super) fn closed() -> RepositoryError {
    RepositoryError::unavailable("the store is closed")
}

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

/// Tells as many callers of one failure.
pub(super) fn repeat(error: RepositoryError, count: usize) -> Vec<RepositoryError> {
    let (again, cause): (fn(Arc<Cause>) -> RepositoryError, _) = match error {
        RepositoryError::Unavailable(cause) => (RepositoryError::unavailable, cause),
        RepositoryError::Internal(cause) => (RepositoryError::internal, cause),
    };
    let cause: Arc<Cause> = cause.into();
    (0..count).map(|_| again(Arc::clone(&cause))).collect()
}

type Cause = dyn std::error::Error + Send + Sync;
