//! What a store is to LetsApp: one small trait per aggregate, handed out by [`Repositories`].
//!
//! # Adding a store
//!
//! 1. Make a folder with one file per trait: `users.rs`, `sessions.rs`, `contacts.rs`, `conversations.rs`,
//!    `messages.rs`, `keys.rs`.
//! 2. In each, write the trait's methods as one atomic step of your database. The promise of a method stands in the
//!    trait's own documentation, and nowhere else. Put no rule of the product there: whether somebody *may* do a thing
//!    was decided before you are called.
//!    Counters and sizes that are to be kept fit into 63 bits; those that are asked for may be any. Texts are any
//!    Unicode, NUL included, and ids any bits. Times only move on, but for what the clocks of several servers differ.
//! 3. Return [`RepositoryError::Unavailable`] for what may work later, [`RepositoryError::Internal`] for what won't.
//! 4. Implement [`Repositories`] for the type that holds the connection.
//! 5. Run the suite on it: `letsapp_core::contract_suite!(my_store, MySubject::new());` (feature `contract`, see the
//!    module of that name). When it passes, the services behave on your store as they do on ours.

mod bus;
mod clock;
mod contacts;
mod conversations;
mod error;
mod ids;
mod keys;
mod messages;
mod runtime;
mod sessions;
mod store;
mod users;

pub use bus::{Audience, Envelope, EventBus, Payload};
pub(crate) use clock::Stopwatch;
pub use clock::{Clock, ManualClock, SystemClock, TokioClock};
pub use contacts::ContactRepository;
pub use conversations::{Advance, Advanced, ConversationRepository, Creation};
pub use error::{BoxError, RepositoryError};
pub use ids::{IdSource, SystemIds};
pub use keys::KeyRepository;
pub use messages::{Change, MessageRepository, Outcome, Range, TermsChange};
pub(crate) use runtime::Runtime;
pub use sessions::{Revoke, SessionRepository};
pub use store::Repositories;
pub(crate) use store::Stores;
pub use users::{Claim, Login, Update, UserRepository};

#[cfg(test)]
pub use contacts::MockContactRepository;
#[cfg(test)]
pub use conversations::MockConversationRepository;
#[cfg(test)]
pub use keys::MockKeyRepository;
#[cfg(test)]
pub use messages::MockMessageRepository;
#[cfg(test)]
pub use sessions::MockSessionRepository;
#[cfg(test)]
pub use users::MockUserRepository;
