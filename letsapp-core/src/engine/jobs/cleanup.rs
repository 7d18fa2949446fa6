//! The cleanup job: finishes erasing accounts and deleting groups that a request of this or another server began, after
//! a crash or an error, and removes sessions that have expired.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::timestamp::Timestamp;
use crate::engine::Engine;
use crate::engine::cluster::duties::{Duties, Job};
use crate::engine::jobs::erasure;
use crate::engine::panics::{Panic, catch_panic};
use crate::ports::RepositoryError;

/// Interval between two rounds. A query for nothing is cheap, and nobody waits for the cleanup.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(10);

/// Longest pause after repeated failures, in intervals: about five minutes.
const MAX_PAUSE_INTERVALS: u32 = 32;

/// Time after which the erasure of an account is carried out once more and recorded as finished. By then, whatever was
/// under way during the erasure has ended, also on other servers, which may use a cached session for a few seconds: for
/// example, another member adding the account to a group.
const ACCOUNT_SETTLE_TIME: Duration = Duration::from_secs(30);

/// Time after which a deleted group is purged: far longer than the minute for which any server caches the head of a
/// conversation.
const GROUP_SETTLE_TIME: Duration = Duration::from_secs(300);

/// Time after which an expired session is removed. Longer than the clocks of several servers differ, so that none of
/// them takes a session for alive that another one has removed. Nothing is lost by the removal: the tokens of an expired
/// session are refused, whether they were used before or not.
const SESSION_SETTLE_TIME: Duration = Duration::from_secs(3600);

/// Maximum number of accounts, and of groups, handled in one round.
const MAX_PER_ROUND: usize = 100;

/// Maximum number of records and of messages removed in one step, so that each transaction stays short.
const PURGE_BATCH: usize = 500;

/// Runs the cleanup now and at each interval, where it is this server's, until it is aborted. Aborting at any point is
/// safe, since every step can be repeated.
pub(crate) async fn run(engine: Arc<Engine>, duties: Duties) {
    let mut tick = tokio::time::interval(CLEANUP_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pauses = Pauses::default();
    loop {
        tick.tick().await;
        if !duties.has(Job::Cleanup) || pauses.rest() {
            continue;
        }
        match catch_panic(round(&engine)).await {
            Ok(Ok(())) => pauses = Pauses::default(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "cleaning up deleted accounts, groups and sessions failed; it is tried again later");
                pauses.lengthen();
            }
            Err(Panic(panic)) => {
                tracing::error!(
                    panic,
                    "cleaning up deleted accounts, groups and sessions panicked; it is tried again later"
                );
                pauses.lengthen();
            }
        }
    }
}

/// Runs one round over everything that is left to clean up. An error in one account or group does not stop the others.
///
/// # Errors
/// The last [`RepositoryError`] of the round, if any step failed.
pub(crate) async fn round(engine: &Engine) -> Result<(), RepositoryError> {
    let now = engine.runtime.clock.now();
    let mut outcome = Ok(());
    for user_id in engine
        .stores
        .users
        .erasing(now.minus(ACCOUNT_SETTLE_TIME), MAX_PER_ROUND)
        .await?
    {
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
    remove_sessions(engine, now.minus(SESSION_SETTLE_TIME))
        .await
        .and(outcome)
}

/// Removes the sessions that ended before a time, at most some thousand in a round.
async fn remove_sessions(engine: &Engine, before: Timestamp) -> Result<(), RepositoryError> {
    for _ in 0..MAX_PER_ROUND {
        if engine.stores.sessions.remove_expired(before, PURGE_BATCH).await? {
            break;
        }
    }
    Ok(())
}

async fn finish_account(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    erasure::carry_out(engine, user_id).await?;
    engine.stores.users.finish_erasing(user_id).await
}

async fn purge(engine: &Engine, id: ConversationId) -> Result<(), RepositoryError> {
    release_files(engine, id).await?;
    while !engine.stores.conversations.purge(id, PURGE_BATCH).await? {}
    Ok(())
}

/// Releases the files that the messages of a deleted group and the group itself have shown.
async fn release_files(engine: &Engine, id: ConversationId) -> Result<(), RepositoryError> {
    let now = engine.runtime.clock.now();
    loop {
        let refs = engine.stores.media.refs_in(id, PURGE_BATCH).await?;
        if refs.is_empty() {
            return Ok(());
        }
        let refs: Vec<_> = refs
            .into_iter()
            .map(|reference| (reference.media_id, reference.holder))
            .collect();
        engine.stores.media.release(&refs, now).await?;
    }
}

/// Number of intervals to skip: twice as many after each failure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pauses {
    /// Length of the latest pause, in intervals.
    length: u32,
    /// Intervals of the current pause that are still to be skipped.
    left: u32,
}

impl Pauses {
    /// Returns true if this interval is to be skipped.
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
