//! Updates that a live connection delivers, and the positions up to which it has delivered them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use letsapp_core::domain::id::{ConversationId, Epoch, Rev, Seq, UserId};
use letsapp_core::protocol::{Conversation, Hello, Media, Message, Presence, Receipt, SyncMark, SyncSince};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// A change of the account's data or of the connection's state.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Update {
    /// The connection is open, for the first time or again. Missed changes follow, then [`Update::CaughtUp`].
    Connected(Hello),
    /// All missed changes have been delivered. Later updates arrive as they happen.
    CaughtUp,
    /// The connection was lost or could not be opened. It is opened again automatically.
    Disconnected {
        /// Reason in plain text, for a person to read.
        reason: String,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// A new message, including those that the user has sent from this or any other device.
    Message(Message),
    /// An edited, deleted or reacted-to message, in its current state.
    MessageChanged(Message),
    /// Receipts of other members have advanced.
    Receipts {
        /// The conversation.
        conversation_id: ConversationId,
        /// The new watermarks of those members.
        items: Vec<Receipt>,
    },
    /// A conversation is new, or it has changed, or the user's own settings of it have. Delivered once for every
    /// conversation after the first connection.
    Conversation(Box<Conversation>),
    /// The user is no longer a member of the conversation, or has removed one that they had left before from the list.
    ConversationRemoved(ConversationId),
    /// More was missed in the conversation than can be delivered. Its history must be read again.
    Reset(ConversationId),
    /// A member has started or stopped typing, or is still typing. Typing also ends with that member's next message,
    /// and six seconds after the last update of this kind.
    Typing {
        /// The conversation.
        conversation_id: ConversationId,
        /// The member.
        user_id: UserId,
        /// `false` if the member has stopped.
        typing: bool,
    },
    /// The presence of a contact or of a [watched](crate::Live::watch_presence) user has changed, or was requested.
    /// Changes during an interruption are not delivered, so it must be requested again after [`Update::Connected`].
    Presence(Presence),
    /// The preview and the other facts of a file are there. Not delivered again after an interruption.
    MediaReady(Box<Media>),
    /// The session has ended, and so does the stream. The user must sign in again.
    SignedOut {
        /// Reason from the server, a machine-readable word; a text if there was no session to connect with.
        reason: String,
    },
}

/// The position of each conversation up to which changes have been delivered. A program that stores it can continue
/// from there after a restart.
///
/// ```
/// # use letsapp_cli::Positions;
/// let positions = Positions::default();
/// let kept = serde_json::to_string(&positions)?;
/// assert_eq!(serde_json::from_str::<Positions>(&kept)?, positions);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// Mark of the last complete sync. `None` before the first one.
    pub since: Option<SyncSince>,
    /// Epoch of the server's store at the last complete sync. After a change of it, the positions count no more.
    #[serde(default)]
    pub epoch: Option<Epoch>,
    /// Position in each conversation.
    pub conversations: BTreeMap<ConversationId, Position>,
}

/// Position in a conversation up to which changes have been delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Change number: all changes up to this one are known.
    pub rev: Rev,
    /// Number of the newest known message.
    pub seq: Seq,
}

/// The stream of [`Update`]s. Delivers each change of each message once, and those of a conversation ordered by `rev`,
/// no matter how often the connection was lost in between. Ends when the session ends or after
/// [`Live::close`](crate::Live::close).
#[derive(Debug)]
pub struct Updates {
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    pub(super) positions: Positions,
}

/// An update together with the position it moves the consumer to. A change that the user may not see moves the position
/// without an update.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Delivery {
    pub(super) update: Option<Update>,
    /// New position in a conversation. `None` inside if the conversation is no longer followed.
    pub(super) position_change: Option<(ConversationId, Option<Position>)>,
    /// Mark and epoch of a sync that was completed.
    pub(super) synced: Option<(SyncMark, Epoch)>,
}

impl Updates {
    /// Returns the next update, or `None` at the end of the stream. Cancel safe: no update is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Update> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Returns the positions after the last update that was delivered. Store them to continue from there in a later
    /// run, with [`LiveBuilder::positions`](crate::LiveBuilder::positions).
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            let Some(delivery) = std::task::ready!(self.deliveries.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            self.positions.apply(&delivery);
            if delivery.update.is_some() {
                return Poll::Ready(delivery.update);
            }
        }
    }
}

impl Stream for Updates {
    type Item = Update;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.get_mut().poll(context)
    }
}

impl Positions {
    fn apply(&mut self, delivery: &Delivery) {
        match delivery.position_change {
            Some((id, Some(position))) => drop(self.conversations.insert(id, position)),
            Some((id, None)) => drop(self.conversations.remove(&id)),
            None => {}
        }
        if let Some((mark, epoch)) = delivery.synced {
            self.since = Some(SyncSince::Mark(mark));
            self.epoch = Some(epoch);
        }
    }
}

impl From<Update> for Delivery {
    fn from(update: Update) -> Self {
        Self {
            update: Some(update),
            ..Self::default()
        }
    }
}
