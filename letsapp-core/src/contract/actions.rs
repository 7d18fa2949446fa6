//! Calls of the methods of a store's conversations and messages, and their results in a form that can be compared.

use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::message::Message;
use crate::domain::search::{Hit, Search};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::{Span, Window};
use crate::ports::{Advance, Advanced, Change, Creation, Outcome, Range, Repositories, RepositoryError, SenderQuery};

/// A call of a method with its arguments.
#[derive(Clone, Debug)]
pub(super) enum Action {
    CreateDirect(Conversation, Timestamp),
    Commit(Vec<Change>),
    Advance(Vec<Advance>),
    UpdatePreferences(ConversationId, UserId, PreferencesPatch, Timestamp),
    Conversations(Vec<ConversationId>),
    Rosters(Vec<ConversationId>),
    Heads(Vec<ConversationId>),
    MemberCounts(Vec<ConversationId>),
    Members(Vec<(ConversationId, UserId)>),
    Memberships(UserId),
    Messages(Vec<(ConversationId, Seq)>),
    MessageById(ConversationId, MessageId),
    History(ConversationId, Vec<Window>, Range, usize),
    Changes(ConversationId, Vec<Window>, Rev, usize),
    Search(Search),
    CountUnread(Vec<Span>),
    Senders(Vec<SenderQuery>),
    LastSent(Vec<(ConversationId, UserId)>),
}

/// The result of a call, sorted where the traits promise no order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Creation(Creation),
    Outcomes(Vec<Outcome>),
    Advanced(Vec<Option<Advanced>>),
    Member(Option<Member>),
    Conversations(Vec<Conversation>),
    Rosters(Vec<Roster>),
    Heads(Vec<(ConversationId, Head)>),
    Counts(Vec<(ConversationId, usize)>),
    Members(Vec<Member>),
    Messages(Vec<Message>),
    Hits(Vec<Hit>),
    CountUnread(Vec<u64>),
    Senders(Vec<Vec<UserId>>),
    LastSent(Vec<((ConversationId, UserId), Seq)>),
}

impl Action {
    /// Makes the call on a store.
    pub(super) async fn ask(self, store: &dyn Repositories) -> Result<Answer, RepositoryError> {
        let (conversations, messages) = (store.conversations(), store.messages());
        Ok(match self {
            Self::CreateDirect(conversation, at) => {
                Answer::Creation(conversations.create_direct(conversation, at).await?)
            }
            Self::Commit(changes) => {
                let count = changes.len();
                let outcomes = messages.commit(changes).in_order(count).await;
                Answer::Outcomes(outcomes.into_iter().collect::<Result<_, _>>()?)
            }
            Self::Advance(advances) => Answer::Advanced(conversations.advance(advances).await?),
            Self::UpdatePreferences(id, user_id, patch, at) => {
                Answer::Member(conversations.update_preferences(id, user_id, patch, at).await?)
            }
            Self::Conversations(ids) => Answer::conversations(conversations.find(&ids).await?),
            Self::Rosters(ids) => Answer::rosters(conversations.rosters(&ids).await?),
            Self::Heads(ids) => Answer::heads(conversations.heads(&ids).await?),
            Self::MemberCounts(ids) => Answer::counts(conversations.member_counts(&ids).await?),
            Self::Members(of) => Answer::members(conversations.members(&of).await?),
            Self::Memberships(user_id) => Answer::members(conversations.memberships(user_id).await?),
            Self::Messages(at) => Answer::unordered(messages.find(&at).await?),
            Self::MessageById(id, message_id) => {
                Answer::Messages(messages.find_by_id(id, message_id).await?.into_iter().collect())
            }
            Self::History(id, windows, range, limit) => {
                Answer::Messages(messages.history(id, &windows, range, limit).await?)
            }
            Self::Changes(id, windows, after, limit) => {
                Answer::Messages(messages.changes(id, &windows, after, limit).await?)
            }
            Self::Search(search) => Answer::Hits(messages.search(search).await?),
            Self::CountUnread(spans) => Answer::CountUnread(messages.count_unread(&spans).await?),
            Self::Senders(asked) => Answer::senders(messages.senders(&asked).await?),
            Self::LastSent(of) => Answer::last_sent(messages.last_sent(&of).await?),
        })
    }
}

impl Answer {
    pub(super) fn conversations(mut conversations: Vec<Conversation>) -> Self {
        conversations.sort_by_key(|conversation| conversation.id);
        Self::Conversations(conversations)
    }

    pub(super) fn rosters(mut rosters: Vec<Roster>) -> Self {
        rosters.sort_by_key(|roster| roster.conversation.id);
        Self::Rosters(rosters)
    }

    /// Removes the heads of empty conversations, which a store may leave out, and sorts the others.
    pub(super) fn heads(mut heads: Vec<(ConversationId, Head)>) -> Self {
        heads.retain(|(_, head)| *head != Head::default());
        heads.sort_by_key(|(id, _)| *id);
        Self::Heads(heads)
    }

    /// Removes zero counts, which a store may leave out, and sorts the others.
    pub(super) fn counts(mut counts: Vec<(ConversationId, usize)>) -> Self {
        counts.retain(|(_, count)| *count > 0);
        counts.sort_unstable();
        Self::Counts(counts)
    }

    pub(super) fn members(mut members: Vec<Member>) -> Self {
        members.sort_by_key(|member| (member.conversation_id, member.user_id));
        Self::Members(members)
    }

    pub(super) fn unordered(mut messages: Vec<Message>) -> Self {
        messages.sort_by_key(|message| (message.conversation_id, message.seq));
        Self::Messages(messages)
    }

    pub(super) fn senders(mut senders: Vec<Vec<UserId>>) -> Self {
        senders.iter_mut().for_each(|senders| senders.sort_unstable());
        Self::Senders(senders)
    }

    pub(super) fn last_sent(mut last_sent: Vec<((ConversationId, UserId), Seq)>) -> Self {
        last_sent.sort_unstable();
        Self::LastSent(last_sent)
    }
}
