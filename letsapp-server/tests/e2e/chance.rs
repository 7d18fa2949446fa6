//! Ids and moments that nobody could have foreseen.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use uuid::{Builder, Uuid};

/// Makes an id as clients do.
pub(crate) fn fresh_id() -> Uuid {
    let half = || RandomState::new().hash_one(0_u8).to_be_bytes();
    let (first, second) = (half(), half());
    let bytes = std::array::from_fn(|place| if place < 8 { first[place] } else { second[place - 8] });
    Builder::from_random_bytes(bytes).into_uuid()
}

/// Draws a number that is less than `bound`.
pub(crate) fn below(bound: u64) -> u64 {
    RandomState::new().hash_one(0_u8) % bound
}

/// Lets a random moment pass. It is no wait for anything: it takes care that what follows comes at no particular point
/// of what goes on meanwhile.
pub(crate) async fn moment() {
    tokio::time::sleep(Duration::from_micros(below(20_000))).await;
}
