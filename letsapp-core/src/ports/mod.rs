//! Interfaces to everything that the core needs from outside: stores, stored bytes, the clock, random bytes and the event bus.
//!
//! A store is one small trait per aggregate; [`Repositories`] hands them out.
//!
//! # Adding a store
//!
//! 1. Create a folder with one file per trait: `users.rs`, `sessions.rs`, `contacts.rs`, `conversations.rs`,
//!    `messages.rs`, `media.rs`, `keys.rs`, `meta.rs`.
//! 2. In each file, implement the methods of the trait, each as one atomic step of your database. The documentation of
//!    the trait states what a method guarantees, and nothing else does. Add no product rules there: whether a user
//!    *may* do something was decided before the store is called. Stored counters and sizes fit into 63 bits; those
//!    passed as arguments may have any value. Texts may contain any Unicode character, including NUL, and ids any bits.
//!    Times only move forward, apart from the differences between the clocks of several servers.
//! 3. Return [`RepositoryError::Unavailable`] for a failure that may pass, and [`RepositoryError::Internal`] for one
//!    that won't.
//! 4. Implement [`Repositories`] for the type that holds the connection.
//! 5. Run the contract suite on it: `letsapp_core::contract_suite!(my_store, MySubject::new());` (feature `contract`,
//!    see the module of that name). If it passes, the services behave on your store as they do on the built-in ones.

mod anchored_clock;
mod blobs;
mod bus;
mod clock;
mod connections;
mod contacts;
mod conversations;
mod error;
mod events;
mod facts;
mod ids;
mod keys;
mod media;
mod messages;
mod meta;
mod paces;
mod runtime;
mod scanner;
mod sessions;
mod store;
mod users;

pub use anchored_clock::AnchoredClock;
pub use blobs::{BlobError, BlobRead, BlobStore, ByteStream, Presentation};
pub use bus::{BusError, BusMessage, Channel, EventBus, Incoming, Lease, MAX_MESSAGE_BYTES, Peer};
pub(crate) use clock::Stopwatch;
pub use clock::{Anchor, Clock, ManualClock, SystemClock, TokioClock};
pub(crate) use connections::Connections;
pub use contacts::ContactRepository;
pub use conversations::{Advance, Advanced, ConversationRepository, Creation, Standing, Standings};
pub use error::{BoxError, RepositoryError};
pub use events::{Audience, Envelope, EventSink, Members, Part, Payload};
pub use facts::{Fact, Listing, News};
pub use ids::{IdSource, SystemIds};
pub use keys::KeyRepository;
pub use media::{MediaInserted, MediaRepository, UploadStarted};
pub use messages::{Change, MessageRepository, Outcome, Outcomes, Range, SenderQuery, Settled, TermsChange};
pub use meta::MetaRepository;
pub use paces::{Excess, PaceStep, SharedPaces};
pub(crate) use runtime::Runtime;
pub use scanner::{Scan, Scanner, ScannerError, Verdict};
pub use sessions::{Revoke, SessionRepository};
pub use store::Repositories;
pub(crate) use store::Stores;
pub use users::{Claim, Login, Update, UserRepository};

#[cfg(test)]
pub use blobs::MockBlobStore;
#[cfg(test)]
pub use contacts::MockContactRepository;
#[cfg(test)]
pub use conversations::MockConversationRepository;
#[cfg(test)]
pub use keys::MockKeyRepository;
#[cfg(test)]
pub use media::MockMediaRepository;
#[cfg(test)]
pub use messages::MockMessageRepository;
#[cfg(test)]
pub use meta::MockMetaRepository;
#[cfg(test)]
pub use sessions::MockSessionRepository;
#[cfg(test)]
pub use users::MockUserRepository;
