//! The files that messages carry: referring to them before a message is decided on, and releasing them after a change
//! that drops them.

use std::collections::{HashMap, HashSet};

use crate::domain::id::{ConversationId, MediaId, MessageId, Seq, UserId};
use crate::domain::media::{Attachment, Holder, MediaRef};
use crate::domain::message::Message;
use crate::domain::timestamp::Timestamp;
use crate::engine::commit::command::{Command, QueuedSubmission};
use crate::engine::commit::context::CommitContext;
use crate::engine::error::ConversationError;
use crate::ports::RepositoryError;

/// The files that users may attach, as they are shown with a message.
#[derive(Default)]
pub(super) struct Files(HashMap<(UserId, MediaId), Attachment>);

/// Files that a message does not carry any more.
pub(super) struct Dropped {
    conversation_id: ConversationId,
    message_id: MessageId,
    files: Vec<MediaId>,
    /// Time of the request that dropped them.
    at: Timestamp,
}

impl Files {
    /// Returns these files as attachments of a message that has some already, which its sender may keep.
    ///
    /// # Errors
    /// [`ConversationError::Invalid`] naming the first one that the user may not attach.
    pub(super) fn attachments(
        &self,
        user_id: UserId,
        ids: &[MediaId],
        before: &[Attachment],
    ) -> Result<Vec<Attachment>, ConversationError> {
        let attachment =
            |id: &MediaId| {
                let kept = before.iter().find(|attachment| attachment.id == *id);
                self.0.get(&(user_id, *id)).or(kept).cloned().ok_or_else(|| {
                    ConversationError::invalid("attachments", "not_found", format!("there is no file {id}"))
                })
            };
        ids.iter().map(attachment).collect()
    }
}

impl CommitContext {
    /// Refers to the files that the submissions name, and returns those that their users may attach. Also notes which
    /// files the submissions may drop.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(super) async fn files(
        &self,
        submissions: &[QueuedSubmission],
        messages: &HashMap<(ConversationId, Seq), Message>,
    ) -> Result<Files, RepositoryError> {
        let target = |submission: &QueuedSubmission| {
            let seq = submission.command.target()?;
            messages.get(&(submission.conversation_id, seq))
        };
        let (mut refs, mut droppable, mut newest) = (Vec::new(), Vec::new(), Timestamp::default());
        for submission in submissions {
            if submission.command.may_drop_files()
                && let Some(message) = target(submission)
            {
                droppable.extend(message.attachments.iter().map(|attachment| attachment.id));
                newest = newest.max(submission.at);
            }
            let message_id = match &submission.command {
                Command::Send(message, _) => Some(message.id),
                _ => target(submission).map(|message| message.id),
            };
            let Some(message_id) = message_id else { continue };
            refs.extend(submission.command.files().iter().map(|media_id| MediaRef {
                media_id: *media_id,
                holder: Holder::Message {
                    conversation_id: submission.conversation_id,
                    message_id,
                },
                at: submission.at,
            }));
        }
        if !droppable.is_empty() {
            self.references.releasing(&droppable, newest).await?;
        }
        if refs.is_empty() {
            return Ok(Files::default());
        }
        let live = self.references.refer(&refs).await?;
        let mut files = HashMap::new();
        for submission in submissions {
            let actor = submission.actor;
            let (own, others): (Vec<_>, Vec<_>) = submission
                .command
                .files()
                .iter()
                .filter_map(|id| live.get(id))
                .partition(|media| media.owner_id == actor);
            let mut allowed = own;
            if !others.is_empty() && matches!(&submission.command, Command::Send(message, _) if message.forwarded) {
                let ids: Vec<_> = others.iter().map(|media| media.id).collect();
                let shown = self.access.shown(actor, &ids).await?;
                allowed.extend(others.into_iter().filter(|media| shown.contains(&media.id)));
            }
            files.extend(allowed.into_iter().map(|media| ((actor, media.id), media.attachment())));
        }
        Ok(Files(files))
    }

    /// Releases files, in the background. What fails is found by the sweeper later.
    pub(super) async fn release(&self, dropped: Dropped) {
        let holder = Holder::Message {
            conversation_id: dropped.conversation_id,
            message_id: dropped.message_id,
        };
        let now = dropped.at;
        // A reference that another request has made since is later.
        let decided = Timestamp::from_millis(now.as_millis().saturating_sub(1));
        if let Err(error) = self.references.release(holder, dropped.files, decided, now).await {
            tracing::debug!(%error, "files of a changed message are released later");
        }
    }
}

impl Dropped {
    /// Returns the files that a message has lost by a change; `None` if there are none.
    pub(super) fn by(before: Option<&Message>, after: &Message) -> Option<Self> {
        let before = before.filter(|before| !before.attachments.is_empty())?;
        let kept: HashSet<_> = after.attachments.iter().map(|attachment| attachment.id).collect();
        let all = before.attachments.iter().map(|attachment| attachment.id);
        let files: Vec<_> = all.filter(|id| !kept.contains(id)).collect();
        let at = after.deleted_at.or(after.edited_at)?;
        (!files.is_empty()).then_some(Self {
            conversation_id: after.conversation_id,
            message_id: after.id,
            files,
            at,
        })
    }
}
