//! What changes more than one document: a transaction, so that a conversation, its system messages and both copies of its
//! members change together.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Uuid, doc, serialize_to_document};
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR};
use mongodb::options::ReadConcern;

use super::documents::{ConversationDocument, MemberDocument, MemberKey, MembershipDocument, MembershipKey};
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::command::Order;
use crate::adapters::mongodb::connection::{Connection, Session, write_concern};
use crate::adapters::mongodb::error::{Fault, Key, Reply, is_passing};
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::schema::{CONVERSATIONS, MEMBERS, MEMBERSHIPS};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::ports::RepositoryError;

/// Why a transaction was not, or may not have been, carried out.
#[derive(Debug)]
pub(in crate::adapters::mongodb) enum TransactionError {
    /// The id of what it makes is taken.
    Taken,
    /// Its numbers are taken.
    Overtaken,
    /// Another one changes the same documents; nothing was done.
    Conflict(String),
    /// It is not known whether it was carried out.
    Doubt(String),
    /// It never will be.
    Failed(String),
}

/// What becomes of the conversation itself.
pub(in crate::adapters::mongodb) enum ConversationWrite<'a> {
    Made(&'a Conversation),
    Changed(&'a Conversation),
    Kept,
}

/// What is written here is there wholly or not at all.
pub(in crate::adapters::mongodb) struct Transaction<'a> {
    connection: &'a Connection,
    session: Session,
}

impl<'a> Transaction<'a> {
    pub(in crate::adapters::mongodb) async fn begin(connection: &'a Arc<Connection>) -> Result<Self, TransactionError> {
        let unavailable = |error: RepositoryError| TransactionError::Conflict(error.to_string());
        let mut session = connection.session().await.map_err(unavailable)?;
        session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(write_concern())
            .await?;
        Ok(Self { connection, session })
    }

    /// Writes the conversation.
    pub(in crate::adapters::mongodb) async fn write_conversation(
        &mut self,
        conversation: &ConversationWrite<'_>,
    ) -> Result<(), TransactionError> {
        let command = match conversation {
            ConversationWrite::Insert(conversation) => {
                command::insert_one(CONVERSATIONS, &ConversationDocument::new(conversation))?
            }
            ConversationWrite::Replace(conversation) => {
                let document = serialize_to_document(&ConversationDocument::new(conversation))?;
                let statement = doc! {"q": {"_id": conversation.id.to_bson()}, "u": document};
                command::update(CONVERSATIONS, [statement], Order::Kept)?
            }
            ConversationWrite::Keep => return Ok(()),
        };
        self.write(command).await
    }

    /// Reads the records of those of the users who have one.
    pub(in crate::adapters::mongodb) async fn records(
        &mut self,
        conversation_id: ConversationId,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Member>, TransactionError> {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = users
            .iter()
            .map(|user_id| MembershipKey::new(conversation_id, *user_id));
        let (keys, users): (Vec<Bson>, Vec<Uuid>) = keys.map(|key| (Bson::from(key), key.user)).unzip();
        let collection = self.connection.collection::<MembershipDocument>(MEMBERSHIPS);
        let filter = doc! {"_id": {"$in": keys}, "user_id": {"$in": users}};
        let found: Vec<MembershipDocument> = Session::step(async {
            let mut cursor = collection.find(filter).session(&mut *self.session).await?;
            cursor.stream(&mut self.session).try_collect().await
        })
        .await?;
        found
            .into_iter()
            .map(|document| {
                let member = document
                    .into_member()
                    .map_err(|error| TransactionError::Failed(error.to_string()))?;
                Ok((member.user_id, member))
            })
            .collect()
    }

    /// Writes both copies of members' records.
    pub(in crate::adapters::mongodb) async fn upsert_members(
        &mut self,
        members: &[Member],
    ) -> Result<(), TransactionError> {
        if members.is_empty() {
            return Ok(());
        }
        let by_conversation = members.iter().map(by_conversation).collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERS, by_conversation, Order::Kept)?)
            .await?;
        let by_user = members.iter().map(by_user).collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERSHIPS, by_user, Order::Kept)?).await
    }

    /// Runs a command of it.
    pub(in crate::adapters::mongodb) async fn write(
        &mut self,
        command: RawDocumentBuf,
    ) -> Result<(), TransactionError> {
        let run = self
            .connection
            .database()
            .run_raw_command(command)
            .session(&mut *self.session);
        let answer = Session::step(run).await?;
        let reply = Reply::read(&RawDocumentBuf::try_from(&answer)?)?;
        match reply.refusal.map(|refusal| refusal.fault) {
            None => Ok(()),
            Some(Fault::Duplicate(Key::Id)) => Err(TransactionError::Taken),
            Some(Fault::Duplicate(Key::Field(_))) => Err(TransactionError::Overtaken),
            Some(Fault::Passing(cause)) => Err(TransactionError::Conflict(cause)),
            Some(Fault::Lasting(cause)) => Err(TransactionError::Failed(cause)),
        }
    }

    /// Commits what was done, or takes it back.
    pub(in crate::adapters::mongodb) async fn end(
        mut self,
        done: Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        match done {
            Ok(()) => {
                let committed = Session::step(self.session.commit_transaction()).await;
                committed.map_err(|error| match TransactionError::from(error) {
                    // Only a commit that the server has refused as a whole is known not to count.
                    TransactionError::Conflict(cause) => TransactionError::Conflict(cause),
                    TransactionError::Failed(cause) | TransactionError::Doubt(cause) => TransactionError::Doubt(cause),
                    error @ (TransactionError::Taken | TransactionError::Overtaken) => error,
                })
            }
            Err(error) => {
                // The server has aborted it itself, most likely; if not, this lets others on at once.
                drop(Session::step(self.session.abort_transaction()).await);
                Err(error)
            }
        }
    }
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
            Self::Conflict(error.to_string())
        } else if is_passing(&error) {
            Self::Doubt(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<mongodb::bson::error::Error> for TransactionError {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn by_conversation(member: &Member) -> Result<Document, TransactionError> {
    let key = MemberKey::new(member.conversation_id, member.user_id);
    Ok(doc! {
        "q": {"_id": key, "conversation_id": key.conversation},
        "u": serialize_to_document(&MemberDocument::new(member))?,
        "upsert": true,
    })
}

fn by_user(member: &Member) -> Result<Document, TransactionError> {
    let document = MembershipDocument::new(member);
    let key = document.key();
    Ok(doc! {
        "q": {"_id": key, "user_id": key.user},
        "u": document.membership_changes()?,
        "upsert": true,
    })
}
