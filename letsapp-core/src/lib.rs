#![doc = include_str!("../README.md")]

pub mod adapters;
mod app;
pub mod auth;
mod cache;
pub mod contacts;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversations;
mod driver;
pub mod erasure;
pub mod event;
mod fault;
pub mod id;
pub mod limit;
pub mod messages;
pub mod page;
pub mod presence;
pub mod protocol;
pub mod storage;
mod task;
pub mod text;
pub mod time;
pub mod typing;
pub mod users;

pub use app::{LetsApp, LetsAppBuilder, Rules, SignUpError};

/// Holds the example of the project's front page to what it says.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
