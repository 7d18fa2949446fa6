//! A queue between tasks, which add and go on, and threads, which wait.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What waits to be done; closed once and for all.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds an item; gives it back if the queue is closed.
    pub(super) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for an item; `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<T> {
        self.wait().items.pop_front()
    }

    /// Waits for items and moves at most `limit` of them into `items`, which stays empty once the queue is closed and
    /// empty.
    pub(super) fn drain(&self, items: &mut Vec<T>, limit: usize) {
        let mut state = self.wait();
        let count = state.items.len().min(limit);
        items.extend(state.items.drain(..count));
    }

    /// Returns how many items wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Takes no more items; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closes the queue and drops what waits.
    fn abandon(&self) {
        let abandoned = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.items)
        };
        self.changed.notify_all();
        drop(abandoned);
    }

    fn wait(&self) -> MutexGuard<'_, State<T>> {
        self.changed
            .wait_while(self.lock(), |state| state.items.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a queue when the thread that serves it ends, however it ends, so that nobody waits for a thread that panicked.
pub(super) struct Served<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for Served<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
