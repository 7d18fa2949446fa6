//! Finding out what came of changes that were refused, or of which nothing was heard.

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

/// What there is under the ids of changes.
#[derive(Default)]
struct Found {
    messages: HashMap<MessageKey, Message>,
    conversations: HashMap<ConversationId, Conversation>,
}

/// What follows for a change.
enum Verdict {
    /// It is settled.
    Settled(Result<Outcome, RepositoryError>),
    /// It is to be offered, again.
    Open,
    /// Something that can't be seen is in its way.
    Waits,
}

impl Commit<'_> {
    /// Looks at what there is, for the changes that were refused, that are outdated, or of which it is not known
    /// whether they were carried out; and settles those that this settles.
    pub(super) async fn look_up(&mut self) -> Result<(), RepositoryError> {
        let (mut keys, mut creations) = (Vec::new(), Vec::new());
        for line in &self.lines {
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

/// How a change stands before it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It can be offered.
    Ready,
    /// It was refused, or may have been carried out.
    Open,
    /// It was decided on what is no longer so.
    Outdated,
    /// It was worked out from a state that is newer than what is known here, or that never was.
    Ahead,
}

/// Tells how each change of a line stands.
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

/// Takes out of a line what is settled, up to the first change that is not: what comes of the ones behind may depend on
/// it.
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
    /// Tells whether what was found is what this change made when nothing was heard of it.
    fn made(&self, found: &Message) -> bool {
        self.doubts.contains(&found.rev) && *found == Message::clone(self.change.message()).at(place(found))
    }

    /// Says what follows for a change that was not found.
    fn unsettled(&self) -> Verdict {
        match &self.refused {
            Some(Refused::Invalid(cause)) => Verdict::Settled(Err(RepositoryError::internal(cause.clone()))),
            Some(Refused::Taken) => Verdict::Waits,
            None => Verdict::Open,
        }
    }
}

/// Reads those of the messages that exist.
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

fn place(message: &Message) -> Position {
    Position {
        seq: message.seq,
        rev: message.rev,
        ordinal: message.ordinal,
    }
}
