//! Files that wait to be processed: a bounded number in memory, the others in the store alone.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::id::MediaId;

/// Queue of files. Several take from it at once.
pub(super) struct Backlog {
    most: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<MediaId>,
    /// Files that wait or were taken, and are not done.
    known: HashSet<MediaId>,
    /// Whether the store has, or may have, files that are not in this queue.
    is_partial: bool,
}

/// Work to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A file is processed.
    File(MediaId),
    /// The store is asked for more files. Only one of those who take is told so.
    Look,
}

/// Result of adding a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Waits, now or since earlier.
    Waits,
    /// Has no room. The store is asked again once all that wait were taken.
    Full,
}

impl Backlog {
    /// Creates a queue of at most so many files, which is filled from the store first.
    pub(super) fn new(most: usize) -> Self {
        let state = State {
            is_partial: true,
            ..State::default()
        };
        Self {
            most,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Adds a file. One that waits, or is being processed, is not added again.
    pub(super) fn add(&self, id: MediaId) -> Added {
        let mut state = self.lock();
        if state.known.contains(&id) {
            return Added::Waits;
        }
        if state.waiting.len() >= self.most {
            state.is_partial = true;
            return Added::Full;
        }
        state.known.insert(id);
        state.waiting.push_back(id);
        drop(state);
        self.changed.notify_one();
        Added::Waits
    }

    /// Has the store asked for files, once all that wait were taken.
    pub(super) fn look(&self) {
        self.lock().is_partial = true;
        self.changed.notify_one();
    }

    /// Waits for work.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                // One notice may stand for several files.
                self.changed.notify_one();
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// Forgets a file that was taken, processed or not.
    pub(super) fn done(&self, id: MediaId) {
        self.lock().known.remove(&id);
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.lock();
        let waiting = state.waiting.pop_front().map(Next::File);
        waiting.or_else(|| std::mem::take(&mut state.is_partial).then_some(Next::Look))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn id(n: u8) -> MediaId {
        MediaId::from_bytes([n; 16])
    }

    #[tokio::test]
    async fn the_store_is_asked_at_first_and_after_there_was_no_room() {
        let backlog = Backlog::new(2);
        assert_eq!(backlog.next().await, Next::Look);
        assert_eq!(backlog.next().now_or_never(), None);
        assert_eq!(
            [1, 2, 3].map(|n| backlog.add(id(n))),
            [Added::Waits, Added::Waits, Added::Full]
        );
        assert_eq!(backlog.next().await, Next::File(id(1)));
        assert_eq!(backlog.next().await, Next::File(id(2)));
        assert_eq!(backlog.next().await, Next::Look);
        assert_eq!(backlog.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_file_is_in_the_queue_once_until_it_is_done() {
        let backlog = Backlog::new(9);
        backlog.take();
        assert_eq!([1, 1].map(|n| backlog.add(id(n))), [Added::Waits; 2]);
        assert_eq!(backlog.next().await, Next::File(id(1)));
        backlog.add(id(1));
        assert_eq!(backlog.next().now_or_never(), None, "it is being processed");
        backlog.done(id(1));
        backlog.add(id(1));
        assert_eq!(backlog.next().now_or_never(), Some(Next::File(id(1))));
    }

    #[tokio::test]
    async fn all_who_wait_get_work() {
        let backlog = Backlog::new(9);
        backlog.take();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(backlog.next())).collect();
        assert!(waiting.iter_mut().all(|next| next.now_or_never().is_none()));
        for n in 1..=3 {
            backlog.add(id(n));
        }
        let got = futures_util::future::join_all(waiting).await;
        assert!((1..=3).all(|n| got.contains(&Next::File(id(n)))), "{got:?}");
    }
}
