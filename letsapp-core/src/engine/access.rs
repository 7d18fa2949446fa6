//! Access checks: a user has to be or have been a member before reading a conversation, and a current member before
//! changing it.

use std::sync::Arc;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::ports::{ConversationRepository, RepositoryError};

/// Checks who may read or change a conversation. Membership is read from the store, never from a cache: a user who was
/// just removed must not pass.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) rosters: Arc<Rosters>,
}

/// Proof that a user is or was a member. The windows of the record say which messages the user may read.
pub(crate) struct Granted(pub(crate) Member);

impl Access {
    /// Grants reading to current and former members.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] for anybody else, whether the conversation exists or not.
    pub(crate) async fn reader(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Granted, ConversationError> {
        let member = self
            .member(conversation_id, user_id)
            .await?
            .ok_or(ConversationError::NotFound)?;
        Ok(Granted(member))
    }

    /// Grants changes to current members.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] for users who never were members, [`Forbidden::NotAMember`] for former members.
    pub(crate) async fn participant(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Granted, ConversationError> {
        let granted = self.reader(conversation_id, user_id).await?;
        if granted.0.is_in() {
            Ok(granted)
        } else {
            Err(ConversationError::Forbidden(Forbidden::NotAMember))
        }
    }

    /// Returns a [recent](Rosters::recent) roster for one of its members.
    ///
    /// A user whom no cached roster lists is refused after one membership read, in the same time whether the
    /// conversation exists or not.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] for users who never were members, [`Forbidden::NotAMember`] for former members.
    pub(crate) async fn roster(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Arc<CachedRoster>, ConversationError> {
        let lists = |known: &Arc<CachedRoster>| known.member(user_id).is_some();
        if !self.rosters.known(conversation_id).as_ref().is_some_and(lists) {
            self.participant(conversation_id, user_id).await?;
            // The cached roster, if there is one, does not list the user: it is outdated.
            self.rosters.forget(conversation_id);
        }
        match self.rosters.recent(conversation_id).await?.filter(lists) {
            Some(known) => Ok(known),
            // The membership has just ended, or the group was deleted.
            None => match self.participant(conversation_id, user_id).await {
                Ok(_) => Err(ConversationError::Forbidden(Forbidden::NotAMember)),
                Err(error) => Err(error),
            },
        }
    }

    async fn member(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Option<Member>, RepositoryError> {
        Ok(self.conversations.members(&[(conversation_id, user_id)]).await?.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Roster;
    use crate::domain::id::Seq;
    use crate::engine::fixtures;
    use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, group};
    use crate::ports::{ManualClock, MockConversationRepository, Stores};

    const CEM: UserId = UserId::from_bytes([3; 16]);

    /// Access to a group of these users, where `cached` is what the cache holds.
    async fn access(members: &'static [UserId], cached: &'static [UserId]) -> Access {
        let mut conversations = MockConversationRepository::new();
        let record = |user_id: UserId| group(members, 1).member(user_id).cloned();
        conversations
            .expect_members()
            .returning(move |of| Ok(of.iter().filter_map(|(_, user_id)| record(*user_id)).collect()));
        let mut read = [group(cached, 1), group(members, 2)].into_iter();
        let roster = move || -> Vec<Roster> { read.next().into_iter().collect() };
        let roster = std::sync::Mutex::new(roster);
        conversations
            .expect_rosters()
            .times(..=2)
            .returning(move |_| Ok(roster.lock().unwrap()()));
        let stores = Stores {
            conversations: Arc::new(conversations),
            ..fixtures::stores()
        };
        let access = Access {
            conversations: stores.conversations.clone(),
            rosters: Arc::new(Rosters::new(&stores, Arc::new(ManualClock::at(NOW)))),
        };
        access.rosters.reload(CHAT).await.unwrap();
        access
    }

    #[tokio::test]
    async fn a_stranger_costs_one_membership_read_whether_the_conversation_exists_or_not() {
        let mut conversations = MockConversationRepository::new();
        // Nothing else is expected, so that every other call is a panic.
        conversations.expect_members().times(1).returning(|_| Ok(Vec::new()));
        let stores = Stores {
            conversations: Arc::new(conversations),
            ..fixtures::stores()
        };
        let access = Access {
            conversations: stores.conversations.clone(),
            rosters: Arc::new(Rosters::new(&stores, Arc::new(ManualClock::at(NOW)))),
        };
        let refused = access.roster(CHAT, CEM).await;
        assert!(matches!(refused, Err(ConversationError::NotFound)));

        let access = self::access(&[ANA, BEN], &[ANA, BEN]).await;
        let refused = access.roster(CHAT, CEM).await;
        assert!(matches!(refused, Err(ConversationError::NotFound)));
        assert!(access.rosters.known(CHAT).is_some(), "the cache keeps the roster");
    }

    #[tokio::test]
    async fn a_member_whom_the_cache_does_not_list_has_the_roster_read_again() {
        let access = access(&[ANA, BEN], &[ANA]).await;
        let fence = async |user_id| access.roster(CHAT, user_id).await.unwrap().roster.fence;
        assert_eq!(fence(ANA).await, Seq(1));
        assert_eq!(fence(BEN).await, Seq(2));
    }
}
