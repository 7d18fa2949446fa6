//! The cases that every bus between servers must pass: one for each promise in the documentation of
//! [`EventBus`].
//!
//! A test file implements [`BusSubject`], which opens the bus, and calls
//! [`bus_contract_suite`](crate::bus_contract_suite):
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use letsapp_core::adapters::memory::MemoryBus;
//! use letsapp_core::contract::bus::BusSubject;
//! use letsapp_core::ports::{EventBus, ManualClock};
//!
//! struct Memory {
//!     clock: Arc<ManualClock>,
//!     bus: MemoryBus,
//! }
//!
//! #[async_trait]
//! impl BusSubject for Memory {
//!     async fn open(&self) -> Arc<dyn EventBus> {
//!         Arc::new(self.bus.clone())
//!     }
//!
//!     async fn pass(&self, time: Duration) {
//!         self.clock.advance(time);
//!     }
//! }
//!
//! letsapp_core::bus_contract_suite!(memory, {
//!     let clock = Arc::new(ManualClock::default());
//!     Memory { bus: MemoryBus::new(clock.clone()), clock }
//! });
//! ```

mod fixtures;
mod suite;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub mod directory;
#[doc(hidden)]
pub mod leases;
#[doc(hidden)]
pub mod messages;
#[doc(hidden)]
pub mod streams;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::EventBus;

#[doc(hidden)]
pub use suite::report;

/// A bus under test. The suite creates one subject for each case, and each is a bus of its own.
#[async_trait]
pub trait BusSubject: Send + Sync {
    /// Opens a handle on the bus of this subject, as each of several servers does.
    async fn open(&self) -> Arc<dyn EventBus>;

    /// Lets time pass on the bus, for one whose time stands still otherwise. Leases of a real bus expire by themselves.
    async fn pass(&self, _time: Duration) {}

    /// Returns the number of inboxes that the bus serves at the moment. `None` if nobody can tell.
    async fn inboxes(&self) -> Option<usize> {
        None
    }

    /// Deletes the data after the case. Needed only if dropping the subject does not.
    async fn discard(&self) {}
}

/// The subject of one case, and a handle on its bus.
#[doc(hidden)]
#[derive(Clone)]
pub struct BusTrial {
    subject: Arc<dyn BusSubject>,
    bus: Arc<dyn EventBus>,
}

/// Time after which a case counts as hanging. Generous, because many cases run at once on slow machines.
const CASE_TIMEOUT: Duration = Duration::from_secs(240);

/// Runs one case on a new subject and a new runtime.
#[doc(hidden)]
pub fn run<S: BusSubject + 'static>(subject: impl AsyncFnOnce() -> S, case: impl AsyncFnOnce(BusTrial)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("the system has threads to spare");
    let trial = async {
        let subject: Arc<dyn BusSubject> = Arc::new(subject().await);
        let bus = subject.open().await;
        let trial = BusTrial {
            subject: Arc::clone(&subject),
            bus,
        };
        case(trial).await;
        subject.discard().await;
    };
    let outcome = runtime.block_on(async { tokio::time::timeout(CASE_TIMEOUT, trial).await });
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the case hangs: it took longer than {CASE_TIMEOUT:?}");
}
