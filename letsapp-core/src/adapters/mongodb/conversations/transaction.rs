//! Transactions, by which a conversation, its system messages and both copies of its members change together.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Uuid, doc, serialize_to_document};
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR};
use mongodb::options::ReadConcern;

use super::documents::{
    ConversationDocument, MemberDocument, MemberKey, MembershipDocument, MembershipKey, PeerDocument,
};
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

/// Reason for which a transaction was not, or may not have been, carried out.
#[derive(Debug)]
pub(in crate::adapters::mongodb) enum TransactionError {
    /// The id of the new conversation or message is taken.
    Taken,
    /// Another server has taken its `seq` or `rev`.
    Overtaken,
    /// Temporary failure, such as another transaction that changes the same documents; nothing was done.
    Conflict(String),
    /// No reply says whether it was carried out.
    Doubt(String),
    /// Permanent failure; nothing was done.
    Failed(String),
}

/// Write of a transaction to the conversation's own document.
pub(in crate::adapters::mongodb) enum ConversationWrite<'a> {
    /// Inserts a new conversation.
    Insert(&'a Conversation),
    /// Replaces the conversation by its new state.
    Replace(&'a Conversation),
    /// Leaves the conversation as it is.
    Keep,
}

impl ConversationWrite<'_> {
    /// Tells whether the write deletes the conversation.
    pub(in crate::adapters::mongodb) const fn deletes(&self) -> bool {
        match self {
            Self::Replace(conversation) => conversation.deleted_at.is_some(),
            Self::Insert(_) | Self::Keep => false,
        }
    }
}

/// A transaction under way. Its writes take effect together, or not at all, when it [ends](Self::end).
pub(in crate::adapters::mongodb) struct Transaction<'a> {
    connection: &'a Connection,
    session: Session,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction.
    ///
    /// # Errors
    /// [`TransactionError::Conflict`] if the store is closed or no server is found.
    pub(in crate::adapters::mongodb) async fn begin(connection: &'a Arc<Connection>) -> Result<Self, TransactionError> {
        let unavailable = |error: RepositoryError| TransactionError::Conflict(error.to_string());
        let mut session = connection.session().await.map_err(unavailable)?;
        // A snapshot, so that all reads of the transaction show the same moment.
        session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(write_concern())
            .await?;
        Ok(Self { connection, session })
    }

    /// Writes the conversation's own document.
    ///
    /// # Errors
    /// [`TransactionError`], as for [`write`](Self::write).
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

    /// Returns the memberships of those of the users who have one, present or former.
    ///
    /// # Errors
    /// [`TransactionError`] if the query fails.
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

    /// Returns a conversation in its state within the transaction, and the number of its present members.
    ///
    /// # Errors
    /// [`TransactionError`] if a query fails, or there is no such conversation.
    pub(in crate::adapters::mongodb) async fn standing(
        &mut self,
        id: ConversationId,
    ) -> Result<(Conversation, usize), TransactionError> {
        let failed = |error: RepositoryError| TransactionError::Failed(error.to_string());
        let collection = self.connection.collection::<ConversationDocument>(CONVERSATIONS);
        let found = collection
            .find_one(doc! {"_id": id.to_bson()})
            .session(&mut *self.session);
        let found = Session::step(found).await?;
        let conversation = found.ok_or_else(|| TransactionError::Failed("the conversation is missing".to_owned()))?;
        let conversation = conversation.into_conversation().map_err(failed)?;
        let present = doc! {"conversation_id": id.to_bson(), "present": true};
        let collection = self.connection.collection::<Document>(MEMBERS);
        let count = collection.count_documents(present).session(&mut *self.session);
        let count = Session::step(count).await?;
        Ok((conversation, usize::try_from(count).unwrap_or(usize::MAX)))
    }

    /// Inserts or updates both copies of members of a group.
    ///
    /// # Errors
    /// [`TransactionError`], as for [`write`](Self::write).
    pub(in crate::adapters::mongodb) async fn upsert_members(
        &mut self,
        members: &[Member],
    ) -> Result<(), TransactionError> {
        self.upsert(members, |_| PeerDocument { user: None }).await
    }

    /// Inserts both copies of the members of a direct conversation.
    ///
    /// # Errors
    /// [`TransactionError`], as for [`write`](Self::write).
    pub(in crate::adapters::mongodb) async fn insert_pair(
        &mut self,
        conversation: &Conversation,
        members: &[Member],
    ) -> Result<(), TransactionError> {
        let peer = |member: &Member| PeerDocument {
            user: conversation.peer_of(member.user_id).map(Id::to_bson),
        };
        self.upsert(members, peer).await
    }

    async fn upsert(
        &mut self,
        members: &[Member],
        peer: impl Fn(&Member) -> PeerDocument,
    ) -> Result<(), TransactionError> {
        if members.is_empty() {
            return Ok(());
        }
        let by_conversation = members.iter().map(by_conversation).collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERS, by_conversation, Order::Kept)?)
            .await?;
        let by_user = members
            .iter()
            .map(|member| by_user(member, peer(member)))
            .collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERSHIPS, by_user, Order::Kept)?).await
    }

    /// Runs a write command within the transaction.
    ///
    /// # Errors
    /// [`TransactionError`] if the server refuses the command or one of its documents, or does not answer. The
    /// transaction must then be [ended](Self::end) with this error.
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

    /// Commits the transaction if `done` is `Ok`, and aborts it otherwise.
    ///
    /// # Errors
    /// The error in `done`, or [`TransactionError::Conflict`] or [`TransactionError::Doubt`] if the commit fails.
    pub(in crate::adapters::mongodb) async fn end(
        mut self,
        done: Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        match done {
            Ok(()) => {
                let committed = Session::step(self.session.commit_transaction()).await;
                committed.map_err(|error| match TransactionError::from(error) {
                    // Only the label of a transient transaction error proves that the commit did not take effect. Any
                    // other error may follow after it did, so it counts as doubt.
                    TransactionError::Conflict(cause) => TransactionError::Conflict(cause),
                    TransactionError::Failed(cause) | TransactionError::Doubt(cause) => TransactionError::Doubt(cause),
                    error @ (TransactionError::Taken | TransactionError::Overtaken) => error,
                })
            }
            Err(error) => {
                // After most errors the server has aborted it already. If not, this releases its locks at once; a
                // failure does no harm, because MongoDB ends the transaction later.
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

/// Builds the upsert of the copy in the conversation's shard.
fn by_conversation(member: &Member) -> Result<Document, TransactionError> {
    let key = MemberKey::new(member.conversation_id, member.user_id);
    Ok(doc! {
        "q": {"_id": key, "conversation_id": key.conversation},
        "u": serialize_to_document(&MemberDocument::new(member))?,
        "upsert": true,
    })
}

/// Builds the upsert of the copy in the user's shard.
fn by_user(member: &Member, peer: PeerDocument) -> Result<Document, TransactionError> {
    let document = MembershipDocument::new(member);
    let key = document.key();
    Ok(doc! {
        "q": {"_id": key, "user_id": key.user},
        "u": document.membership_changes(peer)?,
        "upsert": true,
    })
}
