//! Messages: sending, history, editing, deleting, reacting, receipts, what changed since, and finding them again.

mod body;
mod draft;
mod emoji;
mod fingerprint;
mod model;
pub(crate) mod ports;
mod reading;
mod repository;
pub mod search;
mod searching;
mod sent;
pub(crate) mod service;
#[cfg(test)]
mod tests;

pub use body::Body;
pub use emoji::Emoji;
pub use model::{Attachment, Content, Fingerprint, Message, Position, Reaction, SystemEvent, Thumbnail};
pub use reading::ChangesPage;
pub use repository::{Change, MessageRepository, Outcome, Range, TermsChange};
pub use search::IndexTerms;
pub use sent::Sent;
pub use service::MessageService;

#[cfg(test)]
pub use repository::MockMessageRepository;
