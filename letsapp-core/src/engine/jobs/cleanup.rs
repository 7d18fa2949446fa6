//! Finishing what was begun: by this server or another, before a crash or behind a fault.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, UserId};
use crate::engine::Engine;
use crate::engine::jobs::erasure;
use crate::engine::panics::{Panic, catch_panic};
use crate::ports::RepositoryError;

/// How often it is looked whether there is something left over.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(10);

/// After failures the pauses grow, to so many intervals at most.
const MAX_PAUSE_INTERVALS: u32 = 32;

/// An account that was erased this long ago is looked at once more, and then is done with. Whatever was under way when
/// it was erased has ended by then, on servers too that believed in its sessions for a few seconds more: a group that
/// it was just brought into, say.
const ACCOUNT_SETTLE_TIME: Duration = Duration::from_secs(30);

/// Of a group that was deleted this long ago no server believes any more that it stands where it stood.
const GROUP_SETTLE_TIME: Duration = Duration::from_secs(300);

/// How many accounts and groups are taken up in one round.
const MAX_PER_ROUND: usize = 100;

/// How much of a group is removed in one step.
const PURGE_BATCH: usize = 500;

/// Finishes what is left over, now and whenever there is something, until it is aborted; which does no harm.
pub(crate) async fn finish(engine: Arc<Engine>) {
    let mut tick = tokio::time::interval(CLEANUP_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pauses = Pauses::default();
    loop {
        tick.tick().await;
        if pauses.rest() {
            continue;
        }
        match catch_panic(round(&engine)).await {
            Ok(Ok(())) => pauses = Pauses::default(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "what was deleted is not all gone; it is tried again");
                pauses.lengthen();
            }
            Err(Panic(panic)) => {
                tracing::error!(panic, "a fault while what was deleted was removed");
                pauses.lengthen();
            }
        }
    }
}

/// Takes up all that is left over; what fails stops nothing else, and is the outcome.
pub(crate) async fn round(engine: &Engine) -> Result<(), RepositoryError> {
    let now = engine.runtime.clock.now();
    let mut outcome = Ok(());
    for user_id in engine.stores.users.erasing(now.minus(ACCOUNT_SETTLE_TIME), MAX_PER_ROUND).await? {
        outcome = finish_account(engine, user_id).await.and(outcome);
    }
    for id in engine
        .stores
        .conversations
        .deleted(now.minus(GROUP_SETTLE_TIME), MAX_PER_ROUND)
        .await?
    {
        outcome = purge(engine, id).await.and(outcome);
    }
    outcome
}

async fn finish_account(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    erasure::carry_out(engine, user_id).await?;
    engine.stores.users.finish_erasing(user_id).await
}

async fn purge(engine: &Engine, id: ConversationId) -> Result<(), RepositoryError> {
    while !engine.stores.conversations.purge(id, PURGE_BATCH).await? {}
    Ok(())
}

/// For how many intervals nothing is tried: twice as many after each failure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pauses {
    length: u32,
    left: u32,
}

impl Pauses {
    /// Tells whether this interval is one to rest in.
    const fn rest(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }

    fn lengthen(&mut self) {
        self.length = (2 * self.length).clamp(1, MAX_PAUSE_INTERVALS);
        self.left = self.length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut pauses = Pauses::default();
        assert!(!pauses.rest());
        let mut rests = Vec::new();
        for _ in 0..8 {
            pauses.lengthen();
            let mut count = 0;
            while pauses.rest() {
                count += 1;
            }
            rests.push(count);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 32, 32]);
    }
}
