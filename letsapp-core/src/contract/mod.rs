//! The suite that every store must pass, ours or yours: each sentence of the repository traits, tried out.
//!
//! A test file names what opens the store, and gets one `#[test]` for each case:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use letsapp_core::adapters::memory::MemoryStore;
//! use letsapp_core::contract::Subject;
//! use letsapp_core::ports::Repositories;
//!
//! /// Data in memory; of a real store, a directory or the name of a database.
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
//! What is not here: tests of the services, which are the same on every store, and tests of what only one store
//! promises.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::cloned_ref_to_slice_refs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the suite is tests: the names of the cases say what they check, and a panic is a finding"
)]

mod actions;
mod fixtures;
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
#[doc(hidden)]
pub mod contacts;
#[doc(hidden)]
pub mod conversations;
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
pub mod message_search;
#[doc(hidden)]
pub mod message_search_order;
#[doc(hidden)]
pub mod messages;
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
pub mod sessions;
#[doc(hidden)]
pub mod succession;
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
    ContactRepository, ConversationRepository, KeyRepository, MessageRepository, Repositories, SessionRepository,
    UserRepository,
};

#[doc(hidden)]
pub use suite::report;

/// The store under test, as the suite sees it: data of its own for each case, and how to open it.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the store on this subject's data, which is empty the first time, and, once what was opened before is
    /// closed, holds all that was written to it.
    async fn open(&self) -> Arc<dyn Repositories>;

    /// Opens another instance on the same data while the first is open, as another server would; `None` where the
    /// data can be open only once.
    async fn open_another(&self) -> Option<Arc<dyn Repositories>> {
        None
    }

    /// Throws the data away, where dropping the subject doesn't.
    async fn discard(&self) {}
}

/// A subject whose stores stand behind a decorator, so that the suite can be run on the decorated ones too.
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
    /// Puts `decorate` around every store that `subject` opens.
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

/// One case's subject and the store that is open on it.
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

    fn keys(&self) -> Arc<dyn KeyRepository> {
        self.store.keys()
    }

    /// Closes the store and opens it again.
    async fn restart(&mut self) {
        self.store.close().await;
        self.store = self.subject.open().await;
    }

    /// Opens another instance on the same data; the same one where there can be only one.
    async fn another(&self) -> Self {
        let another = self.subject.open_another().await;
        Self {
            subject: Arc::clone(&self.subject),
            store: another.unwrap_or_else(|| Arc::clone(&self.store)),
        }
    }
}

/// How long one case may take before it counts as hanging; generous, because many run at once on slow machines.
const DEADLINE: Duration = Duration::from_secs(240);

/// Runs one case on a fresh subject, on a runtime of its own.
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
    let outcome = runtime.block_on(async { tokio::time::timeout(DEADLINE, trial).await });
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the case hangs: it took longer than {DEADLINE:?}");
}
