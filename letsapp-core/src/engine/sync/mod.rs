//! Sync: the changes since a client's last sync. Two reads find what has changed; the rest is read only of that.

mod budget;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Epoch, Rev, UserId};
use crate::domain::mark::{Mark, Since};
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::engine::error::ConversationError;
use crate::engine::sync::budget::Budget;
use crate::engine::unopened;
use crate::engine::views::Views;
use crate::ports::Stores;
use crate::protocol;
use crate::protocol::{SyncMark, SyncRequest, SyncSince};

/// Maximum number of changes of one conversation in an answer. With more, the client is told to reset and reads the
/// history again, which is cheaper for both.
const MAX_CHANGES_PER_CONVERSATION: usize = 1_000;

/// Number of changes that are read at once, so that an answer that is full soon reads little in vain.
const CHANGES_PAGE: usize = 100;

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

    /// Lists the changes of the conversations in which the client is behind, and their present state. Returns false if
    /// they did not all fit.
    async fn list_behind(
        &self,
        user_id: UserId,
        named: &BTreeMap<ConversationId, Rev>,
        behind: &[ConversationId],
        budget: &mut Budget,
        answer: &mut protocol::Sync,
    ) -> Result<bool, ConversationError> {
        for page in behind.chunks(CONVERSATIONS_PAGE) {
            if budget.is_spent() {
                return Ok(false);
            }
            // Heads are read before memberships: if a head counts a message, the windows read afterwards let their
            // member see it.
            let heads = self.stores.conversations.heads(page).await?;
            let heads: HashMap<_, _> = heads.into_iter().collect();
            let members = self.members(user_id, page).await?;
            let mut shown = Vec::new();
            let mut complete = true;
            for id in page {
                let Some(member) = members.get(id) else {
                    answer.positions.remove(id);
                    answer.removed.push(*id);
                    continue;
                };
                let head = heads.get(id).copied().unwrap_or_default();
                let (position, up_to_date) = self.follow(member, named[id], head, budget, answer).await?;
                answer.positions.insert(*id, position);
                complete &= up_to_date;
                // A client asks no more for one that is removed, so it is only when all its changes are listed.
                match (up_to_date, member.is_in()) {
                    (true, true) => shown.push(member.clone()),
                    (true, false) => answer.removed.push(*id),
                    (false, _) => {}
                }
            }
            // Listed in any case, since the position says that the client has them. They are few.
            for (_, view) in self.views.of(shown).await? {
                budget.spend(&view);
                answer.conversations.push(view);
            }
            if !complete {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds the changes of one conversation after `held` to the answer. Returns the `rev` that the client has reached
    /// with it, and whether that is the newest one.
    async fn follow(
        &self,
        member: &Member,
        held: Rev,
        head: Head,
        budget: &mut Budget,
        answer: &mut protocol::Sync,
    ) -> Result<(Rev, bool), ConversationError> {
        let id = member.conversation_id;
        let end = self.views.head_seen(member, head).await?.rev;
        if held > head.rev {
            // The store was restored from an older copy: the client has messages that do not exist.
            answer.reset.push(id);
            return Ok((end, true));
        }
        let (first, before) = (answer.changes.len(), *budget);
        let mut position = held;
        loop {
            let left = end.0.saturating_sub(position.0);
            if budget.is_spent() && (position == held || left <= MAX_CHANGES_PER_CONVERSATION as u64) {
                return Ok((position, false));
            }
            let changes = self
                .stores
                .messages
                .changes(id, &member.windows, position, CHANGES_PAGE);
            let changes = changes.await?;
            let is_last = changes.len() < CHANGES_PAGE;
            for message in changes {
                if member.is_in() && message.seq > head.seq {
                    // The membership may have ended before this message was sent. The next sync decides.
                    return Ok((position.max(end), true));
                }
                let left = end.0.saturating_sub(position.0);
                if answer.changes.len() - first >= MAX_CHANGES_PER_CONVERSATION
                    || (budget.is_spent() && left > MAX_CHANGES_PER_CONVERSATION as u64)
                {
                    answer.changes.truncate(first);
                    answer.reset.push(id);
                    *budget = before;
                    return Ok((end, true));
                }
                if budget.is_spent() {
                    return Ok((position, false));
                }
                position = message.rev;
                let seen = protocol::Message::seen_by(&message, member.user_id);
                budget.spend(&seen);
                answer.changes.push(seen);
            }
            if is_last {
                // The last changes may not be the member's to see.
                return Ok((position.max(end), true));
            }
        }
    }

    /// Lists conversations that the client does not have, those with the latest activity first. Returns false if they
    /// did not all fit.
    async fn list_new(
        &self,
        user_id: UserId,
        new: Vec<ConversationId>,
        budget: &mut Budget,
        answer: &mut protocol::Sync,
    ) -> Result<bool, ConversationError> {
        if new.is_empty() {
            return Ok(true);
        }
        let heads: HashMap<_, _> = self.stores.conversations.heads(&new).await?.into_iter().collect();
        let is_empty = |id: &ConversationId| heads.get(id).is_none_or(|head| head.rev == Rev::ZERO);
        let empty: Vec<_> = new.iter().copied().filter(is_empty).collect();
        let unopened = unopened::hidden(&*self.stores.conversations, user_id, &empty).await?;
        let mut new: Vec<_> = new
            .into_iter()
            .filter(|id| !unopened.contains(id))
            .map(|id| (heads.get(&id).map(|head| head.sent_at).unwrap_or_default(), id))
            .collect();
        new.sort_unstable_by_key(|place| Reverse(*place));
        let new: Vec<_> = new.into_iter().map(|(_, id)| id).collect();
        for page in new.chunks(CONVERSATIONS_PAGE) {
            if budget.is_spent() {
                return Ok(false);
            }
            for view in self.present(user_id, page).await? {
                if budget.is_spent() {
                    return Ok(false);
                }
                budget.spend(&view);
                answer.positions.insert(view.id, view.head.rev);
                answer.conversations.push(view);
            }
        }
        Ok(true)
    }

    /// Lists conversations in their present state, as many as fit.
    async fn list_moved(
        &self,
        user_id: UserId,
        moved: &[(Mark, ConversationId)],
        budget: &mut Budget,
        answer: &mut protocol::Sync,
    ) -> Result<Listed, ConversationError> {
        let mut last = None;
        for page in moved.chunks(CONVERSATIONS_PAGE) {
            if budget.is_spent() {
                return Ok(Listed::Until(last));
            }
            let ids: Vec<_> = page.iter().map(|(_, id)| *id).collect();
            let views = self.present(user_id, &ids).await?;
            let mut views: HashMap<_, _> = views.into_iter().map(|view| (view.id, view)).collect();
            for place in page {
                if budget.is_spent() {
                    return Ok(Listed::Until(last));
                }
                last = Some(*place);
                // One that the user has left meanwhile is in the next answer.
                let Some(view) = views.remove(&place.1) else { continue };
                budget.spend(&view);
                answer.conversations.push(view);
            }
        }
        Ok(Listed::All)
    }

    /// Returns those of the conversations that the user is in, as the user sees them.
    async fn present(
        &self,
        user_id: UserId,
        ids: &[ConversationId],
    ) -> Result<Vec<protocol::Conversation>, ConversationError> {
        let mut members = self.members(user_id, ids).await?;
        let present = ids.iter().filter_map(|id| members.remove(id)).filter(Member::is_in);
        let views = self.views.of(present.collect()).await?;
        Ok(views.into_iter().map(|(_, view)| view).collect())
    }

    async fn members(
        &self,
        user_id: UserId,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Member>, ConversationError> {
        let keys: Vec<_> = ids.iter().map(|id| (*id, user_id)).collect();
        let members = self.stores.conversations.members(&keys).await?;
        Ok(members
            .into_iter()
            .map(|member| (member.conversation_id, member))
            .collect())
    }
}
