//! The sequencer's requests as commands, and the server's replies as the sequencer takes them.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{RawDocumentBuf, serialize_to_raw_document_buf};
use mongodb::error::Result as DriverResult;

use super::documents::{MessageDocument, revision};
use super::sequencer::{
    Found, Isolation, NewMessage, ReadError, Refusal, RefusalCause, Reply, Request, Revision, WriteResult,
};
use super::{group_update, head, lookups};
use crate::adapters::mongodb::command::Order;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::conversations::transaction::TransactionError;
use crate::adapters::mongodb::error;
use crate::adapters::mongodb::error::{Fault, Key, is_refusal, is_timeout};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::adapters::mongodb::{abandoned_transactions, command, conversations};
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId};
use crate::ports::{Change, RepositoryError};

/// Maximum size of the documents of one command, in bytes. Well below the 16 MB of a BSON document, which a raw command
/// is. A single larger document is sent nevertheless, for the server to judge.
const MAX_COMMAND_BYTES: usize = 4 << 20;

/// Sends a request, and returns the reply.
pub(super) async fn answer(connection: &Arc<Connection>, request: Request) -> Reply {
    match request {
        Request::ReadHeads(ids) => Reply::Heads(heads(connection, &ids).await.map_err(ReadError::from)),
        Request::LookUp {
            messages,
            conversations,
        } => Reply::Found(
            found(connection, &messages, &conversations)
                .await
                .map_err(ReadError::from),
        ),
        Request::Insert { messages, isolation } => insert(connection, &messages, isolation).await,
        Request::Update { revisions, isolation } => update(connection, &revisions, isolation).await,
        Request::Transaction { change, before } => Reply::Write {
            sent: 1,
            result: transaction(connection, &change, before).await,
        },
        Request::EndAbandonedTransactions => {
            abandoned_transactions::end(connection).await;
            Reply::Ended
        }
    }
}

/// Reads the heads of those of the conversations that exist.
async fn heads(
    connection: &Arc<Connection>,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, Head>, RepositoryError> {
    let mut heads: HashMap<_, _> = head::read(connection, ids).await?.into_iter().collect();
    // No head means no messages: either a new direct conversation, or none at all.
    let empty: Vec<_> = ids.iter().copied().filter(|id| !heads.contains_key(id)).collect();
    if !empty.is_empty() {
        let found = conversations::read(connection, &empty).await?;
        heads.extend(found.into_iter().map(|conversation| (conversation.id, Head::default())));
    }
    Ok(heads)
}

/// Reads messages and conversations, each with at most one query.
async fn found(
    connection: &Arc<Connection>,
    messages: &[(ConversationId, MessageId)],
    creations: &[ConversationId],
) -> Result<Found, RepositoryError> {
    let mut found = Found::default();
    if !messages.is_empty() {
        found.messages = lookups::by_id(connection, messages).await?;
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

/// Inserts new messages.
async fn insert(connection: &Arc<Connection>, messages: &[NewMessage], isolation: Isolation) -> Reply {
    let document = |new: &NewMessage| serialize_to_raw_document_buf(&MessageDocument::new(&new.message, new.head));
    let documents = match fitting(messages, document) {
        Ok(documents) => documents,
        Err(rejected) => return rejected,
    };
    let sent = documents.len();
    write(connection, command::insert(MESSAGES, documents), sent, isolation).await
}

/// Gives messages their new states.
async fn update(connection: &Arc<Connection>, revisions: &[Revision], isolation: Isolation) -> Reply {
    let statement = |new: &Revision| RawDocumentBuf::try_from(&revision(&new.message, new.terms, new.head)?);
    let statements = match fitting(revisions, statement) {
        Ok(statements) => statements,
        Err(rejected) => return rejected,
    };
    let sent = statements.len();
    let command = command::update_raw(MESSAGES, statements, Order::Kept);
    write(connection, command, sent, isolation).await
}

/// Encodes the first changes, as many as fit into one command.
///
/// # Errors
/// The reply that rejects the first change, if it can't be encoded.
fn fitting<T>(
    changes: &[T],
    encode: impl Fn(&T) -> mongodb::bson::error::Result<RawDocumentBuf>,
) -> Result<Vec<RawDocumentBuf>, Reply> {
    let (mut documents, mut bytes) = (Vec::with_capacity(changes.len()), 0);
    for change in changes {
        match encode(change) {
            Ok(document) => {
                bytes += document.as_bytes().len();
                if bytes > MAX_COMMAND_BYTES && !documents.is_empty() {
                    break;
                }
                documents.push(document);
            }
            // The ones before go first; then it comes first.
            Err(_) if !documents.is_empty() => break,
            Err(error) => {
                return Err(Reply::Write {
                    sent: 1,
                    result: WriteResult::Rejected(error.to_string()),
                });
            }
        }
    }
    Ok(documents)
}

/// Sends a write command of `sent` documents.
async fn write(connection: &Arc<Connection>, command: RawDocumentBuf, sent: usize, isolation: Isolation) -> Reply {
    let answer = connection
        .write_within(command, isolation.server_limit(), isolation.client_limit())
        .await;
    Reply::Write {
        sent,
        result: WriteResult::from(answer),
    }
}

/// Carries out a change in a transaction.
async fn transaction(connection: &Arc<Connection>, change: &Change, before: Head) -> WriteResult {
    let refused = |cause| WriteResult::Answered {
        done: 0,
        refusal: Some(Refusal { index: 0, cause }),
    };
    match group_update::carry_out(connection, change, before).await {
        Ok(()) => WriteResult::Answered { done: 1, refusal: None },
        Err(TransactionError::Taken) => refused(RefusalCause::IdTaken),
        Err(TransactionError::Overtaken) => refused(RefusalCause::NumberTaken),
        Err(TransactionError::Conflict(cause)) => refused(RefusalCause::Conflict(cause)),
        Err(TransactionError::Doubt(cause)) => WriteResult::Unknown(cause),
        Err(TransactionError::Failed(cause)) => refused(RefusalCause::Invalid(cause)),
    }
}

impl From<DriverResult<error::Reply>> for WriteResult {
    fn from(answer: DriverResult<error::Reply>) -> Self {
        match answer {
            Ok(reply) if reply.timed_out => Self::Interrupted(
                reply
                    .unconfirmed
                    .unwrap_or_else(|| "the time limit was reached".to_owned()),
            ),
            Ok(error::Reply {
                unconfirmed: Some(cause),
                ..
            }) => Self::Unknown(cause),
            Ok(error::Reply { done, refusal, .. }) => Self::Answered {
                done,
                refusal: refusal.map(Refusal::from),
            },
            Err(error) if is_timeout(&error) => Self::Interrupted(error.to_string()),
            Err(error) if is_refusal(&error) => Self::Rejected(error.to_string()),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

impl From<error::Refusal> for Refusal {
    fn from(refusal: error::Refusal) -> Self {
        let cause = match refusal.fault {
            Fault::Duplicate(Key::Id) => RefusalCause::IdTaken,
            // Any index but that of `_id` means taken numbers.
            Fault::Duplicate(Key::Field(_)) => RefusalCause::NumberTaken,
            Fault::Passing(cause) => RefusalCause::Conflict(cause),
            Fault::Lasting(cause) => RefusalCause::Invalid(cause),
        };
        Self {
            index: refusal.index,
            cause,
        }
    }
}

impl From<RepositoryError> for ReadError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(cause) => Self::Unavailable(cause.to_string()),
            RepositoryError::Internal(cause) => Self::Failed(cause.to_string()),
        }
    }
}
