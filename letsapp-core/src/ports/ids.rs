//! Randomness, and the ids made from it.

use uuid::{Builder, Uuid};

use crate::domain::timestamp::Timestamp;

/// Where random bits come from.
pub trait IdSource: Send + Sync {
    /// Fills `bytes` with bits that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn IdSource + '_ {
    /// Mints a random UUID (version 4).
    pub fn random(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Mints a UUID that sorts by time (version 7).
    pub fn timed(&self, now: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        Builder::from_unix_timestamp_millis(now.as_millis().max(0).unsigned_abs(), &bytes).into_uuid()
    }
}

/// The operating system's random source.
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
    fn minted_ids_carry_their_version() {
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
