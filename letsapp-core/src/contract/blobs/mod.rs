//! The cases that every store of bytes must pass: one for each promise in the documentation of
//! [`BlobStore`].
//!
//! A test file implements [`BlobSubject`], which opens the store, and calls
//! [`blob_contract_suite`](crate::blob_contract_suite):
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use letsapp_core::adapters::blobs::MemoryBlobs;
//! use letsapp_core::contract::blobs::BlobSubject;
//! use letsapp_core::ports::BlobStore;
//!
//! #[derive(Default)]
//! struct Memory(MemoryBlobs);
//!
//! #[async_trait]
//! impl BlobSubject for Memory {
//!     async fn open(&self) -> Arc<dyn BlobStore> {
//!         Arc::new(self.0.clone())
//!     }
//!
//!     async fn footprint(&self) -> Option<usize> {
//!         Some(self.0.len())
//!     }
//! }
//!
//! letsapp_core::blob_contract_suite!(memory, Memory::default());
//! ```

mod fixtures;
mod suite;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub mod crashes;
#[doc(hidden)]
pub mod deletion;
#[doc(hidden)]
pub mod interruptions;
#[doc(hidden)]
pub mod reads;
#[doc(hidden)]
pub mod writes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::BlobStore;

#[doc(hidden)]
pub use suite::report;

/// A store of bytes under test. The suite creates one subject for each case, and each has its own data.
#[async_trait]
pub trait BlobSubject: Send + Sync {
    /// Opens the store on the data of this subject: empty the first time, later with all that was written. May be called
    /// while it is open already, as by a second server.
    async fn open(&self) -> Arc<dyn BlobStore>;

    /// Returns the number of things that the place holds: files, documents, objects and unfinished uploads, whatever a
    /// write could leave behind. `None` if nobody can tell.
    async fn footprint(&self) -> Option<usize> {
        None
    }

    /// Deletes the data after the case. Needed only if dropping the subject does not.
    async fn discard(&self) {}
}

/// The subject of one case, and the store that is open on it.
#[doc(hidden)]
#[derive(Clone)]
pub struct BlobTrial {
    subject: Arc<dyn BlobSubject>,
    store: Arc<dyn BlobStore>,
}

/// Time after which a case counts as hanging. Generous, because many cases run at once on slow machines.
const CASE_TIMEOUT: Duration = Duration::from_secs(240);

/// Runs one case on a new subject and a new runtime.
#[doc(hidden)]
pub fn run<S: BlobSubject + 'static>(subject: impl AsyncFnOnce() -> S, case: impl AsyncFnOnce(BlobTrial)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("the system has threads to spare");
    let trial = async {
        let subject: Arc<dyn BlobSubject> = Arc::new(subject().await);
        let store = subject.open().await;
        let trial = BlobTrial {
            subject: Arc::clone(&subject),
            store,
        };
        case(trial).await;
        subject.discard().await;
    };
    let outcome = runtime.block_on(async { tokio::time::timeout(CASE_TIMEOUT, trial).await });
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the case hangs: it took longer than {CASE_TIMEOUT:?}");
}
