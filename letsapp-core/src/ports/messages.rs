//! The store of messages: one way in, [`MessageRepository::commit`], and the reads.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::MemberChange;
use crate::domain::message::{Message, Position};
use crate::domain::search::{Hit, Search};
use crate::domain::window::{Span, Window};
use crate::ports::error::RepositoryError;

/// Keeps messages, each conversation's in one order: `seq` and `rev` are dense and unique for ever.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait MessageRepository: Send + Sync {
    /// Says how many [`commit`](Self::commit)s at once serve this store best.
    fn lanes(&self) -> usize;

    /// Carries out changes and returns what came of each, in order. When it returns, what was committed is durable
    /// and every read shows it.
    ///
    /// - Changes of one conversation are carried out in the order given; each either wholly or not at all, whatever
    ///   happens to the others, and whatever else happens, a crash included. Changes are only of conversations that
    ///   exist, but for [`Change::Create`].
    /// - An append takes the next `seq` and the next `rev`, a revision the next `rev`. Whoever else commits to the same
    ///   conversation at the same time: no number is given twice, none is left out, and no read shows a number without
    ///   those before it.
    /// - A system message with a succession takes the second next `seq` and `rev`, and the succession those before it.
    /// - A change whose `fence` is not the conversation's newest system message any more is [`Outcome::Outdated`]. The
    ///   conversation of a batch's own [`Change::UpdateGroup`] moves its fence, so that changes of that conversation behind
    ///   it are outdated too.
    /// - An append or a system message whose id its conversation already has is [`Outcome::Duplicate`], with the message
    ///   as it now stands, whatever its fence. So is one whose succession it has, and then with that.
    /// - A revision of a message whose `rev` is not `message.rev`, or that there is not, is [`Outcome::Outdated`].
    /// - A create whose conversation exists is [`Outcome::Exists`].
    /// - A message is found by its [`IndexTerms`](crate::domain::search::IndexTerms), and by those of its former state no
    ///   more, from the commit on.
    /// - [`RepositoryError::Unavailable`] for a change means that it is not known whether it was carried out. Offering
    ///   it again is safe: an append by its id, a revision by its `rev`.
    async fn commit(&self, changes: Vec<Change>) -> Vec<Result<Outcome, RepositoryError>>;

    /// Returns those of the messages that exist, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError>;

    /// Returns the message that a conversation has under an id.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError>;

    /// Returns messages that lie in one of the windows (which do not overlap, oldest first), in the order and from the
    /// place that `range` says, at most `limit`. Its cost does not depend on how long the conversation is.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn history(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        range: crate::ports::messages::Range,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError>;

    /// Returns messages that lie in one of the windows and were last changed after `after`, in order of `rev`, at most
    /// `limit`, each in its present state.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn changes(
        &self,
        conversation_id: ConversationId,
        windows: &[Window],
        after: Rev,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError>;

    /// Returns messages that a search finds, in the order of their [`Rank`](crate::domain::search::Rank), the greatest first, at most
    /// `limit`, each in its present state and with its score.
    ///
    /// - A message is found if it lies in one of the windows `within`, [`Search::passes`] its sender and the moment when
    ///   it was sent, its rank is less than `past`, and [`Query::score`](crate::domain::search::Query::score) is given for its index
    ///   terms: every term is among them, or the beginning of one of them where it is a prefix.
    /// - The score is that of [`Query::score`](crate::domain::search::Query::score).
    /// - What it costs goes with how many messages there are with these terms, or with how many lie in the windows, but
    ///   not with how many there are.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn search(&self, search: Search) -> Result<Vec<Hit>, RepositoryError>;

    /// Counts, for each span, the messages of users in it that are not deleted. Its cost does not depend on how long a
    /// span is, but for the deleted messages in it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError>;

    /// Returns who sent the messages of users in the span, deleted ones too, each once, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn senders(&self, span: Span) -> Result<Vec<UserId>, RepositoryError>;
}

/// One change of a conversation.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes a group: the conversation, its members, and its first message, all in one step.
    Create {
        /// The group.
        conversation: Box<Conversation>,
        /// Its first members, all [`MemberChange::Joined`], at the time when the message was sent.
        members: Vec<MemberChange>,
        /// The system message at seq 1 that tells of it.
        message: Arc<Message>,
    },
    /// Adds a user's message. Its `seq`, `rev` and `ordinal` are for the store to assign.
    Append {
        /// The message.
        message: Arc<Message>,
        /// The fence under which it was decided.
        fence: Seq,
    },
    /// Replaces a message by its new state: edited, deleted or reacted to. `message.rev` is the one that the new state
    /// was worked out from; the store assigns the next.
    Revise {
        /// The new state, complete.
        message: Arc<Message>,
        /// Whether it is found by other terms now.
        terms: TermsChange,
        /// The fence under which it was decided.
        fence: Seq,
    },
    /// Adds a system message and carries out what it tells of (membership, roles, title, description, picture; or
    /// nothing, as of a call), all in one step. The system message becomes the conversation's fence.
    UpdateGroup {
        /// The conversation as it shall be; `None` if it stays as it is. Where it is [deleted](Conversation::deleted_at),
        /// all who are in go with it, and there are no records of its members from then on.
        conversation: Option<Box<Conversation>>,
        /// Who comes, goes, or gets another role, at the time when the message was sent, each at most once; see
        /// [`MemberChange::apply`]. What comes to nothing is left out, and the rest is carried out.
        members: Vec<MemberChange>,
        /// Where an owner leaves, the system message that tells who takes over: it goes right before the other.
        succession: Option<Arc<Message>>,
        /// The system message.
        message: Arc<Message>,
        /// The fence under which it was decided.
        fence: Seq,
    },
}

impl Change {
    /// Returns the message that the change makes or replaces; of two, the last.
    pub const fn message(&self) -> &Arc<Message> {
        match self {
            Self::Create { message, .. }
            | Self::Append { message, .. }
            | Self::Revise { message, .. }
            | Self::UpdateGroup { message, .. } => message,
        }
    }

    /// Returns the message that the change makes right before the other one, if it makes two.
    pub const fn succession(&self) -> Option<&Arc<Message>> {
        match self {
            Self::UpdateGroup { succession, .. } => succession.as_ref(),
            Self::Create { .. } | Self::Append { .. } | Self::Revise { .. } => None,
        }
    }
}

/// What a revision does to the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsChange {
    /// Nothing: its words are what they were.
    Keep,
    /// The message is found by the [`IndexTerms`](crate::domain::search::IndexTerms) of its new state, and by its old ones no
    /// more.
    Replace,
}

/// What came of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out, there.
    Committed(Position),
    /// The conversation has a message of this id, as it now stands.
    Duplicate(Box<Message>),
    /// The conversation exists, as this.
    Exists(Box<Conversation>),
    /// It was decided on what is no longer so: read again and decide again.
    Outdated,
}

/// A place in a history, and the direction to read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest first.
    Newest,
    /// Those before this one, the newest first.
    Before(Seq),
    /// Those after this one, the oldest first.
    After(Seq),
}
