//! Looking up who may see a user's presence: whether the user is online, and when they were last seen. The rule itself
//! is [`domain::visibility`](crate::domain::visibility).

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::contact::ContactEdge;
use crate::domain::id::UserId;
use crate::domain::user::{Audience, User};
use crate::domain::visibility::{Relation, ViewerPair, Visibility};
use crate::ports::{ContactRepository, RepositoryError};
use crate::protocol;
use crate::protocol::LastSeen;

/// Checks who may see whose presence.
#[derive(Clone)]
pub(crate) struct VisibilityChecker {
    contacts: Arc<dyn ContactRepository>,
}

impl VisibilityChecker {
    pub(crate) fn new(contacts: Arc<dyn ContactRepository>) -> Self {
        Self { contacts }
    }

    /// Returns those of the users whose presence the viewer may see, with at most two queries for any number of users.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn of(&self, viewer: UserId, users: &[User]) -> Result<HashSet<UserId>, RepositoryError> {
        let seen = self.among(users.iter().map(|user| (viewer, user))).await?;
        Ok(seen.into_iter().map(|pair| pair.user_id).collect())
    }

    /// Returns those of the pairs whose viewer may see the user's presence, with at most two queries for any number of
    /// pairs.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn among<'a>(
        &self,
        pairs: impl Iterator<Item = (UserId, &'a User)> + Send,
    ) -> Result<HashSet<ViewerPair>, RepositoryError> {
        let mut seen = HashSet::new();
        let mut open = Vec::new();
        let (mut listings, mut blocks) = (Vec::new(), Vec::new());
        for (viewer, user) in pairs {
            let pair = ViewerPair {
                viewer,
                user_id: user.id,
            };
            if viewer == user.id {
                seen.insert(pair);
            } else if user.deleted_at.is_none() && user.settings.last_seen != Audience::Nobody {
                let edge = ContactEdge::new(user.id, viewer);
                blocks.extend([edge, edge.reversed()]);
                if user.settings.last_seen == Audience::Contacts {
                    listings.push(edge);
                }
                open.push((pair, user.settings.last_seen));
            }
        }
        if open.is_empty() {
            return Ok(seen);
        }
        let listed = async {
            match listings.as_slice() {
                [] => Ok(Vec::new()),
                listings => self.contacts.listed(listings).await,
            }
        };
        let (listed, blocks) = tokio::try_join!(listed, self.contacts.blocked(&blocks))?;
        let (listed, blocks): (HashSet<_>, HashSet<_>) = (listed.into_iter().collect(), blocks.into_iter().collect());
        let may_see = |(pair, audience): &(ViewerPair, Audience)| {
            let edge = ContactEdge::new(pair.user_id, pair.viewer);
            let relation = Relation {
                listed: listed.contains(&edge),
                blocked: blocks.contains(&edge) || blocks.contains(&edge.reversed()),
            };
            Visibility::of(*audience, relation) == Visibility::Visible
        };
        seen.extend(open.into_iter().filter(may_see).map(|(pair, _)| pair));
        Ok(seen)
    }

    /// Returns users as a viewer sees them, in the order given.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn show(&self, viewer: UserId, users: &[User]) -> Result<Vec<protocol::User>, RepositoryError> {
        let seen = self.of(viewer, users).await?;
        let shown = users
            .iter()
            .map(|user| protocol::User::new(user, LastSeen::shown_if(seen.contains(&user.id))));
        Ok(shown.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Settings;
    use crate::engine::fixtures::{ANA, BEN, NOW, user};
    use crate::ports::MockContactRepository;

    const CEM: UserId = UserId::from_bytes([3; 16]);

    fn showing(id: UserId, last_seen: Audience) -> User {
        User {
            settings: Settings {
                last_seen,
                ..Settings::default()
            },
            last_seen_at: Some(NOW),
            ..user(id, true)
        }
    }

    fn among(all: &'static [ContactEdge]) -> impl Fn(&[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        move |asked| {
            assert!(!asked.is_empty(), "nothing is asked for nothing");
            Ok(asked.iter().filter(|edge| all.contains(edge)).copied().collect())
        }
    }

    /// A checker over these contacts and these blocks.
    fn visibility(listed: &'static [ContactEdge], blocked: &'static [ContactEdge]) -> VisibilityChecker {
        let mut contacts = MockContactRepository::new();
        contacts.expect_listed().times(0..=1).returning(among(listed));
        contacts.expect_blocked().times(0..=1).returning(among(blocked));
        VisibilityChecker::new(Arc::new(contacts))
    }

    #[tokio::test]
    async fn the_shown_users_own_contact_list_counts() {
        let ben = [showing(BEN, Audience::Contacts)];
        let mine = const { &[ContactEdge::new(ANA, BEN)] };
        assert!(visibility(mine, &[]).of(ANA, &ben).await.unwrap().is_empty());
        let his = const { &[ContactEdge::new(BEN, ANA)] };
        assert_eq!(visibility(his, &[]).of(ANA, &ben).await.unwrap(), HashSet::from([BEN]));
    }

    #[tokio::test]
    async fn a_block_in_either_direction_hides_both() {
        let people = [showing(BEN, Audience::Everyone), showing(CEM, Audience::Everyone)];
        for block in [
            const { &[ContactEdge::new(ANA, BEN)] },
            const { &[ContactEdge::new(BEN, ANA)] },
        ] {
            let seen = visibility(&[], block).of(ANA, &people).await.unwrap();
            assert_eq!(seen, HashSet::from([CEM]), "{block:?}");
            let pairs = [(ANA, &people[0]), (CEM, &people[0])].into_iter();
            let seen = visibility(&[], block).among(pairs).await.unwrap();
            let pair = ViewerPair {
                viewer: CEM,
                user_id: BEN,
            };
            assert_eq!(seen, HashSet::from([pair]), "{block:?}");
        }
    }

    #[tokio::test]
    async fn users_see_themselves_and_nobody_sees_erased_users() {
        let erased = User {
            deleted_at: Some(NOW),
            ..showing(BEN, Audience::Everyone)
        };
        let people = [showing(ANA, Audience::Nobody), erased];
        let shown = visibility(&[], &[]).show(ANA, &people).await.unwrap();
        let at: Vec<_> = shown.iter().map(|user| (user.id, user.last_seen_at)).collect();
        assert_eq!(at, [(ANA, Some(NOW)), (BEN, None)]);
    }

    #[tokio::test]
    async fn any_number_of_users_takes_two_queries() {
        let people: Vec<_> = (10..60)
            .map(|n| showing(UserId::from_bytes([n; 16]), Audience::Contacts))
            .collect();
        let listed = const { &[ContactEdge::new(UserId::from_bytes([20; 16]), ANA)] };
        let seen = visibility(listed, &[]).of(ANA, &people).await.unwrap();
        assert_eq!(seen, HashSet::from([UserId::from_bytes([20; 16])]));
    }
}
