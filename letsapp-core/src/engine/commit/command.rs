//! What can be asked of a conversation's lane.

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

/// A submission to change a conversation, waiting for its turn.
pub(crate) struct QueuedSubmission {
    pub(crate) conversation_id: ConversationId,
    pub(crate) actor: UserId,
    /// The connection that will learn of the change by the reply, and needs no event.
    pub(crate) origin: Option<ConnectionId>,
    pub(crate) at: Timestamp,
    pub(crate) command: Command,
    /// Names what is asked, so that carrying it out twice makes one system message.
    pub(crate) operation: [u8; 16],
    /// How often it was decided on what turned out to be so no more.
    pub(super) attempts: u32,
    pub(super) reply: oneshot::Sender<Result<CommitReply, Refusal>>,
}

/// What shall happen.
pub(crate) enum Command {
    /// Make a group of the actor and these users.
    Create {
        conversation: Box<Conversation>,
        user_ids: Vec<UserId>,
    },
    /// Add the actor's message.
    Send(Arc<Message>),
    /// Change a message's words.
    Edit {
        seq: Seq,
        body: String,
        /// Who is named from now on.
        mentions: Vec<UserId>,
    },
    /// Delete a message for everyone.
    Delete { seq: Seq },
    /// Put the actor's reaction on a message, in place of the one before.
    React { seq: Seq, emoji: Emoji },
    /// Take the actor's reaction off, if it is this one; whichever it is, if none is named.
    Unreact { seq: Seq, emoji: Option<Emoji> },
    /// Change the group itself.
    UpdateGroup(GroupChange),
}

/// A change of a group itself.
#[derive(Clone, Debug)]
pub(crate) enum GroupChange {
    /// Another title.
    Title(Title),
    /// Another description.
    About(About),
    /// Another picture, or none.
    Picture(Option<MediaId>),
    /// Bring these users in.
    AddMembers(Vec<UserId>),
    /// Put a member out, or leave.
    RemoveMember(UserId),
    /// Give a member another role.
    ChangeRole(UserId, Role),
    /// Delete the group.
    Delete,
}

/// What came of a submission.
#[derive(Clone, Debug)]
pub(crate) enum CommitReply {
    /// A user's new message is durable; this is the event that tells of it.
    Sent(Arc<EncodedEvent>),
    /// Any other change is durable; this is the message that it made or changed.
    Changed(Arc<Message>),
    /// It was so already; this is the message, as it now stands.
    Unchanged(Arc<Message>),
    /// It was so already, and there is nothing to show.
    Nothing,
    /// The group exists already, as this.
    Exists(Box<Conversation>),
}

/// Why a submission was not fulfilled.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The actor is not in the conversation. Whether they ever were is for the service to find out.
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
    /// Returns the message that has to be read before this can be decided.
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
