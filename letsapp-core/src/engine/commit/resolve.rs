//! The consequences of a change's outcome: the caches, the reply and the publications.

use std::sync::Arc;

use crate::domain::conversation::Conversation;
use crate::domain::id::{Rev, Seq};
use crate::domain::message::{Message, Position};
use crate::engine::commit::batch::Known;
use crate::engine::commit::command::CommitReply;
use crate::engine::commit::context::CommitContext;
use crate::engine::commit::draft::{Draft, DraftKind};
use crate::engine::commit::publish::Publication;
use crate::ports::{Outcome, RepositoryError};

/// The outcome of a change, for all submissions that wait for it.
pub(super) enum Resolution {
    /// The change is durable, and to be published.
    Committed(Publication),
    /// The change had been carried out before: the reply, and a publication unless this server has published it.
    Known(CommitReply, Option<Publication>),
    /// The id belongs to another change.
    Conflict,
    /// The change has to be decided again.
    Outdated,
    Failed(RepositoryError),
}

impl CommitContext {
    /// Updates the caches by the outcome of a change, before anything is replied or published.
    pub(super) fn resolve(
        &self,
        known: &Known,
        draft: &Draft,
        outcome: Result<Outcome, RepositoryError>,
    ) -> Resolution {
        let id = draft.conversation_id();
        let roster = known.rosters.get(&id);
        match outcome {
            Ok(Outcome::Committed(position)) => {
                if let Some(roster) = roster {
                    roster.reach(position.seq);
                }
                Resolution::Committed(self.publication(draft, position, known))
            }
            Ok(Outcome::Duplicate(existing)) if is_retry(&draft.message, &existing) => {
                let existing = Arc::new(*existing);
                // A server that failed between the commit and the publication may have notified nobody.
                let publication = (!self.publisher.has_published(&existing)).then(|| {
                    if draft.is_of_group() {
                        self.rosters.forget(id);
                        let preceding = draft.preceding_at(existing.position());
                        Publication::group_updated(preceding, Arc::clone(&existing), roster, None)
                    } else if existing.edited_at.is_some() || existing.deleted_at.is_some() {
                        Publication::revised(Arc::clone(&existing), roster)
                    } else {
                        Publication::appended(&existing, roster)
                    }
                });
                Resolution::Known(CommitReply::Unchanged(existing), publication)
            }
            Ok(Outcome::Duplicate(_)) => Resolution::Conflict,
            Ok(Outcome::Exists(conversation)) => {
                let publication = self.publication_of_existing(draft, &conversation);
                Resolution::Known(CommitReply::Exists(conversation), publication)
            }
            Ok(Outcome::Outdated) => {
                self.rosters.forget(id);
                Resolution::Outdated
            }
            Err(error) => {
                self.rosters.forget(id);
                Resolution::Failed(error)
            }
        }
    }

    /// Makes the publication of a committed change, and caches the roster that it leads to.
    fn publication(&self, draft: &Draft, position: Position, known: &Known) -> Publication {
        let id = draft.conversation_id();
        let roster = known.rosters.get(&id);
        let message = || Arc::new(Message::clone(&draft.message).at(position));
        match &draft.kind {
            DraftKind::Append => Publication::appended_at(&draft.message, position, roster),
            DraftKind::Revise => Publication::revised(message(), roster),
            DraftKind::Create(_) => {
                self.rosters.forget(id);
                Publication::group_updated(Vec::new(), message(), None, None)
            }
            DraftKind::UpdateGroup { update, .. } => {
                let after =
                    roster.and_then(|roster| self.rosters.update(roster, update, position.seq, position.sent_at));
                if after.is_none() {
                    self.rosters.forget(id);
                }
                Publication::group_updated(draft.preceding_at(position), message(), roster, after)
            }
        }
    }

    /// Makes the publication of a group that an earlier attempt of the same request has created, unless this server has
    /// published it.
    fn publication_of_existing(&self, draft: &Draft, found: &Conversation) -> Option<Publication> {
        let DraftKind::Create(offered) = &draft.kind else {
            return None;
        };
        let is_retry = found.created_by == offered.created_by
            && found.fingerprint == offered.fingerprint
            && found.deleted_at.is_none();
        let first = Position {
            seq: Seq(1),
            rev: Rev(1),
            ordinal: 0,
            // As in the first attempt: a group and its first message are of the same time.
            sent_at: found.created_at,
        };
        let message = Message::clone(&draft.message).at(first);
        (is_retry && !self.publisher.has_published(&message))
            .then(|| Publication::group_updated(Vec::new(), Arc::new(message), None, None))
    }
}

fn is_retry(offered: &Message, existing: &Message) -> bool {
    offered.id == existing.id
        && offered.sender_id == existing.sender_id
        && offered.fingerprint.matches(&existing.fingerprint)
}
