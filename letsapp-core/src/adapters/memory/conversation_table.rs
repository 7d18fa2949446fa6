//! Table of conversations with their members and messages, shared by the conversation and message repositories.
//!
//! A single lock guards all of it: a change of a group writes the conversation, its members and a system message, and
//! readers must see either all of that or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::log::Log;
use crate::domain::conversation::{Conversation, Roster};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::mark::{Mark, Since};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, Position};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Change, Creation, Outcome, Standing, Standings};

pub(super) type Shared = Arc<RwLock<ConversationTable>>;

/// Locks the table for reading.
pub(super) fn read(table: &Shared) -> RwLockReadGuard<'_, ConversationTable> {
    table.read().expect("no step panics half-way")
}

/// Locks the table for writing.
pub(super) fn write(table: &Shared) -> RwLockWriteGuard<'_, ConversationTable> {
    table.write().expect("no step panics half-way")
}

/// All conversations by id, with an index by member.
#[derive(Debug, Default)]
pub(super) struct ConversationTable {
    by_id: HashMap<ConversationId, ConversationEntry>,
    /// The direct conversation of each pair that has one.
    by_pair: HashMap<(UserId, UserId), ConversationId>,
    /// Conversations that a user is or was a member of, until the membership is purged.
    by_user: HashMap<UserId, HashSet<ConversationId>>,
    /// Deleted conversations that still have members or messages to purge, by time of deletion.
    remains: BTreeSet<(Timestamp, ConversationId)>,
    /// Mark of the last change of any member.
    last_mark: Mark,
}

/// A conversation with its current and former members and its messages.
#[derive(Debug)]
pub(super) struct ConversationEntry {
    pub(super) conversation: Conversation,
    /// Current and former members.
    pub(super) members: BTreeMap<UserId, Member>,
    /// Mark of the last change of each member.
    marks: BTreeMap<UserId, Mark>,
    pub(super) log: Log,
}

/// A change of a group: the system messages that announce it, and the changes of its members.
#[derive(Clone, Copy)]
struct GroupUpdate<'a> {
    /// System messages appended right before `message`.
    preceding: &'a [Arc<Message>],
    message: &'a Message,
    members: &'a [MemberChange],
}

impl ConversationTable {
    /// Returns a conversation, also if it is deleted.
    pub(super) fn entry(&self, id: ConversationId) -> Option<&ConversationEntry> {
        self.by_id.get(&id)
    }

    /// Returns a current or former member of a conversation that is not deleted, marked as changed.
    pub(super) fn change_member(&mut self, id: ConversationId, user_id: UserId) -> Option<&mut Member> {
        let mark = self.next_mark();
        let entry = self.by_id.get_mut(&id).filter(|entry| !entry.is_deleted())?;
        let member = entry.members.get_mut(&user_id)?;
        entry.marks.insert(user_id, mark);
        Some(member)
    }

    const fn next_mark(&mut self) -> Mark {
        self.last_mark.0 += 1;
        self.last_mark
    }

    /// Returns the standings of a user.
    pub(super) fn standings(&self, user_id: UserId, since: Since) -> Standings {
        let since = match since {
            // A mark of other data covers nothing here.
            Since::Mark(since) if since > self.last_mark => Since::Beginning,
            since => since,
        };
        let memberships = self.memberships(user_id).map(|member| {
            let entry = &self.by_id[&member.conversation_id];
            let peer = entry.conversation.peer_of(user_id);
            let records = [Some(user_id), peer].into_iter().flatten();
            let moved = records.filter_map(|id| entry.moved(id, since)).max();
            Standing {
                conversation_id: member.conversation_id,
                is_in: member.is_in(),
                moved,
            }
        });
        Standings {
            memberships: memberships.collect(),
            mark: self.last_mark,
        }
    }

    /// Returns the current and former memberships of a user, without deleted conversations.
    pub(super) fn memberships(&self, user_id: UserId) -> impl Iterator<Item = &Member> {
        let ids = self.by_user.get(&user_id).into_iter().flatten();
        ids.filter_map(move |id| self.by_id.get(id)?.member(user_id))
    }

    /// Returns at most `limit` conversations that were deleted before `before` and are not fully purged, oldest
    /// deletion first.
    pub(super) fn deleted(&self, before: Timestamp, limit: usize) -> Vec<ConversationId> {
        let earlier = self.remains.iter().take_while(|(at, _)| *at < before);
        earlier.map(|(_, id)| *id).take(limit).collect()
    }

    /// Removes at most `limit` members and `limit` messages of a deleted conversation. Returns true once nothing is
    /// left to remove.
    pub(super) fn purge(&mut self, id: ConversationId, limit: usize) -> bool {
        let Some(entry) = self.by_id.get_mut(&id) else {
            return true;
        };
        let Some(deleted_at) = entry.conversation.deleted_at else {
            return true;
        };
        let gone: Vec<_> = entry.members.keys().copied().take(limit).collect();
        for user_id in gone {
            entry.members.remove(&user_id);
            if let Some(ids) = self.by_user.get_mut(&user_id) {
                ids.remove(&id);
            }
        }
        let done = entry.log.purge(limit) && entry.members.is_empty();
        if done {
            self.remains.remove(&(deleted_at, id));
        }
        done
    }

    /// Returns the direct conversation of a pair.
    pub(super) fn direct(&self, pair: (UserId, UserId)) -> Option<ConversationId> {
        self.by_pair.get(&pair).copied()
    }

    /// Creates a direct conversation with its two members, or returns the one that the pair has.
    pub(super) fn create_direct(&mut self, conversation: Conversation, at: Timestamp) -> Creation {
        let existing = conversation.pair.and_then(|pair| self.by_id.get(&self.direct(pair)?));
        if let Some(entry) = existing {
            return Creation::Existing(entry.conversation.clone());
        }
        self.by_pair
            .extend(conversation.pair.map(|pair| (pair, conversation.id)));
        let mark = self.next_mark();
        let members = conversation
            .pair
            .into_iter()
            .flat_map(|(a, b)| [a, b])
            .map(|user_id| (user_id, Member::of_pair(conversation.id, user_id, at)))
            .collect();
        self.insert(ConversationEntry {
            marks: conversation
                .pair
                .into_iter()
                .flat_map(|(a, b)| [(a, mark), (b, mark)])
                .collect(),
            log: Log::new(conversation.id),
            conversation: conversation.clone(),
            members,
        });
        Creation::Created(conversation)
    }

    /// Applies one change.
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
                preceding,
                message,
                fence,
            } => {
                let update = GroupUpdate {
                    preceding: &preceding,
                    message: &message,
                    members: &members,
                };
                self.update_group(conversation.map(|it| *it), update, fence)
            }
        }
    }

    fn create(&mut self, conversation: Conversation, members: &[MemberChange], message: &Message) -> Outcome {
        if let Some(entry) = self.by_id.get(&conversation.id) {
            return Outcome::Exists(Box::new(entry.conversation.clone()));
        }
        let mut entry = ConversationEntry {
            log: Log::new(conversation.id),
            conversation,
            members: BTreeMap::new(),
            marks: BTreeMap::new(),
        };
        let update = GroupUpdate {
            preceding: &[],
            message,
            members,
        };
        let outcome = entry.apply_group_update(update, Seq::ZERO, self.next_mark());
        self.insert(entry);
        outcome
    }

    fn append(&mut self, message: &Message, fence: Seq) -> Outcome {
        match self.by_id.get_mut(&message.conversation_id) {
            Some(entry) => entry.log.append(message, fence),
            None => Outcome::Outdated,
        }
    }

    fn revise(&mut self, message: &Message, fence: Seq) -> Outcome {
        match self.by_id.get_mut(&message.conversation_id) {
            Some(entry) => entry.log.revise(message, fence),
            None => Outcome::Outdated,
        }
    }

    fn update_group(&mut self, conversation: Option<Conversation>, update: GroupUpdate<'_>, fence: Seq) -> Outcome {
        let id = update.message.conversation_id;
        let mark = self.next_mark();
        let Some(entry) = self.by_id.get_mut(&id) else {
            return Outcome::Outdated;
        };
        let outcome = entry.apply_group_update(update, fence, mark);
        let Outcome::Committed(position) = outcome else {
            return outcome;
        };
        if let Some(conversation) = conversation {
            self.remains.extend(conversation.deleted_at.map(|at| (at, id)));
            entry.conversation = conversation;
        }
        entry.keep_departures(update, position);
        // A change may have added members. Former members stay in the index: they can still read their windows.
        for change in update.members {
            if entry.members.contains_key(&change.user_id()) {
                self.by_user.entry(change.user_id()).or_default().insert(id);
            }
        }
        outcome
    }

    fn insert(&mut self, entry: ConversationEntry) {
        let id = entry.conversation.id;
        for user_id in entry.members.keys() {
            self.by_user.entry(*user_id).or_default().insert(id);
        }
        self.by_id.insert(id, entry);
    }
}

impl ConversationEntry {
    /// Returns the conversation with its current members, in order of joining.
    pub(super) fn roster(&self) -> Roster {
        let mut members: Vec<_> = self.members_in().cloned().collect();
        members.sort_by_key(|member| (member.joined_at, member.user_id));
        Roster {
            conversation: self.conversation.clone(),
            members,
            fence: self.log.head().fence,
        }
    }

    /// Returns the mark of a member's last change, if that was after `since`.
    fn moved(&self, user_id: UserId, since: Since) -> Option<Mark> {
        let (mark, member) = (*self.marks.get(&user_id)?, self.members.get(&user_id)?);
        let moved = match since {
            Since::Beginning => true,
            Since::Mark(since) => mark > since,
            Since::Time(since) => member.changed_at >= since,
        };
        moved.then_some(mark)
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.conversation.deleted_at.is_some()
    }

    /// Returns a current or former member, or `None` if the conversation is deleted.
    pub(super) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.members.get(&user_id).filter(|_| !self.is_deleted())
    }

    /// Returns the current members; none if the conversation is deleted.
    pub(super) fn members_in(&self) -> impl Iterator<Item = &Member> {
        self.members
            .values()
            .filter(|member| member.is_in() && !self.is_deleted())
    }

    /// Keeps the present state of the conversation for the members who have left with the update at `position`.
    fn keep_departures(&mut self, update: GroupUpdate<'_>, position: Position) {
        if !update
            .members
            .iter()
            .any(|change| matches!(change, MemberChange::Left(_)))
        {
            return;
        }
        let remaining = self.members_in().count();
        let departure = Box::new(self.conversation.departure(position, remaining));
        for change in update.members {
            if let Some(member) = self.members.get_mut(&change.user_id())
                && member.left_with(&departure)
            {
                member.departure = Some(departure.clone());
            }
        }
    }

    /// Appends the system messages of a group update and applies the changes of its members.
    ///
    /// Nothing changes if an id is taken or the fence has moved.
    fn apply_group_update(&mut self, update: GroupUpdate<'_>, mut fence: Seq, mark: Mark) -> Outcome {
        if !update.preceding.is_empty() {
            // Checked before anything is appended: a repeated update must append none of its messages a second time.
            let mut all = [update.message]
                .into_iter()
                .chain(update.preceding.iter().map(|first| &**first));
            if let Some(existing) = all.find_map(|message| self.log.find_by_id(message.id)) {
                return Outcome::Duplicate(Box::new(existing));
            }
        }
        for message in update.preceding {
            match self.log.append(message, fence) {
                // A system message may move the fence, which the next append has to expect.
                Outcome::Committed(_) => fence = self.log.head().fence,
                other => return other,
            }
        }
        let outcome = self.log.append(update.message, fence);
        if let Outcome::Committed(Position { seq, sent_at, .. }) = outcome {
            for change in update.members {
                let before = self.members.get(&change.user_id());
                if let Some(member) = change.apply(self.conversation.id, before, seq, sent_at) {
                    self.marks.insert(member.user_id, mark);
                    self.members.insert(member.user_id, member);
                }
            }
        }
        outcome
    }
}
