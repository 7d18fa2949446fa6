//! Runs the unit tests of the modules that the benches share.
//!
//! `main.rs` has a `main` of its own, and so can't be built with the test harness.

#![allow(dead_code, reason = "most of the modules is used by the subjects alone")]

pub mod arguments;
pub mod baseline;
pub mod compare;
pub mod embedded;
pub mod fill;
pub mod load;
pub mod process;
pub mod report;
pub mod sample;
pub mod scale;
pub mod subjects;
pub mod target;
