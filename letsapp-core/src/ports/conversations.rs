//! The store of conversations and members.
//!
//! Changes of a conversation's messages, membership, roles or title go through
//! [`MessageRepository::commit`](crate::ports::messages::MessageRepository::commit) instead, which puts them into one
//! order with the messages.

use async_trait::async_trait;

use crate::domain::conversation::{Conversation, Head, Pair, Roster};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::{Mark, Since};
use crate::domain::member::{Member, PreferencesPatch, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::ports::error::RepositoryError;

/// Stores conversations and the records of all users who are or were members.
///
/// Once a conversation is deleted (see [`Conversation::deleted_at`]), no method returns a record of its members or
/// former members, from the commit on that deletes it. [`purge`](Self::purge) removes the records that are left. The
/// conversation itself stays.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ConversationRepository: Send + Sync {
    /// Adds the direct conversation of a pair with its two members, or finds the one that the pair has, in one step. Of
    /// several concurrent calls for a pair, each with an id that no conversation has, exactly one gets
    /// [`Creation::Created`], and all get the same conversation.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn create_direct(&self, conversation: Conversation, at: Timestamp) -> Result<Creation, RepositoryError>;

    /// Returns the direct conversations of those of the [pairs](Conversation::pair_of) that have one, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn direct(&self, pairs: &[Pair]) -> Result<Vec<(Pair, ConversationId)>, RepositoryError>;

    /// Returns those of the conversations that exist, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>, RepositoryError>;

    /// Returns those of the conversations that exist, each with its current members, in any order.
    ///
    /// Each roster is read so that its fence is not newer than its members: every system message that the fence counts
    /// is reflected in the members; a system message that the fence does not count may be reflected too.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn rosters(&self, ids: &[ConversationId]) -> Result<Vec<Roster>, RepositoryError>;

    /// Returns the head of each of the conversations, in any order. An empty or unknown conversation may be left out.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn heads(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Head)>, RepositoryError>;

    /// Returns the time at which the newest message of each of the conversations was sent, in any order. An empty or
    /// unknown conversation may be left out. Costs about as much as [`heads`](Self::heads), for thousands at once.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn activity(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Timestamp)>, RepositoryError>;

    /// Returns the number of current members of each of the conversations, in any order. An unknown conversation may be
    /// left out.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn member_counts(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, usize)>, RepositoryError>;

    /// Returns those of the member records `(conversation, user)` that exist, including former members, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn members(&self, of: &[(ConversationId, UserId)]) -> Result<Vec<Member>, RepositoryError>;

    /// Returns all member records of one user, including those of conversations that the user has left, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn memberships(&self, user_id: UserId) -> Result<Vec<Member>, RepositoryError>;

    /// Returns those of the users `with` whom this user shares a conversation: one of which both are members now, and
    /// which has a message. Each is returned once, in any order.
    ///
    /// An empty direct conversation does not count, since one user alone can create it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn acquainted(&self, user_id: UserId, with: &[UserId]) -> Result<Vec<UserId>, RepositoryError>;

    /// Returns how a user stands with each conversation that they are or were a member of, in any order, and the mark
    /// from which to ask the next time.
    ///
    /// - Every change of a member's record takes a mark in the same step, greater than the marks of all changes that
    ///   the store had finished before.
    /// - After [`Since::Mark`], every change counts that is not in the answer which returned the mark. Others may count
    ///   again if they were made some seconds before it.
    /// - In a direct conversation the changes of the other user's record count too.
    /// - The cost is small for each conversation; nothing but the standings is read.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn standings(&self, user_id: UserId, since: Since) -> Result<Standings, RepositoryError>;

    /// Returns the number of the newest change of each of the conversations, in any order. An empty or unknown
    /// conversation may be left out. Cheaper than [`heads`](Self::heads).
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn revs(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Rev)>, RepositoryError>;

    /// Raises watermarks and returns one result for each, in order, as if the advances were carried out one after the
    /// other; `None` where there never was such a member.
    ///
    /// - Each number becomes the higher one of the stored number and the offered one. Raising `read` also raises
    ///   `delivered`. No number ever falls.
    /// - `changed_at` moves to the time of the advance where a number rose, and never back: an advance may be dated
    ///   long before it is stored.
    /// - The same member may occur more than once.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn advance(&self, advances: Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError>;

    /// Changes a member's own preferences and returns the record as stored; `None` if there is no such member.
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

    /// Stores what a former member continues to see of a conversation. Changes nothing unless the member's last window
    /// ends with the message at [`Departure::seq`].
    ///
    /// A departure that is not [listed](Departure::listed) replaces the stored one. One that is listed is stored only
    /// where there is none, so that it never undoes a removal from the list.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn put_departure(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        departure: Departure,
    ) -> Result<(), RepositoryError>;

    /// Returns at most `limit` conversations that were deleted before `before` and may still have something to
    /// [`purge`](Self::purge), those deleted longest ago first.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn deleted(&self, before: Timestamp, limit: usize) -> Result<Vec<ConversationId>, RepositoryError>;

    /// Removes a part of a deleted conversation: at most `limit` records of its members and former members, and at most
    /// `limit` messages together with their index entries.
    ///
    /// Returns true once nothing is left but the conversation itself, so that its id is never used again, and its
    /// newest message, so that its head stays the same. Nothing is removed from a conversation that is not deleted.
    /// Repeating the call, also concurrently, is safe.
    ///
    /// A server may cache the head of a conversation for up to a minute and corrects it by reading the messages. So
    /// call this only for conversations that were deleted longer ago than that.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. A part may have been removed.
    async fn purge(&self, id: ConversationId, limit: usize) -> Result<bool, RepositoryError>;
}

/// The standings of a user in all their conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standings {
    /// Standings by conversation, of present and former memberships, each once.
    pub memberships: Vec<Standing>,
    /// Mark that covers all changes up to the reading.
    pub mark: Mark,
}

/// The standing of a user in one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether the user is a member now.
    pub is_in: bool,
    /// Mark of the last change, if there was one since the point that was asked for.
    pub moved: Option<Mark>,
}

/// The result of creating a direct conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The conversation was created.
    Created(Conversation),
    /// The conversation existed already, in this state.
    Existing(Conversation),
}

/// A request to raise the watermarks of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The conversation that the member belongs to.
    pub conversation_id: ConversationId,
    /// The member whose watermarks rise.
    pub user_id: UserId,
    /// The watermarks that the member has at least afterwards.
    pub to: Watermarks,
    /// Time of the rise by the server's clock, stored as `changed_at` if a number rises.
    pub at: Timestamp,
}

/// The result of an [`Advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// The watermarks before.
    pub from: Watermarks,
    /// The watermarks after.
    pub to: Watermarks,
}
