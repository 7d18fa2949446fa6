//! The members of an open chat: who is typing, and whether the other user of a direct chat is online.

use std::collections::HashSet;

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::protocol::{Conversation, Presence, PresenceStatus};

use super::view::Echo;
use crate::cli::render::{self, Names};
use crate::{Live, Update};

/// Typing members, and the last known presence of the other user.
pub(super) struct Participants {
    id: ConversationId,
    /// The other user of a direct chat; `None` in a group.
    peer: Option<UserId>,
    live: Live,
    echo: Echo,
    /// Members that have been shown as typing.
    typing_users: HashSet<UserId>,
    /// Presence that was shown last.
    peer_status: Option<PresenceStatus>,
}

impl Participants {
    /// Creates the state of a chat's members and requests the other user's presence.
    pub(super) fn new(conversation: &Conversation, live: &Live, echo: Echo) -> Self {
        let participants = Self {
            id: conversation.id,
            peer: conversation.peer.as_ref().map(|peer| peer.id),
            live: live.clone(),
            echo,
            typing_users: HashSet::new(),
            peer_status: None,
        };
        participants.watch();
        participants
    }

    /// Applies an update and returns the line to show for it. Without a terminal it returns nothing: then the output is
    /// probably read by a program, which expects messages only.
    pub(super) fn apply(&mut self, update: &Update, names: &Names) -> Option<String> {
        let line = match update {
            Update::Typing {
                conversation_id,
                user_id,
                typing,
            } if *conversation_id == self.id => self.typing(*user_id, *typing, names),
            Update::Message(message) if message.conversation_id == self.id => {
                self.typing_users.remove(&message.sender_id);
                None
            }
            Update::Presence(presence) if Some(presence.user_id) == self.peer => self.presence(presence, names),
            // During an interruption, events that end the typing would be missed.
            Update::Disconnected { .. } => {
                self.typing_users.clear();
                None
            }
            // The server forgets the watch when a connection ends.
            Update::Connected(_) => {
                self.watch();
                None
            }
            Update::CaughtUp
            | Update::Message(_)
            | Update::MessageChanged(_)
            | Update::Receipts { .. }
            | Update::Conversation(_)
            | Update::ConversationRemoved(_)
            | Update::Reset(_)
            | Update::Typing { .. }
            | Update::Presence(_)
            | Update::MediaReady(_)
            | Update::SignedOut { .. } => None,
        };
        line.filter(|_| self.echo == Echo::On)
    }

    fn typing(&mut self, user_id: UserId, typing: bool, names: &Names) -> Option<String> {
        if !typing {
            self.typing_users.remove(&user_id);
            return None;
        }
        let has_started = self.typing_users.insert(user_id);
        has_started.then(|| format!("{} is typing…", names.name(user_id)))
    }

    fn presence(&mut self, presence: &Presence, names: &Names) -> Option<String> {
        let before = self.peer_status.replace(presence.status);
        let line = || format!("{}: {}", names.name(presence.user_id), render::presence(presence));
        (before != Some(presence.status)).then(line)
    }

    /// Watches the presence of the other user, which arrives as updates.
    fn watch(&self) {
        let Some(peer) = self.peer else { return };
        let live = self.live.clone();
        tokio::spawn(async move {
            if let Err(error) = live.watch_presence(vec![peer]).await {
                tracing::debug!(%error, "can't watch presence");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::render::tests::{BEN, message_from, names};
    use letsapp_core::domain::timestamp::Timestamp;

    fn participants(echo: Echo) -> Participants {
        let client = crate::Client::new("http://127.0.0.1:9").unwrap();
        let (live, _updates) = client.live().start();
        Participants {
            id: message_from(BEN, 1, 1, "").conversation_id,
            peer: Some(BEN),
            live,
            echo,
            typing_users: HashSet::new(),
            peer_status: None,
        }
    }

    fn typing(typing: bool) -> Update {
        Update::Typing {
            conversation_id: message_from(BEN, 1, 1, "").conversation_id,
            user_id: BEN,
            typing,
        }
    }

    #[tokio::test]
    async fn typing_is_shown_once_when_it_starts() {
        let mut participants = participants(Echo::On);
        let mut apply = |update: &Update| participants.apply(update, &names());
        assert_eq!(apply(&typing(true)).as_deref(), Some("Ben is typing…"));
        assert_eq!(apply(&typing(true)), None, "only once");
        assert_eq!(apply(&typing(false)), None);
        assert!(apply(&typing(true)).is_some());
        assert_eq!(apply(&Update::Message(message_from(BEN, 1, 1, "hello"))), None);
        assert!(apply(&typing(true)).is_some(), "a message ends typing");
        let elsewhere = Update::Typing {
            conversation_id: ConversationId::from_bytes([9; 16]),
            user_id: UserId::from_bytes([8; 16]),
            typing: true,
        };
        assert_eq!(apply(&elsewhere), None);
    }

    #[tokio::test]
    async fn typing_is_shown_again_after_an_interruption() {
        let mut participants = participants(Echo::On);
        let mut apply = |update: &Update| participants.apply(update, &names());
        assert!(apply(&typing(true)).is_some());
        let interruption = Update::Disconnected {
            reason: "the server is gone".to_owned(),
            retry_in: Duration::from_secs(1),
        };
        assert_eq!(apply(&interruption), None);
        assert_eq!(apply(&typing(true)).as_deref(), Some("Ben is typing…"));
    }

    #[tokio::test]
    async fn a_change_of_presence_is_shown_once() {
        let mut participants = participants(Echo::On);
        let mut apply = |presence| participants.apply(&Update::Presence(presence), &names());
        let now = Timestamp::from_millis(9);
        assert_eq!(apply(Presence::online(BEN, now)).as_deref(), Some("Ben: online"));
        assert_eq!(apply(Presence::online(BEN, now)), None);
        assert_eq!(apply(Presence::offline(BEN, None)).as_deref(), Some("Ben: offline"));
        assert_eq!(
            apply(Presence::online(UserId::from_bytes([8; 16]), now)),
            None,
            "another user"
        );
    }

    #[tokio::test]
    async fn without_a_terminal_only_messages_are_shown() {
        let mut participants = participants(Echo::Off);
        assert_eq!(participants.apply(&typing(true), &names()), None);
    }
}
