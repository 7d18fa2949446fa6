//! Tests of the routes without a network, on the memory store.

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
