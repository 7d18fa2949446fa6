//! Access to the store's data: the closed flag of an instance, and locking.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::ports::RepositoryError;

/// Flag that an instance is closed, checked at the start of every call.
///
/// Closing one instance leaves the others on the same data open, so the flag is not part of the data.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Checks that the instance is open.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] once [`shut`](Self::shut) was called.
    pub(super) fn pass(&self) -> Result<(), RepositoryError> {
        if self.0.load(Ordering::Acquire) {
            Err(RepositoryError::unavailable("the store is closed"))
        } else {
            Ok(())
        }
    }

    /// Closes the instance.
    pub(super) fn shut(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Locks a table.
///
/// # Panics
/// If an earlier holder of the lock panicked: its table may then be half-changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no step panics half-way")
}
