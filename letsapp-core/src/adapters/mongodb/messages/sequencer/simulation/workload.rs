//! Random batches of changes, as servers decide them from what they last read.

use super::super::fixtures::{append, conversation_id, create, group, note, removal, revise, system, text};
use super::database::Documents;
use super::random::Random;
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Rev};
use crate::domain::message::Message;
use crate::ports::Change;

/// Source of changes. Every message and every text has a number of its own, unless a message is sent again.
#[derive(Default)]
pub(super) struct Workload {
    last: u64,
    /// Messages that were sent, which clients may send again to any server.
    sent: Vec<Message>,
}

/// A change with what the test knows about it.
pub(super) struct Decided {
    pub(super) change: Change,
    /// Whether nobody else sends its message or makes its revision.
    pub(super) is_unique: bool,
}

impl Workload {
    pub(super) const fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Returns one append to each conversation, decided on what is stored.
    pub(super) fn one_each(&mut self, stored: &Documents, ids: impl IntoIterator<Item = u64>) -> Vec<Decided> {
        let mut decide = |n| {
            let id = conversation_id(n);
            let fence = stored.head(id).unwrap_or_default().fence;
            let change = append(text(id, self.number()), fence.0);
            Decided {
                change,
                is_unique: true,
            }
        };
        ids.into_iter().map(&mut decide).collect()
    }

    /// Returns random changes of the conversations.
    pub(super) fn batch(&mut self, ids: &[ConversationId], stored: &Documents, random: &mut Random) -> Vec<Decided> {
        let mut batch = Vec::new();
        for id in ids {
            // Numbers are foreseen as a server does that revises a message which is not stored yet. Its ordinal and its
            // date are not: the store assigns them.
            let known = stored.head(*id);
            let mut head = known.unwrap_or_default();
            if known.is_none() {
                let mut change = create(*id, self.number());
                if let Change::Create { conversation, .. } = &mut change {
                    **conversation = group(*id, self.number());
                }
                head = head.after(change.message());
                batch.push(Decided {
                    change,
                    is_unique: true,
                });
            }
            let mut foreseen: Vec<Message> = Vec::new();
            for _ in 0..=random.below(4) {
                let decided = self.one(*id, head, stored, &foreseen, random);
                let change = &decided.change;
                head = match change {
                    Change::Revise { .. } => Head {
                        rev: head.rev.next(),
                        ..head
                    },
                    change => {
                        let before = change
                            .preceding()
                            .iter()
                            .fold(head, |head, message| head.after(message));
                        let after = before.after(change.message());
                        let message = change.message();
                        foreseen.push(Message {
                            seq: after.seq,
                            rev: after.rev,
                            ..Message::clone(message)
                        });
                        after
                    }
                };
                batch.push(decided);
            }
        }
        batch
    }

    fn one(
        &mut self,
        id: ConversationId,
        head: Head,
        stored: &Documents,
        foreseen: &[Message],
        random: &mut Random,
    ) -> Decided {
        // Some decisions are made from an old roster, or from one that is newer than what was read.
        let fence = match random.below(20) {
            0 => 0,
            1 => head.fence.0 + 1,
            _ => head.fence.0,
        };
        let unique = |change| Decided {
            change,
            is_unique: true,
        };
        match random.below(12) {
            0..=4 => {}
            5 => {
                let sent: Vec<_> = self.sent.iter().filter(|sent| sent.conversation_id == id).collect();
                if let Some(again) = random.pick(&sent) {
                    return Decided {
                        change: append(Message::clone(again), fence),
                        is_unique: false,
                    };
                }
            }
            6..=8 => {
                let is_old = random.chance(10);
                let messages = stored.of(id).map(|stored| &stored.message).chain(foreseen);
                let messages: Vec<_> = messages.filter(|message| message.is_from_user()).collect();
                if let Some(message) = random.pick(&messages) {
                    let mut message = Message::clone(message);
                    if is_old {
                        message.rev = Rev(message.rev.0.saturating_sub(1));
                    }
                    return unique(revise(&message, self.number(), fence));
                }
            }
            9 => return unique(note(id, self.number(), fence)),
            10 => return unique(removal(id, self.number(), fence)),
            _ => {
                let mut change = removal(id, self.number(), fence);
                if let Change::UpdateGroup { preceding, .. } = &mut change {
                    preceding.extend((0..=random.below(3)).map(|_| system(id, self.number())));
                }
                return unique(change);
            }
        }
        let message = text(id, self.number());
        let is_unique = random.chance(70);
        if !is_unique {
            self.sent.push(message.clone());
        }
        Decided {
            change: append(message, fence),
            is_unique,
        }
    }
}
