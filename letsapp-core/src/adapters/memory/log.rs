//! The messages of one conversation, in order, and by what they are found.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use crate::conversations::{Head, Span, Window};
use crate::id::{MessageId, Rev, Seq, UserId};
use crate::messages::search::{Query, Score};
use crate::messages::{IndexTerms, Message, Position, Range, TermsChange};

/// Messages by `seq`: the one at `seq` is the entry at `seq - 1`, less those that were purged before it.
#[derive(Debug, Default)]
pub(super) struct Log {
    purged: u64,
    #[expect(
        clippy::vec_box,
        reason = "a log that grows would move all of its messages, time and again"
    )]
    entries: Vec<Box<Entry>>,
    by_id: HashMap<MessageId, Seq>,
    by_rev: BTreeMap<Rev, Seq>,
    /// Deleted messages of users.
    deleted: BTreeSet<Seq>,
    head: Head,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    terms: IndexTerms,
}

impl Log {
    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn append(&mut self, message: Message, terms: IndexTerms) -> Position {
        let from_user = message.is_from_user();
        let position = Position {
            seq: self.head.seq.next(),
            rev: self.head.rev.next(),
            ordinal: self.head.ordinal + u64::from(from_user),
        };
        self.head = Head {
            seq: position.seq,
            rev: position.rev,
            ordinal: position.ordinal,
            fence: if from_user { self.head.fence } else { position.seq },
        };
        self.by_id.insert(message.id, position.seq);
        self.by_rev.insert(position.rev, position.seq);
        self.entries.push(Box::new(Entry {
            message: message.at(position),
            terms,
        }));
        position
    }

    /// Replaces a message, unless it has changed since the new state was worked out.
    pub(super) fn revise(&mut self, message: Message, terms: TermsChange) -> Option<Position> {
        let place = self.place(message.seq)?;
        let entry = self.entries.get_mut(place)?;
        let before = &entry.message;
        if before.id != message.id || before.rev != message.rev {
            return None;
        }
        let position = Position {
            seq: before.seq,
            rev: self.head.rev.next(),
            ordinal: before.ordinal,
        };
        self.head.rev = position.rev;
        self.by_rev.remove(&before.rev);
        self.by_rev.insert(position.rev, position.seq);
        if message.is_from_user() && message.deleted_at.is_some() {
            self.deleted.insert(position.seq);
        } else {
            self.deleted.remove(&position.seq);
        }
        entry.message = message.at(position);
        if let TermsChange::Replace(terms) = terms {
            entry.terms = terms;
        }
        Some(position)
    }

    pub(super) fn find(&self, seq: Seq) -> Option<&Message> {
        Some(&self.entries.get(self.place(seq)?)?.message)
    }

    pub(super) fn find_by_id(&self, id: MessageId) -> Option<&Message> {
        self.find(*self.by_id.get(&id)?)
    }

    pub(super) fn history(&self, windows: &[Window], range: Range, limit: usize) -> Vec<Message> {
        let visible = |window: &Window, after: Seq, through: Seq| {
            let after = after.0.max(window.from.0.saturating_sub(1));
            let through = through.0.min(window.to.map_or(u64::MAX, |to| to.0));
            self.between(Seq(after), Seq(through)).iter()
        };
        let newest_through = |through: Seq| {
            let newest_first = windows.iter().rev();
            newest_first.flat_map(move |window| visible(window, Seq::ZERO, through).rev())
        };
        let oldest_after = |after: Seq| {
            let oldest_first = windows.iter();
            oldest_first.flat_map(move |window| visible(window, after, Seq(u64::MAX)))
        };
        match range {
            Range::Newest => page(newest_through(Seq(u64::MAX)), limit),
            Range::Before(seq) => page(newest_through(Seq(seq.0.saturating_sub(1))), limit),
            Range::After(seq) => page(oldest_after(seq), limit),
        }
    }

    pub(super) fn changes(&self, windows: &[Window], after: Rev, limit: usize) -> Vec<Message> {
        self.by_rev
            .range((Bound::Excluded(after), Bound::Unbounded))
            .filter(|(_, seq)| windows.iter().any(|window| window.contains(**seq)))
            .filter_map(|(_, seq)| self.find(*seq).cloned())
            .take(limit)
            .collect()
    }

    /// Returns the messages in the windows that answer a query, in any order.
    pub(super) fn answers<'a>(
        &'a self,
        windows: &'a [Window],
        query: &'a Query,
    ) -> impl Iterator<Item = (&'a Message, Score)> {
        let visible = windows.iter().flat_map(move |window| {
            let before = Seq(window.from.0.saturating_sub(1));
            self.between(before, window.to.unwrap_or(Seq(u64::MAX)))
        });
        visible.filter_map(move |entry| Some((&entry.message, query.score(&entry.terms)?)))
    }

    pub(super) fn tally(&self, span: Span) -> u64 {
        let Some(newest) = self.between(span.after, span.through).last() else {
            return 0;
        };
        let before = self.find(span.after).map_or(0, |message| message.ordinal);
        let deleted = self
            .deleted
            .range((Bound::Excluded(span.after), Bound::Included(span.through)))
            .count();
        newest.message.ordinal - before - deleted as u64
    }

    pub(super) fn senders(&self, span: Span) -> Vec<UserId> {
        let from_users = self
            .between(span.after, span.through)
            .iter()
            .map(|entry| &entry.message);
        let senders: HashSet<_> = from_users
            .filter(|message| message.is_from_user())
            .map(|message| message.sender_id)
            .collect();
        senders.into_iter().collect()
    }

    /// Removes the oldest messages, but never the newest; true once it stands alone.
    pub(super) fn purge(&mut self, limit: usize) -> bool {
        let count = self.entries.len().saturating_sub(1).min(limit);
        for entry in self.entries.drain(..count) {
            let message = entry.message;
            self.by_id.remove(&message.id);
            self.by_rev.remove(&message.rev);
            self.deleted.remove(&message.seq);
        }
        self.purged += count as u64;
        self.entries.len() <= 1
    }

    fn between(&self, after: Seq, through: Seq) -> &[Box<Entry>] {
        let length = self.entries.len();
        let count = |seq: Seq| usize::try_from(seq.0.saturating_sub(self.purged));
        let through = count(through).map_or(length, |through| through.min(length));
        let after = count(after).map_or(through, |after| after.min(through));
        &self.entries[after..through]
    }

    fn place(&self, seq: Seq) -> Option<usize> {
        usize::try_from(seq.0.checked_sub(self.purged)?.checked_sub(1)?).ok()
    }
}

fn page<'a>(entries: impl Iterator<Item = &'a Box<Entry>>, limit: usize) -> Vec<Message> {
    entries.take(limit).map(|entry| entry.message.clone()).collect()
}
