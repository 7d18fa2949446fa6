#![doc = include_str!("../README.md")]

pub mod adapters;
mod app;
#[cfg(feature = "contract")]
pub mod contract;
pub mod domain;
pub mod engine;
pub mod ports;
pub mod protocol;
pub mod services;

pub use app::{LetsApp, LetsAppBuilder, SignUpError};
pub use domain::rules::Rules;

/// Holds the example of the project's front page to what it says.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
