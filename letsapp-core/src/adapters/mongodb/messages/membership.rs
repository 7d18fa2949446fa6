//! What changes more than a message: each a transaction, so that the conversation, its system message and both copies
//! of its members change together.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Uuid, doc, serialize_to_document, serialize_to_raw_document_buf};
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR};
use mongodb::options::ReadConcern;

use super::command::{self, Order};
use super::documents::MessageDocument;
use super::orphans::Vigil;
use crate::adapters::mongodb::connection::{Connection, Session, write_concern};
use crate::adapters::mongodb::conversations;
use crate::adapters::mongodb::conversations::documents::{
    ConversationDocument, MemberDocument, MemberKey, MembershipDocument, MembershipKey,
};
use crate::adapters::mongodb::error::{Fault, Key, Reply, is_passing};
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::patience::{self, Backoff, Deadline};
use crate::adapters::mongodb::schema::{CONVERSATIONS, MEMBERS, MEMBERSHIPS, MESSAGES};
use crate::conversations::{Conversation, Creation, Head, Member, MemberChange};
use crate::id::UserId;
use crate::messages::Message;
use crate::storage::RepositoryError;
use crate::time::Timestamp;

/// What a transaction carries out.
pub(super) struct Deed<'a> {
    pub(super) conversation: Establish<'a>,
    pub(super) members: &'a [MemberChange],
    pub(super) succession: Option<Placed>,
    pub(super) message: Placed,
}

/// A new message with its place and numbers, and where it takes the conversation.
pub(super) struct Placed {
    pub(super) message: Message,
    pub(super) head: Head,
}

/// What becomes of the conversation itself.
pub(super) enum Establish<'a> {
    Made(&'a Conversation),
    Changed(&'a Conversation),
    Kept,
}

/// Why a transaction was not, or may not have been, carried out.
#[derive(Debug)]
pub(super) enum Stumble {
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

/// Carries out what a system message tells of, in one transaction.
pub(super) async fn carry_out(connection: &Arc<Connection>, deed: &Deed<'_>) -> Result<(), Stumble> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = transaction.tell(deed).await;
    transaction.end(done).await
}

/// Makes the direct conversation of a pair, or finds it.
pub(in crate::adapters::mongodb) async fn create_direct(
    connection: &Arc<Connection>,
    conversation: Conversation,
    at: Timestamp,
) -> Result<Creation, RepositoryError> {
    let connection = &connection.admit().await?;
    let deadline = Deadline::after(patience::COMMIT);
    let mut backoff = Backoff::new();
    let mut vigil = Vigil::begin();
    let mut in_doubt = false;
    loop {
        let found = conversations::read(connection, &[conversation.id]).await?.pop();
        if let Some(found) = found {
            return Ok(if in_doubt && found == conversation {
                Creation::Created(found)
            } else {
                Creation::Existing(found)
            });
        }
        let cause = match try_create_direct(connection, &conversation, at).await {
            Ok(()) => return Ok(Creation::Created(conversation)),
            Err(Stumble::Failed(cause)) => return Err(RepositoryError::internal(cause)),
            Err(Stumble::Doubt(cause)) => {
                in_doubt = true;
                cause
            }
            Err(Stumble::Conflict(cause)) => cause,
            Err(Stumble::Taken | Stumble::Overtaken) => "its id is taken by what can't be seen yet".to_owned(),
        };
        if deadline.has_passed() {
            return Err(RepositoryError::unavailable(cause));
        }
        vigil.is_held_up(connection).await;
        backoff.pause().await;
    }
}

async fn try_create_direct(
    connection: &Arc<Connection>,
    conversation: &Conversation,
    at: Timestamp,
) -> Result<(), Stumble> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = async {
        transaction.establish(&Establish::Made(conversation)).await?;
        let pair = conversation.pair.into_iter().flat_map(|(a, b)| [a, b]);
        let members: Vec<_> = pair
            .map(|user_id| Member::of_pair(conversation.id, user_id, at))
            .collect();
        transaction.enrol(&members).await
    };
    let done = done.await;
    transaction.end(done).await
}

struct Transaction<'a> {
    connection: &'a Connection,
    session: Session,
}

impl<'a> Transaction<'a> {
    async fn begin(connection: &'a Arc<Connection>) -> Result<Self, Stumble> {
        let unavailable = |error: RepositoryError| Stumble::Conflict(error.to_string());
        let mut session = connection.session().await.map_err(unavailable)?;
        session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(write_concern())
            .await?;
        Ok(Self { connection, session })
    }

    async fn tell(&mut self, deed: &Deed<'_>) -> Result<(), Stumble> {
        self.establish(&deed.conversation).await?;
        let told = deed.succession.iter().chain([&deed.message]);
        let documents = told
            .map(|told| serialize_to_raw_document_buf(&MessageDocument::new(&told.message, told.head)))
            .collect::<Result<Vec<_>, _>>()?;
        self.write(command::insert(MESSAGES, documents)).await?;
        let members = self.members_after(deed).await?;
        self.enrol(&members).await
    }

    async fn establish(&mut self, conversation: &Establish<'_>) -> Result<(), Stumble> {
        let command = match conversation {
            Establish::Made(conversation) => {
                command::insert_one(CONVERSATIONS, &ConversationDocument::new(conversation))?
            }
            Establish::Changed(conversation) => {
                let document = serialize_to_document(&ConversationDocument::new(conversation))?;
                let statement = doc! {"q": {"_id": conversation.id.to_bson()}, "u": document};
                command::update(CONVERSATIONS, [statement], Order::Kept)?
            }
            Establish::Kept => return Ok(()),
        };
        self.write(command).await
    }

    /// Works out the records of those whom the deed concerns.
    async fn members_after(&mut self, deed: &Deed<'_>) -> Result<Vec<Member>, Stumble> {
        let message = &deed.message.message;
        let conversation_id = message.conversation_id;
        let users: Vec<UserId> = deed.members.iter().map(MemberChange::user_id).collect();
        let mut records = self.records(conversation_id, &users).await?;
        let mut changed = HashMap::new();
        for change in deed.members {
            let user_id = change.user_id();
            let after = change.apply(conversation_id, records.get(&user_id), message.seq, message.sent_at);
            if let Some(after) = after {
                records.insert(user_id, after.clone());
                changed.insert(user_id, after);
            }
        }
        Ok(changed.into_values().collect())
    }

    async fn records(
        &mut self,
        conversation_id: crate::id::ConversationId,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Member>, Stumble> {
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
                    .map_err(|error| Stumble::Failed(error.to_string()))?;
                Ok((member.user_id, member))
            })
            .collect()
    }

    /// Writes both copies of members' records.
    async fn enrol(&mut self, members: &[Member]) -> Result<(), Stumble> {
        if members.is_empty() {
            return Ok(());
        }
        let by_conversation = members.iter().map(by_conversation).collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERS, by_conversation, Order::Kept)?)
            .await?;
        let by_user = members.iter().map(by_user).collect::<Result<Vec<_>, _>>()?;
        self.write(command::update(MEMBERSHIPS, by_user, Order::Kept)?).await
    }

    async fn write(&mut self, command: RawDocumentBuf) -> Result<(), Stumble> {
        let run = self
            .connection
            .database()
            .run_raw_command(command)
            .session(&mut *self.session);
        let answer = Session::step(run).await?;
        let reply = Reply::read(&RawDocumentBuf::try_from(&answer)?)?;
        match reply.refusal.map(|refusal| refusal.fault) {
            None => Ok(()),
            Some(Fault::Duplicate(Key::Id)) => Err(Stumble::Taken),
            Some(Fault::Duplicate(Key::Field(_))) => Err(Stumble::Overtaken),
            Some(Fault::Passing(cause)) => Err(Stumble::Conflict(cause)),
            Some(Fault::Lasting(cause)) => Err(Stumble::Failed(cause)),
        }
    }

    /// Commits what was done, or takes it back.
    async fn end(mut self, done: Result<(), Stumble>) -> Result<(), Stumble> {
        match done {
            Ok(()) => {
                let committed = Session::step(self.session.commit_transaction()).await;
                committed.map_err(|error| match Stumble::from(error) {
                    // Only a commit that the server has refused as a whole is known not to count.
                    Stumble::Conflict(cause) => Stumble::Conflict(cause),
                    Stumble::Failed(cause) | Stumble::Doubt(cause) => Stumble::Doubt(cause),
                    stumble @ (Stumble::Taken | Stumble::Overtaken) => stumble,
                })
            }
            Err(stumble) => {
                // The server has aborted it itself, most likely; if not, this lets others on at once.
                drop(Session::step(self.session.abort_transaction()).await);
                Err(stumble)
            }
        }
    }
}

impl From<Error> for Stumble {
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

impl From<mongodb::bson::error::Error> for Stumble {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn by_conversation(member: &Member) -> Result<Document, Stumble> {
    let key = MemberKey::new(member.conversation_id, member.user_id);
    Ok(doc! {
        "q": {"_id": key, "conversation_id": key.conversation},
        "u": serialize_to_document(&MemberDocument::new(member))?,
        "upsert": true,
    })
}

fn by_user(member: &Member) -> Result<Document, Stumble> {
    let document = MembershipDocument::new(member);
    let key = document.key();
    Ok(doc! {
        "q": {"_id": key, "user_id": key.user},
        "u": document.membership_changes()?,
        "upsert": true,
    })
}
