//! Operation times of the server: the newest one seen, in an atomic integer.

use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::bson::Timestamp;

/// Raises the newest operation time seen; an older time changes nothing.
pub(super) fn saw(seen: &AtomicU64, time: Timestamp) {
    seen.fetch_max(pack(time), Ordering::AcqRel);
}

/// Packs an operation time into one integer of the same order, so that a plain atomic can hold the maximum.
pub(in crate::adapters::mongodb) fn pack(time: Timestamp) -> u64 {
    u64::from(time.time) << 32 | u64::from(time.increment)
}

/// Unpacks an operation time; `None` for 0, before any was seen.
pub(in crate::adapters::mongodb) fn unpack(packed: u64) -> Option<Timestamp> {
    let low = |half: u64| u32::try_from(half & u64::from(u32::MAX)).expect("32 bits are left");
    (packed != 0).then(|| Timestamp {
        time: low(packed >> 32),
        increment: low(packed),
    })
}
