//! Users: profiles, finding one another, privacy settings.
//!
//! What this module is not: the place of passwords and sessions, see [`auth`](crate::auth).

mod error;
mod model;
mod names;
mod repository;
mod service;
#[cfg(test)]
mod tests;
pub(crate) mod visibility;

pub use error::UserError;
pub use model::{Audience, ProfilePatch, Settings, User};
pub use names::{About, DisplayName, Email, Username};
pub use repository::{Claim, Login, Update, UserRepository};
pub use service::UserService;

#[cfg(test)]
pub use repository::MockUserRepository;
