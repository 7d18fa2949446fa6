//! Database in memory: documents with unique indexes, a log of writes, and the part of it that a majority has.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::reply::{Found, RefusalCause};
use super::super::request::{NewMessage, Revision};
use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq};
use crate::domain::message::{Message, Position};
use crate::ports::Change;

/// Id of a message's document.
pub(super) type Key = (ConversationId, MessageId);

/// Documents at one point of the log.
#[derive(Clone, Default)]
pub(super) struct Documents {
    pub(super) messages: BTreeMap<Key, StoredMessage>,
    pub(super) conversations: HashMap<ConversationId, Conversation>,
    seqs: HashSet<(ConversationId, Seq)>,
    revs: HashSet<(ConversationId, Rev)>,
}

/// Document of a message.
#[derive(Clone)]
pub(super) struct StoredMessage {
    pub(super) message: Message,
    /// Every `rev` that it ever had.
    pub(super) revs: Vec<Rev>,
    /// Head of the conversation after its last change.
    pub(super) head: Head,
}

/// A write, wholly visible or not at all.
#[derive(Clone, Default)]
pub(super) struct Write {
    messages: Vec<StoredMessage>,
    conversation: Option<Conversation>,
}

/// A primary with its log.
#[derive(Default)]
pub(super) struct Database {
    /// Documents of the primary.
    pub(super) local: Documents,
    /// Documents that a majority has.
    pub(super) confirmed: Documents,
    log: Vec<Write>,
    /// Number of writes that a majority has.
    pub(super) majority: usize,
    /// Number of failovers so far.
    pub(super) term: u64,
    /// Text of every message and revision that a majority has ever had.
    pub(super) texts: HashMap<String, usize>,
}

impl Documents {
    /// Returns the head of a conversation, as a query for its newest change finds it; `None` if it does not exist.
    pub(super) fn head(&self, id: ConversationId) -> Option<Head> {
        let newest = self.of(id).max_by_key(|stored| stored.message.rev);
        let empty = || self.conversations.contains_key(&id).then(Head::default);
        newest.map(|stored| stored.head).or_else(empty)
    }

    /// Returns the messages of a conversation.
    pub(super) fn of(&self, id: ConversationId) -> impl Iterator<Item = &StoredMessage> {
        let (first, last) = (MessageId::from_bytes([0; 16]), MessageId::from_bytes([255; 16]));
        self.messages.range((id, first)..=(id, last)).map(|(_, stored)| stored)
    }

    pub(super) fn find(&self, messages: &[Key], conversations: &[ConversationId]) -> Found {
        let message = |key: &Key| Some((*key, self.messages.get(key)?.message.clone()));
        let conversation = |id: &ConversationId| Some((*id, self.conversations.get(id)?.clone()));
        Found {
            messages: messages.iter().filter_map(message).collect(),
            conversations: conversations.iter().filter_map(conversation).collect(),
        }
    }

    fn apply(&mut self, write: &Write) {
        if let Some(conversation) = &write.conversation {
            self.conversations.insert(conversation.id, conversation.clone());
        }
        for stored in &write.messages {
            let id = stored.message.conversation_id;
            self.seqs.insert((id, stored.message.seq));
            self.revs.extend(stored.revs.iter().map(|rev| (id, *rev)));
            self.messages.insert((id, stored.message.id), stored.clone());
        }
    }

    /// Returns the document of a new message, if the unique indexes accept it.
    fn accept(&self, message: &Message, head: Head) -> Result<StoredMessage, RefusalCause> {
        let id = message.conversation_id;
        if self.messages.contains_key(&(id, message.id)) {
            return Err(RefusalCause::IdTaken);
        }
        if self.seqs.contains(&(id, head.seq)) || self.revs.contains(&(id, head.rev)) {
            return Err(RefusalCause::NumberTaken);
        }
        Ok(StoredMessage {
            message: message.clone().at(head.position()),
            revs: vec![head.rev],
            head,
        })
    }
}

impl Database {
    /// Returns the position of the log behind the last write.
    pub(super) const fn position(&self) -> usize {
        self.log.len()
    }

    pub(super) fn insert(&mut self, new: &NewMessage) -> Result<(), RefusalCause> {
        let stored = self.local.accept(&new.message, new.head)?;
        self.write(Write {
            messages: vec![stored],
            conversation: None,
        });
        Ok(())
    }

    pub(super) fn update(&mut self, new: &Revision) -> Result<(), RefusalCause> {
        let (message, rev) = (&new.message, new.head.rev);
        let Some(stored) = self.local.messages.get(&(message.conversation_id, message.id)) else {
            return Err(RefusalCause::Invalid("the upsert lacks required fields".to_owned()));
        };
        if (stored.message.seq, stored.message.rev) != (message.seq, message.rev) {
            return Err(RefusalCause::IdTaken);
        }
        if self.local.revs.contains(&(message.conversation_id, rev)) {
            return Err(RefusalCause::NumberTaken);
        }
        let position = Position {
            seq: stored.message.seq,
            rev,
            ordinal: stored.message.ordinal,
            sent_at: stored.message.sent_at,
        };
        let mut revs = stored.revs.clone();
        revs.push(rev);
        let stored = StoredMessage {
            message: Message::clone(message).at(position),
            revs,
            head: new.head,
        };
        self.write(Write {
            messages: vec![stored],
            conversation: None,
        });
        Ok(())
    }

    pub(super) fn transact(&mut self, change: &Change, before: Head) -> Result<(), RefusalCause> {
        let mut write = Write::default();
        if let Change::Create { conversation, .. } = change {
            if self.local.conversations.contains_key(&conversation.id) {
                return Err(RefusalCause::IdTaken);
            }
            write.conversation = Some(Conversation::clone(conversation));
        }
        let mut head = before;
        for message in change.preceding().iter().chain([change.message()]) {
            head = head.after(message);
            write.messages.push(self.local.accept(message, head)?);
        }
        self.write(write);
        Ok(())
    }

    /// Stores a conversation that everybody knows.
    pub(super) fn found(&mut self, conversation: Conversation) {
        self.write(Write {
            messages: Vec::new(),
            conversation: Some(conversation),
        });
        self.confirm(self.position());
    }

    fn write(&mut self, write: Write) {
        self.local.apply(&write);
        self.log.push(write);
    }

    /// Replicates the log up to a position to a majority.
    pub(super) fn confirm(&mut self, position: usize) {
        for write in &self.log[self.majority..position.max(self.majority)] {
            self.confirmed.apply(write);
            for stored in &write.messages {
                *self.texts.entry(stored.message.body().to_owned()).or_default() += 1;
            }
        }
        self.majority = position.max(self.majority);
    }

    /// Replaces the primary by a member that has what a majority has.
    pub(super) fn fail_over(&mut self) {
        self.local = self.confirmed.clone();
        self.log.truncate(self.majority);
        self.term += 1;
    }
}
