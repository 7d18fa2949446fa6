//! What stands between the two of a direct conversation.
//!
//! Where it stands, neither says anything new to the other: they send nothing, change no words and put no reaction on
//! a message. What takes back what was said (deleting a message, taking a reaction off) stays allowed, and so does
//! everything that reads. In groups it counts for nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::contact::ContactEdge;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, UserId};
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::{ContactRepository, RepositoryError, Stores, UserRepository};

/// What stands between the two of a direct conversation; nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectPolicy {
    /// Those of the two who block the other.
    pub(crate) blockers: Vec<UserId>,
    /// Those of the two whose accounts are erased.
    pub(crate) erased: Vec<UserId>,
}

impl DirectPolicy {
    /// Lets one of the two say something to the other, or tells them why not: who is blocked, no more than who writes to
    /// somebody that is gone.
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

/// Looks up direct_policies.
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

    /// Returns what stands between the two of each of these conversations; two queries at most, none for groups.
    pub(crate) async fn between<'a>(
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
        let (walls, users) = tokio::try_join!(self.contacts.blocked(&edges), self.users.find(&ids))?;
        let walls: HashSet<_> = walls.into_iter().collect();
        let erased: HashSet<_> = users
            .into_iter()
            .filter(|user| user.deleted_at.is_some())
            .map(|user| user.id)
            .collect();
        let direct_policy = |(id, pair): (ConversationId, (UserId, UserId))| {
            let blockers = ways(pair).into_iter().filter(|edge| walls.contains(edge));
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
    fn the_table_of_who_may_say_something_to_whom() {
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
    fn who_is_blocked_is_told_no_more_than_who_writes_to_nobody() {
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
    async fn barriers_of_many_conversations_take_two_queries_and_groups_none() {
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
            id: ConversationId::of_pair(BEN, cem),
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
