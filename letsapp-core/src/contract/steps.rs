//! Steps that many cases share.

use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Trial;
use super::fixtures::{at, direct, edited, group, system, text};
use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, Position, SystemEvent};
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;
use crate::ports::{Change, Creation, Outcome, Range, TermsChange};

/// A window that shows every message.
pub(super) const ALL: &[Window] = &[Window::WHOLE];

pub(super) fn append(message: Message, fence: Seq) -> Change {
    let message = Arc::new(message);
    Change::Append { message, fence }
}

pub(super) fn revise(message: Message, fence: Seq) -> Change {
    Change::Revise {
        message: Arc::new(message),
        terms: TermsChange::Replace,
        fence,
    }
}

pub(super) fn update_group(members: &[MemberChange], message: Message, fence: Seq) -> Change {
    Change::UpdateGroup {
        conversation: None,
        members: members.to_vec(),
        preceding: Vec::new(),
        message: Arc::new(message),
        fence,
    }
}

/// Makes the change that creates a group with these members, the first of them its owner. Its system message has the
/// number of the group.
pub(super) fn creation(n: u64, users: &[UserId]) -> Change {
    let conversation = group(n, users[0]);
    let role = |user_id| if user_id == users[0] { Role::Owner } else { Role::Member };
    let event = SystemEvent::GroupCreated {
        user_ids: users.to_vec(),
    };
    Change::Create {
        members: users.iter().map(|id| MemberChange::Joined(*id, role(*id))).collect(),
        message: Arc::new(system(conversation.id, n, users[0], event)),
        conversation: Box::new(conversation),
    }
}

/// Returns the outcome of a change that takes these numbers, as [`Trial::commit`] returns it.
pub(super) fn position(seq: u64, rev: u64, ordinal: u64) -> Outcome {
    Outcome::Committed(Position {
        seq: Seq(seq),
        rev: Rev(rev),
        ordinal,
        sent_at: Timestamp::default(),
    })
}

/// Returns the position of a committed change. Panics for any other outcome.
#[track_caller]
pub(super) fn committed(outcome: Outcome) -> Position {
    match outcome {
        Outcome::Committed(position) => position,
        other => panic!("expected the change to be committed, not {other:?}"),
    }
}

/// Returns the stored message of a duplicate. Panics for any other outcome.
#[track_caller]
pub(super) fn duplicate(outcome: Outcome) -> Message {
    match outcome {
        Outcome::Duplicate(message) => *message,
        other => panic!("expected a duplicate, not {other:?}"),
    }
}

pub(super) fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq.0).collect()
}

pub(super) fn revs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.rev.0).collect()
}

/// Runs tasks concurrently, and returns their results in the order of the tasks.
pub(super) async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (place, task) in tasks.into_iter().enumerate() {
        running.spawn(async move { (place, task.await) });
    }
    let mut results = running.join_all().await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

impl Trial {
    /// Commits changes, and returns their outcomes without times, since most cases are about the numbers.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Vec<Outcome> {
        let undated = |outcome| match outcome {
            Outcome::Committed(position) => Outcome::Committed(Position {
                sent_at: Timestamp::default(),
                ..position
            }),
            outcome => outcome,
        };
        self.commit_dated(changes).await.into_iter().map(undated).collect()
    }

    /// Commits changes, and returns their outcomes.
    pub(super) async fn commit_dated(&self, changes: Vec<Change>) -> Vec<Outcome> {
        let expected = changes.len();
        let outcomes = self.messages().commit(changes).in_order(expected).await;
        outcomes
            .into_iter()
            .map(|outcome| outcome.expect("the store works"))
            .collect()
    }

    pub(super) async fn commit_one(&self, change: Change) -> Outcome {
        self.commit(vec![change]).await.remove(0)
    }

    /// Commits a change, and returns its message with its position. Panics if it is not committed.
    pub(super) async fn store(&self, change: Change) -> Message {
        let message = Message::clone(change.message());
        message.at(committed(self.commit_dated(vec![change]).await.remove(0)))
    }

    /// Edits a message, and returns it as it is afterwards.
    pub(super) async fn edit(&self, message: &Message, body: &str, fence: Seq) -> Message {
        self.store(revise(edited(message, body, 1_000), fence)).await
    }

    /// Creates the direct conversation of two users.
    pub(super) async fn direct(&self, a: UserId, b: UserId) -> ConversationId {
        match self.conversations().create_direct(direct(a, b), at(0)).await.unwrap() {
            Creation::Created(conversation) | Creation::Existing(conversation) => conversation.id,
        }
    }

    /// Creates a group of these users, the first of them its owner.
    pub(super) async fn group(&self, n: u64, users: &[UserId]) -> ConversationId {
        self.store(creation(n, users)).await.conversation_id
    }

    /// Waits until a conversation has that many messages.
    pub(super) async fn reach(&self, id: ConversationId, seq: u64) {
        while self.head(id).await.seq.0 < seq {
            tokio::task::yield_now().await;
        }
    }

    /// Sends 120 messages of a member under fence 1, four at a time, through this instance and another. Returns their
    /// outcomes.
    pub(super) async fn chatter(&self, another: &Self, id: ConversationId, sender_id: UserId) -> Vec<Outcome> {
        let sending = |sender: u64| {
            let trial = if sender.is_multiple_of(2) {
                self.clone()
            } else {
                another.clone()
            };
            async move {
                let mut outcomes = Vec::new();
                for n in 0..30 {
                    let message = text(id, 100 * (sender + 1) + n, sender_id);
                    outcomes.push(trial.commit_one(append(message, Seq(1))).await);
                }
                outcomes
            }
        };
        at_once((0..4).map(sending)).await.concat()
    }

    pub(super) async fn head(&self, id: ConversationId) -> Head {
        let heads = self.conversations().heads(&[id]).await.unwrap();
        heads.first().map_or_else(Head::default, |(_, head)| *head)
    }

    pub(super) async fn roster(&self, id: ConversationId) -> Roster {
        self.conversations().rosters(&[id]).await.unwrap().remove(0)
    }

    pub(super) async fn conversation(&self, id: ConversationId) -> Conversation {
        self.conversations().find(&[id]).await.unwrap().remove(0)
    }

    pub(super) async fn member(&self, id: ConversationId, user_id: UserId) -> Member {
        self.conversations().members(&[(id, user_id)]).await.unwrap().remove(0)
    }

    pub(super) async fn member_if_any(&self, id: ConversationId, user_id: UserId) -> Option<Member> {
        self.conversations().members(&[(id, user_id)]).await.unwrap().pop()
    }

    pub(super) async fn message(&self, id: ConversationId, seq: u64) -> Message {
        self.messages().find(&[(id, Seq(seq))]).await.unwrap().remove(0)
    }

    pub(super) async fn message_by_id(&self, id: ConversationId, message_id: MessageId) -> Option<Message> {
        self.messages().find_by_id(id, message_id).await.unwrap()
    }

    /// Returns all messages, the oldest first.
    pub(super) async fn everything(&self, id: ConversationId) -> Vec<Message> {
        let all = self.messages().history(id, ALL, Range::After(Seq::ZERO), 100_000).await;
        all.unwrap()
    }

    pub(super) async fn changes(&self, id: ConversationId, after: u64) -> Vec<Message> {
        self.messages().changes(id, ALL, Rev(after), 100_000).await.unwrap()
    }

    /// Checks that the numbers of a conversation are dense and unique, and that its head, its messages and its changes
    /// agree. Returns its messages, the oldest first.
    pub(super) async fn audit(&self, id: ConversationId) -> Vec<Message> {
        let all = self.everything(id).await;
        let head = self.head(id).await;
        assert_eq!(
            seqs(&all),
            (1..=head.seq.0).collect::<Vec<_>>(),
            "seqs are dense up to the head"
        );
        let mut ordinal = 0;
        for message in &all {
            ordinal += u64::from(message.is_from_user());
            assert_eq!(message.ordinal, ordinal, "ordinals count the messages of users");
        }
        assert_eq!(head.ordinal, ordinal);
        let fence = all.iter().rev().find(|message| message.moves_fence());
        assert_eq!(head.fence, fence.map_or(Seq::ZERO, |message| message.seq));
        let mut by_rev = all.clone();
        by_rev.sort_by_key(|message| message.rev);
        assert_eq!(
            self.changes(id, 0).await,
            by_rev,
            "each once, by rev, in its present state"
        );
        by_rev.dedup_by_key(|message| message.rev);
        assert_eq!(by_rev.len(), all.len(), "no rev is given twice");
        assert_eq!(head.rev, by_rev.last().map_or(Rev::ZERO, |message| message.rev));
        all
    }
}
