//! Baselines: the least code that stores the same rows, or passes on the same frames.
//!
//! None is a product. The tables answer no question, and the relay keeps no message.

pub mod files;
pub mod memory;
pub mod mongodb;
pub mod relay;
pub mod sqlite;
