//! Conversations in their present state: those that a client does not have, and those in which something else than a
//! message has changed.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::Mark;
use crate::domain::member::Member;
use crate::engine::error::ConversationError;
use crate::engine::sync::budget::Budget;
use crate::engine::sync::{CONVERSATIONS_PAGE, Listed, Syncing};
use crate::engine::unopened;
use crate::protocol;

impl Syncing<'_> {
    /// Lists conversations that the client does not have, those with the latest activity first. Returns false if they
    /// did not all fit.
    pub(super) async fn list_new(
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
    pub(super) async fn list_moved(
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

    pub(super) async fn members(
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
