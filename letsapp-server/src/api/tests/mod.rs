//! The routes, without a network, on the store in memory.

mod auth;
mod contacts;
mod conversations;
mod documents;
mod messages;
mod presence;
mod requests;
mod search;
mod users;
mod validation;
