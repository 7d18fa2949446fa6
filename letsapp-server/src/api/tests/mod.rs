//! The routes, without a network, on the store in memory.

mod auth;
mod conversations;
mod documents;
mod messages;
mod requests;
mod users;
mod validation;
