//! Submissions to a conversation's queue, and the replies to them.

use std::ops::Deref;
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

/// A request to change a conversation, before it is put into the conversation's queue.
pub(crate) struct Submission {
    pub(crate) conversation_id: ConversationId,
    /// The user who requests the change.
    pub(crate) actor: UserId,
    /// The connection that gets no event, because the reply tells it of the change; `None` over HTTP.
    pub(crate) origin: Option<ConnectionId>,
    /// Time of the request by the server's clock; the time of the resulting message or change.
    pub(crate) at: Timestamp,
    /// Identifies the requested operation. The id of its system message is derived from it, so that carrying it out
    /// twice adds one message.
    pub(crate) operation: [u8; 16],
    pub(crate) command: Command,
}

/// A submission that waits in a queue for its turn.
pub(crate) struct QueuedSubmission {
    pub(super) submission: Submission,
    /// Place in the order in which all submissions were accepted.
    pub(super) order: u64,
    /// Number of times that the submission was decided from data that turned out to be outdated.
    pub(super) attempts: u32,
    pub(super) reply: oneshot::Sender<Result<CommitReply, ConversationError>>,
}

impl Deref for QueuedSubmission {
    type Target = Submission;

    fn deref(&self) -> &Submission {
        &self.submission
    }
}

/// The requested change.
pub(crate) enum Command {
    /// Creates a group of the actor and these users.
    Create {
        conversation: Box<Conversation>,
        user_ids: Vec<UserId>,
    },
    /// Adds the actor's message with these files. They are looked up when the message is decided on, like the message
    /// that it answers, so that messages keep their order.
    Send(Arc<Message>, Vec<MediaId>),
    /// Replaces the text of a message.
    Edit {
        seq: Seq,
        body: String,
        /// The members mentioned in the new text.
        mentions: Vec<UserId>,
        /// The files that the message carries from now on; `None` keeps those that it has.
        files: Option<Vec<MediaId>>,
    },
    /// Deletes a message for everyone.
    Delete { seq: Seq },
    /// Sets the actor's reaction to a message, replacing the previous one.
    React { seq: Seq, emoji: Emoji },
    /// Removes the actor's reaction if it is this emoji; without an emoji, removes it whatever it is.
    Unreact { seq: Seq, emoji: Option<Emoji> },
    /// Changes the group itself.
    UpdateGroup(GroupChange),
    /// Changes nothing, and is answered once everything submitted before is carried out.
    Barrier,
}

/// A change of the group itself: its description, its members or their roles.
#[derive(Clone, Debug)]
pub(crate) enum GroupChange {
    /// Sets the title, the description, the picture, or several of these in one step.
    Describe(Description),
    /// Adds these users as members.
    AddMembers(Vec<UserId>),
    /// Removes a member. If it is the actor, the actor leaves.
    RemoveMember(UserId),
    /// Gives a member another role.
    ChangeRole(UserId, Role),
    /// Deletes the group.
    Delete,
}

/// The parts of a group's description that a change sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// The new title; `None` keeps the present one.
    pub(crate) title: Option<Title>,
    /// The new description; `None` keeps the present one.
    pub(crate) about: Option<About>,
    /// The new picture, or `Some(None)` to remove it; `None` keeps the present one.
    pub(crate) avatar_media_id: Option<Option<MediaId>>,
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

impl Command {
    /// Returns the message that has to be read before the command can be decided.
    pub(super) fn target(&self) -> Option<Seq> {
        match self {
            Self::Edit { seq, .. } | Self::Delete { seq } | Self::React { seq, .. } | Self::Unreact { seq, .. } => {
                Some(*seq)
            }
            Self::Send(message, _) => message.reply_to,
            Self::Create { .. } | Self::UpdateGroup(_) | Self::Barrier => None,
        }
    }

    /// Returns the files that the message is to carry; empty if it is not about files.
    pub(super) fn files(&self) -> &[MediaId] {
        match self {
            Self::Send(_, files) | Self::Edit { files: Some(files), .. } => files,
            _ => &[],
        }
    }

    /// Returns true if the command may take files from a message that carries some.
    pub(super) const fn may_drop_files(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::Edit { files: Some(_), .. })
    }

    /// Returns true if the command changes a group rather than a message. Submissions behind it are decided from the
    /// group that results.
    pub(super) const fn changes_group(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::UpdateGroup(_))
    }

    /// Returns true if only members may submit the command.
    pub(super) const fn needs_membership(&self) -> bool {
        !matches!(self, Self::Create { .. } | Self::Barrier)
    }

    /// Returns the memory that the command takes beside its own size, in bytes.
    fn heap_size(&self) -> usize {
        match self {
            Self::Create { user_ids, .. } => size_of::<Conversation>() + size_of_val(user_ids.as_slice()),
            Self::Send(message, files) => {
                let lists = size_of_val(message.mentions.as_slice()) + size_of_val(files.as_slice());
                size_of::<Message>() + message.body().len() + lists
            }
            Self::Edit {
                body, mentions, files, ..
            } => body.len() + size_of_val(mentions.as_slice()) + files.as_deref().map_or(0, size_of_val),
            Self::UpdateGroup(GroupChange::AddMembers(user_ids)) => size_of_val(user_ids.as_slice()),
            Self::UpdateGroup(GroupChange::Describe(description)) => description.heap_size(),
            Self::UpdateGroup(_) | Self::Delete { .. } | Self::React { .. } | Self::Unreact { .. } | Self::Barrier => 0,
        }
    }
}

impl Description {
    /// Returns true if nothing is set.
    pub(crate) const fn is_empty(&self) -> bool {
        self.title.is_none() && self.about.is_none() && self.avatar_media_id.is_none()
    }

    fn heap_size(&self) -> usize {
        let title = self.title.as_ref().map_or(0, |title| title.as_str().len());
        title + self.about.as_ref().map_or(0, |about| about.as_str().len())
    }
}

#[cfg(test)]
impl GroupChange {
    /// Makes a change of the title alone.
    pub(crate) fn title(title: Title) -> Self {
        Self::Describe(Description {
            title: Some(title),
            ..Description::default()
        })
    }
}

impl QueuedSubmission {
    /// Wraps a submission, and returns where its reply arrives.
    pub(super) fn new(submission: Submission) -> (Self, oneshot::Receiver<Result<CommitReply, ConversationError>>) {
        let (reply, answer) = oneshot::channel();
        let queued = Self {
            submission,
            order: 0,
            attempts: 0,
            reply,
        };
        (queued, answer)
    }

    /// Returns the memory that the submission takes, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.command.heap_size()
    }

    /// Answers the caller, who may be gone; the change is made all the same.
    pub(super) fn answer(self, result: Result<CommitReply, ConversationError>) {
        let _ = self.reply.send(result);
    }

    /// Answers the caller with an error.
    pub(super) fn refuse(self, error: impl Into<ConversationError>) {
        self.answer(Err(error.into()));
    }
}
