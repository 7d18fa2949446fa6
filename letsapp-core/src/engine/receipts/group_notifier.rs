//! Notifying the senders in groups of receipts for their messages.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::window::Span;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::receipts::inbox::{Inbox, ReceiptUpdate};
use crate::engine::receipts::notifier::{receipt, updated};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::ports::{Advanced, Envelope, MessageRepository, RepositoryError, Runtime, SenderQuery};
use crate::protocol::Receipt;

/// Publishes advances in groups to the connected senders of the messages that they cover, at most once a second for
/// each group.
pub(super) struct GroupNotifier {
    pub(super) messages: Arc<dyn MessageRepository>,
    pub(super) runtime: Runtime,
    pub(super) rosters: Arc<Rosters>,
}

/// Time between two rounds, so that a busy group makes one event instead of one per reader.
pub(super) const NOTIFY_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of groups in a round; further ones wait for the next.
const MAX_GROUPS: usize = 32;
/// Maximum number of spans of one group in a round. Readers of further ones share the spans of others, so that some
/// senders are told of a receipt that does not cover their messages.
const MAX_SPANS: usize = 8;

/// The readers of a group whose watermarks rose.
type Group = (ConversationId, Vec<(UserId, Advanced)>);

/// Messages that several readers newly received or read, after the first `seq` and up to the second. They make one
/// event.
struct Covered {
    after: Seq,
    through: Seq,
    readers: Vec<Receipt>,
}

impl GroupNotifier {
    /// Publishes what arrives in the inbox until that is closed.
    pub(super) async fn run(self, inbox: &Inbox) {
        let mut tick = tokio::time::interval(NOTIFY_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut groups = VecDeque::new();
        while !groups.is_empty() || inbox.wait().await {
            tokio::select! {
                _ = tick.tick() => (),
                () = inbox.closed() => (),
            }
            if groups.is_empty() {
                groups = by_group(inbox.take());
            }
            let round = groups.drain(..groups.len().min(MAX_GROUPS)).collect();
            match catch_panic(self.tell(round)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "receipts of groups were not published; clients will sync"),
                Err(Panic(panic)) => {
                    metrics::counter!("letsapp_lane_faults_total").increment(1);
                    tracing::error!(panic, "publishing receipts of groups panicked; clients will sync");
                }
            }
        }
    }

    /// Publishes the advances in some groups. Asks the store once for all of them.
    async fn tell(&self, groups: Vec<Group>) -> Result<(), RepositoryError> {
        let rosters = self.rosters.load(groups.iter().map(|(id, _)| *id)).await?;
        let (mut asked, mut events) = (Vec::new(), Vec::new());
        for (id, advances) in groups {
            let Some(known) = rosters.get(&id) else { continue };
            // Senders who left the group get no more events.
            let connected = self.runtime.connections.anywhere(&known.member_ids).await;
            for Covered {
                after,
                through,
                readers,
            } in coverage(advances, known)
            {
                // A single reader knows their own receipt.
                let alone = (readers.len() == 1).then(|| readers[0].user_id);
                let among: Vec<_> = connected
                    .iter()
                    .copied()
                    .filter(|user_id| Some(*user_id) != alone)
                    .collect();
                if among.is_empty() {
                    continue;
                }
                let span = Span {
                    conversation_id: id,
                    after,
                    through,
                };
                asked.push(SenderQuery { span, among });
                events.push(updated(id, readers));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let senders = self.messages.senders(&asked).await?;
        for (senders, event) in senders.into_iter().zip(events) {
            if !senders.is_empty() {
                self.runtime.sink.publish(Envelope::to_users(senders, None, event));
            }
        }
        Ok(())
    }
}

fn by_group(updates: Vec<ReceiptUpdate>) -> VecDeque<Group> {
    let mut groups: HashMap<ConversationId, Vec<(UserId, Advanced)>> = HashMap::new();
    for ReceiptUpdate { key, advanced, .. } in updates {
        groups.entry(key.0).or_default().push((key.1, advanced));
    }
    groups.into_iter().collect()
}

/// Groups the readers by the span that they newly covered, limited to the messages that they may see.
fn coverage(advances: Vec<(UserId, Advanced)>, known: &CachedRoster) -> Vec<Covered> {
    let mut covered: BTreeMap<(Seq, Seq), Vec<Receipt>> = BTreeMap::new();
    for (user_id, advanced) in advances {
        let window = known.member(user_id).and_then(|member| member.windows.last());
        let Some(window) = window else { continue };
        for (after, through) in spans(advanced) {
            let after = after.max(Seq(window.from.0.saturating_sub(1)));
            if after < through {
                let readers = covered.entry((after, through)).or_default();
                readers.push(receipt(user_id, advanced.to));
            }
        }
    }
    let covered = covered.into_iter().map(|((after, through), readers)| Covered {
        after,
        through,
        readers,
    });
    at_most(MAX_SPANS, covered.collect())
}

/// Joins neighbouring spans until no more than `count` are left. The spans are in order.
fn at_most(count: usize, covered: Vec<Covered>) -> Vec<Covered> {
    let share = covered.len().div_ceil(count).max(1);
    let mut joined: Vec<Covered> = Vec::new();
    for (n, next) in covered.into_iter().enumerate() {
        match joined.last_mut() {
            Some(last) if !n.is_multiple_of(share) => {
                last.through = last.through.max(next.through);
                // A reader with two spans is named once.
                let new = next.readers.into_iter().filter(|reader| {
                    let named = |other: &Receipt| other.user_id == reader.user_id;
                    !last.readers.iter().any(named)
                });
                let new: Vec<_> = new.collect();
                last.readers.extend(new);
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// Returns the ranges newly received or read: one range, or two that are apart.
fn spans(Advanced { from, to }: Advanced) -> impl Iterator<Item = (Seq, Seq)> {
    let (read, delivered) = ((from.read, to.read), (from.delivered, to.delivered));
    let apart = read.1 < delivered.0;
    let spans = match (read.0 < read.1, delivered.0 < delivered.1) {
        (true, true) if apart => [Some(read), Some(delivered)],
        (true, true) => [Some((read.0, delivered.1)), None],
        (true, false) => [Some(read), None],
        (false, true) => [Some(delivered), None],
        (false, false) => [None, None],
    };
    spans.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::Watermarks;

    #[test]
    fn newly_covered_ranges_lie_between_the_old_and_the_new_watermarks() {
        let marks = |delivered, read| Watermarks {
            delivered: Seq(delivered),
            read: Seq(read),
        };
        let covered = |from, to| {
            spans(Advanced { from, to })
                .map(|(after, through)| (after.0, through.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(covered(marks(5, 5), marks(5, 5)), []);
        assert_eq!(covered(marks(5, 2), marks(8, 2)), [(5, 8)], "only received");
        assert_eq!(covered(marks(8, 2), marks(8, 6)), [(2, 6)], "only read");
        assert_eq!(covered(marks(5, 5), marks(8, 8)), [(5, 8)], "both at once");
        assert_eq!(covered(marks(5, 2), marks(8, 6)), [(2, 8)], "both, with an overlap");
        assert_eq!(covered(marks(9, 2), marks(12, 4)), [(2, 4), (9, 12)], "both, apart");
    }

    #[test]
    fn spans_beyond_the_limit_are_joined_with_their_neighbours() {
        let covered = |count: u64| -> Vec<_> {
            let one = |n| Covered {
                after: Seq(n),
                through: Seq(100 + n),
                // The fourth reader is the second one again.
                readers: vec![receipt(
                    UserId::from_bytes([if n == 3 { 1 } else { 9 }; 16]),
                    Watermarks::read(Seq(n)),
                )],
            };
            (0..count).map(one).collect()
        };
        let ends = |covered: Vec<Covered>| -> Vec<_> {
            let end = |covered: Covered| (covered.after.0, covered.through.0, covered.readers.len());
            covered.into_iter().map(end).collect()
        };
        assert_eq!(ends(at_most(4, covered(3))), [(0, 100, 1), (1, 101, 1), (2, 102, 1)]);
        assert_eq!(ends(at_most(2, covered(4))), [(0, 101, 1), (2, 103, 2)]);
        assert_eq!(ends(at_most(2, covered(5))), [(0, 102, 1), (3, 104, 2)]);
        assert_eq!(ends(at_most(2, Vec::new())), []);
    }
}
