//! Messages: sending, history, editing, deleting, reacting, receipts, and what changed since.

mod body;
mod emoji;
//WIP mod error;
mod fingerprint;
mod model;
mod repository;
pub mod search;
//WIP mod service;

pub use body::{Body, BodyError};
pub use emoji::Emoji;
//WIP pub use error::MessageError;
pub use model::{Attachment, Content, Fingerprint, Message, Position, Reaction, SystemEvent, Thumbnail};
pub use repository::{Change, IndexTerms, MessageRepository, Outcome, Range, TermsChange};
//WIP pub use service::MessageService;

#[cfg(test)]
pub use repository::MockMessageRepository;
