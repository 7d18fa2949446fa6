//! Reading conversations: the list, single ones, members, receipts, and synchronization.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::User;
use crate::engine::error::ConversationError;
use crate::engine::sync::Syncing;
use crate::engine::unopened;
use crate::protocol;
use crate::protocol::Receipt;
use crate::services::conversations::ConversationService;

/// A position in the list of a user's conversations, which begins with the latest activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListPosition(Timestamp, ConversationId);

/// A position in the list of a conversation's members, which begins with the member who joined first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberPosition(Timestamp, UserId);

impl ConversationService {
    /// Returns the conversations of the caller, the latest activity first, with those that the caller has left. `after`
    /// is where the previous page ended.
    ///
    /// # Errors
    /// [`ConversationError::Store`] when the store fails.
    pub async fn list(
        &self,
        principal: &Principal,
        after: Option<ListPosition>,
        limit: Limit,
    ) -> Result<Page<protocol::Conversation, ListPosition>, ConversationError> {
        let engine = &*self.engine;
        let store = &*engine.stores.conversations;
        let mut members = store.memberships(principal.user_id).await?;
        members.retain(Member::is_listed);
        // The order depends on messages, which stores do not keep next to memberships, so the whole list is sorted here
        // for each page. Only the conversations of the page are read in full.
        let joined = members.iter().filter(|member| member.is_in());
        let ids: Vec<_> = joined.map(|member| member.conversation_id).collect();
        let latest: HashMap<_, _> = store.activity(&ids).await?.into_iter().collect();
        let empty: Vec<_> = ids.into_iter().filter(|id| !latest.contains_key(id)).collect();
        let unopened = unopened::hidden(store, principal.user_id, &empty).await?;
        members.retain(|member| !unopened.contains(&member.conversation_id));
        let place = |member: &Member| {
            // What happened after somebody left does not move the conversation in their list.
            let at = if member.is_in() {
                latest.get(&member.conversation_id).copied().unwrap_or(member.joined_at)
            } else {
                // Old records get their departure when they are shown. Until then the last change of the record stands
                // for it, so that a page completes no more than it shows.
                let departure = member.departure.as_deref();
                departure.map_or(member.changed_at, |departure| departure.at)
            };
            ListPosition(at, member.conversation_id)
        };
        let mut listed: Vec<_> = members
            .into_iter()
            .map(|member| (place(&member), member))
            .filter(|(at, _)| after.is_none_or(|after| *at < after))
            .collect();
        listed.sort_unstable_by_key(|(at, _)| Reverse(*at));
        listed.truncate(limit.get() + 1);
        let (places, mut members): (Vec<_>, Vec<_>) = listed.into_iter().unzip();
        // The extra one only shows that there are more.
        members.truncate(limit.get());
        let views = engine.views.of(members).await?.into_iter();
        let mut views: HashMap<_, _> = views.map(|(_, view)| (view.id, view)).collect();
        let shown = places.into_iter().map(|place| (place, views.remove(&place.1)));
        Ok(Page::cut(shown, limit).flatten())
    }

    /// Returns a conversation of which the caller is a member, or one of which they were a member, as it was then.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member, or the group was deleted.
    pub async fn find(
        &self,
        principal: &Principal,
        id: ConversationId,
    ) -> Result<protocol::Conversation, ConversationError> {
        let granted = self.engine.access.reader(id, principal.user_id).await?;
        let view = self.engine.views.of(vec![granted.0]).await?.pop();
        view.map(|(_, view)| view).ok_or(ConversationError::NotFound)
    }

    /// Returns the members of a conversation in the order of joining. `after` is where the previous page ended.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member, [`ConversationError::Forbidden`] when they
    /// have left.
    pub async fn members(
        &self,
        principal: &Principal,
        id: ConversationId,
        after: Option<MemberPosition>,
        limit: Limit,
    ) -> Result<Page<protocol::Member, MemberPosition>, ConversationError> {
        self.engine.access.participant(id, principal.user_id).await?;
        let roster = self
            .engine
            .stores
            .conversations
            .rosters(&[id])
            .await?
            .pop()
            .ok_or(ConversationError::NotFound)?;
        let mut members = roster.members;
        let place = |member: &Member| MemberPosition(member.joined_at, member.user_id);
        members.sort_unstable_by_key(place);
        members.retain(|member| after.is_none_or(|after| place(member) > after));
        members.truncate(limit.get() + 1);
        let mut users = self
            .engine
            .shown(principal.user_id, members.iter().map(|member| member.user_id))
            .await?;
        let shown = members.into_iter().map(|member| {
            let user = users.remove(&member.user_id);
            let shown = user.map(|user| protocol::Member {
                user,
                role: member.role,
                joined_at: member.joined_at,
            });
            (place(&member), shown)
        });
        Ok(Page::cut(shown, limit).flatten())
    }

    /// Returns the watermarks of the members of a conversation, ordered by user: the last message that each has
    /// received, and the last that each has read. Members who have turned read receipts off are left out, except for
    /// the caller.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member, [`ConversationError::Forbidden`] when they
    /// have left.
    pub async fn receipts(
        &self,
        principal: &Principal,
        id: ConversationId,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<Receipt, UserId>, ConversationError> {
        self.engine.access.participant(id, principal.user_id).await?;
        let roster = self
            .engine
            .stores
            .conversations
            .rosters(&[id])
            .await?
            .pop()
            .ok_or(ConversationError::NotFound)?;
        let mut members = roster.members;
        let users = self.users(members.iter().map(|member| member.user_id)).await?;
        let shows = |user_id| users.get(&user_id).is_some_and(|user| user.settings.read_receipts);
        members.retain(|member| member.user_id == principal.user_id || shows(member.user_id));
        members.sort_unstable_by_key(|member| member.user_id);
        members.retain(|member| after.is_none_or(|after| member.user_id > after));
        members.truncate(limit.get() + 1);
        self.engine.receipts.lift(members.iter_mut().collect()).await?;
        let receipts = members.into_iter().map(|member| {
            let receipt = Receipt {
                user_id: member.user_id,
                watermarks: member.watermarks.into(),
            };
            (member.user_id, receipt)
        });
        Ok(Page::cut(receipts, limit))
    }

    /// Returns what has changed since the position in `request`, which an earlier sync returned: all of it, or about
    /// four mebibytes, and then the next sync returns more.
    ///
    /// # Errors
    /// [`ConversationError::Store`] when the store fails.
    pub async fn sync(
        &self,
        principal: &Principal,
        request: protocol::SyncRequest,
    ) -> Result<protocol::Sync, ConversationError> {
        let engine = &*self.engine;
        let syncing = Syncing {
            stores: &engine.stores,
            views: &engine.views,
            epoch: engine.epoch,
        };
        syncing
            .sync(principal.user_id, request, engine.runtime.clock.now())
            .await
    }

    async fn users(&self, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, User>, ConversationError> {
        let ids: Vec<_> = ids.collect();
        let users = self.engine.stores.users.find(&ids).await?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }
}
