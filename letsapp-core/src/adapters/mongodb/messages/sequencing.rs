//! What waits to be carried out in one conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::adapters::mongodb::retry::{Deadline, VISIBILITY_TIMEOUT};
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq};
use crate::domain::message::Position;
use crate::ports::Change;

/// The changes of one conversation, in order, and where it stands.
pub(super) struct Line {
    pub(super) id: ConversationId,
    pub(super) standing: Standing,
    pub(super) queue: VecDeque<Pending>,
    /// Where it stood when its next numbers turned out to be taken.
    pub(super) overtaken_at: Option<Head>,
    /// Until when what holds its numbers or ids, but can't be seen, is waited for.
    unseen: Option<Deadline>,
}

/// What is known of where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Unknown,
    /// It stands there, or has moved on without our knowing.
    At(Head),
    /// There is no such conversation.
    Missing,
}

/// A change that is not settled yet.
pub(super) struct Pending {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) change: Change,
    /// The numbers under which it was offered without an answer that says whether it was carried out.
    pub(super) doubts: Vec<Rev>,
    /// It was refused because of what there is, which is to be looked at.
    pub(super) refused: Option<Refused>,
}

/// Why a change was refused.
pub(super) enum Refused {
    /// Its id is taken, or its message has moved on.
    Taken,
    /// The server wanted another document.
    Invalid(String),
}

/// By what kind of command a change is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
    Insert,
    Update,
    Transaction,
}

impl Line {
    pub(super) const fn new(id: ConversationId, standing: Standing) -> Self {
        Self {
            id,
            standing,
            queue: VecDeque::new(),
            overtaken_at: None,
            unseen: None,
        }
    }

    /// Returns the changes that come next, can be carried out by these means, and were decided on what still holds,
    /// each with where it takes the conversation.
    pub(super) fn next(&self, kind: CommandKind) -> impl Iterator<Item = (&Pending, Head)> {
        let mut head = match self.standing {
            Standing::At(head) => Some(head),
            Standing::Unknown | Standing::Missing => None,
        };
        self.queue.iter().map_while(move |pending| {
            let before = head?;
            if pending.command_kind() != kind
                || pending.fence().is_some_and(|fence| fence != before.fence)
                || pending.base() > before.rev
            {
                return None;
            }
            let after = pending.after(before);
            head = Some(after);
            Some((pending, after))
        })
    }

    /// Tells, for each change, whether it was decided on what is no longer so.
    pub(super) fn outdated(&self) -> impl Iterator<Item = bool> {
        // Behind a system message that is about to be carried out, nothing is known yet.
        let mut known = true;
        self.queue
            .iter()
            .enumerate()
            .map(move |(place, pending)| match (self.standing, pending.fence()) {
                (Standing::Missing, fence) => {
                    known &= fence.is_some();
                    known
                }
                // It was decided on more than is known here, which is read anew only for the one that comes next.
                (Standing::At(head), Some(fence)) if place > 0 && fence > head.fence => {
                    known = false;
                    false
                }
                (Standing::At(head), Some(fence)) if known => {
                    known = fence != head.fence || !pending.moves_fence();
                    fence != head.fence
                }
                _ => {
                    known = false;
                    false
                }
            })
    }

    /// Tells whether its next change was decided on more than is known here.
    pub(super) fn is_behind(&self) -> bool {
        match (self.standing, self.queue.front()) {
            (Standing::At(head), Some(next)) => next.fence() > Some(head.fence) || next.base() > head.rev,
            _ => false,
        }
    }

    /// Tells the revisions that wait of a message where it is: they may have been worked out before it was stored.
    pub(super) fn place(&mut self, id: MessageId, position: Position) {
        for pending in &mut self.queue {
            if let Change::Revise { message, .. } = &mut pending.change
                && message.id == id
                && message.seq == position.seq
            {
                Arc::make_mut(message).ordinal = position.ordinal;
            }
        }
    }

    /// Notes that something which can't be seen is in the way.
    pub(super) fn waits(&mut self) {
        self.unseen.get_or_insert_with(|| Deadline::after(VISIBILITY_TIMEOUT));
    }

    /// Notes that nothing is in the way.
    pub(super) const fn moves(&mut self) {
        self.unseen = None;
    }

    pub(super) fn has_waited_enough(&self) -> bool {
        self.unseen.is_some_and(Deadline::has_passed)
    }
}

impl Pending {
    pub(super) const fn new(index: usize, change: Change) -> Self {
        Self {
            index,
            change,
            doubts: Vec::new(),
            refused: None,
        }
    }

    pub(super) const fn command_kind(&self) -> CommandKind {
        match &self.change {
            Change::Append { .. } => CommandKind::Insert,
            Change::Revise { .. } => CommandKind::Update,
            Change::UpdateGroup {
                conversation: None,
                members,
                succession: None,
                ..
            } if members.is_empty() => CommandKind::Insert,
            Change::UpdateGroup { .. } | Change::Create { .. } => CommandKind::Transaction,
        }
    }

    /// Returns the fence under which it was decided; what makes a conversation has none.
    pub(super) const fn fence(&self) -> Option<Seq> {
        match &self.change {
            Change::Append { fence, .. } | Change::Revise { fence, .. } | Change::UpdateGroup { fence, .. } => {
                Some(*fence)
            }
            Change::Create { .. } => None,
        }
    }

    /// Returns the number of the state that a revision was worked out from; zero if it is none.
    fn base(&self) -> Rev {
        match &self.change {
            Change::Revise { message, .. } => message.rev,
            _ => Rev::ZERO,
        }
    }

    const fn moves_fence(&self) -> bool {
        matches!(self.change, Change::UpdateGroup { .. } | Change::Create { .. })
    }

    /// Works out where the change takes a conversation that stands there.
    pub(super) fn after(&self, head: Head) -> Head {
        let rev = head.rev.next();
        match &self.change {
            Change::Revise { .. } => Head { rev, ..head },
            change => {
                let head = change.succession().map_or(head, |first| head.after(first));
                head.after(change.message())
            }
        }
    }

    /// Works out where the change lands if it takes its conversation to this head.
    pub(super) fn position(&self, head: Head) -> Position {
        match &self.change {
            Change::Revise { message, .. } => Position {
                seq: message.seq,
                rev: head.rev,
                ordinal: message.ordinal,
            },
            _ => head.position(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;
    use crate::domain::message::{Content, Fingerprint, Message, SystemEvent};
    use crate::domain::timestamp::Timestamp;
    use crate::ports::TermsChange;

    const ID: ConversationId = ConversationId::from_bytes([1; 16]);

    fn message(content: Content) -> Message {
        Message {
            conversation_id: ID,
            id: MessageId::from_bytes([2; 16]),
            seq: Seq::ZERO,
            rev: Rev::ZERO,
            ordinal: 0,
            sender_id: UserId::from_bytes([3; 16]),
            content,
            reply_to: None,
            forwarded: false,
            mentions: vec![],
            attachments: vec![],
            reactions: vec![],
            sent_at: Timestamp::default(),
            edited_at: None,
            deleted_at: None,
            fingerprint: Fingerprint {
                version: 1,
                hash: [0; 32],
            },
        }
    }

    fn append(fence: u64) -> Change {
        Change::Append {
            message: Arc::new(message(Content::Text("hi".to_owned()))),
            fence: Seq(fence),
        }
    }

    fn revise(rev: u64, fence: u64) -> Change {
        let mut message = message(Content::Text("hi".to_owned()));
        message.rev = Rev(rev);
        Change::Revise {
            message: Arc::new(message),
            terms: TermsChange::Keep,
            fence: Seq(fence),
        }
    }

    fn tell(fence: u64) -> Change {
        let user_id = UserId::from_bytes([4; 16]);
        Change::UpdateGroup {
            conversation: None,
            members: vec![],
            succession: None,
            message: Arc::new(message(Content::System(SystemEvent::MemberLeft { user_id }))),
            fence: Seq(fence),
        }
    }

    fn line(standing: Standing, changes: impl IntoIterator<Item = Change>) -> Line {
        let mut line = Line::new(ID, standing);
        line.queue.extend(
            changes
                .into_iter()
                .enumerate()
                .map(|(n, change)| Pending::new(n, change)),
        );
        line
    }

    fn head(seq: u64, rev: u64, ordinal: u64, fence: u64) -> Head {
        Head {
            seq: Seq(seq),
            rev: Rev(rev),
            ordinal,
            fence: Seq(fence),
        }
    }

    #[test]
    fn what_comes_next_takes_number_after_number_up_to_where_the_fence_moves() {
        let line = line(
            Standing::At(head(4, 9, 3, 1)),
            [append(1), append(1), tell(1), append(1), append(6)],
        );
        let next: Vec<_> = line.next(CommandKind::Insert).map(|(_, head)| head).collect();
        assert_eq!(next, [head(5, 10, 4, 1), head(6, 11, 5, 1), head(7, 12, 5, 7)]);
    }

    #[test]
    fn one_command_ends_where_the_next_kind_begins() {
        let line = line(Standing::At(head(4, 9, 3, 1)), [append(1), revise(2, 1), append(1)]);
        assert_eq!(line.next(CommandKind::Insert).count(), 1);
        assert_eq!(line.next(CommandKind::Update).count(), 0);
    }

    #[test]
    fn nothing_is_offered_where_it_is_not_known_where_the_conversation_stands() {
        for standing in [Standing::Unknown, Standing::Missing] {
            assert_eq!(line(standing, [append(0)]).next(CommandKind::Insert).count(), 0);
        }
    }

    #[test]
    fn a_revision_never_takes_a_number_that_its_message_may_have_had() {
        let line = line(Standing::At(head(4, 9, 3, 1)), [revise(10, 1)]);
        assert_eq!(line.next(CommandKind::Update).count(), 0);
        assert!(line.is_behind());
    }

    #[test]
    fn what_stands_behind_a_system_message_is_not_judged_before_it() {
        let outdated = |standing, changes: Vec<Change>| line(standing, changes).outdated().collect::<Vec<_>>();
        let at = Standing::At(head(4, 9, 3, 1));
        assert_eq!(outdated(at, vec![append(0), append(1), append(0)]), [true, false, true]);
        assert_eq!(outdated(at, vec![tell(0), append(0)]), [true, true]);
        assert_eq!(outdated(at, vec![tell(1), append(0)]), [false, false]);
        assert_eq!(outdated(at, vec![append(1), append(2), append(0)]), [false; 3]);
        assert_eq!(outdated(at, vec![append(2)]), [true], "that was read anew");
        assert_eq!(outdated(Standing::Missing, vec![append(0), tell(0)]), [true, true]);
        assert_eq!(outdated(Standing::Unknown, vec![append(0)]), [false]);
    }
}
