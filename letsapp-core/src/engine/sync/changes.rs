//! The changes of the conversations in which a client is behind.

use std::collections::{BTreeMap, HashMap};

use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::member::Member;
use crate::engine::error::ConversationError;
use crate::engine::media::refresh;
use crate::engine::sync::budget::Budget;
use crate::engine::sync::{CONVERSATIONS_PAGE, Syncing};
use crate::protocol;

/// Maximum number of changes of one conversation in an answer. With more, the client is told to reset and reads the
/// history again, which is cheaper for both.
const MAX_CHANGES_PER_CONVERSATION: usize = 1_000;

/// Number of changes that are read at once, so that an answer that is full soon reads little in vain.
const CHANGES_PAGE: usize = 100;

impl Syncing<'_> {
    /// Lists the changes of the conversations in which the client is behind, and their present state. Returns false if
    /// they did not all fit.
    pub(super) async fn list_behind(
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
            let mut changes = changes.await?;
            refresh(self.stores, &mut changes).await?;
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
}
