//! The test suite that every store must pass: one case for each promise in the documentation of the repository traits.
//!
//! A test file implements [`Subject`], which opens the store, and calls [`contract_suite`](crate::contract_suite),
//! which makes one `#[test]` of each case:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use letsapp_core::adapters::memory::MemoryStore;
//! use letsapp_core::contract::Subject;
//! use letsapp_core::ports::Repositories;
//!
//! /// Data in memory. A real store has a directory or the name of a database here.
//! #[derive(Default)]
//! struct Memory(MemoryStore);
//!
//! #[async_trait]
//! impl Subject for Memory {
//!     async fn open(&self) -> Arc<dyn Repositories> {
//!         Arc::new(self.0.another())
//!     }
//! }
//!
//! letsapp_core::contract_suite!(memory, Memory::default());
//! ```
//!
//! Tests of the services are in the folder `tests` of this crate; tests of what only one store promises are there or
//! beside the store.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::cloned_ref_to_slice_refs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the suite is tests: the names of the cases say what they check, and a panic is a failed test"
)]

mod actions;
mod fixtures;
mod media_fixtures;
mod message_search_fixtures;
mod model;
mod script;
mod stage;
mod steps;
mod suite;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub mod batches;
pub mod blobs;
pub mod bus;
#[doc(hidden)]
pub mod contacts;
#[doc(hidden)]
pub mod conversations;
#[doc(hidden)]
pub mod departures;
#[doc(hidden)]
pub mod erasure;
#[doc(hidden)]
pub mod group_deletion;
#[doc(hidden)]
pub mod groups;
#[doc(hidden)]
pub mod history;
#[doc(hidden)]
pub mod hostile;
#[doc(hidden)]
pub mod last_seen;
#[doc(hidden)]
pub mod media;
#[doc(hidden)]
pub mod media_handshake;
#[doc(hidden)]
pub mod media_refs;
#[doc(hidden)]
pub mod message_search;
#[doc(hidden)]
pub mod message_search_order;
#[doc(hidden)]
pub mod messages;
#[doc(hidden)]
pub mod meta;
#[doc(hidden)]
pub mod properties;
#[doc(hidden)]
pub mod races;
#[doc(hidden)]
pub mod readers;
#[doc(hidden)]
pub mod receipts;
#[doc(hidden)]
pub mod restart;
#[doc(hidden)]
pub mod senders;
#[doc(hidden)]
pub mod sessions;
#[doc(hidden)]
pub mod standings;
#[doc(hidden)]
pub mod succession;
#[doc(hidden)]
pub mod uploads;
#[doc(hidden)]
pub mod user_search;
#[doc(hidden)]
pub mod users;
#[doc(hidden)]
pub mod value_limits;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{
    ContactRepository, ConversationRepository, KeyRepository, MediaRepository, MessageRepository, Repositories,
    SessionRepository, UserRepository,
};

#[doc(hidden)]
pub use suite::report;

/// A store under test. The suite creates one subject for each case, and each has its own data.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the store on the data of this subject.
    ///
    /// The data is empty the first time. After the store was closed, the next call opens it with all that was written.
    async fn open(&self) -> Arc<dyn Repositories>;

    /// Opens a second instance on the same data while the first is open, as a second server does. Returns `None` if the
    /// data can be open only once.
    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        None
    }

    /// Deletes the data after the case. Needed only if dropping the subject does not.
    async fn discard(&self) {}
}

/// A subject whose stores are wrapped in a decorator, so that the suite tests the decorator as well.
#[derive(Debug)]
pub struct Decorated<S, D> {
    subject: S,
    decorate: D,
}

impl<S, D> Decorated<S, D>
where
    S: Subject,
    D: Fn(Arc<dyn Repositories>) -> Arc<dyn Repositories> + Send + Sync,
{
    /// Wraps every store that `subject` opens with `decorate`.
    pub const fn new(subject: S, decorate: D) -> Self {
        Self { subject, decorate }
    }
}

#[async_trait]
impl<S, D> Subject for Decorated<S, D>
where
    S: Subject,
    D: Fn(Arc<dyn Repositories>) -> Arc<dyn Repositories> + Send + Sync,
{
    async fn open(&self) -> Arc<dyn Repositories> {
        (self.decorate)(self.subject.open().await)
    }

    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        self.subject.open_another().await.map(&self.decorate)
    }

    async fn discard(&self) {
        self.subject.discard().await;
    }
}

/// The subject of one case, and the store that is open on it.
#[doc(hidden)]
#[derive(Clone)]
pub struct Trial {
    subject: Arc<dyn Subject>,
    store: Arc<dyn Repositories>,
}

impl Trial {
    fn users(&self) -> Arc<dyn UserRepository> {
        self.store.users()
    }

    fn sessions(&self) -> Arc<dyn SessionRepository> {
        self.store.sessions()
    }

    fn contacts(&self) -> Arc<dyn ContactRepository> {
        self.store.contacts()
    }

    fn conversations(&self) -> Arc<dyn ConversationRepository> {
        self.store.conversations()
    }

    fn messages(&self) -> Arc<dyn MessageRepository> {
        self.store.messages()
    }

    fn media(&self) -> Arc<dyn MediaRepository> {
        self.store.media()
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        self.store.keys()
    }

    /// Closes the store and opens it again, as a restart of the server does.
    async fn restart(&mut self) {
        self.store.close().await;
        self.store = self.subject.open().await;
    }

    /// Opens a second instance on the same data, or returns the same one if the data can be open only once.
    async fn another(&self) -> Self {
        let another = self.subject.open_another().await;
        Self {
            subject: Arc::clone(&self.subject),
            store: another.unwrap_or_else(|| Arc::clone(&self.store)),
        }
    }
}

/// Time after which a case counts as hanging. Generous, because many cases run at once on slow machines.
const CASE_TIMEOUT: Duration = Duration::from_secs(240);

/// Runs one case on a new subject and a new runtime.
#[doc(hidden)]
pub fn run<S: Subject + 'static>(subject: impl AsyncFnOnce() -> S, case: impl AsyncFnOnce(Trial)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("the system has threads to spare");
    let trial = async {
        let subject: Arc<dyn Subject> = Arc::new(subject().await);
        let store = subject.open().await;
        let trial = Trial {
            subject: Arc::clone(&subject),
            store: Arc::clone(&store),
        };
        case(trial).await;
        store.close().await;
        subject.discard().await;
    };
    let outcome = runtime.block_on(async { tokio::time::timeout(CASE_TIMEOUT, trial).await });
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the case hangs: it took longer than {CASE_TIMEOUT:?}");
}
