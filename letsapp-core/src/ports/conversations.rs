//! The store of conversations and members. What changes a conversation's messages, membership, roles or title goes
//! through [`MessageRepository::commit`](crate::ports::messages::MessageRepository::commit) instead, in one order with them.

use async_trait::async_trait;

use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::{Member, PreferencesPatch, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::ports::error::RepositoryError;

/// Keeps conversations and the records of all who are or were in them.
///
/// Of a conversation that is deleted (see [`Conversation::deleted_at`]), no method returns a record of who is or was in
/// it, from the commit on that deletes it: what is left of them is for [`purge`](Self::purge) to remove. The
/// conversation itself stays.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ConversationRepository: Send + Sync {
    /// Adds the direct conversation of a pair with its two members, or finds it, in one step. Of several at once, one
    /// is [`Creation::Created`], and all get the same conversation.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError>;

    /// Returns those of the conversations that exist, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError>;

    /// Returns those of the conversations that exist, with their members of now, each read so that its fence is no
    /// newer than its members: a system message that the fence counts is in the members, one that it does not count
    /// may be. In any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError>;

    /// Returns where each of the conversations stands, in any order; an empty or unknown one may be left out.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError>;

    /// Counts who is in each of the conversations now, in any order; an unknown one may be left out.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError>;

    /// Returns those of the member records `(conversation, user)` that exist, former members' too, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError>;

    /// Returns all records of one user, of conversations they left too, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError>;

    /// Raises watermarks: each number takes the higher of what it was and what is offered, read raises delivered, and
    /// nothing ever falls. `changed_at` moves where a number did, and never back: a rise may be dated long before it is
    /// stored. One answer for each, in order, as if they came one after the other; `None` where there never was such a
    /// member. The same member may come twice.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError>;

    /// Changes what a member set for themselves and returns the record as it is now; `None` if there is no such member.
    /// `changed_at` does not move back.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn update_preferences(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        patch: PreferencesPatch,
        at: Timestamp,
    ) -> Result<Option<Member>, RepositoryError>;

    /// Returns conversations that were deleted before `before` and of which there may be something left to
    /// [`purge`](Self::purge), the longest ago first, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError>;

    /// Removes a part of what is left of a conversation that is deleted: at most `limit` records of who was in it, and
    /// at most `limit` messages with all that they are found by. True once nothing is left but the conversation, so
    /// that its id is never given out again, and its newest message, so that its head stays what it is. Of a
    /// conversation that is not deleted nothing is removed. It may be done again, and by several at once.
    ///
    /// A server may believe for a minute that a conversation stands where it stood, and it is by the messages that it
    /// learns better. So this is for conversations that were deleted longer ago than that.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails: a part may have been removed.
    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError>;
}

/// What came of making a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created(Conversation),
    /// It was there, as this.
    Existing(Conversation),
}

/// A rise of one member's watermarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Whose.
    pub user_id: UserId,
    /// To what, at least.
    pub to: Watermarks,
    /// When.
    pub at: Timestamp,
}

/// What came of an [`Advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// What it was.
    pub from: Watermarks,
    /// What it is.
    pub to: Watermarks,
}
