//! Users: profiles, finding one another, privacy settings.

//WIP mod error;
mod model;
mod names;
mod repository;
//WIP mod service;

//WIP pub use error::UserError;
pub use model::{Audience, ProfilePatch, Settings, User};
pub use names::{About, DisplayName, Email, Username};
pub use repository::{Claim, Login, Update, UserRepository};
//WIP pub use service::UserService;

#[cfg(test)]
pub use repository::MockUserRepository;
