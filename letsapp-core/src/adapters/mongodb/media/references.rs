//! References to files: documents of `media_refs`, and the commands that write them.

use std::collections::BTreeSet;

use mongodb::bson::error::Result as BsonResult;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, Uuid, doc};
use serde::Deserialize;

use crate::adapters::mongodb::command;
use crate::adapters::mongodb::fields::{DocumentVersion, Id, VERSION, date, moment};
use crate::adapters::mongodb::schema::{MEDIA, MEDIA_REFS};
use crate::domain::id::{ConversationId, MediaId, MessageId, UserId};
use crate::domain::media::{Holder, MediaRef};
use crate::domain::timestamp::Timestamp;
use crate::ports::RepositoryError;

/// A document of `media_refs`, as it is read. `media_id`, the shard key, and `conversation_id` repeat parts of the key
/// for the indexes.
#[derive(Debug, Deserialize)]
pub(super) struct RefDocument {
    #[serde(rename = "_id")]
    key: RefKey,
    #[serde(rename = "v")]
    _v: DocumentVersion,
    at: DateTime,
}

/// Key of a reference. The unique `_id` allows one from each holder to each file.
#[derive(Debug, Deserialize)]
struct RefKey {
    media: Uuid,
    holder: HolderDocument,
}

/// Thing that shows a file, within a key.
#[derive(Debug, Deserialize)]
struct HolderDocument {
    /// `message`, `profile` or `group`.
    kind: String,
    /// Conversation, or user of a profile.
    id: Uuid,
    /// Message, if it is one.
    #[serde(default)]
    message: Option<Uuid>,
}

const MESSAGE: &str = "message";
const PROFILE: &str = "profile";
const GROUP: &str = "group";

impl RefDocument {
    /// Reads the reference.
    ///
    /// # Errors
    /// [`RepositoryError`] if the holder is of no known kind.
    pub(super) fn into_reference(self) -> Result<MediaRef, RepositoryError> {
        Ok(MediaRef {
            media_id: MediaId::from_bson(self.key.media),
            holder: self.key.holder.into_holder()?,
            at: moment(self.at),
        })
    }
}

impl HolderDocument {
    fn into_holder(self) -> Result<Holder, RepositoryError> {
        match (self.kind.as_str(), self.message) {
            (MESSAGE, Some(message)) => Ok(Holder::Message {
                conversation_id: ConversationId::from_bson(self.id),
                message_id: MessageId::from_bson(message),
            }),
            (PROFILE, None) => Ok(Holder::Profile(UserId::from_bson(self.id))),
            (GROUP, None) => Ok(Holder::Group(ConversationId::from_bson(self.id))),
            (kind, _) => Err(RepositoryError::internal(format!("unknown stored holder `{kind}`"))),
        }
    }
}

/// Builds the command that adds references or raises their times.
pub(super) fn refer(refs: &[MediaRef]) -> BsonResult<RawDocumentBuf> {
    let statements = refs.iter().map(|reference| {
        let mut inserted = doc! {"v": VERSION};
        if let Some(conversation_id) = reference.holder.conversation_id() {
            inserted.insert("conversation_id", conversation_id.to_bson());
        }
        doc! {
            "q": filter(reference.media_id, &reference.holder),
            "u": {"$max": {"at": date(reference.at)}, "$setOnInsert": inserted},
            "upsert": true,
        }
    });
    command::update(MEDIA_REFS, statements, command::Order::Any)
}

/// Builds the command that removes references.
pub(super) fn release(refs: &[(MediaId, Holder)]) -> BsonResult<RawDocumentBuf> {
    let filters = refs.iter().map(|(media_id, holder)| filter(*media_id, holder));
    command::delete_each(MEDIA_REFS, filters)
}

/// Builds the command that removes references whose times have not risen.
pub(super) fn expire(refs: &[MediaRef]) -> BsonResult<RawDocumentBuf> {
    let filters = refs.iter().map(|reference| {
        let mut filter = filter(reference.media_id, &reference.holder);
        filter.insert("at", doc! {"$lte": date(reference.at)});
        filter
    });
    command::delete_each(MEDIA_REFS, filters)
}

/// Builds the command that lowers the times of the next check of files.
pub(super) fn schedule(ids: impl IntoIterator<Item = MediaId>, at: Timestamp) -> BsonResult<RawDocumentBuf> {
    let ids: BTreeSet<_> = ids.into_iter().collect();
    // `$min` also sets a field that is missing.
    let statements = ids
        .into_iter()
        .map(|id| doc! {"q": {"_id": id.to_bson()}, "u": {"$min": {"check_at": date(at)}}});
    command::update(MEDIA, statements, command::Order::Any)
}

/// Selects one reference, in the shard of its file.
fn filter(media_id: MediaId, holder: &Holder) -> Document {
    let media = media_id.to_bson();
    doc! {"_id": {"media": media, "holder": key(holder)}, "media_id": media}
}

/// Returns a holder as it is in a key, always with the same order of fields: two keys of another order are different.
fn key(holder: &Holder) -> Bson {
    let key = match holder {
        Holder::Message {
            conversation_id,
            message_id,
        } => doc! {"kind": MESSAGE, "id": conversation_id.to_bson(), "message": message_id.to_bson()},
        Holder::Profile(user_id) => doc! {"kind": PROFILE, "id": user_id.to_bson()},
        Holder::Group(conversation_id) => doc! {"kind": GROUP, "id": conversation_id.to_bson()},
    };
    key.into()
}
