//! Reading messages: history, changes, single messages, reactions and receipts.

use std::collections::HashSet;

use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{Member, Watermarks};
use crate::domain::message::Message;
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::engine::access::Granted;
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::media::refresh;
use crate::ports::Range;
use crate::protocol;
use crate::protocol::{MessageReceipt, ReceiptStatus, UserReaction};
use crate::services::messages::MessageService;

/// A page of the messages of a conversation that changed after a `rev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesPage {
    /// Each changed message once, in its present state, in order of `rev`.
    pub items: Vec<protocol::Message>,
    /// The `after` of the next page; `None` on the last.
    pub next: Option<Rev>,
    /// The `after` of the next request. On the last page, later changes have a higher `rev`.
    pub rev: Rev,
}

impl MessageService {
    /// Returns messages that the caller may see, in the order and from the place that `range` gives.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member of the conversation.
    pub async fn history(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        range: Range,
        limit: Limit,
    ) -> Result<Page<protocol::Message, Seq>, ConversationError> {
        let Granted(member) = self.engine.access.reader(conversation_id, principal.user_id).await?;
        let more = limit.get() + 1;
        let stores = &self.engine.stores;
        let messages = stores.messages.history(conversation_id, &member.windows, range, more);
        let mut messages = messages.await?;
        refresh(stores, &mut messages).await?;
        let seen = messages
            .iter()
            .map(|message| (message.seq, protocol::Message::seen_by(message, principal.user_id)));
        Ok(Page::cut(seen, limit))
    }

    /// Returns one message.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller may not see it.
    pub async fn find(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
    ) -> Result<protocol::Message, ConversationError> {
        let (_, message) = self.visible(principal, conversation_id, seq).await?;
        Ok(protocol::Message::seen_by(&message, principal.user_id))
    }

    /// Returns the messages that were sent or changed after the revision `after`, in order of `rev`.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member of the conversation.
    pub async fn changes(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        after: Rev,
        limit: Limit,
    ) -> Result<ChangesPage, ConversationError> {
        let engine = &*self.engine;
        // Strangers are refused before anything else is read, so that the time of the answer tells them nothing.
        engine.access.reader(conversation_id, principal.user_id).await?;
        // The head is read before the membership: a member whose window is still open afterwards may see every message
        // that the head counts.
        let head = engine.stores.conversations.heads(&[conversation_id]).await?.pop();
        let head = head.map_or_else(Head::default, |(_, head)| head);
        let Granted(member) = engine.access.reader(conversation_id, principal.user_id).await?;
        let end = engine.views.head_seen(&member, head).await?.rev;
        let more = limit.get() + 1;
        let mut changes = engine
            .stores
            .messages
            .changes(conversation_id, &member.windows, after, more)
            .await?;
        if member.is_in()
            && let Some(newer) = changes.iter().position(|message| message.seq > head.seq)
        {
            // These were sent after the head was read, and the membership may have ended in between. The client gets
            // them by its next request, if it may see them.
            changes.truncate(newer);
        }
        refresh(&engine.stores, &mut changes).await?;
        let seen = changes
            .iter()
            .map(|message| (message.rev, protocol::Message::seen_by(message, principal.user_id)));
        let Page { items, next, .. } = Page::cut(seen, limit);
        let last = items.last().map_or(after, |message| message.rev);
        let rev = next.unwrap_or_else(|| last.max(end));
        Ok(ChangesPage { items, next, rev })
    }

    /// Returns the reactions to a message, ordered by user.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller may not see it.
    pub async fn reactions(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<UserReaction, UserId>, ConversationError> {
        let (_, message) = self.visible(principal, conversation_id, seq).await?;
        let mut reactions = message.reactions;
        reactions.sort_unstable_by_key(|reaction| reaction.user_id);
        reactions.retain(|reaction| after.is_none_or(|after| reaction.user_id > after));
        let listed = reactions.into_iter().map(|reaction| {
            let emoji = reaction.emoji.to_string();
            let user_id = reaction.user_id;
            (user_id, UserReaction { user_id, emoji })
        });
        Ok(Page::cut(listed, limit))
    }

    /// Returns the delivery status of a message for each member who may see it except its sender, ordered by user.
    /// Other members who have turned read receipts off count as [`ReceiptStatus::Sent`].
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller may not see the message, [`ConversationError::Forbidden`] when
    /// they have left the conversation.
    pub async fn message_receipts(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<MessageReceipt, UserId>, ConversationError> {
        let (member, message) = self.visible(principal, conversation_id, seq).await?;
        if !member.is_in() {
            return Err(ConversationError::Forbidden(Forbidden::NotAMember));
        }
        let roster = self
            .engine
            .stores
            .conversations
            .rosters(&[conversation_id])
            .await?
            .pop();
        let mut members = roster.ok_or(ConversationError::NotFound)?.members;
        members.retain(|member| member.user_id != message.sender_id && member.sees(seq));
        members.sort_unstable_by_key(|member| member.user_id);
        members.retain(|member| after.is_none_or(|after| member.user_id > after));
        members.truncate(limit.get() + 1);
        self.engine.receipts.lift(members.iter_mut().collect()).await?;
        let ids: Vec<_> = members.iter().map(|member| member.user_id).collect();
        let users = self.engine.stores.users.find(&ids).await?;
        let showing: HashSet<_> = users
            .iter()
            .filter(|user| user.settings.read_receipts)
            .map(|user| user.id)
            .collect();
        let shows = |user_id| user_id == principal.user_id || showing.contains(&user_id);
        let receipts = members.into_iter().map(|member| {
            let status = if shows(member.user_id) {
                status(member.watermarks, seq)
            } else {
                ReceiptStatus::Sent
            };
            let user_id = member.user_id;
            (user_id, MessageReceipt { user_id, status })
        });
        Ok(Page::cut(receipts, limit))
    }

    /// Returns a message that the caller may see, and their membership.
    async fn visible(
        &self,
        principal: &Principal,
        conversation_id: ConversationId,
        seq: Seq,
    ) -> Result<(Member, Message), ConversationError> {
        let Granted(member) = self.engine.access.reader(conversation_id, principal.user_id).await?;
        if !member.sees(seq) {
            return Err(ConversationError::NotFound);
        }
        let stores = &self.engine.stores;
        let mut found = stores.messages.find(&[(conversation_id, seq)]).await?;
        refresh(stores, &mut found).await?;
        Ok((member, found.pop().ok_or(ConversationError::NotFound)?))
    }
}

fn status(watermarks: Watermarks, seq: Seq) -> ReceiptStatus {
    if watermarks.read >= seq {
        ReceiptStatus::Read
    } else if watermarks.delivered >= seq {
        ReceiptStatus::Delivered
    } else {
        ReceiptStatus::Sent
    }
}
