//! Who else is in a chat at this moment: typing, or there at all. Pure, but that it asks to be told.

use std::collections::HashSet;

use letsapp_core::id::{ConversationId, UserId};
use letsapp_core::protocol::{Conversation, Presence, PresenceStatus};

use super::view::Echo;
use crate::cli::render::{self, Names};
use crate::{Live, Update};

/// Those who are shown as typing, and the other of two as they were shown last.
pub(super) struct Company {
    id: ConversationId,
    peer: Option<UserId>,
    live: Live,
    echo: Echo,
    typists: HashSet<UserId>,
    there: Option<PresenceStatus>,
}

impl Company {
    /// Begins to be told.
    pub(super) fn of(conversation: &Conversation, live: &Live, echo: Echo) -> Self {
        let company = Self {
            id: conversation.id,
            peer: conversation.peer.as_ref().map(|peer| peer.id),
            live: live.clone(),
            echo,
            typists: HashSet::new(),
            there: None,
        };
        company.watch();
        company
    }

    /// Takes in what happens, and returns what is to be shown of it: on a screen, where a line may come that is not
    /// about what was said.
    pub(super) fn heed(&mut self, update: &Update, names: &Names) -> Option<String> {
        let words = match update {
            Update::Typing {
                conversation_id,
                user_id,
                typing,
            } if *conversation_id == self.id => self.typing(*user_id, *typing, names),
            Update::Message(message) if message.conversation_id == self.id => {
                self.typists.remove(&message.sender_id);
                None
            }
            Update::Presence(presence) if Some(presence.user_id) == self.peer => self.presence(presence, names),
            // That they have stopped is not told either while there is no connection.
            Update::Disconnected { .. } => {
                self.typists.clear();
                None
            }
            // A watch lasts as long as its connection.
            Update::Connected(_) => {
                self.watch();
                None
            }
            _ => None,
        };
        words.filter(|_| self.echo == Echo::Terminal)
    }

    fn typing(&mut self, user_id: UserId, typing: bool, names: &Names) -> Option<String> {
        if !typing {
            self.typists.remove(&user_id);
            return None;
        }
        let begins = self.typists.insert(user_id);
        begins.then(|| format!("{} is typing…", names.name(user_id)))
    }

    fn presence(&mut self, presence: &Presence, names: &Names) -> Option<String> {
        let before = self.there.replace(presence.status);
        let words = || format!("{}: {}", names.name(presence.user_id), render::presence(presence));
        (before != Some(presence.status)).then(words)
    }

    /// Asks to be told of the other of two; the answer comes as an update.
    fn watch(&self) {
        let Some(peer) = self.peer else { return };
        let live = self.live.clone();
        tokio::spawn(async move {
            if let Err(error) = live.watch_presence(vec![peer]).await {
                tracing::debug!(%error, "it is not told who is there");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::render::tests::{BEN, names, said};
    use letsapp_core::time::Timestamp;

    fn company(echo: Echo) -> Company {
        let client = crate::Client::new("http://127.0.0.1:9").unwrap();
        let (live, _updates) = client.live().start();
        Company {
            id: said(BEN, 1, 1, "").conversation_id,
            peer: Some(BEN),
            live,
            echo,
            typists: HashSet::new(),
            there: None,
        }
    }

    fn typing(typing: bool) -> Update {
        Update::Typing {
            conversation_id: said(BEN, 1, 1, "").conversation_id,
            user_id: BEN,
            typing,
        }
    }

    #[tokio::test]
    async fn who_types_is_shown_when_they_begin() {
        let mut company = company(Echo::Terminal);
        let mut heed = |update: &Update| company.heed(update, &names());
        assert_eq!(heed(&typing(true)).as_deref(), Some("Ben is typing…"));
        assert_eq!(heed(&typing(true)), None, "and not each time that it is said");
        assert_eq!(heed(&typing(false)), None);
        assert!(heed(&typing(true)).is_some());
        assert_eq!(heed(&Update::Message(said(BEN, 1, 1, "hello"))), None);
        assert!(heed(&typing(true)).is_some(), "what is said ends it");
        let elsewhere = Update::Typing {
            conversation_id: ConversationId::from_bytes([9; 16]),
            user_id: UserId::from_bytes([8; 16]),
            typing: true,
        };
        assert_eq!(heed(&elsewhere), None);
    }

    #[tokio::test]
    async fn who_typed_before_an_interruption_is_shown_again() {
        let mut company = company(Echo::Terminal);
        let mut heed = |update: &Update| company.heed(update, &names());
        assert!(heed(&typing(true)).is_some());
        let interruption = Update::Disconnected {
            reason: "the server is gone".to_owned(),
            retry_in: Duration::from_secs(1),
        };
        assert_eq!(heed(&interruption), None);
        assert_eq!(heed(&typing(true)).as_deref(), Some("Ben is typing…"));
    }

    #[tokio::test]
    async fn who_comes_and_goes_is_shown_once() {
        let mut company = company(Echo::Terminal);
        let mut heed = |presence| company.heed(&Update::Presence(presence), &names());
        let now = Timestamp::from_millis(9);
        assert_eq!(heed(Presence::online(BEN, now)).as_deref(), Some("Ben: online"));
        assert_eq!(heed(Presence::online(BEN, now)), None);
        assert_eq!(heed(Presence::offline(BEN, None)).as_deref(), Some("Ben: offline"));
        assert_eq!(
            heed(Presence::online(UserId::from_bytes([8; 16]), now)),
            None,
            "somebody else"
        );
    }

    #[tokio::test]
    async fn what_is_written_to_a_program_is_what_was_said() {
        let mut company = company(Echo::Nothing);
        assert_eq!(company.heed(&typing(true), &names()), None);
    }
}
