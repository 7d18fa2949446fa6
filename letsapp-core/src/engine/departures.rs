//! The states in which former members left their conversations.
//!
//! A store keeps the state with the change by which a member leaves. Members who left before there was such a state get
//! it here, from the system messages of the conversation, when they look at it for the first time.

use std::sync::Arc;

use crate::domain::member::Member;
use crate::domain::replay::Replay;
use crate::ports::{ConversationRepository, MessageRepository, RepositoryError, Stores};

/// Number of system messages read at once.
const PAGE: usize = 500;

/// Completes the records of former members.
#[derive(Clone)]
pub(crate) struct Departures {
    conversations: Arc<dyn ConversationRepository>,
    messages: Arc<dyn MessageRepository>,
}

impl Departures {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self {
            conversations: stores.conversations.clone(),
            messages: stores.messages.clone(),
        }
    }

    /// Adds the departure to each record of a former member that lacks it, and stores it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn complete(&self, members: &mut [Member]) -> Result<(), RepositoryError> {
        let lack = |member: &&mut Member| !member.is_in() && member.departure.is_none();
        for member in members.iter_mut().filter(lack) {
            self.replay(member).await?;
        }
        Ok(())
    }

    async fn replay(&self, member: &mut Member) -> Result<(), RepositoryError> {
        let id = member.conversation_id;
        let Some(through) = member.left_at() else { return Ok(()) };
        let Some(conversation) = self.conversations.find(&[id]).await?.pop() else {
            return Ok(());
        };
        let (mut replay, mut after) = (Replay::new(through), Default::default());
        loop {
            let page = self.messages.announcements(id, after, PAGE).await?;
            page.iter().for_each(|message| replay.take(message));
            match page.last() {
                Some(last) if page.len() == PAGE => after = last.seq,
                _ => break,
            }
        }
        if let Some(departure) = replay.departure(&conversation) {
            self.conversations
                .put_departure(id, member.user_id, departure.clone())
                .await?;
            member.departure = Some(Box::new(departure));
        }
        Ok(())
    }
}
