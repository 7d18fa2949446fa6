//! Closing an instance of the store, and locking its data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::ports::RepositoryError;

/// Whether an instance is open: every call passes here first.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(super) fn pass(&self) -> Result<(), RepositoryError> {
        if self.0.load(Ordering::Acquire) {
            Err(RepositoryError::unavailable("the store is closed"))
        } else {
            Ok(())
        }
    }

    pub(super) fn shut(&self) {
        self.0.store(true, Ordering::Release);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no step panics half-way")
}
