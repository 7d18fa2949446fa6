//! A naive store that keeps lists and searches them from end to end.
//!
//! The code is so simple that it can be compared with the documentation of the traits by reading. Random operations run
//! on the model, the in-memory store and the store under test, and must have the same results.

use std::cmp::Reverse;

use super::actions::{Action, Answer};
use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, Position};
use crate::domain::search::{Hit, IndexTerms, Search};
use crate::domain::window::{Span, Window};
use crate::ports::{Advance, Advanced, Change, Creation, Outcome, Range, SenderQuery};

/// All data, in the order of creation.
#[derive(Debug, Default)]
pub(super) struct Model {
    conversations: Vec<Conversation>,
    members: Vec<Member>,
    messages: Vec<Message>,
}

impl Model {
    pub(super) fn carry_out(&mut self, action: &Action) -> Answer {
        match action {
            Action::CreateDirect(conversation, at) => {
                let of_pair = |other: &&Conversation| other.pair == conversation.pair;
                if let Some(existing) = self.conversations.iter().find(of_pair) {
                    return Answer::Creation(Creation::Existing(existing.clone()));
                }
                let (a, b) = conversation.pair.expect("it is of a pair");
                self.conversations.push(conversation.clone());
                self.members.push(Member::of_pair(conversation.id, a, *at));
                self.members.push(Member::of_pair(conversation.id, b, *at));
                Answer::Creation(Creation::Created(conversation.clone()))
            }
            Action::Commit(changes) => Answer::Outcomes(changes.iter().map(|change| self.commit(change)).collect()),
            Action::Advance(advances) => {
                Answer::Advanced(advances.iter().map(|advance| self.advance(advance)).collect())
            }
            Action::UpdatePreferences(id, user_id, patch, at) => {
                let member = self.member_mut(*id, *user_id);
                Answer::Member(member.map(|member| {
                    patch.apply(&mut member.preferences);
                    member.changed_at = member.changed_at.max(*at);
                    member.clone()
                }))
            }
            read => self.read(read),
        }
    }

    fn read(&self, action: &Action) -> Answer {
        match action {
            Action::Conversations(ids) => {
                Answer::conversations(ids.iter().filter_map(|id| self.conversation(*id).cloned()).collect())
            }
            Action::Rosters(ids) => Answer::rosters(ids.iter().filter_map(|id| self.roster(*id)).collect()),
            Action::Heads(ids) => Answer::heads(ids.iter().map(|id| (*id, self.head(*id))).collect()),
            Action::MemberCounts(ids) => {
                let count = |id| {
                    self.members
                        .iter()
                        .filter(move |member| member.conversation_id == id && member.is_in())
                };
                Answer::counts(ids.iter().map(|id| (*id, count(*id).count())).collect())
            }
            Action::Members(of) => {
                let wanted = |member: &&Member| of.contains(&(member.conversation_id, member.user_id));
                Answer::members(self.members.iter().filter(wanted).cloned().collect())
            }
            Action::Memberships(user_id) => {
                let theirs = |member: &&Member| member.user_id == *user_id;
                Answer::members(self.members.iter().filter(theirs).cloned().collect())
            }
            Action::Messages(at) => {
                let wanted = |message: &&Message| at.contains(&(message.conversation_id, message.seq));
                Answer::unordered(self.messages.iter().filter(wanted).cloned().collect())
            }
            Action::MessageById(id, message_id) => Answer::Messages(
                self.of(*id)
                    .filter(|message| message.id == *message_id)
                    .cloned()
                    .collect(),
            ),
            Action::History(id, windows, range, limit) => {
                let mut messages = self.visible(*id, windows);
                match range {
                    Range::Newest => messages.reverse(),
                    Range::Before(seq) => {
                        messages.retain(|message| message.seq < *seq);
                        messages.reverse();
                    }
                    Range::After(seq) => messages.retain(|message| message.seq > *seq),
                    Range::Between { after, before } => {
                        messages.retain(|message| message.seq > *after && message.seq < *before);
                    }
                }
                messages.truncate(*limit);
                Answer::Messages(messages)
            }
            Action::Changes(id, windows, after, limit) => {
                let mut messages = self.visible(*id, windows);
                messages.retain(|message| message.rev > *after);
                messages.sort_by_key(|message| message.rev);
                messages.truncate(*limit);
                Answer::Messages(messages)
            }
            Action::Search(search) => Answer::Hits(self.search(search)),
            Action::CountUnread(spans) => {
                let counted = |message: &&Message| message.deleted_at.is_none();
                Answer::CountUnread(
                    spans
                        .iter()
                        .map(|span| self.within(*span).filter(counted).count() as u64)
                        .collect(),
                )
            }
            Action::Senders(asked) => {
                let sent = |span, user_id| self.within(span).any(|message| message.sender_id == user_id);
                let answer = |query: &SenderQuery| {
                    let among = query.among.iter().copied();
                    among.filter(|user_id| sent(query.span, *user_id)).collect()
                };
                Answer::senders(asked.iter().map(answer).collect())
            }
            Action::LastSent(of) => {
                let last = |key: &(ConversationId, UserId)| {
                    let sent = self.of(key.0).filter(|message| message.is_from_user());
                    let own = sent.filter(|message| message.sender_id == key.1);
                    Some((*key, own.map(|message| message.seq).max()?))
                };
                Answer::last_sent(of.iter().filter_map(last).collect())
            }
            Action::CreateDirect(..) | Action::Commit(_) | Action::Advance(_) | Action::UpdatePreferences(..) => {
                unreachable!("these are no reads")
            }
        }
    }

    pub(super) fn conversation(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.iter().find(|conversation| conversation.id == id)
    }

    pub(super) fn message(&self, id: ConversationId, seq: Seq) -> Option<&Message> {
        self.of(id).find(|message| message.seq == seq)
    }

    pub(super) fn head(&self, id: ConversationId) -> Head {
        Head {
            seq: self.of(id).map(|message| message.seq).max().unwrap_or_default(),
            rev: self.of(id).map(|message| message.rev).max().unwrap_or_default(),
            ordinal: self.of(id).filter(|message| message.is_from_user()).count() as u64,
            fence: self
                .of(id)
                .filter(|message| message.moves_fence())
                .map(|message| message.seq)
                .max()
                .unwrap_or_default(),
            sent_at: self.of(id).map(|message| message.sent_at).max().unwrap_or_default(),
        }
    }

    fn commit(&mut self, change: &Change) -> Outcome {
        let id = change.message().conversation_id;
        if let Change::Create { .. } = change {
            if let Some(existing) = self.conversation(id) {
                return Outcome::Exists(Box::new(existing.clone()));
            }
        } else if !matches!(change, Change::Revise { .. })
            && let Some(existing) = [change.message()]
                .into_iter()
                .chain(change.preceding())
                .find_map(|new| self.of(id).find(|message| message.id == new.id))
        {
            return Outcome::Duplicate(Box::new(existing.clone()));
        }
        if let Change::Append { fence, .. } | Change::Revise { fence, .. } | Change::UpdateGroup { fence, .. } = change
            && *fence != self.head(id).fence
        {
            return Outcome::Outdated;
        }
        match change {
            Change::Create {
                conversation,
                members,
                message,
            } => {
                self.conversations.push(Conversation::clone(conversation));
                self.tell(message, members)
            }
            Change::Append { message, .. } => self.tell(message, &[]),
            Change::Revise { message, .. } => self.revise(message),
            Change::UpdateGroup {
                conversation,
                members,
                preceding,
                message,
                ..
            } => {
                if let Some(new) = conversation {
                    self.conversations.retain(|old| old.id != id);
                    self.conversations.push(Conversation::clone(new));
                }
                for message in preceding {
                    self.tell(message, &[]);
                }
                self.tell(message, members)
            }
        }
    }

    fn tell(&mut self, message: &Message, members: &[MemberChange]) -> Outcome {
        let id = message.conversation_id;
        let head = self.head(id);
        let position = Position {
            seq: Seq(head.seq.0 + 1),
            rev: Rev(head.rev.0 + 1),
            ordinal: head.ordinal + u64::from(message.is_from_user()),
            sent_at: head.sent_at.max(message.sent_at),
        };
        self.messages.push(message.clone().at(position));
        for change in members {
            let before = self.member_mut(id, change.user_id());
            if let Some(after) = change.apply(id, before.as_deref(), position.seq, position.sent_at) {
                self.members
                    .retain(|member| (member.conversation_id, member.user_id) != (id, after.user_id));
                self.members.push(after);
            }
        }
        let here = |member: &&mut Member| member.conversation_id == id;
        let remaining = self
            .members
            .iter()
            .filter(|member| member.conversation_id == id && member.is_in())
            .count();
        let departure = self
            .conversation(id)
            .map(|conversation| conversation.departure(position, remaining));
        for member in self.members.iter_mut().filter(here) {
            if member.left_at() == Some(position.seq) {
                member.departure = departure.clone().map(Box::new);
            }
        }
        Outcome::Committed(position)
    }

    fn revise(&mut self, revised: &Message) -> Outcome {
        let id = revised.conversation_id;
        let rev = Rev(self.head(id).rev.0 + 1);
        let same = |message: &&mut Message| {
            (message.conversation_id, message.seq, message.rev) == (id, revised.seq, revised.rev)
        };
        let Some(message) = self.messages.iter_mut().find(same) else {
            return Outcome::Outdated;
        };
        let position = Position {
            seq: message.seq,
            rev,
            ordinal: message.ordinal,
            sent_at: message.sent_at,
        };
        *message = revised.clone().at(position);
        Outcome::Committed(position)
    }

    fn advance(&mut self, advance: &Advance) -> Option<Advanced> {
        let member = self.member_mut(advance.conversation_id, advance.user_id)?;
        let from = member.watermarks;
        let marks = &mut member.watermarks;
        marks.read = marks.read.max(advance.to.read);
        marks.delivered = marks.delivered.max(advance.to.delivered).max(marks.read);
        let to = *marks;
        if from != to {
            member.changed_at = member.changed_at.max(advance.at);
        }
        Some(Advanced { from, to })
    }

    fn roster(&self, id: ConversationId) -> Option<Roster> {
        let is_in = |member: &&Member| member.conversation_id == id && member.is_in();
        let mut members: Vec<_> = self.members.iter().filter(is_in).cloned().collect();
        members.sort_by_key(|member| (member.joined_at, member.user_id));
        Some(Roster {
            conversation: self.conversation(id)?.clone(),
            members,
            fence: self.head(id).fence,
        })
    }

    fn member_mut(&mut self, id: ConversationId, user_id: UserId) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| (member.conversation_id, member.user_id) == (id, user_id))
    }

    fn of(&self, id: ConversationId) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(move |message| message.conversation_id == id)
    }

    fn visible(&self, id: ConversationId, windows: &[Window]) -> Vec<Message> {
        let shown = |message: &&Message| windows.iter().any(|window| window.contains(message.seq));
        self.of(id).filter(shown).cloned().collect()
    }

    fn search(&self, search: &Search) -> Vec<Hit> {
        let visible = search
            .within
            .iter()
            .flat_map(|scope| self.visible(scope.conversation_id, &scope.windows));
        let wanted = visible.filter(|message| search.passes(message.sender_id, message.sent_at));
        let mut hits: Vec<_> = wanted
            .filter_map(|message| {
                let score = search.query.score(&IndexTerms::of(&message))?;
                Some(Hit { message, score })
            })
            .filter(|hit| search.past.is_none_or(|past| hit.rank() < past))
            .collect();
        hits.sort_by_key(|hit| Reverse(hit.rank()));
        hits.truncate(search.limit);
        hits
    }

    fn within(&self, span: Span) -> impl Iterator<Item = &Message> {
        let within = move |message: &&Message| span.after < message.seq && message.seq <= span.through;
        self.of(span.conversation_id)
            .filter(within)
            .filter(|message| message.is_from_user())
    }
}
