//! Random ids, numbers and delays.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use uuid::{Builder, Uuid};

/// Returns a new id, as clients generate them.
pub(crate) fn fresh_id() -> Uuid {
    let half = || RandomState::new().hash_one(0_u8).to_be_bytes();
    let (first, second) = (half(), half());
    let bytes = std::array::from_fn(|place| if place < 8 { first[place] } else { second[place - 8] });
    Builder::from_random_bytes(bytes).into_uuid()
}

/// Returns a random number less than `bound`.
pub(crate) fn below(bound: u64) -> u64 {
    RandomState::new().hash_one(0_u8) % bound
}

/// Sleeps for a random time, so that the next action hits a different point of the work in progress in each run. Not a
/// wait for anything.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_micros(below(20_000))).await;
}
