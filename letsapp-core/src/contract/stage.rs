//! The translation of a script's lines into actions on the present state.

use std::sync::Arc;
use std::time::Duration;

use proptest::sample::Index;

use super::actions::Action;
use super::fixtures::{at, call, conversation_id, deleted, direct, edited, group, message_id, system, text, user_id};
use super::model::Model;
use super::script::{
    Chat, Direction, GROUPS, Membership, PAIRS, PEOPLE, Person, Proposal, Question, Revision, Staleness,
};
use super::steps::{append, creation, revise};
use crate::domain::conversation::Conversation;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{MemberChange, Watermarks};
use crate::domain::message::{Message, Reaction, SystemEvent};
use crate::domain::role::Role;
use crate::domain::search::{Query, Rank, Scope, Score, Search};
use crate::domain::text::Title;
use crate::domain::window::{Span, Window};
use crate::ports::{Advance, Change, Range, SenderQuery, TermsChange};

/// Translates the lines of one script, with ids of its own, by the state of the model.
pub(super) struct Stage<'a> {
    /// Number of the script, a part of all its ids, because all scripts run on the same store.
    play: u64,
    /// Number of the line, used as the time in milliseconds.
    now: i64,
    model: &'a Model,
}

impl<'a> Stage<'a> {
    pub(super) const fn new(play: u64, now: i64, model: &'a Model) -> Self {
        Self { play, now, model }
    }

    /// Returns the actions before the first line, which create a group and direct conversations.
    pub(super) fn opening(&self) -> Vec<Action> {
        let people: Vec<_> = (0..PEOPLE).map(|person| self.user(person)).collect();
        let commit = Action::Commit(vec![self.creation(0, &people[..2])]);
        vec![commit, Action::CreateDirect(self.pair(GROUPS), at(0))]
    }

    /// Returns the actions after the last line, which read everything.
    pub(super) fn finale(&self) -> Vec<Action> {
        let chats: Vec<_> = (0..GROUPS + PAIRS.len() as u64).map(|chat| self.chat(chat)).collect();
        let whole = || vec![Window::WHOLE];
        let mut actions = vec![
            Action::Conversations(chats.clone()),
            Action::Rosters(chats.clone()),
            Action::Heads(chats.clone()),
            Action::MemberCounts(chats.clone()),
        ];
        actions.extend((0..PEOPLE).map(|person| Action::Memberships(self.user(person))));
        for id in chats {
            actions.push(Action::History(id, whole(), Range::After(Seq::ZERO), 10_000));
            actions.push(Action::Changes(id, whole(), Rev::ZERO, 10_000));
        }
        actions
    }

    /// Returns the action of a line in the present state.
    pub(super) fn action(&self, question: Question) -> Action {
        let chats = |chats: Vec<Chat>| {
            let mut ids: Vec<_> = chats.into_iter().map(|chat| self.chat(chat)).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        match question {
            Question::CreateDirect(chat) => Action::CreateDirect(self.pair(chat), at(self.now)),
            Question::Commit(proposals) => Action::Commit(
                proposals
                    .into_iter()
                    .filter_map(|proposal| self.change(proposal))
                    .collect(),
            ),
            Question::Advance(rises) => Action::Advance(rises.into_iter().map(|rise| self.advance(rise)).collect()),
            Question::UpdatePreferences(chat, person, patch) => {
                Action::UpdatePreferences(self.chat(chat), self.user(person), patch, at(self.now))
            }
            Question::Conversations(ids) => Action::Conversations(chats(ids)),
            Question::Rosters(ids) => Action::Rosters(chats(ids)),
            Question::Heads(ids) => Action::Heads(chats(ids)),
            Question::MemberCounts(ids) => Action::MemberCounts(chats(ids)),
            Question::Members(of) => Action::Members(self.distinct(of)),
            Question::Memberships(person) => Action::Memberships(self.user(person)),
            Question::Messages(at) => {
                let mut at: Vec<_> = at
                    .into_iter()
                    .map(|(chat, place)| (self.chat(chat), self.place(chat, place)))
                    .collect();
                at.sort_unstable();
                at.dedup();
                Action::Messages(at)
            }
            Question::MessageById(chat, n) => Action::MessageById(self.chat(chat), message_id(n)),
            Question::History(chat, edges, direction, place, limit) => {
                let place = self.place(chat, place);
                let range = match direction {
                    Direction::Newest => Range::Newest,
                    Direction::Before => Range::Before(place),
                    Direction::After => Range::After(place),
                    // Five messages on: scripts write few, so that some lie before, between and behind the two.
                    Direction::Between => Range::Between {
                        after: place,
                        before: Seq(place.0 + 5),
                    },
                };
                Action::History(self.chat(chat), windows(edges), range, limit)
            }
            Question::Changes(chat, edges, after, limit) => {
                let head = usize::try_from(self.model.head(self.chat(chat)).rev.0).expect("scripts are short");
                let after = Rev(after.index(head + 2) as u64);
                Action::Changes(self.chat(chat), windows(edges), after, limit)
            }
            Question::Search(within, words, from, past, limit) => {
                let scope = |(chat, edges)| Scope {
                    conversation_id: self.chat(chat),
                    windows: windows(edges),
                };
                Action::Search(Search {
                    query: Query::parse(words),
                    from: from.map(|person| self.user(person)),
                    after: None,
                    before: (limit < 3).then(|| at(self.now - 1)),
                    past: past.and_then(|(chat, place, score)| self.rank(chat, place, score)),
                    within: within.into_iter().map(scope).collect(),
                    limit,
                    budget: Duration::from_secs(60),
                })
            }
            Question::CountUnread(spans) => Action::CountUnread(
                spans
                    .into_iter()
                    .map(|(chat, from, to)| self.span(chat, from, to))
                    .collect(),
            ),
            Question::Senders(asked) => Action::Senders(
                asked
                    .into_iter()
                    .map(|(chat, from, to, people)| SenderQuery {
                        span: self.span(chat, from, to),
                        among: people.into_iter().map(|person| self.user(person)).collect(),
                    })
                    .collect(),
            ),
            Question::LastSent(of) => Action::LastSent(self.distinct(of)),
        }
    }

    /// Returns the change of a line; `None` if its conversation or message does not exist yet.
    fn change(&self, proposal: Proposal) -> Option<Change> {
        match proposal {
            Proposal::Create(chat, people) => {
                let people: Vec<_> = people.into_iter().map(|person| self.user(person)).collect();
                Some(self.creation(chat, &people))
            }
            Proposal::Append(chat, person, n, staleness) => {
                let message = Message {
                    sent_at: at(self.now),
                    ..text(self.known(chat)?, n, self.user(person))
                };
                Some(append(message, self.fence(chat, staleness)))
            }
            Proposal::Revise(chat, place, revision, rev, fence) => {
                let id = self.known(chat)?;
                let length = usize::try_from(self.model.head(id).seq.0).expect("scripts are short");
                if length == 0 {
                    return None;
                }
                let message = self.model.message(id, Seq(place.index(length) as u64 + 1))?;
                // System messages are never revised.
                let message = Some(message).filter(|message| message.is_from_user())?;
                let rev = Rev(message.rev.0.saturating_add_signed(rev));
                let message = Message { rev, ..message.clone() };
                Some(self.revision(message, revision, self.fence(chat, fence)))
            }
            Proposal::UpdateGroup(chat, people, title, (n, preceding), fence) => {
                let id = self.known(chat)?;
                let members = people.into_iter().map(|(person, membership)| {
                    let user_id = self.user(person);
                    match membership {
                        Membership::Join => MemberChange::Joined(user_id, Role::Member),
                        Membership::Leave => MemberChange::Left(user_id),
                        Membership::Role(role) => MemberChange::Role(user_id, role),
                    }
                });
                let event = SystemEvent::AboutChanged { about: n.to_string() };
                let message = |n: u64| {
                    let message = if n % 3 == 2 {
                        call(id, n, self.user(0))
                    } else {
                        system(id, n, self.user(0), event.clone())
                    };
                    Arc::new(Message {
                        sent_at: at(self.now),
                        ..message
                    })
                };
                Some(Change::UpdateGroup {
                    conversation: title.map(|title| {
                        Box::new(Conversation {
                            title: Some(Title::from_stored(format!("Title {title}"))),
                            ..group(self.number(chat), self.user(0))
                        })
                    }),
                    members: members.collect(),
                    preceding: preceding.into_iter().map(message).collect(),
                    message: message(n),
                    fence: self.fence(chat, fence),
                })
            }
        }
    }

    fn creation(&self, chat: Chat, people: &[UserId]) -> Change {
        let mut change = creation(self.number(chat), people);
        if let Change::Create { message, .. } = &mut change {
            Arc::make_mut(message).sent_at = at(self.now);
        }
        change
    }

    fn revision(&self, message: Message, revision: Revision, fence: Seq) -> Change {
        match revision {
            Revision::Edit(n) => revise(edited(&message, &format!("edit {n}"), self.now), fence),
            Revision::Delete => revise(deleted(&message, self.now), fence),
            Revision::React(person) => {
                let reaction = Reaction {
                    user_id: self.user(person),
                    emoji: Emoji::from_stored("👍"),
                };
                let mut reactions = message.reactions.clone();
                reactions.retain(|other| other.user_id != reaction.user_id);
                reactions.push(reaction);
                Change::Revise {
                    message: Arc::new(Message { reactions, ..message }),
                    terms: TermsChange::Keep,
                    fence,
                }
            }
        }
    }

    fn advance(&self, (chat, person, delivered, read): (Chat, Person, u64, u64)) -> Advance {
        Advance {
            conversation_id: self.chat(chat),
            user_id: self.user(person),
            to: Watermarks {
                delivered: Seq(delivered),
                read: Seq(read),
            },
            at: at(self.now),
        }
    }

    fn number(&self, n: u64) -> u64 {
        1_000 * (self.play + 1) + n
    }

    fn user(&self, person: Person) -> UserId {
        user_id(self.number(person))
    }

    fn pair(&self, chat: Chat) -> Conversation {
        let (a, b) = PAIRS[usize::try_from(chat - GROUPS).expect("there are few pairs")];
        direct(self.user(a), self.user(b))
    }

    fn chat(&self, chat: Chat) -> ConversationId {
        if chat < GROUPS {
            conversation_id(self.number(chat))
        } else {
            self.pair(chat).id
        }
    }

    /// Returns the members of a list, each once.
    fn distinct(&self, of: Vec<(Chat, Person)>) -> Vec<(ConversationId, UserId)> {
        let mut of: Vec<_> = of
            .into_iter()
            .map(|(chat, person)| (self.chat(chat), self.user(person)))
            .collect();
        of.sort_unstable();
        of.dedup();
        of
    }

    fn known(&self, chat: Chat) -> Option<ConversationId> {
        Some(self.model.conversation(self.chat(chat))?.id)
    }

    fn fence(&self, chat: Chat, staleness: Staleness) -> Seq {
        Seq(self
            .model
            .head(self.chat(chat))
            .fence
            .0
            .saturating_add_signed(staleness))
    }

    /// Returns a `seq` between 0 and one past the last message.
    fn place(&self, chat: Chat, place: Index) -> Seq {
        let length = usize::try_from(self.model.head(self.chat(chat)).seq.0).expect("scripts are short");
        Seq(place.index(length + 2) as u64)
    }

    /// Returns the rank of a message with this score; `None` if there is no message at that place.
    fn rank(&self, chat: Chat, place: Index, score: Score) -> Option<Rank> {
        let message = self.model.message(self.chat(chat), self.place(chat, place))?;
        Some(Rank::of(message, score))
    }

    fn span(&self, chat: Chat, from: Index, to: Index) -> Span {
        let head = self.model.head(self.chat(chat)).seq;
        let (from, to) = (self.place(chat, from).min(head), self.place(chat, to).min(head));
        Span {
            conversation_id: self.chat(chat),
            after: from.min(to),
            through: from.max(to),
        }
    }
}

/// Makes windows from a list of edges: the first edge opens a window, the second closes it, and so on.
fn windows(mut edges: Vec<u64>) -> Vec<Window> {
    edges.sort_unstable();
    edges.dedup();
    let window = |edges: &[u64]| Window {
        from: Seq(edges[0]),
        to: edges.get(1).copied().map(Seq),
    };
    edges.chunks(2).map(window).collect()
}
