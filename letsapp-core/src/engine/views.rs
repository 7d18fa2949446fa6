//! Conversations as their members see them, assembled from the stores in a fixed number of queries.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::domain::conversation::{Conversation, Head};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, MemberKey, Watermarks};
use crate::domain::message::Message;
use crate::domain::user::User;
use crate::domain::visibility::ViewerPair;
use crate::engine::departures::Departures;
use crate::engine::media::refresh;
use crate::engine::receipts::Receipts;
use crate::engine::visibility::VisibilityChecker;
use crate::ports::{RepositoryError, Stores};
use crate::protocol;
use crate::protocol::{ConversationHead, LastSeen, Me};

/// Assembles conversations as their members see them.
pub(crate) struct Views {
    stores: Stores,
    receipts: Arc<Receipts>,
    visibility: VisibilityChecker,
    departures: Departures,
}

/// The data of some conversations, as read from the stores.
struct Gathered {
    conversations: HashMap<ConversationId, Conversation>,
    heads: HashMap<ConversationId, Head>,
    counts: HashMap<ConversationId, usize>,
    newest: HashMap<(ConversationId, Seq), Message>,
    users: HashMap<UserId, User>,
    /// Pairs whose viewer may see the peer's presence.
    seen: HashSet<ViewerPair>,
    members: HashMap<MemberKey, Member>,
}

impl Views {
    pub(crate) fn new(stores: Stores, receipts: Arc<Receipts>, visibility: VisibilityChecker) -> Self {
        Self {
            departures: Departures::new(&stores),
            stores,
            receipts,
            visibility,
        }
    }

    /// Returns the conversations of these member records, each as its member sees it, in the order given.
    pub(crate) async fn of(
        &self,
        mut members: Vec<Member>,
    ) -> Result<Vec<(UserId, protocol::Conversation)>, RepositoryError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        self.complete(&mut members).await?;
        let mut gathered = self.gather(&members).await?;
        let Gathered {
            heads,
            newest,
            users,
            members: peers,
            ..
        } = &mut gathered;
        let shows = |user_id| users.get(&user_id).is_some_and(|user| user.settings.read_receipts);
        let peers = peers.values_mut().filter(|peer| shows(peer.user_id));
        let mut shown: Vec<_> = members.iter_mut().chain(peers).collect();
        for member in &mut shown {
            let newest = newest.get(&(member.conversation_id, newest_seq(member, heads)));
            if newest.is_some_and(|newest| newest.is_from_user() && newest.sender_id == member.user_id) {
                // Known already: mostly this saves the question after a member's own messages.
                member.watermarks = member.watermarks.merge(Watermarks::read(newest_seq(member, heads)));
            }
        }
        // Lifted after the heads were read: whatever own message a head counts is then in the watermarks, and not unread.
        self.receipts.lift_below(heads, shown).await?;
        let unread = self.unread(&members, &gathered.heads).await?;
        let views = members.iter().zip(unread).filter_map(|(member, unread)| {
            let view = gathered.view(member, unread)?;
            Some((member.user_id, view))
        });
        Ok(views.collect())
    }

    /// Adds the state at leaving to the records of former members that lack it.
    pub(crate) async fn complete(&self, members: &mut [Member]) -> Result<(), RepositoryError> {
        self.departures.complete(members).await
    }

    /// Returns the head of a conversation for a member. For one who has left it is where they left: nothing later
    /// concerns them, not even that there was something.
    pub(crate) async fn head_seen(&self, member: &Member, head: Head) -> Result<Head, RepositoryError> {
        if member.is_in() {
            return Ok(head);
        }
        let mut member = [member.clone()];
        self.complete(&mut member).await?;
        let [Member { departure, .. }] = member;
        Ok(departure.map_or(head, |departure| head.until(&departure)))
    }

    async fn newest(
        &self,
        members: &[Member],
        heads: &HashMap<ConversationId, Head>,
    ) -> Result<HashMap<(ConversationId, Seq), Message>, RepositoryError> {
        let at = members
            .iter()
            .map(|member| (member.conversation_id, newest_seq(member, heads)));
        let at = distinct(at.filter(|(_, seq)| *seq > Seq::ZERO));
        if at.is_empty() {
            return Ok(HashMap::new());
        }
        let mut messages = self.stores.messages.find(&at).await?;
        refresh(&self.stores, &mut messages).await?;
        Ok(messages
            .into_iter()
            .map(|message| ((message.conversation_id, message.seq), message))
            .collect())
    }

    async fn gather(&self, members: &[Member]) -> Result<Gathered, RepositoryError> {
        let ids = distinct(members.iter().map(|member| member.conversation_id));
        let conversations = self.stores.conversations.find(&ids).await?;
        let heads: HashMap<_, _> = self.stores.conversations.heads(&ids).await?.into_iter().collect();
        let counts = self
            .stores
            .conversations
            .member_counts(&ids)
            .await?
            .into_iter()
            .collect();
        let conversations: HashMap<_, _> = conversations
            .into_iter()
            .map(|conversation| (conversation.id, conversation))
            .collect();
        let newest = self.newest(members, &heads).await?;
        let peers: Vec<_> = members
            .iter()
            .filter_map(|member| {
                Some((
                    member.conversation_id,
                    conversations.get(&member.conversation_id)?.peer_of(member.user_id)?,
                ))
            })
            .collect();
        let (users, theirs) = if peers.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            let users = self
                .stores
                .users
                .find(&distinct(peers.iter().map(|(_, user_id)| *user_id)))
                .await?;
            (users, self.stores.conversations.members(&peers).await?)
        };
        let users: HashMap<_, _> = users.into_iter().map(|user| (user.id, user)).collect();
        let pairs = members.iter().filter_map(|member| {
            let peer = conversations.get(&member.conversation_id)?.peer_of(member.user_id)?;
            Some((member.user_id, users.get(&peer)?))
        });
        let seen = self.visibility.among(pairs).await?;
        Ok(Gathered {
            conversations,
            heads,
            counts,
            newest,
            users,
            seen,
            members: theirs
                .into_iter()
                .map(|member| ((member.conversation_id, member.user_id), member))
                .collect(),
        })
    }

    /// Counts the unread messages of each member.
    async fn unread(
        &self,
        members: &[Member],
        heads: &HashMap<ConversationId, Head>,
    ) -> Result<Vec<u64>, RepositoryError> {
        let mut spans = Vec::new();
        let mut owners = Vec::new();
        for (place, member) in members.iter().enumerate() {
            let head = heads.get(&member.conversation_id).copied().unwrap_or_default();
            for span in member.unread_spans(head.seq) {
                spans.push(span);
                owners.push(place);
            }
        }
        let mut unread = vec![0; members.len()];
        if !spans.is_empty() {
            for (place, count) in owners.into_iter().zip(self.stores.messages.count_unread(&spans).await?) {
                unread[place] += count;
            }
        }
        Ok(unread)
    }
}

impl Gathered {
    /// Returns the newest message that a member sees.
    fn newest(&self, member: &Member) -> Option<&Message> {
        self.newest
            .get(&(member.conversation_id, newest_seq(member, &self.heads)))
    }

    fn view(&self, member: &Member, unread: u64) -> Option<protocol::Conversation> {
        let view = self.view_of_now(member, unread)?;
        Some(match member.departure.as_deref() {
            Some(departure) if !member.is_in() => as_it_was(view, departure),
            _ => view,
        })
    }

    fn view_of_now(&self, member: &Member, unread: u64) -> Option<protocol::Conversation> {
        let id = member.conversation_id;
        let conversation = self.conversations.get(&id)?;
        let head = self.heads.get(&id).copied().unwrap_or_default();
        let peer = conversation
            .peer_of(member.user_id)
            .and_then(|peer| self.users.get(&peer));
        let peer_receipt = peer
            .filter(|peer| peer.settings.read_receipts)
            .and_then(|peer| self.members.get(&(id, peer.id)))
            .map(|member| protocol::Watermarks::from(member.watermarks));
        Some(protocol::Conversation {
            id,
            kind: conversation.kind,
            title: conversation.title.as_ref().map(ToString::to_string),
            about: conversation.about.to_string(),
            avatar_media_id: conversation.avatar_media_id,
            created_by: conversation.created_by,
            created_at: conversation.created_at,
            member_count: self.counts.get(&id).copied().unwrap_or_default(),
            head: ConversationHead {
                seq: member.newest_visible(head.seq),
                rev: head.rev,
                last_message: self
                    .newest(member)
                    .map(|message| protocol::Message::seen_by(message, member.user_id)),
            },
            me: Me {
                role: member.role,
                joined_at: member.joined_at,
                left_at: None,
                read_seq: member.watermarks.read,
                delivered_seq: member.watermarks.delivered,
                unread,
                muted_until: member.preferences.muted_until,
                archived: member.preferences.archived,
                pinned: member.preferences.pinned,
            },
            peer: peer.map(|peer| {
                let pair = ViewerPair {
                    viewer: member.user_id,
                    user_id: peer.id,
                };
                protocol::User::new(peer, LastSeen::shown_if(self.seen.contains(&pair)))
            }),
            peer_receipt,
        })
    }
}

/// Returns a conversation as it was when a member left. `head.last_message` and `head.seq` are so already, since a former
/// member sees no newer message.
fn as_it_was(view: protocol::Conversation, departure: &Departure) -> protocol::Conversation {
    protocol::Conversation {
        title: departure.title.as_ref().map(ToString::to_string),
        about: departure.about.to_string(),
        avatar_media_id: departure.avatar_media_id,
        member_count: departure.member_count,
        head: ConversationHead {
            rev: departure.rev,
            ..view.head
        },
        me: Me {
            left_at: Some(departure.at),
            ..view.me
        },
        ..view
    }
}

fn newest_seq(member: &Member, heads: &HashMap<ConversationId, Head>) -> Seq {
    let head = heads.get(&member.conversation_id).copied().unwrap_or_default();
    member.newest_visible(head.seq)
}

fn distinct<T: Eq + Hash + Ord + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}
