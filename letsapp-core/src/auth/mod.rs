//! Signing up, signing in, and what proves it afterwards: access tokens, rotating refresh tokens, sessions.

//WIP mod error;
mod model;
mod repository;
//WIP mod service;

//WIP pub use error::AuthError;
pub use model::{Credential, Generation, Key, KeyPurpose, Kid, PasswordHash, Principal, Session, TokenHash};
pub use repository::{KeyRepository, Revoke, SessionRepository};
//WIP pub use service::AuthService;

#[cfg(test)]
pub use repository::{MockKeyRepository, MockSessionRepository};
