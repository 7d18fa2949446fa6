//! Signing up, signing in, and what proves it afterwards: access tokens, rotating refresh tokens, sessions.
//!
//! What this module is not: a place of profiles, see [`users`](crate::users).

mod error;
mod model;
mod password;
pub(crate) mod ports;
mod repository;
pub(crate) mod service;
mod sessions;
#[cfg(test)]
mod tests;
mod token;

pub use error::AuthError;
pub use model::{Credential, Generation, Key, KeyPurpose, Kid, PasswordHash, Principal, Session, TokenHash};
pub use repository::{KeyRepository, Revoke, SessionRepository};
pub use service::AuthService;
pub(crate) use sessions::Sessions;

#[cfg(test)]
pub use repository::{MockKeyRepository, MockSessionRepository};
