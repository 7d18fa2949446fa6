//! The bare things: the least that does the same rows, or passes on the same frames.

pub mod memory;
pub mod mongodb;
pub mod relay;
pub mod sqlite;

use std::{ops::AddAssign, time::Duration};

/// How many rows went in, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Inserted {
    /// Rows that are durable.
    pub rows: u64,
    /// How long they took, all together.
    pub elapsed: Duration,
}

impl Inserted {
    /// Returns rows a second.
    pub fn rate(self) -> f64 {
        self.rows as f64 / self.elapsed.as_secs_f64()
    }
}

impl AddAssign for Inserted {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.elapsed += other.elapsed;
    }
}
