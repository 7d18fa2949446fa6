//! Access to files. A file is seen by its owner, whoever may see a message that carries it, and whoever sees the profile or the group
//! whose picture it is. Everything is read from the store, never from a cache.

use std::collections::{HashMap, HashSet};

use crate::domain::contact::ContactEdge;
use crate::domain::id::{MediaId, UserId};
use crate::domain::media::{Holder, MediaRef};
use crate::domain::member::MemberKey;
use crate::ports::{MediaRepository, RepositoryError, Stores};

/// Checks who may see files.
#[derive(Clone)]
pub(crate) struct FileAccess {
    stores: Stores,
}

impl FileAccess {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self { stores: stores.clone() }
    }

    /// Returns those of the files that a user may see because something shows them. What one owns is not looked at.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn shown(&self, viewer: UserId, ids: &[MediaId]) -> Result<HashSet<MediaId>, RepositoryError> {
        let repository: &dyn MediaRepository = &*self.stores.media;
        let refs = repository.refs(ids).await?;
        let mut shown = self.by_messages(viewer, &refs).await?;
        let others: Vec<_> = refs
            .into_iter()
            .filter(|reference| !shown.contains(&reference.media_id))
            .collect();
        shown.extend(self.by_groups(viewer, &others).await?);
        shown.extend(self.by_profiles(viewer, &others).await?);
        Ok(shown)
    }

    async fn by_messages(&self, viewer: UserId, refs: &[MediaRef]) -> Result<HashSet<MediaId>, RepositoryError> {
        let mut keys: Vec<MemberKey> = refs
            .iter()
            .filter_map(|reference| match reference.holder {
                Holder::Message { conversation_id, .. } => Some((conversation_id, viewer)),
                Holder::Profile(_) | Holder::Group(_) => None,
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let mut shown = HashSet::new();
        if keys.is_empty() {
            return Ok(shown);
        }
        let members = self.stores.conversations.members(&keys).await?;
        let members: HashMap<_, _> = members
            .into_iter()
            .map(|member| (member.conversation_id, member))
            .collect();
        for reference in refs {
            let Holder::Message {
                conversation_id,
                message_id,
            } = reference.holder
            else {
                continue;
            };
            let Some(member) = members.get(&conversation_id) else {
                continue;
            };
            if shown.contains(&reference.media_id) {
                continue;
            }
            let message = self.stores.messages.find_by_id(conversation_id, message_id).await?;
            if message.is_some_and(|message| member.sees(message.seq) && message.carries(reference.media_id)) {
                shown.insert(reference.media_id);
            }
        }
        Ok(shown)
    }

    /// A group shows its picture to its present members.
    async fn by_groups(&self, viewer: UserId, refs: &[MediaRef]) -> Result<HashSet<MediaId>, RepositoryError> {
        let groups: HashSet<_> = refs
            .iter()
            .filter_map(|reference| match reference.holder {
                Holder::Group(id) => Some((id, reference.media_id)),
                Holder::Message { .. } | Holder::Profile(_) => None,
            })
            .collect();
        if groups.is_empty() {
            return Ok(HashSet::new());
        }
        let keys: Vec<_> = groups.iter().map(|(id, _)| (*id, viewer)).collect();
        let members = self.stores.conversations.members(&keys).await?;
        let mine: Vec<_> = members
            .iter()
            .filter(|member| member.is_in())
            .map(|member| member.conversation_id)
            .collect();
        let conversations = self.stores.conversations.find(&mine).await?;
        let pictures = conversations.into_iter().filter_map(|conversation| {
            let picture = conversation.avatar_media_id?;
            groups.contains(&(conversation.id, picture)).then_some(picture)
        });
        Ok(pictures.collect())
    }

    /// A profile shows its picture to everybody whom its user does not block.
    async fn by_profiles(&self, viewer: UserId, refs: &[MediaRef]) -> Result<HashSet<MediaId>, RepositoryError> {
        let profiles: HashSet<_> = refs
            .iter()
            .filter_map(|reference| match reference.holder {
                Holder::Profile(id) => Some((id, reference.media_id)),
                Holder::Message { .. } | Holder::Group(_) => None,
            })
            .collect();
        if profiles.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<_> = profiles.iter().map(|(id, _)| *id).collect();
        let edges: Vec<_> = ids.iter().map(|id| ContactEdge::new(*id, viewer)).collect();
        let blocking: HashSet<_> = self.stores.contacts.blocked(&edges).await?.into_iter().collect();
        let users = self.stores.users.find(&ids).await?;
        let pictures = users.into_iter().filter_map(|user| {
            let picture = user.avatar_media_id?;
            let is_blocked = blocking.contains(&ContactEdge::new(user.id, viewer));
            (!is_blocked && profiles.contains(&(user.id, picture))).then_some(picture)
        });
        Ok(pictures.collect())
    }
}
