//! Messages as documents, and the commands that insert them.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, RawBsonRef, RawDocumentBuf, Uuid, cstr};
use mongodb::error::Result as DriverResult;
use serde::Deserialize;

use super::collections::MESSAGES;
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::{Connection, unpack};
use crate::adapters::mongodb::fields::Id as _;
use crate::domain::id::ServerId;
use crate::ports::{BusMessage, Channel, RepositoryError};

/// Version of the documents, their field `v`.
const VERSION: i32 = 1;

/// Largest number of bytes in one command, which is a document and ends at 16 MiB.
const MAX_COMMAND_BYTES: usize = 8 << 20;

/// Largest number of messages in one command.
const MAX_COMMAND_MESSAGES: usize = 1_000;

/// A message as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct MessageDocument {
    /// The server; null for everyone.
    to: Option<Uuid>,
    bytes: Binary,
}

impl MessageDocument {
    pub(super) fn into_message(self) -> BusMessage {
        BusMessage {
            channel: self
                .to
                .map_or(Channel::Everyone, |id| Channel::Inbox(ServerId::from_bson(id))),
            bytes: self.bytes.bytes.into(),
        }
    }
}

/// Inserts messages in their order.
///
/// The acknowledgement is one server's, whose journal is not waited for: a change stream shows messages once a majority
/// has them, and nobody else is owed anything.
pub(super) async fn send(connection: &Connection, messages: &[BusMessage]) -> Result<(), RepositoryError> {
    // Never the clock of this computer: the time of the database, as of an earlier reply. It may be old, even by more
    // than the lifetime of messages, since what was removed still is in the log.
    let seconds = unpack(connection.newest_seen()).map_or(0, |time| i64::from(time.time));
    let at = DateTime::from_millis(seconds * 1_000);
    let mut rest = messages;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(part(rest));
        let documents = now.iter().map(|message| document(message, at));
        let documents = documents.collect::<DriverResult<Vec<_>>>()?;
        let reply = connection
            .admit()
            .await?
            .post(command::insert(MESSAGES, documents))
            .await?;
        if reply.refusal.is_some() || reply.done != now.len() {
            return Err(RepositoryError::unavailable("not all messages were accepted"));
        }
        rest = later;
    }
    Ok(())
}

/// Returns how many messages go into the next command.
fn part(messages: &[BusMessage]) -> usize {
    let mut bytes = 0;
    let fitting = messages.iter().take(MAX_COMMAND_MESSAGES).take_while(|message| {
        bytes += message.bytes.len();
        bytes <= MAX_COMMAND_BYTES
    });
    fitting.count().max(1)
}

/// Builds a document. The server adds `_id`.
fn document(message: &BusMessage, at: DateTime) -> DriverResult<RawDocumentBuf> {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("v"), VERSION);
    match message.channel {
        Channel::Everyone => document.append(cstr!("to"), RawBsonRef::Null),
        Channel::Inbox(server_id) => document.append(cstr!("to"), Binary::from(server_id.to_bson())),
    }
    document.append(cstr!("at"), at);
    let bytes = RawBsonRef::Binary(mongodb::bson::RawBinaryRef {
        subtype: BinarySubtype::Generic,
        bytes: &message.bytes,
    });
    document.append(cstr!("bytes"), bytes);
    Ok(document)
}
