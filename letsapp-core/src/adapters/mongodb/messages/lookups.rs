//! Lookups of changes that were refused, or whose commands got no reply, to find out whether they were carried out.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Bson, Uuid, doc};
use mongodb::options::{FindOptions, Hint};

use super::commit::Commit;
use super::documents::{MessageDocument, MessageKey};
use super::sequencing::{Line, Pending, Refused, Standing};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::conversations;
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::ConversationId;
use crate::domain::message::{Message, Position};
use crate::ports::{Change, Outcome, RepositoryError};

/// Documents found under the ids of changes.
#[derive(Default)]
struct Found {
    messages: HashMap<MessageKey, Message>,
    conversations: HashMap<ConversationId, Conversation>,
}

/// Consequence of a lookup for a change.
enum Verdict {
    /// The change is settled with this outcome.
    Settled(Result<Outcome, RepositoryError>),
    /// The change is offered again.
    Open,
    /// The change waits: a document that is not visible yet holds its id.
    Waits,
}

impl Commit<'_> {
    /// Looks up the changes that were refused, are outdated, or may have been carried out, and settles those whose
    /// outcome is then known.
    ///
    /// # Errors
    /// [`RepositoryError`] if the lookup fails.
    pub(super) async fn look_up(&mut self) -> Result<(), RepositoryError> {
        let (mut keys, mut creations) = (Vec::new(), Vec::new());
        for line in &self.lines {
            // A change behind one that is ready has to wait for it, so looking it up now would be too early.
            let states = states(line).into_iter().take_while(|state| *state != State::Ready);
            for (pending, _) in line.queue.iter().zip(states) {
                match &pending.change {
                    Change::Create { .. } => creations.push(line.id),
                    change => {
                        keys.extend(change.succession().map(|message| MessageKey::of(message)));
                        keys.push(MessageKey::of(change.message()));
                    }
                }
            }
        }
        if keys.is_empty() && creations.is_empty() {
            return Ok(());
        }
        let found = Found::read(self.connection, &keys, &creations).await?;
        let mut settled = Vec::new();
        for line in &mut self.lines {
            sift(line, &found, &mut settled);
        }
        for (index, outcome) in settled {
            self.settle(index, outcome);
        }
        Ok(())
    }
}

/// State of a change before it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Can be offered.
    Ready,
    /// Was refused, or may have been carried out.
    Open,
    /// Was decided under a fence that has moved.
    Outdated,
    /// Was computed from a state that is newer than the known head, or that never existed.
    Ahead,
}

/// Returns the state of each change of a line, in order.
fn states(line: &Line) -> Vec<State> {
    let ahead = line.is_behind();
    let state = |(place, (pending, outdated)): (usize, (&Pending, bool))| match pending {
        _ if outdated => State::Outdated,
        _ if ahead && place == 0 => State::Ahead,
        pending if !pending.doubts.is_empty() || pending.refused.is_some() => State::Open,
        _ => State::Ready,
    };
    line.queue.iter().zip(line.outdated()).enumerate().map(state).collect()
}

/// Removes the settled changes from the front of a line, up to the first one that is not settled. The outcome of
/// the ones behind may depend on it.
fn sift(line: &mut Line, found: &Found, settled: &mut Vec<(usize, Result<Outcome, RepositoryError>)>) {
    let states = states(line);
    let mut all_settled = true;
    for (mut pending, state) in std::mem::take(&mut line.queue).into_iter().zip(states) {
        all_settled &= state != State::Ready;
        if !all_settled {
            line.queue.push_back(pending);
            continue;
        }
        match found.verdict(&pending, state) {
            Verdict::Settled(outcome) => {
                // The conversation is further than the known head, which is therefore read again.
                if matches!(outcome, Ok(Outcome::Exists(_) | Outcome::Committed(_))) {
                    line.standing = Standing::Unknown;
                }
                settled.push((pending.index, outcome));
            }
            verdict => {
                if matches!(verdict, Verdict::Waits) {
                    line.waits();
                }
                if state == State::Ahead {
                    line.standing = Standing::Unknown;
                }
                pending.refused = None;
                line.queue.push_back(pending);
                all_settled = false;
            }
        }
    }
}

impl Found {
    /// Reads the messages and conversations, each with at most one query.
    async fn read(
        connection: &Arc<Connection>,
        keys: &[MessageKey],
        creations: &[ConversationId],
    ) -> Result<Self, RepositoryError> {
        let mut found = Self::default();
        if !keys.is_empty() {
            found.messages = by_key(connection, keys).await?;
        }
        if !creations.is_empty() {
            let read = conversations::read(connection, creations).await?;
            found.conversations = read
                .into_iter()
                .map(|conversation| (conversation.id, conversation))
                .collect();
        }
        Ok(found)
    }

    /// Works out the consequence for a change. A stored document that equals the change, under a number that was
    /// offered without a reply, proves that the change was carried out.
    fn verdict(&self, pending: &Pending, state: State) -> Verdict {
        let message = pending.change.message();
        let there = |message: &Message| self.messages.get(&MessageKey::of(message));
        let found = there(message).or_else(|| pending.change.succession().and_then(|first| there(first)));
        let settled = |outcome| Verdict::Settled(Ok(outcome));
        match (&pending.change, found) {
            (Change::Create { conversation, .. }, _) => match self.conversations.get(&message.conversation_id) {
                Some(found) if !pending.doubts.is_empty() && found == &**conversation => {
                    settled(Outcome::Committed(pending.position(pending.after(Head::default()))))
                }
                Some(found) => settled(Outcome::Exists(Box::new(found.clone()))),
                None => pending.unsettled(),
            },
            (Change::Revise { .. }, None) => settled(Outcome::Outdated),
            (Change::Revise { .. }, Some(found)) if (found.seq, found.rev) != (message.seq, message.rev) => {
                if pending.made(found) {
                    settled(Outcome::Committed(place(found)))
                } else {
                    settled(Outcome::Outdated)
                }
            }
            (Change::Append { .. } | Change::UpdateGroup { .. }, Some(found)) => {
                if pending.made(found) {
                    settled(Outcome::Committed(place(found)))
                } else {
                    settled(Outcome::Duplicate(Box::new(found.clone())))
                }
            }
            _ if state == State::Outdated => settled(Outcome::Outdated),
            _ => pending.unsettled(),
        }
    }
}

impl Pending {
    /// Tells whether this change made the stored message: it has a `rev` that was offered without a reply, and is
    /// otherwise equal.
    fn made(&self, found: &Message) -> bool {
        self.doubts.contains(&found.rev) && *found == Message::clone(self.change.message()).at(place(found))
    }

    /// Works out the consequence for a change that was not found.
    fn unsettled(&self) -> Verdict {
        match &self.refused {
            Some(Refused::Invalid(cause)) => Verdict::Settled(Err(RepositoryError::internal(cause.clone()))),
            Some(Refused::Taken) => Verdict::Waits,
            None => Verdict::Open,
        }
    }
}

/// Returns those of the messages that exist, by key.
pub(super) async fn by_key(
    connection: &Arc<Connection>,
    keys: &[MessageKey],
) -> Result<HashMap<MessageKey, Message>, RepositoryError> {
    let mut conversations: Vec<Uuid> = keys.iter().map(|key| key.conversation).collect();
    conversations.dedup();
    let keys: Vec<Bson> = keys.iter().map(|key| Bson::from(*key)).collect();
    let filter = doc! {"_id": {"$in": keys}, "conversation_id": {"$in": conversations}};
    let options = FindOptions::builder()
        .hint(Hint::Keys(doc! {"_id": 1}))
        .projection(MessageDocument::projection())
        .build();
    let found: Vec<MessageDocument> = connection.find(MESSAGES, filter, options).await?;
    found
        .into_iter()
        .map(|document| {
            let message = document.into_message()?;
            Ok((MessageKey::of(&message), message))
        })
        .collect()
}

/// Returns the position of a stored message.
fn place(message: &Message) -> Position {
    Position {
        seq: message.seq,
        rev: message.rev,
        ordinal: message.ordinal,
        sent_at: message.sent_at,
    }
}
