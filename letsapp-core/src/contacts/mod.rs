//! Whom users list as contacts, and whom they block.
//!
//! What this module is not: the place where a list or a block has its effect. Who sees whose presence is decided with
//! the [`users`](crate::users), and what is said between two in their conversation's lane.

mod alias;
mod error;
mod model;
mod repository;
pub(crate) mod service;
#[cfg(test)]
mod tests;

pub use alias::Alias;
pub use error::ContactError;
pub use model::{Block, Contact, Tie};
pub use repository::ContactRepository;
pub use service::ContactService;

#[cfg(test)]
pub use repository::MockContactRepository;
