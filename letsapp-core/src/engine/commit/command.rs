//! Submissions to a conversation's lane, and the replies to them.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::domain::conversation::Conversation;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConnectionId, ConversationId, MediaId, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;
use crate::engine::error::ConversationError;
use crate::engine::events::EncodedEvent;

/// A submission that waits in a lane for its turn.
pub(crate) struct QueuedSubmission {
    pub(crate) conversation_id: ConversationId,
    /// The user who requests the change.
    pub(crate) actor: UserId,
    /// The connection that gets no event, because the reply tells it of the change; `None` over HTTP.
    pub(crate) origin: Option<ConnectionId>,
    /// Time of the submission by the server's clock; the time of the resulting message or change.
    pub(crate) at: Timestamp,
    pub(crate) command: Command,
    /// Identifies the requested operation. The id of its system message is derived from it, so that carrying it out
    /// twice adds one message.
    pub(crate) operation: [u8; 16],
    /// Number of times that the submission was decided from data that turned out to be outdated.
    pub(super) attempts: u32,
    pub(super) reply: oneshot::Sender<Result<CommitReply, Refusal>>,
}

/// The requested change.
pub(crate) enum Command {
    /// Creates a group of the actor and these users.
    Create {
        conversation: Box<Conversation>,
        user_ids: Vec<UserId>,
    },
    /// Adds the actor's message.
    Send(Arc<Message>),
    /// Replaces the text of a message.
    Edit {
        seq: Seq,
        body: String,
        /// The members mentioned in the new text.
        mentions: Vec<UserId>,
    },
    /// Deletes a message for everyone.
    Delete { seq: Seq },
    /// Sets the actor's reaction to a message, replacing the previous one.
    React { seq: Seq, emoji: Emoji },
    /// Removes the actor's reaction if it is this emoji; without an emoji, removes it whatever it is.
    Unreact { seq: Seq, emoji: Option<Emoji> },
    /// Changes the group itself.
    UpdateGroup(GroupChange),
}

/// A change of the group itself: its description, its members or their roles.
#[derive(Clone, Debug)]
pub(crate) enum GroupChange {
    /// Sets the title.
    Title(Title),
    /// Sets the description.
    About(About),
    /// Sets the picture, or removes it.
    Picture(Option<MediaId>),
    /// Adds these users as members.
    AddMembers(Vec<UserId>),
    /// Removes a member. If it is the actor, the actor leaves.
    RemoveMember(UserId),
    /// Gives a member another role.
    ChangeRole(UserId, Role),
    /// Deletes the group.
    Delete,
}

/// The reply to a submission that was not refused.
#[derive(Clone, Debug)]
pub(crate) enum CommitReply {
    /// A user's new message is durable; this is the event that announces it.
    Sent(Arc<EncodedEvent>),
    /// Another change is durable; this is the message that it added or changed.
    Changed(Arc<Message>),
    /// Nothing had to be changed; this is the message in its current state.
    Unchanged(Arc<Message>),
    /// Nothing had to be changed, and there is no message to return.
    Nothing,
    /// The group exists already, in this state.
    Exists(Box<Conversation>),
}

/// The reason why a submission was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The actor is not a member. The service finds out whether the actor ever was one, see
    /// [`Access::explain`](crate::engine::access::Access::explain).
    Outsider,
    /// Any other reason.
    Error(ConversationError),
}

impl From<ConversationError> for Refusal {
    fn from(error: ConversationError) -> Self {
        Self::Error(error)
    }
}

impl Command {
    /// Returns the message that has to be read before the command can be decided.
    pub(super) fn target(&self) -> Option<Seq> {
        match self {
            Self::Edit { seq, .. } | Self::Delete { seq } | Self::React { seq, .. } | Self::Unreact { seq, .. } => {
                Some(*seq)
            }
            Self::Send(message) => message.reply_to,
            Self::Create { .. } | Self::UpdateGroup(_) => None,
        }
    }
}
