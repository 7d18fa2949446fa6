//! Messages of one conversation, in order of `seq`.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::iter;
use std::ops::Bound;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::record::Record;
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::{Message, Position};
use crate::domain::search::{Hit, IndexTerms, Search};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::{Span, Window};
use crate::ports::{Outcome, Range};

/// Messages of one conversation. `seq` starts at 1 and has no gaps, so the message at `seq` is the record at index
/// `seq - 1 - purged`.
#[derive(Debug)]
pub(super) struct Log {
    conversation_id: ConversationId,
    /// Number of messages removed from the front.
    purged: u64,
    #[expect(
        clippy::vec_box,
        reason = "a growing vector would otherwise copy all of its messages each time it reallocates"
    )]
    records: Vec<Box<Record>>,
    /// The `seq` of each message id. Ids are compared in the records instead of being stored here a second time.
    by_id: HashTable<Seq>,
    hasher: RandomState,
    /// Revised messages, by the `rev` of their newest revision.
    revised: BTreeMap<Rev, Seq>,
    /// Deleted messages that users sent, which do not count as unread.
    deleted: BTreeSet<Seq>,
    /// The messages that each user sent, oldest first.
    sent: HashMap<UserId, VecDeque<Seq>>,
    head: Head,
}

impl Log {
    pub(super) fn new(conversation_id: ConversationId) -> Self {
        Self {
            conversation_id,
            purged: 0,
            records: Vec::new(),
            by_id: HashTable::new(),
            hasher: RandomState::new(),
            revised: BTreeMap::new(),
            deleted: BTreeSet::new(),
            sent: HashMap::new(),
            head: Head::default(),
        }
    }

    /// Returns the newest numbers of the conversation.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Appends a message.
    ///
    /// Returns [`Outcome::Duplicate`] if its id is taken, and [`Outcome::Outdated`] if the fence has moved.
    pub(super) fn append(&mut self, message: &Message, fence: Seq) -> Outcome {
        // Borrowed one by one, because the closures below read them while `by_id` is borrowed mutably.
        let (records, purged, hasher) = (&self.records, self.purged, &self.hasher);
        let id_at = |seq: &Seq| records[place(*seq, purged).expect("it is not purged")].id;
        let is_it = |seq: &Seq| id_at(seq) == message.id;
        let hash = hasher.hash_one(message.id);
        let vacant = match self.by_id.entry(hash, is_it, |seq| hasher.hash_one(id_at(seq))) {
            Entry::Vacant(vacant) => vacant,
            Entry::Occupied(taken) => {
                let first = *taken.get();
                let first = self.find(first).expect("it is not purged");
                return Outcome::Duplicate(Box::new(first));
            }
        };
        if self.head.fence != fence {
            return Outcome::Outdated;
        }
        self.head = self.head.after(message);
        let position = self.head.position();
        vacant.insert(position.seq);
        if message.is_from_user() {
            self.sent.entry(message.sender_id).or_default().push_back(position.seq);
        }
        self.records.push(Box::new(Record::new(message, position)));
        Outcome::Committed(position)
    }

    /// Replaces a message by a new state of it.
    ///
    /// Returns [`Outcome::Outdated`] if the message has changed since `message.rev`, or the fence has moved.
    pub(super) fn revise(&mut self, message: &Message, fence: Seq) -> Outcome {
        let place = place(message.seq, self.purged).filter(|_| self.head.fence == fence);
        let Some(record) = place.and_then(|place| self.records.get_mut(place)) else {
            return Outcome::Outdated;
        };
        if record.id != message.id || record.rev() != message.rev {
            return Outcome::Outdated;
        }
        let position = Position {
            seq: record.seq,
            rev: self.head.rev.next(),
            ordinal: record.ordinal,
            sent_at: record.sent_at,
        };
        self.head.rev = position.rev;
        if let Some(before) = record.revised() {
            self.revised.remove(&before);
        }
        self.revised.insert(position.rev, position.seq);
        if message.is_from_user() && message.deleted_at.is_some() {
            self.deleted.insert(position.seq);
        } else {
            self.deleted.remove(&position.seq);
        }
        record.revise(message, position.rev);
        Outcome::Committed(position)
    }

    /// Returns the message at `seq`.
    pub(super) fn find(&self, seq: Seq) -> Option<Message> {
        Some(self.message(self.record(seq)?))
    }

    /// Returns the message with this id.
    pub(super) fn find_by_id(&self, id: MessageId) -> Option<Message> {
        let is_it = |seq: &Seq| self.record(*seq).is_some_and(|record| record.id == id);
        self.find(*self.by_id.find(self.hasher.hash_one(id), is_it)?)
    }

    /// Returns at most `limit` messages of a range that lie in the windows, in the order of the range.
    pub(super) fn history(&self, windows: &[Window], range: Range, limit: usize) -> Vec<Message> {
        let visible = |window: &Window, after: Seq, through: Seq| {
            let after = after.0.max(window.from.0.saturating_sub(1));
            let through = through.0.min(window.to.map_or(u64::MAX, |to| to.0));
            self.between(Seq(after), Seq(through)).iter().map(AsRef::as_ref)
        };
        let newest_through = |through: Seq| {
            let newest_first = windows.iter().rev();
            newest_first.flat_map(move |window| visible(window, Seq::ZERO, through).rev())
        };
        let oldest_after = |after: Seq, through: Seq| {
            let oldest_first = windows.iter();
            oldest_first.flat_map(move |window| visible(window, after, through))
        };
        match range {
            Range::Newest => self.page(newest_through(Seq(u64::MAX)), limit),
            Range::Before(seq) => self.page(newest_through(Seq(seq.0.saturating_sub(1))), limit),
            Range::After(seq) => self.page(oldest_after(seq, Seq(u64::MAX)), limit),
            Range::Between { after, before } => self.page(oldest_after(after, Seq(before.0.saturating_sub(1))), limit),
        }
    }

    /// Returns at most `limit` messages in the windows that changed after `after`, in order of `rev`.
    pub(super) fn changes(&self, windows: &[Window], after: Rev, limit: usize) -> Vec<Message> {
        let seen = |record: &&Record| windows.iter().any(|window| window.contains(record.seq));
        // No visible message changed before the first of them was sent.
        let first = windows.first().and_then(|window| self.record(window.from));
        let after = first.map_or(after, |first| after.max(Rev(first.first_rev.0 - 1)));
        self.page(self.changed_after(after).filter(seen), limit)
    }

    /// Returns at most `limit` system messages after `after`, oldest first, without those about calls.
    pub(super) fn announcements(&self, after: Seq, limit: usize) -> Vec<Message> {
        let later = self.between(after, Seq(u64::MAX)).iter();
        let told = later
            .filter(|record| !record.is_from_user())
            .map(|record| self.message(record));
        told.filter(Message::moves_fence).take(limit).collect()
    }

    /// Returns the messages that last changed after `after`, in order of `rev`.
    fn changed_after(&self, after: Rev) -> impl Iterator<Item = &Record> {
        // Merges two sequences that are sorted by `rev` already: messages that were never revised, and revised ones.
        let appended_since = self.records.partition_point(|record| record.first_rev <= after);
        let unrevised = self.records[appended_since..].iter().map(AsRef::as_ref);
        let mut unrevised = unrevised.filter(|record| record.revised().is_none()).peekable();
        let revised = self.revised.range((Bound::Excluded(after), Bound::Unbounded));
        let mut revised = revised.filter_map(|(_, seq)| self.record(*seq)).peekable();
        iter::from_fn(move || match (unrevised.peek(), revised.peek()) {
            (Some(one), Some(other)) if one.rev() < other.rev() => unrevised.next(),
            (_, Some(_)) => revised.next(),
            (_, None) => unrevised.next(),
        })
    }

    /// Returns the time at which the newest message was sent.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.records.last().map(|record| record.sent_at)
    }

    /// Looks at no more than `count` of the messages in the windows before a place, the newest first. Returns those
    /// that match a search, and the place from which to go on; `None` at the end.
    pub(super) fn hits(
        &self,
        windows: &[Window],
        before: Seq,
        count: usize,
        search: &Search,
    ) -> (Vec<Hit>, Option<Seq>) {
        let visible = windows.iter().rev().flat_map(|window| {
            let through = window.to.unwrap_or(Seq(u64::MAX)).min(Seq(before.0.saturating_sub(1)));
            self.between(Seq(window.from.0.saturating_sub(1)), through).iter().rev()
        });
        let mut hits = Vec::new();
        for (looked_at, record) in visible.enumerate() {
            if looked_at == count {
                return (hits, Some(Seq(record.seq.0 + 1)));
            }
            if !search.passes(record.sender_id, record.sent_at) {
                continue;
            }
            let message = self.message(record);
            if let Some(score) = search.query.score(&IndexTerms::of(&message)) {
                let hit = Hit { message, score };
                if search.past.is_none_or(|past| hit.rank() < past) {
                    hits.push(hit);
                }
            }
        }
        (hits, None)
    }

    /// Counts the messages of users in a span, without deleted ones.
    pub(super) fn count_unread(&self, span: Span) -> u64 {
        let Some(newest) = self.between(span.after, span.through).last() else {
            return 0;
        };
        // The ordinal numbers the messages of users, so the difference of two is how many lie between.
        let before = self.record(span.after).map_or(0, |record| record.ordinal);
        let deleted = self
            .deleted
            .range((Bound::Excluded(span.after), Bound::Included(span.through)))
            .count();
        newest.ordinal - before - deleted as u64
    }

    /// Returns the newest message that a user sent.
    pub(super) fn last_sent(&self, user_id: UserId) -> Option<Seq> {
        self.sent.get(&user_id)?.back().copied()
    }

    /// Tells whether a user sent a message in a span.
    pub(super) fn has_sent(&self, user_id: UserId, span: Span) -> bool {
        self.sent.get(&user_id).is_some_and(|sent| {
            let first = sent.partition_point(|seq| *seq <= span.after);
            sent.get(first).is_some_and(|seq| *seq <= span.through)
        })
    }

    /// Removes at most `limit` of the oldest messages. Returns true once only the newest is left.
    ///
    /// The newest message is kept because it records the conversation's head.
    pub(super) fn purge(&mut self, limit: usize) -> bool {
        let count = self.records.len().saturating_sub(1).min(limit);
        for record in self.records.drain(..count) {
            let hash = self.hasher.hash_one(record.id);
            if let Ok(entry) = self.by_id.find_entry(hash, |seq| *seq == record.seq) {
                entry.remove();
            }
            self.revised.remove(&record.rev());
            self.deleted.remove(&record.seq);
            if record.is_from_user()
                && let Some(sent) = self.sent.get_mut(&record.sender_id)
            {
                // The oldest messages are removed first, so this one is the oldest of its sender.
                sent.pop_front();
            }
        }
        self.purged += count as u64;
        self.records.len() <= 1
    }

    /// Returns the records with `after < seq <= through`.
    fn between(&self, after: Seq, through: Seq) -> &[Box<Record>] {
        let length = self.records.len();
        let count = |seq: Seq| usize::try_from(seq.0.saturating_sub(self.purged));
        let through = count(through).map_or(length, |through| through.min(length));
        let after = count(after).map_or(through, |after| after.min(through));
        &self.records[after..through]
    }

    fn record(&self, seq: Seq) -> Option<&Record> {
        self.records.get(place(seq, self.purged)?).map(AsRef::as_ref)
    }

    fn message(&self, record: &Record) -> Message {
        record.message(self.conversation_id)
    }

    /// Returns the first `limit` records as messages.
    fn page<'a>(&self, records: impl Iterator<Item = &'a Record>, limit: usize) -> Vec<Message> {
        records.take(limit).map(|record| self.message(record)).collect()
    }
}

/// Returns the index of the record at `seq`; `None` if it is purged.
fn place(seq: Seq, purged: u64) -> Option<usize> {
    usize::try_from(seq.0.checked_sub(purged)?.checked_sub(1)?).ok()
}
