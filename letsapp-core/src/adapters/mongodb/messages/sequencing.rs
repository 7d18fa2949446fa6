//! Sequencing of one conversation's changes: the queue of a batch, and the numbers that each change takes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::adapters::mongodb::retry::{Deadline, VISIBILITY_TIMEOUT};
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq};
use crate::domain::message::Position;
use crate::ports::Change;

/// Queue of a conversation's changes, with what is known of its head.
pub(super) struct Line {
    pub(super) id: ConversationId,
    pub(super) standing: Standing,
    /// Changes that are not settled, in order of the batch.
    pub(super) queue: VecDeque<Pending>,
    /// Head whose next numbers were refused as taken; `None` once the head has been read again.
    pub(super) overtaken_at: Option<Head>,
    /// Time at which to give up waiting for a document that holds its numbers or ids but is not visible yet; `None`
    /// while there is none.
    unseen: Option<Deadline>,
}

/// Knowledge of a conversation's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not known; to be read.
    Unknown,
    /// Newest known head. Another server may have moved it since.
    At(Head),
    /// The conversation does not exist.
    Missing,
}

/// A change that is not settled yet.
pub(super) struct Pending {
    /// Position in the batch.
    pub(super) index: usize,
    pub(super) change: Change,
    /// Every `rev` under which it was offered without a reply that says whether it was carried out.
    pub(super) doubts: Vec<Rev>,
    /// Reason of the last refusal, until the next lookup.
    pub(super) refused: Option<Refused>,
}

/// Reason for which a change was refused.
pub(super) enum Refused {
    /// The id is taken, or the message has another `rev`.
    Taken,
    /// The server does not accept the document; with its error.
    Invalid(String),
}

/// Kind of command that carries out a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
    /// An ordered `insert` of messages.
    Insert,
    /// An ordered `update` of messages.
    Update,
    /// A transaction, for changes that also touch the conversation or its members.
    Transaction,
}

impl Line {
    /// Returns an empty queue.
    pub(super) const fn new(id: ConversationId, standing: Standing) -> Self {
        Self {
            id,
            standing,
            queue: VecDeque::new(),
            overtaken_at: None,
            unseen: None,
        }
    }

    /// Returns the next changes that one command of this kind can carry out, each with the head after it. Ends before
    /// the first change of another kind, under another fence, or computed from a newer `rev` than the head's.
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

    /// Tells, for each change, whether it was decided under a fence that has moved.
    pub(super) fn outdated(&self) -> impl Iterator<Item = bool> {
        // Behind a system message that is about to be carried out, the fence is not known yet.
        let mut known = true;
        self.queue
            .iter()
            .enumerate()
            .map(move |(place, pending)| match (self.standing, pending.fence()) {
                (Standing::Missing, fence) => {
                    known &= fence.is_some();
                    known
                }
                // Decided under a newer fence than the known one. The head is read again only for the first change, so
                // this one is judged when it comes first.
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

    /// Tells whether the next change was decided under a newer fence, or computed from a newer `rev`, than the known
    /// head's.
    pub(super) fn is_behind(&self) -> bool {
        match (self.standing, self.queue.front()) {
            (Standing::At(head), Some(next)) => next.fence() > Some(head.fence) || next.base() > head.rev,
            _ => false,
        }
    }

    /// Gives the ordinal and the time of a committed message to its revisions in the queue. A revision may have been
    /// computed before its message was stored, without an ordinal.
    pub(super) fn place(&mut self, id: MessageId, position: Position) {
        for pending in &mut self.queue {
            if let Change::Revise { message, .. } = &mut pending.change
                && message.id == id
                && message.seq == position.seq
            {
                let message = Arc::make_mut(message);
                message.ordinal = position.ordinal;
                message.sent_at = position.sent_at;
            }
        }
    }

    /// Begins to wait for a document that is not visible yet, unless that has begun.
    pub(super) fn waits(&mut self) {
        self.unseen.get_or_insert_with(|| Deadline::after(VISIBILITY_TIMEOUT));
    }

    /// Stops waiting, after progress.
    pub(super) const fn moves(&mut self) {
        self.unseen = None;
    }

    /// Tells whether the wait has lasted [`VISIBILITY_TIMEOUT`].
    pub(super) fn has_waited_enough(&self) -> bool {
        self.unseen.is_some_and(Deadline::has_passed)
    }
}

impl Pending {
    /// Returns a change that has not been offered yet.
    pub(super) const fn new(index: usize, change: Change) -> Self {
        Self {
            index,
            change,
            doubts: Vec::new(),
            refused: None,
        }
    }

    /// Returns the kind of command that the change needs. A system message without any change of the conversation or
    /// its members is a plain insert, which is cheaper than a transaction.
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

    /// Returns the fence under which the change was decided; `None` for the creation of a conversation.
    pub(super) const fn fence(&self) -> Option<Seq> {
        match &self.change {
            Change::Append { fence, .. } | Change::Revise { fence, .. } | Change::UpdateGroup { fence, .. } => {
                Some(*fence)
            }
            Change::Create { .. } => None,
        }
    }

    /// Returns the `rev` that a revision was computed from; zero for other changes.
    fn base(&self) -> Rev {
        match &self.change {
            Change::Revise { message, .. } => message.rev,
            _ => Rev::ZERO,
        }
    }

    /// Tells whether the change adds a system message, which becomes the new fence.
    const fn moves_fence(&self) -> bool {
        matches!(self.change, Change::UpdateGroup { .. } | Change::Create { .. })
    }

    /// Returns the head after the change, for a conversation whose head is `head`.
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

    /// Returns the position of the change's message, given the head after the change.
    pub(super) fn position(&self, head: Head) -> Position {
        match &self.change {
            Change::Revise { message, .. } => Position {
                seq: message.seq,
                rev: head.rev,
                ordinal: message.ordinal,
                sent_at: message.sent_at,
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
            sent_at: Timestamp::default(),
        }
    }

    #[test]
    fn next_changes_take_consecutive_numbers_up_to_a_change_under_another_fence() {
        let line = line(
            Standing::At(head(4, 9, 3, 1)),
            [append(1), append(1), tell(1), append(1), append(6)],
        );
        let next: Vec<_> = line.next(CommandKind::Insert).map(|(_, head)| head).collect();
        assert_eq!(next, [head(5, 10, 4, 1), head(6, 11, 5, 1), head(7, 12, 5, 7)]);
    }

    #[test]
    fn a_command_ends_before_a_change_of_another_kind() {
        let line = line(Standing::At(head(4, 9, 3, 1)), [append(1), revise(2, 1), append(1)]);
        assert_eq!(line.next(CommandKind::Insert).count(), 1);
        assert_eq!(line.next(CommandKind::Update).count(), 0);
    }

    #[test]
    fn nothing_is_offered_without_a_known_head() {
        for standing in [Standing::Unknown, Standing::Missing] {
            assert_eq!(line(standing, [append(0)]).next(CommandKind::Insert).count(), 0);
        }
    }

    #[test]
    fn a_revision_newer_than_the_known_head_is_not_offered() {
        let line = line(Standing::At(head(4, 9, 3, 1)), [revise(10, 1)]);
        assert_eq!(line.next(CommandKind::Update).count(), 0);
        assert!(line.is_behind());
    }

    #[test]
    fn a_change_behind_a_system_message_is_not_judged_before_it() {
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
