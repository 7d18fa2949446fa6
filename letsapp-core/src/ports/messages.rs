//! The store of messages: every change goes through [`MessageRepository::commit`]; all other methods read.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::stream;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};

use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::{MemberChange, MemberKey};
use crate::domain::message::{Message, Position};
use crate::domain::search::{Found, Search};
use crate::domain::window::{Span, Window};
use crate::ports::error::RepositoryError;

/// Stores messages, those of each conversation in one order: `seq` and `rev` have no gaps and are never used twice.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait MessageRepository: Send + Sync {
    /// Returns how many concurrent [`commit`](Self::commit)s serve this store best, at least 1.
    fn concurrent_commits(&self) -> usize;

    /// Carries out changes, and returns the outcome of each as soon as it is known, with the index of its change. Once
    /// an outcome is returned, its change is durable and visible to every read.
    ///
    /// - Every change has exactly one outcome. Those of one conversation are returned in the order of their changes.
    /// - A conversation whose changes can't be carried out for a while delays its own outcomes, and those of other
    ///   conversations by at most a moment.
    /// - Concurrent commits are of different conversations.
    /// - Changes of one conversation are carried out in the order given. Each is carried out wholly or not at all,
    ///   regardless of the others and of any failure, a crash included. Every change except [`Change::Create`] is of a
    ///   conversation that exists.
    /// - An append takes the next `seq` and the next `rev`, a revision the next `rev`. While others commit to the same
    ///   conversation at the same time, no number is used twice, none is left out, and no read returns a number without
    ///   those before it.
    /// - The system messages of one change take consecutive `seq`s and `rev`s: the preceding ones in their order, and
    ///   then the last one.
    /// - A change whose `fence` is no longer the [fence](crate::domain::conversation::Head::fence) of its conversation
    ///   is [`Outcome::Outdated`]. A [`Change::UpdateGroup`] in the batch itself moves the fence, unless its message
    ///   reports a call, so that later changes of that conversation in the same batch are outdated too.
    /// - An append or a system message whose id exists in its conversation already is [`Outcome::Duplicate`], with the
    ///   message in its current state, whatever its fence. So is a change of a group if only preceding messages exist
    ///   already, and then with the first of these.
    /// - A revision of a message whose `rev` is not `message.rev`, or of a message that does not exist, is
    ///   [`Outcome::Outdated`].
    /// - A create whose conversation exists is [`Outcome::Exists`].
    /// - From the commit on, a message is found by its current [`IndexTerms`](crate::domain::search::IndexTerms), and
    ///   no longer by those of its former state.
    /// - [`RepositoryError::Unavailable`] for a change means that it may or may not have been carried out. Repeating it
    ///   is safe: an append is recognised by its id, a revision by its `rev`.
    fn commit(&self, changes: Vec<Change>) -> Outcomes;

    /// Returns those of the messages that exist, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, at: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError>;

    /// Returns the message of a conversation that has this id.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find_by_id(
        &self,
        conversation_id: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, RepositoryError>;

    /// Returns at most `limit` messages that lie in one of the windows, in the order and from the position that `range`
    /// names. The windows do not overlap, and the oldest comes first. The cost does not depend on the length of the
    /// conversation.
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

    /// Returns at most `limit` messages that lie in one of the windows and were last changed after `after`, ordered by
    /// `rev`, each in its current state.
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

    /// Returns at most `limit` system messages of a conversation after `after`, the oldest first, without those about
    /// calls.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn announcements(
        &self,
        conversation_id: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, RepositoryError>;

    /// Returns at most `limit` messages that match a search, ordered by their [`Rank`](crate::domain::search::Rank),
    /// the greatest first, each in its current state and with its score.
    ///
    /// - A message matches if it lies in one of the windows `within`, [`Search::passes`] accepts its sender and the
    ///   time when it was sent, its rank is less than `past`, and [`Query::score`](crate::domain::search::Query::score)
    ///   returns a score for its index terms: each term of the query is one of them or, where it is a prefix, the
    ///   beginning of one of them.
    /// - The score is the one that [`Query::score`](crate::domain::search::Query::score) returns.
    /// - The cost grows with the number of messages that have these terms, or with the number that lie in the windows,
    ///   but not with the number of all messages.
    /// - A search that takes longer than its budget ends soon after it, and returns [`Found::partial`] and the best of
    ///   those hits that were found until then. However many searches there are, other calls don't wait for them.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn search(&self, search: Search) -> Result<Found, RepositoryError>;

    /// Counts, for each span, the messages in it that users sent and that are not deleted. The cost does not depend on
    /// the length of a span, except for the deleted messages in it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn count_unread(&self, spans: &[Span]) -> Result<Vec<u64>, RepositoryError>;

    /// Returns the `seq` of the newest message that each of the users `(conversation, user)` has sent in the
    /// conversation, in any order. Deleted messages count, system messages do not; users who have sent none are left
    /// out. Each pair is asked about once. The cost grows with the number of pairs, but not with the number of messages
    /// of users.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn last_sent(&self, of: &[MemberKey]) -> Result<Vec<(MemberKey, Seq)>, RepositoryError>;

    /// Returns for each query those of its users who sent a message in its span, each once, in any order. Deleted
    /// messages count, system messages do not. The cost grows with the number of users asked about, but not with the
    /// length of a span.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn senders(&self, asked: &[SenderQuery]) -> Result<Vec<Vec<UserId>>, RepositoryError>;
}

/// A question which of some users sent messages in a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderQuery {
    /// The messages in question.
    pub span: Span,
    /// The users in question, each once.
    pub among: Vec<UserId>,
}

/// A change of one conversation.
#[derive(Clone, Debug)]
pub enum Change {
    /// Creates a group: the conversation, its members and its first message, all in one step.
    Create {
        /// The group.
        conversation: Box<Conversation>,
        /// The first members, all [`MemberChange::Joined`]. They join at the time when the message was sent.
        members: Vec<MemberChange>,
        /// The system message at seq 1 that announces the group.
        message: Arc<Message>,
    },
    /// Adds a user's message. The store assigns its `seq`, `rev` and `ordinal`.
    Append {
        /// The message.
        message: Arc<Message>,
        /// The fence of the roster from which the change was decided.
        fence: Seq,
    },
    /// Replaces a message by its new state after an edit, a deletion or a reaction. `message.rev` is the `rev` of the
    /// state from which the new one was computed; the store assigns the next `rev`. System messages are never revised.
    Revise {
        /// The new state, complete.
        message: Arc<Message>,
        /// The effect on the search index.
        terms: TermsChange,
        /// The fence of the roster from which the change was decided.
        fence: Seq,
    },
    /// Adds one or more system messages and applies the change that they announce (membership, roles, title,
    /// description or picture; nothing further for a call), all in one step. The last of these messages becomes the
    /// conversation's fence, unless it reports a call.
    UpdateGroup {
        /// The new state of the conversation; `None` if it stays the same. If it is
        /// [deleted](Conversation::deleted_at), all of its members leave with it, and no records of its members exist
        /// from then on.
        conversation: Option<Box<Conversation>>,
        /// The users who join, leave or get another role at the time when the message was sent, each at most once; see
        /// [`MemberChange::apply`]. A change that has no effect is skipped, and the others are applied. Whoever leaves a
        /// conversation that is not deleted gets the [`Departure`](crate::domain::departure::Departure) from the state
        /// after the change.
        members: Vec<MemberChange>,
        /// If the change needs several system messages, all but the last one, in order: for example, the one that
        /// announces the new owner when an owner leaves. They are placed right before the last one.
        preceding: Vec<Arc<Message>>,
        /// The system message, or the last one.
        message: Arc<Message>,
        /// The fence of the roster from which the change was decided.
        fence: Seq,
    },
}

impl Change {
    /// Returns the message that the change adds or replaces; if it adds several, the last one.
    pub const fn message(&self) -> &Arc<Message> {
        match self {
            Self::Create { message, .. }
            | Self::Append { message, .. }
            | Self::Revise { message, .. }
            | Self::UpdateGroup { message, .. } => message,
        }
    }

    /// Returns the messages that the change adds right before [its last one](Self::message), in order; mostly none.
    pub const fn preceding(&self) -> &[Arc<Message>] {
        match self {
            Self::UpdateGroup { preceding, .. } => preceding.as_slice(),
            Self::Create { .. } | Self::Append { .. } | Self::Revise { .. } => &[],
        }
    }
}

/// The effect of a revision on the search index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsChange {
    /// No effect: the text of the message is unchanged.
    Keep,
    /// From the commit on, the message is found by the [`IndexTerms`](crate::domain::search::IndexTerms) of its new
    /// state, and no longer by those of its old one.
    Replace,
}

/// The result of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The change was carried out, and the message is at this position.
    Committed(Position),
    /// The conversation has a message with this id already; this is its current state.
    Duplicate(Box<Message>),
    /// The conversation exists already, in this state.
    Exists(Box<Conversation>),
    /// The change was decided from outdated data: the caller reads again and decides again.
    Outdated,
}

/// The outcomes of a [`commit`](MessageRepository::commit): a stream that returns the outcome of each change with the
/// index of the change.
///
/// The commit makes progress while the stream is polled. If the stream is dropped before its end, the changes without
/// an outcome may or may not be carried out.
pub struct Outcomes(BoxStream<'static, Settled>);

/// A change's index in its commit, and its outcome.
pub type Settled = (usize, Result<Outcome, RepositoryError>);

impl Outcomes {
    /// Returns outcomes from a stream.
    pub fn new(stream: impl Stream<Item = Settled> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    /// Returns outcomes that are known already, in the order of their changes.
    pub fn ready(outcomes: Vec<Result<Outcome, RepositoryError>>) -> Self {
        Self::new(stream::iter(outcomes.into_iter().enumerate()))
    }

    /// Returns the outcomes of a store that settles all changes of a commit at the same time.
    pub fn together(commit: impl Future<Output = Vec<Result<Outcome, RepositoryError>>> + Send + 'static) -> Self {
        Self::new(stream::once(commit).flat_map(|outcomes| stream::iter(outcomes.into_iter().enumerate())))
    }

    /// Waits for all outcomes, and returns them in the order of their changes.
    ///
    /// # Panics
    /// Panics unless there is exactly one outcome for each of the `changes`, which the store promises.
    pub async fn in_order(mut self, changes: usize) -> Vec<Result<Outcome, RepositoryError>> {
        let mut outcomes: Vec<_> = (0..changes).map(|_| None).collect();
        while let Some((index, outcome)) = self.next().await {
            let before = outcomes[index].replace(outcome);
            assert!(before.is_none(), "change {index} has two outcomes");
        }
        let settled = outcomes.into_iter().enumerate();
        settled
            .map(|(index, outcome)| outcome.unwrap_or_else(|| panic!("change {index} has no outcome")))
            .collect()
    }
}

impl Stream for Outcomes {
    type Item = Settled;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Settled>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").finish_non_exhaustive()
    }
}

/// A position in a history and the direction to read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest messages, the newest first.
    Newest,
    /// The messages before this one, the newest first.
    Before(Seq),
    /// The messages after this one, the oldest first.
    After(Seq),
    /// The messages between two others, without these, the oldest first.
    Between {
        /// The message after which to begin.
        after: Seq,
        /// The message before which to end.
        before: Seq,
    },
}
