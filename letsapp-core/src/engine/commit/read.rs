//! The data that a batch is decided from: memberships, rosters and messages.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::id::ConversationId;
use crate::domain::message::Message;
use crate::engine::commit::batch::Known;
use crate::engine::commit::command::{Command, QueuedSubmission};
use crate::engine::commit::context::{CommitContext, copy};
use crate::engine::commit::draft::{Draft, DraftKind};
use crate::engine::commit::publish::Publication;
use crate::engine::commit::unknown::UnknownChanges;
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::RepositoryError;

impl CommitContext {
    /// Reads what the submissions are decided from, in at most one query each for memberships, rosters and messages. Those
    /// with files take some more.
    /// Refuses the submissions of users who are not members, and returns the others.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. All submissions are refused with it.
    pub(super) async fn read(
        &self,
        submissions: Vec<QueuedSubmission>,
        unknown: impl Iterator<Item = ConversationId>,
    ) -> Result<(Known, Vec<QueuedSubmission>), RepositoryError> {
        let since = self.shared.then(|| self.rosters.now());
        let submissions = self.admit(submissions).await?;
        let deciding = submissions
            .iter()
            .filter(|submission| submission.command.needs_membership());
        let ids = deciding.clone().map(|submission| submission.conversation_id);
        let rosters = match self.rosters.load(ids.chain(unknown)).await {
            Ok(rosters) => rosters,
            Err(error) => return Err(refuse_all(submissions, error)),
        };
        let mut targets: Vec<_> = deciding
            .filter_map(|submission| {
                let seq = submission.command.target()?;
                let id = submission.conversation_id;
                // A reply only needs its target to exist, which is known of every `seq` that the conversation has
                // reached.
                let only_named = matches!(submission.command, Command::Send(..));
                let exists = only_named && rosters.get(&id).is_some_and(|known| known.has_reached(seq));
                (!exists).then_some((id, seq))
            })
            .collect();
        let mut messages = HashMap::new();
        if !targets.is_empty() {
            targets.sort_unstable();
            targets.dedup();
            let found = match self.messages.find(&targets).await {
                Ok(found) => found,
                Err(error) => return Err(refuse_all(submissions, error)),
            };
            messages.extend(
                found
                    .into_iter()
                    .map(|message| ((message.conversation_id, message.seq), message)),
            );
        }
        let files = match self.files(&submissions, &messages).await {
            Ok(files) => files,
            Err(error) => return Err(refuse_all(submissions, error)),
        };
        let known = Known {
            rosters,
            messages,
            files,
            since,
        };
        Ok((known, submissions))
    }

    /// Refuses the submissions of users who are not members of their conversations, and returns the others.
    ///
    /// A user whom no cached roster lists costs one membership read, whether the conversation exists or not: so the
    /// time of the answer reveals nothing to a stranger, and a removed member who keeps sending causes no reading of
    /// rosters.
    async fn admit(&self, submissions: Vec<QueuedSubmission>) -> Result<Vec<QueuedSubmission>, RepositoryError> {
        let deciding = submissions
            .iter()
            .filter(|submission| submission.command.needs_membership());
        let mut unlisted = self
            .rosters
            .unlisted(deciding.map(|submission| (submission.conversation_id, submission.actor)));
        if unlisted.is_empty() {
            return Ok(submissions);
        }
        unlisted.sort_unstable();
        unlisted.dedup();
        let members: HashMap<_, _> = match self.conversations.members(&unlisted).await {
            Ok(members) => members
                .into_iter()
                .map(|member| ((member.conversation_id, member.user_id), member.is_in()))
                .collect(),
            Err(error) => return Err(refuse_all(submissions, error)),
        };
        for (id, _) in members.iter().filter(|(_, is_in)| **is_in).map(|(key, _)| key) {
            // The cached roster, if there is one, does not list the user: it is outdated.
            self.rosters.forget(*id);
        }
        let mut admitted = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let key = (submission.conversation_id, submission.actor);
            if !submission.command.needs_membership() || unlisted.binary_search(&key).is_err() {
                admitted.push(submission);
                continue;
            }
            match members.get(&key) {
                Some(true) => admitted.push(submission),
                Some(false) => submission.refuse(ConversationError::Forbidden(Forbidden::NotAMember)),
                None => submission.refuse(ConversationError::NotFound),
            }
        }
        Ok(admitted)
    }

    /// Looks up the unknown changes of a conversation, and makes the publications of those that were carried out.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(super) async fn find_unknown(
        &self,
        id: ConversationId,
        changes: &UnknownChanges,
        known: &Known,
    ) -> Result<Vec<Publication>, RepositoryError> {
        let roster = known.rosters.get(&id);
        let changes = match changes {
            UnknownChanges::None => return Ok(Vec::new()),
            UnknownChanges::Some(changes) => changes,
            UnknownChanges::TooMany => {
                // One read shows that the store answers again.
                self.conversations.heads(&[id]).await?;
                if let Some(roster) = roster {
                    self.publisher.publish_resync(roster);
                }
                return Ok(Vec::new());
            }
        };
        let mut publications = Vec::new();
        for draft in changes {
            let Some(found) = self.find(draft).await? else { continue };
            if self.publisher.has_published(&found) {
                continue;
            }
            let found = Arc::new(found);
            match &draft.kind {
                DraftKind::Append => publications.push(Publication::appended(&found, roster)),
                DraftKind::Revise if found.rev == draft.message.rev => {}
                DraftKind::Revise => publications.push(Publication::revised(found, roster)),
                DraftKind::Create(_) | DraftKind::UpdateGroup { .. } => {
                    self.rosters.forget(id);
                    let preceding = draft.preceding_at(found.position());
                    publications.push(Publication::group_updated(preceding, found, roster, None));
                }
            }
        }
        Ok(publications)
    }

    /// Returns the message of a change as it is stored now; `None` if the change was not carried out.
    async fn find(&self, draft: &Draft) -> Result<Option<Message>, RepositoryError> {
        let message = &draft.message;
        match draft.kind {
            DraftKind::Revise => {
                let at = [(message.conversation_id, message.seq)];
                Ok(self.messages.find(&at).await?.pop())
            }
            _ => self.messages.find_by_id(message.conversation_id, message.id).await,
        }
    }
}

/// Refuses all submissions with an error, and returns it.
fn refuse_all(submissions: Vec<QueuedSubmission>, error: RepositoryError) -> RepositoryError {
    submissions
        .into_iter()
        .for_each(|submission| submission.refuse(copy(&error)));
    error
}
