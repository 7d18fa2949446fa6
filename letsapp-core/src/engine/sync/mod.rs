//! Sync: the changes since a client's last sync. Two reads find what has changed; the rest is read only of that.

mod budget;
mod changes;
mod conversations;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::id::{ConversationId, Epoch, Rev, UserId};
use crate::domain::mark::{Mark, Since};
use crate::domain::timestamp::Timestamp;
use crate::engine::error::ConversationError;
use crate::engine::sync::budget::Budget;
use crate::engine::views::Views;
use crate::ports::Stores;
use crate::protocol;
use crate::protocol::{SyncMark, SyncRequest, SyncSince};

/// Number of conversations that are read at once. The last of them may not fit into the answer any more.
const CONVERSATIONS_PAGE: usize = 32;

/// Time before an old client's last sync from which changes are listed again. Changes are dated before they are stored,
/// and clocks of several servers differ.
const TIME_OVERLAP: std::time::Duration = std::time::Duration::from_secs(10);

/// The stores that a sync reads.
pub(crate) struct Syncing<'a> {
    pub(crate) stores: &'a Stores,
    pub(crate) views: &'a Views,
    pub(crate) epoch: Epoch,
}

/// The conversations of a request, by what has to be done for them.
struct Sorted {
    /// Named, and the client's position is not the newest change.
    behind: Vec<ConversationId>,
    /// Not named, and the user is in it.
    new: Vec<ConversationId>,
    /// Named and up to date in messages, and something else has changed. In the order of the changes.
    moved: Vec<(Mark, ConversationId)>,
}

/// End of a list of changed conversations.
enum Listed {
    All,
    /// Up to this one, if any fitted; the others did not.
    Until(Option<(Mark, ConversationId)>),
}

/// Returns the point from which to ask the store.
fn asked(since: Option<SyncSince>) -> Since {
    let mark = match since {
        // Several changes may have the mark of the last one that was listed.
        Some(SyncSince::Mark(SyncMark {
            listed: Some((mark, _)),
            ..
        })) => Mark(mark.0.saturating_sub(1)),
        Some(SyncSince::Mark(SyncMark { mark, listed: None })) => mark,
        Some(SyncSince::Time(time)) => return Since::Time(time.minus(TIME_OVERLAP)),
        None => Mark::ZERO,
    };
    // Records from before there were marks have none that is greater.
    if mark == Mark::ZERO {
        Since::Beginning
    } else {
        Since::Mark(mark)
    }
}

impl Syncing<'_> {
    pub(crate) async fn sync(
        &self,
        user_id: UserId,
        request: SyncRequest,
        now: Timestamp,
    ) -> Result<protocol::Sync, ConversationError> {
        let SyncRequest {
            conversations: named,
            since,
        } = request;
        let known = match since {
            Some(SyncSince::Mark(known)) => Some(known),
            Some(SyncSince::Time(_)) | None => None,
        };
        let standings = self.stores.conversations.standings(user_id, asked(since)).await?;
        let mut answer = protocol::Sync {
            conversations: Vec::new(),
            removed: Vec::new(),
            changes: Vec::new(),
            positions: BTreeMap::new(),
            reset: Vec::new(),
            more: false,
            mark: standings.mark.into(),
            server_time: now,
            epoch: self.epoch,
        };
        let sorted = self.sort(&named, &standings.memberships, known, &mut answer).await?;

        let mut budget = Budget::default();
        let behind = self.list_behind(user_id, &named, &sorted.behind, &mut budget, &mut answer);
        let complete = behind.await? && self.list_new(user_id, sorted.new, &mut budget, &mut answer).await?;
        if !complete {
            // What follows the positions comes next, and then all that has changed since the same point as now.
            answer.more = true;
            answer.mark = match known {
                Some(known) => known,
                None if named.is_empty() => standings.mark.into(),
                None => Mark::ZERO.into(),
            };
            if let Some(SyncSince::Time(time)) = since {
                // A client that knows no marks goes on from this time.
                answer.server_time = time;
            }
            return Ok(answer);
        }
        let listed = known.and_then(|known| known.listed);
        // The mark of the first of several answers: what changes while they are read, comes again.
        let mark = known
            .filter(|_| listed.is_some())
            .map_or(standings.mark, |known| known.mark);
        answer.mark = mark.into();
        if let Listed::Until(last) = self
            .list_moved(user_id, &sorted.moved, &mut budget, &mut answer)
            .await?
        {
            answer.mark = match last.or(listed) {
                Some(last) => SyncMark {
                    mark,
                    listed: Some(last),
                },
                // None fitted behind the messages, so all are still to come.
                None => known.unwrap_or(Mark::ZERO.into()),
            };
            // A client that knows no marks would get the same answer again. The others go on from this one's mark with
            // their next sync.
            answer.more = known.is_some();
        }
        Ok(answer)
    }

    /// Finds out which conversations have changed, by one query for the newest change of each.
    async fn sort(
        &self,
        named: &BTreeMap<ConversationId, Rev>,
        memberships: &[crate::ports::Standing],
        known: Option<SyncMark>,
        answer: &mut protocol::Sync,
    ) -> Result<Sorted, ConversationError> {
        // Nothing is read of conversations that the user was never in, so that no answer tells of them.
        let own: Vec<_> = memberships
            .iter()
            .map(|standing| standing.conversation_id)
            .filter(|id| named.contains_key(id))
            .collect();
        let revs: HashMap<_, _> = if own.is_empty() {
            HashMap::new()
        } else {
            self.stores.conversations.revs(&own).await?.into_iter().collect()
        };
        let own: HashSet<_> = own.into_iter().collect();
        answer
            .removed
            .extend(named.keys().copied().filter(|id| !own.contains(id)));
        let mut sorted = Sorted {
            behind: Vec::new(),
            new: Vec::new(),
            moved: Vec::new(),
        };
        for standing in memberships {
            let id = standing.conversation_id;
            let Some(held) = named.get(&id).copied() else {
                sorted.new.extend(standing.is_in.then_some(id));
                continue;
            };
            answer.positions.insert(id, held);
            if held != revs.get(&id).copied().unwrap_or_default() {
                sorted.behind.push(id);
            } else if !standing.is_in {
                answer.removed.push(id);
            } else if let Some(mark) = standing.moved {
                sorted.moved.push((mark, id));
            }
        }
        if let Some(listed) = known.and_then(|known| known.listed) {
            sorted.moved.retain(|moved| *moved > listed);
        }
        sorted.moved.sort_unstable();
        sorted.behind.sort_unstable();
        Ok(sorted)
    }
}
