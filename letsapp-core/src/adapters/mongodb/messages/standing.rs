//! What a server remembers of the conversations that it writes to: where they stood when it last heard.
//!
//! It may be wrong, since other servers write too; the unique indexes tell. It is only ever what a majority has
//! acknowledged or shown, and never older than [`TRUSTED`].

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::mongodb::patience;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;

/// How long a head is taken for the present one.
const TRUSTED: Duration = Duration::from_secs(60);
/// How many conversations are remembered before those that have not been used since are forgotten.
const GENERATION: usize = 50_000;

/// Remembered heads, in two generations.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<ConversationId, (Head, Instant)>,
    old: HashMap<ConversationId, (Head, Instant)>,
}

impl Heads {
    /// Returns where the conversation stood when this server last heard.
    pub(super) fn recall(&self, id: ConversationId) -> Option<Head> {
        let generations = self.lock();
        let (head, at) = generations.young.get(&id).or_else(|| generations.old.get(&id))?;
        (at.elapsed() < TRUSTED).then_some(*head)
    }

    /// Notes where the conversation stands, unless more is known.
    pub(super) fn remember(&self, id: ConversationId, head: Head) {
        let mut generations = self.lock();
        if generations.young.len() >= GENERATION {
            generations.old = mem::take(&mut generations.young);
        }
        let known = generations.old.remove(&id);
        let known = generations.young.get(&id).copied().or(known);
        if known.is_none_or(|(known, _)| known.rev <= head.rev) {
            generations.young.insert(id, (head, patience::now()));
        }
    }

    /// Forgets where the conversation stood, after an answer that leaves it unknown.
    pub(super) fn forget(&self, id: ConversationId) {
        let mut generations = self.lock();
        generations.young.remove(&id);
        generations.old.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Rev, Seq};

    fn head(rev: u64) -> Head {
        Head {
            seq: Seq(1),
            rev: Rev(rev),
            ..Head::default()
        }
    }

    #[test]
    fn what_is_remembered_only_rises_until_it_is_forgotten() {
        let (heads, id) = (Heads::default(), ConversationId::from_bytes([1; 16]));
        heads.remember(id, head(5));
        heads.remember(id, head(4));
        assert_eq!(heads.recall(id), Some(head(5)));
        heads.forget(id);
        assert_eq!(heads.recall(id), None);
        heads.remember(id, head(4));
        assert_eq!(heads.recall(id), Some(head(4)));
    }

    #[test]
    fn those_in_use_outlive_a_generation() {
        let heads = Heads::default();
        let id = |n: u64| ConversationId::from_uuid(uuid::Uuid::from_u64_pair(n, 0));
        heads.remember(id(0), head(1));
        for n in 1..=2 * GENERATION as u64 {
            heads.remember(id(n), head(1));
            if n == GENERATION as u64 {
                heads.remember(id(0), head(2));
            }
        }
        assert_eq!(heads.recall(id(0)), Some(head(2)));
        assert_eq!(heads.recall(id(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_not_trusted() {
        let (heads, id) = (Heads::default(), ConversationId::from_bytes([1; 16]));
        heads.remember(id, head(5));
        tokio::time::advance(TRUSTED).await;
        assert_eq!(heads.recall(id), None);
    }
}
