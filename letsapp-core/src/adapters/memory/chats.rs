//! What conversations and messages share: one lock, so that a change of a conversation, its members and its messages
//! is one step.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::log::Log;
use crate::domain::conversation::{Conversation, Roster};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, Position};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Change, Creation, Outcome};

pub(super) type Shared = Arc<RwLock<Chats>>;

pub(super) fn read(chats: &Shared) -> RwLockReadGuard<'_, Chats> {
    chats.read().expect("no step panics half-way")
}

pub(super) fn write(chats: &Shared) -> RwLockWriteGuard<'_, Chats> {
    chats.write().expect("no step panics half-way")
}

/// All conversations, and who is or was in which.
#[derive(Debug, Default)]
pub(super) struct Chats {
    by_id: HashMap<ConversationId, Chat>,
    by_user: HashMap<UserId, HashSet<ConversationId>>,
    /// Those deleted of which something is left.
    remains: BTreeSet<(Timestamp, ConversationId)>,
}

/// A conversation with its members, former ones too, and its messages.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) conversation: Conversation,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) log: Log,
}

/// What is told of a group, and of whom.
#[derive(Clone, Copy)]
struct Told<'a> {
    succession: Option<&'a Message>,
    message: &'a Message,
    members: &'a [MemberChange],
}

impl Chats {
    pub(super) fn chat(&self, id: ConversationId) -> Option<&Chat> {
        self.by_id.get(&id)
    }

    pub(super) fn member_mut(&mut self, id: ConversationId, user_id: UserId) -> Option<&mut Member> {
        let chat = self.by_id.get_mut(&id).filter(|chat| !chat.is_deleted())?;
        chat.members.get_mut(&user_id)
    }

    pub(super) fn memberships(&self, user_id: UserId) -> impl Iterator<Item = &Member> {
        let ids = self.by_user.get(&user_id).into_iter().flatten();
        ids.filter_map(move |id| self.by_id.get(id)?.member(user_id))
    }

    /// Returns the conversations that were deleted before then and of which something is left, the longest ago first.
    pub(super) fn deleted(&self, before: Timestamp, limit: usize) -> Vec<ConversationId> {
        let earlier = self.remains.iter().take_while(|(at, _)| *at < before);
        earlier.map(|(_, id)| *id).take(limit).collect()
    }

    /// Removes a part of what is left of a conversation; true once nothing is.
    pub(super) fn purge(&mut self, id: ConversationId, limit: usize) -> bool {
        let Some(chat) = self.by_id.get_mut(&id) else {
            return true;
        };
        let Some(deleted_at) = chat.conversation.deleted_at else {
            return true;
        };
        let gone: Vec<_> = chat.members.keys().copied().take(limit).collect();
        for user_id in gone {
            chat.members.remove(&user_id);
            if let Some(ids) = self.by_user.get_mut(&user_id) {
                ids.remove(&id);
            }
        }
        let done = chat.log.purge(limit) && chat.members.is_empty();
        if done {
            self.remains.remove(&(deleted_at, id));
        }
        done
    }

    pub(super) fn create_direct(&mut self, conversation: Conversation, at: Timestamp) -> Creation {
        if let Some(chat) = self.by_id.get(&conversation.id) {
            return Creation::Existing(chat.conversation.clone());
        }
        let members = conversation
            .pair
            .into_iter()
            .flat_map(|(a, b)| [a, b])
            .map(|user_id| (user_id, Member::of_pair(conversation.id, user_id, at)))
            .collect();
        self.insert(Chat {
            log: Log::new(conversation.id),
            conversation: conversation.clone(),
            members,
        });
        Creation::Created(conversation)
    }

    pub(super) fn carry_out(&mut self, change: Change) -> Outcome {
        match change {
            Change::Create {
                conversation,
                members,
                message,
            } => self.create(*conversation, &members, &message),
            Change::Append { message, fence } => self.append(&message, fence),
            Change::Revise { message, fence, .. } => self.revise(&message, fence),
            Change::UpdateGroup {
                conversation,
                members,
                succession,
                message,
                fence,
            } => {
                let told = Told {
                    succession: succession.as_deref(),
                    message: &message,
                    members: &members,
                };
                self.update_group(conversation.map(|it| *it), told, fence)
            }
        }
    }

    fn create(&mut self, conversation: Conversation, members: &[MemberChange], message: &Message) -> Outcome {
        if let Some(chat) = self.by_id.get(&conversation.id) {
            return Outcome::Exists(Box::new(chat.conversation.clone()));
        }
        let mut chat = Chat {
            log: Log::new(conversation.id),
            conversation,
            members: BTreeMap::new(),
        };
        let told = Told {
            succession: None,
            message,
            members,
        };
        let outcome = chat.tell(told, Seq::ZERO);
        self.insert(chat);
        outcome
    }

    fn append(&mut self, message: &Message, fence: Seq) -> Outcome {
        match self.by_id.get_mut(&message.conversation_id) {
            Some(chat) => chat.log.append(message, fence),
            None => Outcome::Outdated,
        }
    }

    fn revise(&mut self, message: &Message, fence: Seq) -> Outcome {
        match self.by_id.get_mut(&message.conversation_id) {
            Some(chat) => chat.log.revise(message, fence),
            None => Outcome::Outdated,
        }
    }

    fn update_group(&mut self, conversation: Option<Conversation>, told: Told<'_>, fence: Seq) -> Outcome {
        let id = told.message.conversation_id;
        let Some(chat) = self.by_id.get_mut(&id) else {
            return Outcome::Outdated;
        };
        let outcome = chat.tell(told, fence);
        if !matches!(outcome, Outcome::Committed(_)) {
            return outcome;
        }
        if let Some(conversation) = conversation {
            self.remains.extend(conversation.deleted_at.map(|at| (at, id)));
            chat.conversation = conversation;
        }
        for change in told.members {
            if chat.members.contains_key(&change.user_id()) {
                self.by_user.entry(change.user_id()).or_default().insert(id);
            }
        }
        outcome
    }

    fn insert(&mut self, chat: Chat) {
        let id = chat.conversation.id;
        for user_id in chat.members.keys() {
            self.by_user.entry(*user_id).or_default().insert(id);
        }
        self.by_id.insert(id, chat);
    }
}

impl Chat {
    /// Returns the conversation with its members of now.
    pub(super) fn roster(&self) -> Roster {
        let mut members: Vec<_> = self.members_in().cloned().collect();
        members.sort_by_key(|member| (member.joined_at, member.user_id));
        Roster {
            conversation: self.conversation.clone(),
            members,
            fence: self.log.head().fence,
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.conversation.deleted_at.is_some()
    }

    /// Returns the record of one who is or was in, unless the conversation is deleted.
    pub(super) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.members.get(&user_id).filter(|_| !self.is_deleted())
    }

    /// Returns those who are in now.
    pub(super) fn members_in(&self) -> impl Iterator<Item = &Member> {
        self.members
            .values()
            .filter(|member| member.is_in() && !self.is_deleted())
    }

    /// Adds a system message, if it may be, behind its succession, and carries out what it tells of the members.
    fn tell(&mut self, told: Told<'_>, mut fence: Seq) -> Outcome {
        if let Some(succession) = told.succession {
            if let Some(first) = self.log.find_by_id(told.message.id) {
                return Outcome::Duplicate(Box::new(first));
            }
            match self.log.append(succession, fence) {
                Outcome::Committed(position) => fence = position.seq,
                other => return other,
            }
        }
        let outcome = self.log.append(told.message, fence);
        if let Outcome::Committed(Position { seq, .. }) = outcome {
            for change in told.members {
                let before = self.members.get(&change.user_id());
                if let Some(member) = change.apply(self.conversation.id, before, seq, told.message.sent_at) {
                    self.members.insert(member.user_id, member);
                }
            }
        }
        outcome
    }
}
