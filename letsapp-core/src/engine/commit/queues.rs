//! Queues of submissions, one per conversation: who waits, and whose turn is next. No I/O and no locks.
//!
//! A conversation is *taken* while its submissions are carried out, so that at most one commit of it is in flight. The
//! conversations that wait are served in the order in which they became ready.

use std::collections::{HashMap, VecDeque};

use crate::domain::id::ConversationId;
use crate::engine::commit::command::QueuedSubmission;
use crate::engine::commit::unknown::UnknownChanges;

/// Maximum number of submissions in a batch: enough to make the cost of a commit small for each of them, and few enough
/// to keep a transaction short.
pub(super) const MAX_BATCH_SUBMISSIONS: usize = 512;
/// Maximum size of the submissions in a batch, in bytes. A single larger one makes a batch of its own.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// Maximum size of one conversation's submissions, waiting or being carried out, in bytes. Further ones are refused, so
/// that a conversation whose commits are stuck does not fill the memory.
pub(super) const MAX_CONVERSATION_BYTES: usize = 8 << 20;
/// Maximum size of all submissions, waiting or being carried out, in bytes: what the store can be behind.
pub(super) const MAX_TOTAL_BYTES: usize = 128 << 20;

/// Maximum number of spare rooms, at [`MAX_SPARE_SUBMISSIONS`] each: less than 2 MB.
const MAX_SPARE: usize = 512;
/// Maximum number of submissions that a spare room is for.
const MAX_SPARE_SUBMISSIONS: usize = 16;

/// The queues of all conversations that have something to be done.
#[derive(Default)]
pub(super) struct Queues {
    queues: HashMap<ConversationId, Queue>,
    /// Room for submissions, of queues that are gone: most queues live for a single commit, and would allocate it anew.
    spare: Vec<VecDeque<QueuedSubmission>>,
    /// Conversations that are ready: not taken, and with something to be done. Each once.
    ready: VecDeque<ConversationId>,
    /// Size of all submissions, waiting or taken.
    bytes: usize,
    /// Number of submissions accepted so far.
    accepted: u64,
}

/// The queue of one conversation.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<QueuedSubmission>,
    /// Changes whose outcome is to be looked up before anything else is carried out.
    unknown: UnknownChanges,
    /// Size of the submissions that wait.
    waiting_bytes: usize,
    /// Size of the submissions that were taken.
    taken_bytes: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing is to be done now.
    #[default]
    Idle,
    /// Waits in [`Queues::ready`].
    Ready,
    /// Is being carried out.
    Taken,
}

/// Work for a turn.
#[derive(Default)]
pub(super) struct Taken {
    /// The conversations, with the changes to be looked up before their submissions.
    pub(super) conversations: Vec<(ConversationId, UnknownChanges)>,
    /// Submissions to these conversations, those of each in order.
    pub(super) submissions: Vec<QueuedSubmission>,
}

/// A conversation that a turn gives back.
pub(super) struct Released {
    pub(super) id: ConversationId,
    /// Submissions that have to be carried out before the ones that wait, in any order.
    pub(super) again: Vec<QueuedSubmission>,
    /// Changes that have to be looked up before those.
    pub(super) unknown: UnknownChanges,
}

/// The reason why a submission is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too much waits in this conversation.
    Conversation,
    /// Too much waits in all conversations together.
    Total,
}

impl Queues {
    /// Adds a submission at the end of its conversation's queue.
    ///
    /// # Errors
    /// [`Full`] if too much waits already. The submission is dropped.
    pub(super) fn push(&mut self, mut submission: QueuedSubmission) -> Result<(), Full> {
        let (id, size) = (submission.conversation_id, submission.size());
        let held = self.queues.get(&id).map_or(0, Queue::bytes);
        if held > 0 && held + size > MAX_CONVERSATION_BYTES {
            return Err(Full::Conversation);
        }
        if self.bytes > 0 && self.bytes + size > MAX_TOTAL_BYTES {
            return Err(Full::Total);
        }
        submission.order = self.accepted;
        self.accepted += 1;
        let queue = self.queues.entry(id).or_insert_with(|| Queue {
            waiting: self.spare.pop().unwrap_or_default(),
            ..Queue::default()
        });
        queue.waiting.push_back(submission);
        queue.waiting_bytes += size;
        self.bytes += size;
        self.make_ready(id);
        Ok(())
    }

    /// Takes the next batch: of each ready conversation what waits, in order, up to its fair share. A change of a group
    /// is the last of its conversation in a batch, since everything behind it depends on its outcome.
    pub(super) fn take(&mut self) -> Taken {
        let share = (MAX_BATCH_SUBMISSIONS / self.ready.len().max(1)).max(1);
        let (mut taken, mut count, mut bytes) = (Taken::default(), 0, 0);
        while count < MAX_BATCH_SUBMISSIONS && bytes < MAX_BATCH_BYTES {
            let Some(id) = self.ready.pop_front() else { break };
            let queue = self.queues.get_mut(&id).expect("a ready conversation has a queue");
            queue.state = State::Taken;
            let room = share.min(MAX_BATCH_SUBMISSIONS - count);
            count += queue.take(room, MAX_BATCH_BYTES - bytes, &mut taken.submissions).max(1);
            bytes += queue.taken_bytes;
            taken.conversations.push((id, std::mem::take(&mut queue.unknown)));
        }
        taken
    }

    /// Takes a conversation back after its turn.
    ///
    /// Unless submissions wait, a conversation with only unknown changes stays idle until it is
    /// [woken](Self::wake).
    pub(super) fn release(&mut self, released: Released) {
        let Released { id, mut again, unknown } = released;
        again.sort_unstable_by_key(|submission| submission.order);
        let queue = self.queues.get_mut(&id).expect("a taken conversation has a queue");
        self.bytes -= queue.taken_bytes;
        queue.taken_bytes = 0;
        queue.state = State::Idle;
        queue.unknown = unknown;
        for submission in again.into_iter().rev() {
            let size = submission.size();
            queue.waiting.push_front(submission);
            queue.waiting_bytes += size;
            self.bytes += size;
        }
        if !queue.waiting.is_empty() {
            self.make_ready(id);
        } else if queue.unknown.is_empty()
            && let Some(Queue { waiting, .. }) = self.queues.remove(&id)
            && waiting.capacity() <= MAX_SPARE_SUBMISSIONS
            && self.spare.len() < MAX_SPARE
        {
            self.spare.push(waiting);
        }
    }

    /// Makes a conversation ready whose unknown changes are to be looked up, if it has any and is idle.
    pub(super) fn wake(&mut self, id: ConversationId) {
        if self.queues.get(&id).is_some_and(|queue| !queue.unknown.is_empty()) {
            self.make_ready(id);
        }
    }

    /// Tells whether [`take`](Self::take) would return anything.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the size of all submissions, waiting or being carried out, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of submissions accepted so far.
    pub(super) const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Tells whether nothing waits and nothing is being carried out. Unknown changes alone don't count.
    pub(super) fn is_idle(&self) -> bool {
        self.bytes == 0 && self.queues.values().all(|queue| queue.state == State::Idle)
    }

    fn make_ready(&mut self, id: ConversationId) {
        let queue = self.queues.get_mut(&id).expect("the caller has looked it up");
        if queue.state == State::Idle {
            queue.state = State::Ready;
            self.ready.push_back(id);
        }
    }
}

impl Queue {
    const fn bytes(&self) -> usize {
        self.waiting_bytes + self.taken_bytes
    }

    /// Takes what waits, at most as much as there is room for but at least one submission, and returns the number taken.
    fn take(&mut self, room: usize, room_bytes: usize, taken: &mut Vec<QueuedSubmission>) -> usize {
        let mut count = 0;
        while count < room
            && let Some(next) = self.waiting.front()
            && (count == 0 || self.taken_bytes + next.size() <= room_bytes)
        {
            let size = next.size();
            let next = self.waiting.pop_front().expect("it is the front");
            self.waiting_bytes -= size;
            self.taken_bytes += size;
            count += 1;
            let ends = next.command.changes_group();
            taken.push(next);
            if ends {
                break;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Seq;
    use crate::domain::text::Title;
    use crate::engine::commit::command::{Command, GroupChange, Submission};
    use crate::engine::fixtures::{ANA, NOW};

    fn id(n: u8) -> ConversationId {
        ConversationId::from_bytes([n; 16])
    }

    fn queued(conversation: u8, at: u64, command: Command) -> QueuedSubmission {
        let submission = Submission {
            conversation_id: id(conversation),
            actor: ANA,
            origin: None,
            at: NOW.plus(std::time::Duration::from_millis(at)),
            operation: [0; 16],
            command,
        };
        QueuedSubmission::new(submission).0
    }

    fn submission(conversation: u8, at: u64) -> QueuedSubmission {
        queued(conversation, at, Command::Delete { seq: Seq(1) })
    }

    fn large(conversation: u8) -> QueuedSubmission {
        let edit = Command::Edit {
            seq: Seq(1),
            body: "x".repeat(1 << 20),
            mentions: Vec::new(),
            files: None,
        };
        queued(conversation, 0, edit)
    }

    /// Takes a batch, as the number of each conversation with the times of its submissions.
    fn take(queues: &mut Queues) -> Vec<(u8, Vec<u64>)> {
        let taken = queues.take();
        let times = |id: ConversationId| {
            let of = taken
                .submissions
                .iter()
                .filter(move |submission| submission.conversation_id == id);
            of.map(|submission| submission.at.since(NOW).as_millis().try_into().unwrap())
                .collect()
        };
        let conversations = taken.conversations.iter().map(|(id, _)| *id);
        conversations.map(|id| (id.as_bytes()[0], times(id))).collect()
    }

    fn give_back(queues: &mut Queues, conversation: u8, again: Vec<QueuedSubmission>) {
        queues.release(Released {
            id: id(conversation),
            again,
            unknown: UnknownChanges::default(),
        });
    }

    fn release(queues: &mut Queues, conversation: u8) {
        give_back(queues, conversation, Vec::new());
    }

    #[test]
    fn a_taken_conversation_waits_until_it_is_released() {
        let mut queues = Queues::default();
        queues.push(submission(1, 1)).unwrap();
        assert_eq!(take(&mut queues), [(1, vec![1])]);
        queues.push(submission(1, 2)).unwrap();
        queues.push(submission(2, 3)).unwrap();
        assert_eq!(take(&mut queues), [(2, vec![3])]);
        assert!(!queues.is_ready());
        release(&mut queues, 1);
        assert_eq!(take(&mut queues), [(1, vec![2])]);
        assert!(!queues.is_idle());
        release(&mut queues, 1);
        release(&mut queues, 2);
        assert!(queues.is_idle());
        assert!(queues.queues.is_empty(), "nothing is kept of idle conversations");
    }

    #[test]
    fn submissions_to_be_carried_out_again_come_first() {
        let mut queues = Queues::default();
        queues.push(submission(1, 1)).unwrap();
        queues.push(submission(1, 2)).unwrap();
        let again = queues.take().submissions;
        queues.push(submission(1, 3)).unwrap();
        give_back(&mut queues, 1, again);
        assert_eq!(take(&mut queues), [(1, vec![1, 2, 3])]);
    }

    #[test]
    fn conversations_share_a_batch_fairly_and_take_turns() {
        let mut queues = Queues::default();
        for n in 0..1_000 {
            queues.push(submission(1, n)).unwrap();
        }
        queues.push(submission(2, 0)).unwrap();
        let batch = take(&mut queues);
        assert_eq!(batch.len(), 2);
        assert_eq!((batch[0].1.len(), batch[1].1.len()), (MAX_BATCH_SUBMISSIONS / 2, 1));
        queues.push(submission(2, 1)).unwrap();
        release(&mut queues, 2);
        release(&mut queues, 1);
        let order: Vec<_> = take(&mut queues)
            .iter()
            .map(|(conversation, _)| *conversation)
            .collect();
        assert_eq!(order, [2, 1]);
    }

    #[test]
    fn a_group_change_ends_its_part_of_a_batch() {
        let mut queues = Queues::default();
        let title = GroupChange::title(Title::parse("A title").unwrap());
        queues.push(submission(1, 1)).unwrap();
        queues.push(queued(1, 2, Command::UpdateGroup(title))).unwrap();
        queues.push(submission(1, 3)).unwrap();
        assert_eq!(take(&mut queues), [(1, vec![1, 2])]);
        release(&mut queues, 1);
        assert_eq!(take(&mut queues), [(1, vec![3])]);
    }

    #[test]
    fn a_conversation_is_bounded_in_bytes_and_so_are_all_together() {
        let mut queues = Queues::default();
        let refused = (0..=8).find_map(|_| queues.push(large(1)).err());
        assert_eq!(refused, Some(Full::Conversation));
        assert_eq!(queues.take().conversations.len(), 1, "what is taken still counts");
        assert_eq!(queues.push(large(1)), Err(Full::Conversation));
        let refused = (2..=200).find_map(|n| (0..7).find_map(|_| queues.push(large(n)).err()));
        assert_eq!(refused, Some(Full::Total));
        release(&mut queues, 1);
        assert_eq!(queues.push(large(1)), Ok(()));
    }

    #[test]
    fn a_batch_is_bounded_in_bytes() {
        let mut queues = Queues::default();
        for n in 0..20 {
            queues.push(large(n)).unwrap();
        }
        let count = queues.take().submissions.len();
        assert!((8..=9).contains(&count), "{count}");
    }
}
