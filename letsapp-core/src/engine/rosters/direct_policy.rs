//! Blocks and erased accounts in direct conversations.
//!
//! Either of the two prevents both members from saying anything new to each other: sending or editing a message, or
//! reacting to one. Taking something back (deleting a message, removing a reaction) stays allowed, and so does all
//! reading. Blocks have no effect in groups.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::contact::ContactEdge;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, UserId};
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::{ContactRepository, RepositoryError, Stores, UserRepository};

/// The blocks and erased accounts between the two members of a direct conversation; none by default, as in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectPolicy {
    /// The members who block the other one.
    pub(crate) blockers: Vec<UserId>,
    /// The members whose accounts are erased.
    pub(crate) erased: Vec<UserId>,
}

impl DirectPolicy {
    /// Checks that a member may say something new to the other.
    ///
    /// # Errors
    /// [`Forbidden::Blocking`] if the actor blocks the other member. Otherwise [`Forbidden::Unreachable`], the same for
    /// a block by the other member as for an erased account, so that a blocked user can't tell that they are blocked.
    pub(crate) fn check(&self, actor: UserId) -> Result<(), ConversationError> {
        let forbidden = if self.blockers.contains(&actor) {
            Forbidden::Blocking
        } else if self.blockers.is_empty() && self.erased.is_empty() {
            return Ok(());
        } else {
            Forbidden::Unreachable
        };
        Err(ConversationError::Forbidden(forbidden))
    }
}

/// Reads the policies of direct conversations.
pub(super) struct DirectPolicies {
    contacts: Arc<dyn ContactRepository>,
    users: Arc<dyn UserRepository>,
}

impl DirectPolicies {
    pub(super) fn new(stores: &Stores) -> Self {
        Self {
            contacts: stores.contacts.clone(),
            users: stores.users.clone(),
        }
    }

    /// Returns the policy of each direct conversation among these, with at most two queries in all and none for groups.
    pub(super) async fn between<'a>(
        &self,
        conversations: impl Iterator<Item = &'a Conversation>,
    ) -> Result<HashMap<ConversationId, DirectPolicy>, RepositoryError> {
        let pairs: Vec<_> = conversations
            .filter_map(|conversation| Some((conversation.id, conversation.pair?)))
            .collect();
        if pairs.is_empty() {
            return Ok(HashMap::new());
        }
        let edges: Vec<_> = pairs.iter().flat_map(|(_, pair)| ways(*pair)).collect();
        let mut ids: Vec<_> = pairs.iter().flat_map(|(_, (a, b))| [*a, *b]).collect();
        ids.sort_unstable();
        ids.dedup();
        let (blocks, users) = tokio::try_join!(self.contacts.blocked(&edges), self.users.find(&ids))?;
        let blocks: HashSet<_> = blocks.into_iter().collect();
        let erased: HashSet<_> = users
            .into_iter()
            .filter(|user| user.deleted_at.is_some())
            .map(|user| user.id)
            .collect();
        let direct_policy = |(id, pair): (ConversationId, (UserId, UserId))| {
            let blockers = ways(pair).into_iter().filter(|edge| blocks.contains(edge));
            let erased = [pair.0, pair.1].into_iter().filter(|user_id| erased.contains(user_id));
            let direct_policy = DirectPolicy {
                blockers: blockers.map(|edge| edge.owner_id).collect(),
                erased: erased.collect(),
            };
            (id, direct_policy)
        };
        Ok(pairs.into_iter().map(direct_policy).collect())
    }
}

/// Returns the possible blocks between two users.
fn ways((a, b): (UserId, UserId)) -> [ContactEdge; 2] {
    [ContactEdge::new(a, b), ContactEdge::new(b, a)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Kind;
    use crate::domain::user::User;
    use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, conversation, user};
    use crate::ports::{MockContactRepository, MockUserRepository};

    #[test]
    fn a_block_or_an_erasure_stops_both_members() {
        const OPEN: &str = "open";
        let word = |outcome: Result<(), ConversationError>| match outcome {
            Ok(()) => OPEN,
            Err(ConversationError::Forbidden(Forbidden::Blocking)) => "unblock first",
            Err(ConversationError::Forbidden(Forbidden::Unreachable)) => "unreachable",
            Err(other) => panic!("{other}"),
        };
        let table: [(&[UserId], &[UserId], [&str; 2]); 6] = [
            // who blocks   who is erased  Ana to Ben        Ben to Ana
            (&[], &[], [OPEN, OPEN]),
            (&[ANA], &[], ["unblock first", "unreachable"]),
            (&[BEN], &[], ["unreachable", "unblock first"]),
            (&[ANA, BEN], &[], ["unblock first", "unblock first"]),
            (&[], &[BEN], ["unreachable", "unreachable"]),
            (&[ANA], &[BEN], ["unblock first", "unreachable"]),
        ];
        for (blockers, erased, expected) in table {
            let direct_policy = DirectPolicy {
                blockers: blockers.to_vec(),
                erased: erased.to_vec(),
            };
            assert_eq!(
                [ANA, BEN].map(|actor| word(direct_policy.check(actor))),
                expected,
                "{direct_policy:?}"
            );
        }
    }

    #[test]
    fn a_block_looks_like_an_erased_account() {
        let told = |direct_policy: DirectPolicy| direct_policy.check(ANA).unwrap_err().to_string();
        let blocked = DirectPolicy {
            blockers: vec![BEN],
            ..DirectPolicy::default()
        };
        let erased = DirectPolicy {
            erased: vec![BEN],
            ..DirectPolicy::default()
        };
        assert_eq!(told(blocked), told(erased));
    }

    #[tokio::test]
    async fn policies_of_many_conversations_take_two_queries_and_groups_none() {
        let (mut contacts, mut users) = (MockContactRepository::new(), MockUserRepository::new());
        contacts
            .expect_blocked()
            .times(1)
            .returning(|edges| Ok(edges.iter().filter(|edge| edge.owner_id == BEN).copied().collect()));
        users.expect_find().times(1).returning(|ids| {
            let gone = |id: &UserId| User {
                deleted_at: (*id == ANA).then_some(NOW),
                ..user(*id, true)
            };
            Ok(ids.iter().map(gone).collect())
        });
        let direct_policies = DirectPolicies {
            contacts: Arc::new(contacts),
            users: Arc::new(users),
        };
        let group = conversation(Kind::Group);
        assert!(direct_policies.between([&group].into_iter()).await.unwrap().is_empty());
        let (direct, cem) = (conversation(Kind::Direct), UserId::from_bytes([3; 16]));
        let other = Conversation {
            id: ConversationId::from_bytes([9; 16]),
            pair: Some((BEN, cem)),
            ..direct.clone()
        };
        let found = direct_policies
            .between([&direct, &group, &other].into_iter())
            .await
            .unwrap();
        let expected = |erased: &[UserId]| DirectPolicy {
            blockers: vec![BEN],
            erased: erased.to_vec(),
        };
        assert_eq!(
            found,
            HashMap::from([(CHAT, expected(&[ANA])), (other.id, expected(&[]))])
        );
    }
}
