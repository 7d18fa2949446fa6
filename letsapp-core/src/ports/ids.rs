//! Random bytes, and the ids made from them.

use uuid::{Builder, Uuid};

use crate::domain::timestamp::Timestamp;

/// A source of random bytes, so that tests can replace it.
pub trait IdSource: Send + Sync {
    /// Fills `bytes` with unpredictable random bits.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn IdSource + '_ {
    /// Generates a random UUID (version 4).
    pub fn random(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Generates a UUID that sorts by time (version 7). Times before 1970 count as 1970.
    pub fn timed(&self, now: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        Builder::from_unix_timestamp_millis(now.as_millis().max(0).unsigned_abs(), &bytes).into_uuid()
    }
}

/// The random source of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system provides randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_have_version_4_and_timed_ids_version_7_in_order() {
        let ids: &dyn IdSource = &SystemIds;
        assert_eq!(ids.random().get_version_num(), 4);
        let (early, late) = (
            ids.timed(Timestamp::from_millis(1)),
            ids.timed(Timestamp::from_millis(2)),
        );
        assert_eq!(early.get_version_num(), 7);
        assert!(early < late);
    }
}
