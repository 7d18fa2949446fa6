//! The parts of a change that are kept while the store has the change, to reply and publish afterwards.

use std::sync::Arc;

use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::member::MemberChange;
use crate::domain::message::{Message, Position};
use crate::engine::rosters::GroupUpdate;
use crate::ports::Change;

/// The parts of a change that are needed once its outcome is known.
#[derive(Clone)]
pub(super) struct Draft {
    /// The message that the change adds or replaces; if it adds several, the last one.
    pub(super) message: Arc<Message>,
    pub(super) kind: DraftKind,
}

/// The kind of a change, which decides who receives which events.
#[derive(Clone)]
pub(super) enum DraftKind {
    /// A user's new message.
    Append,
    /// An edited or deleted message, or one with other reactions.
    Revise,
    /// A new group.
    Create(Arc<Conversation>),
    /// A changed group.
    UpdateGroup {
        /// The system messages right before the last one, in order.
        preceding: Vec<Arc<Message>>,
        update: Arc<GroupUpdate>,
    },
}

impl Draft {
    pub(super) fn of(change: &Change) -> Self {
        let kind = match change {
            Change::Append { .. } => DraftKind::Append,
            Change::Revise { .. } => DraftKind::Revise,
            Change::Create { conversation, .. } => DraftKind::Create(Arc::new(Conversation::clone(conversation))),
            Change::UpdateGroup {
                conversation,
                members,
                preceding,
                ..
            } => DraftKind::UpdateGroup {
                preceding: Vec::<Arc<Message>>::clone(preceding),
                update: Arc::new(GroupUpdate {
                    conversation: conversation.as_deref().cloned(),
                    members: Vec::<MemberChange>::clone(members),
                }),
            },
        };
        Self {
            message: Arc::clone(change.message()),
            kind,
        }
    }

    pub(super) fn conversation_id(&self) -> ConversationId {
        self.message.conversation_id
    }

    /// Returns the system messages before the last one as they are stored, if the last one is at this position: all are
    /// stored in one step, one right after the other.
    pub(super) fn preceding_at(&self, last: Position) -> Vec<Message> {
        let DraftKind::UpdateGroup { preceding, .. } = &self.kind else {
            return Vec::new();
        };
        let distances = (1..=preceding.len() as u64).rev();
        let placed = preceding.iter().zip(distances).map(|(message, distance)| {
            Message::clone(message).at(Position {
                seq: Seq(last.seq.0 - distance),
                rev: Rev(last.rev.0 - distance),
                // All were offered with the same time, and none is a user's.
                ..last
            })
        });
        placed.collect()
    }

    /// Tells whether the change concerns the group itself, so that its cached roster is outdated afterwards.
    pub(super) const fn is_of_group(&self) -> bool {
        matches!(self.kind, DraftKind::Create(_) | DraftKind::UpdateGroup { .. })
    }
}
