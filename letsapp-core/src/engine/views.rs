//! Conversations as their members see them, assembled from the stores in a fixed number of queries.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::domain::conversation::{Conversation, Head, Roster};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, Watermarks};
use crate::domain::message::Message;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::User;
use crate::domain::visibility::ViewerPair;
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
    members: HashMap<(ConversationId, UserId), Member>,
}

impl Views {
    pub(crate) fn new(stores: Stores, receipts: Arc<Receipts>) -> Self {
        let visibility = VisibilityChecker::new(stores.contacts.clone());
        Self {
            stores,
            receipts,
            visibility,
        }
    }

    /// Returns a group as each of these users sees it, from a roster that was just read. Users who are not members are
    /// left out.
    pub(crate) async fn of_group(
        &self,
        roster: &Roster,
        viewers: &[UserId],
    ) -> Result<Vec<(UserId, protocol::Conversation)>, RepositoryError> {
        let viewers: HashSet<_> = viewers.iter().collect();
        let members = roster.members.iter().filter(|member| viewers.contains(&member.user_id));
        self.of(members.cloned().collect()).await
    }

    /// Returns the conversations of these member records, each as its member sees it, in the order given.
    pub(crate) async fn of(
        &self,
        mut members: Vec<Member>,
    ) -> Result<Vec<(UserId, protocol::Conversation)>, RepositoryError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let gathered = self.gather(&members).await?;
        // The overlay is applied after the heads were read: whatever own message a head counts is then in the
        // watermarks, and not unread.
        self.receipts.overlay(&mut members);
        for member in &mut members {
            if let Some(newest) = gathered.newest(member)
                && newest.is_from_user()
                && newest.sender_id == member.user_id
            {
                member.watermarks = member.watermarks.merge(Watermarks::read(newest.seq));
            }
        }
        let unread = self.unread(&members, &gathered.heads).await?;
        let views = members.iter().zip(unread).filter_map(|(member, unread)| {
            let view = gathered.view(member, unread)?;
            Some((member.user_id, view))
        });
        Ok(views.collect())
    }

    /// Returns the time of the latest activity in the conversations of these member records, in the order given: the
    /// time of the newest message that the member sees, or else of joining.
    pub(crate) async fn latest(&self, members: &[Member]) -> Result<Vec<Timestamp>, RepositoryError> {
        let ids = distinct(members.iter().map(|member| member.conversation_id));
        let heads: HashMap<_, _> = self.stores.conversations.heads(&ids).await?.into_iter().collect();
        // The head knows the time of the newest message, unless it was written by an older version or the member does
        // not see the newest message.
        let known = |member: &Member| {
            let head = heads.get(&member.conversation_id)?;
            let is_known = newest_seq(member, &heads) == head.seq && head.sent_at > Timestamp::default();
            is_known.then_some(head.sent_at)
        };
        let unknown: Vec<_> = members
            .iter()
            .filter(|member| known(member).is_none())
            .cloned()
            .collect();
        let newest = self.newest(&unknown, &heads).await?;
        let latest = members.iter().map(|member| {
            let message = || newest.get(&(member.conversation_id, newest_seq(member, &heads)));
            let sent_at = known(member).or_else(|| message().map(|message| message.sent_at));
            sent_at.unwrap_or(member.joined_at)
        });
        Ok(latest.collect())
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
        let messages = self.stores.messages.find(&at).await?.into_iter();
        Ok(messages
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
        let (users, mut theirs) = if peers.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            let users = self
                .stores
                .users
                .find(&distinct(peers.iter().map(|(_, user_id)| *user_id)))
                .await?;
            (users, self.stores.conversations.members(&peers).await?)
        };
        self.receipts.overlay(&mut theirs);
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
