//! Messages, as documents of `messages`.

use mongodb::bson::error::Result as BsonResult;
use mongodb::bson::{Binary, Bson, DateTime, Document, Uuid, doc, serialize_to_document};
use serde::{Deserialize, Serialize};

use super::content::ContentDocument;
use super::tokens::tokens;
use crate::adapters::mongodb::fields::{Id, VERSION, array, binary, count, date, ids, long, moment, uuids};
use crate::domain::conversation::Head;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use crate::domain::media::{Attachment, Thumbnail};
use crate::domain::message::{Fingerprint, Message, Reaction};
use crate::domain::search::IndexTerms;
use crate::ports::{RepositoryError, TermsChange};

/// A message. What only the store needs is left out when messages are read, see [`MessageDocument::projection`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageDocument {
    #[serde(rename = "_id")]
    key: MessageKey,
    v: i32,
    conversation_id: Uuid,
    seq: i64,
    rev: i64,
    /// All the numbers that it ever had, its present one last; the newest [`MAX_REVS`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revs: Vec<i64>,
    ordinal: i64,
    /// Where the conversation stood after the change that gave it its `rev`: of the highest `rev`, the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadDocument>,
    sender_id: Uuid,
    content: ContentDocument,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    forwarded: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<ReactionDocument>,
    sent_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    fingerprint: FingerprintDocument,
    /// What it is found by; none of a system message or a tombstone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<String>,
}

/// The key of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct MessageKey {
    pub(super) conversation: Uuid,
    pub(super) message: Uuid,
}

/// Where a conversation stands, less the `rev`, which is the document's own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct HeadDocument {
    seq: i64,
    ordinal: i64,
    fence: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct AttachmentDocument {
    id: Uuid,
    file_name: String,
    content_type: String,
    size: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<ThumbnailDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ThumbnailDocument {
    width: i64,
    height: i64,
    blurhash: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ReactionDocument {
    user_id: Uuid,
    emoji: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct FingerprintDocument {
    version: i32,
    hash: Binary,
}

/// How many of its numbers a message keeps taken. A server would have to have missed that many changes of one message,
/// within the [time](super::standing) for which it trusts what it remembers, to give one out again.
const MAX_REVS: i32 = 4096;

/// The fields that a revision removes where the new state has none.
const OPTIONAL: [&str; 7] = [
    "reply_to",
    "forwarded",
    "mentions",
    "attachments",
    "reactions",
    "edited_at",
    "deleted_at",
];

impl MessageKey {
    pub(super) fn new(conversation_id: ConversationId, id: MessageId) -> Self {
        Self {
            conversation: conversation_id.to_bson(),
            message: id.to_bson(),
        }
    }

    pub(super) fn of(message: &Message) -> Self {
        Self::new(message.conversation_id, message.id)
    }
}

impl From<MessageKey> for Bson {
    fn from(key: MessageKey) -> Self {
        Self::Document(doc! {"conversation": key.conversation, "message": key.message})
    }
}

impl HeadDocument {
    pub(super) fn into_head(self, rev: i64) -> Head {
        Head {
            seq: Seq(count(self.seq)),
            rev: Rev(count(rev)),
            ordinal: count(self.ordinal),
            fence: Seq(count(self.fence)),
        }
    }
}

impl From<Head> for HeadDocument {
    fn from(head: Head) -> Self {
        Self {
            seq: long(head.seq.0),
            ordinal: long(head.ordinal),
            fence: long(head.fence.0),
        }
    }
}

impl MessageDocument {
    /// Writes a message that takes its conversation to `head`.
    pub(super) fn new(message: &Message, head: Head) -> Self {
        Self {
            revs: vec![long(message.rev.0)],
            head: Some(head.into()),
            tokens: tokens(&IndexTerms::of(message)),
            ..Self::bare(message)
        }
    }

    /// Writes what is the message's own.
    fn bare(message: &Message) -> Self {
        Self {
            key: MessageKey::of(message),
            v: VERSION,
            conversation_id: message.conversation_id.to_bson(),
            seq: long(message.seq.0),
            rev: long(message.rev.0),
            revs: Vec::new(),
            ordinal: long(message.ordinal),
            head: None,
            sender_id: message.sender_id.to_bson(),
            content: ContentDocument::from(&message.content),
            reply_to: message.reply_to.map(|seq| long(seq.0)),
            forwarded: message.forwarded,
            mentions: uuids(&message.mentions),
            attachments: message.attachments.iter().map(AttachmentDocument::from).collect(),
            reactions: message.reactions.iter().map(ReactionDocument::from).collect(),
            sent_at: date(message.sent_at),
            edited_at: message.edited_at.map(date),
            deleted_at: message.deleted_at.map(date),
            fingerprint: FingerprintDocument {
                version: i32::from(message.fingerprint.version),
                hash: binary(&message.fingerprint.hash),
            },
            tokens: Vec::new(),
        }
    }

    /// Names what reading a message leaves out.
    pub(super) fn projection() -> Document {
        doc! {"revs": 0, "head": 0, "tokens": 0}
    }

    pub(super) fn into_message(self) -> Result<Message, RepositoryError> {
        Ok(Message {
            conversation_id: ConversationId::from_bson(self.conversation_id),
            id: MessageId::from_bson(self.key.message),
            seq: Seq(count(self.seq)),
            rev: Rev(count(self.rev)),
            ordinal: count(self.ordinal),
            sender_id: UserId::from_bson(self.sender_id),
            content: self.content.into_content()?,
            reply_to: self.reply_to.map(|seq| Seq(count(seq))),
            forwarded: self.forwarded,
            mentions: ids(self.mentions),
            attachments: self
                .attachments
                .into_iter()
                .map(AttachmentDocument::into_attachment)
                .collect::<Result<_, _>>()?,
            reactions: self.reactions.into_iter().map(Reaction::from).collect(),
            sent_at: moment(self.sent_at),
            edited_at: self.edited_at.map(moment),
            deleted_at: self.deleted_at.map(moment),
            fingerprint: Fingerprint {
                version: u8::try_from(self.fingerprint.version).map_err(RepositoryError::internal)?,
                hash: array(self.fingerprint.hash)?,
            },
        })
    }
}

/// Writes the statement by which a message takes its new state and, as its next number, the `rev` of `head`, which
/// must be greater than its present one: the index lets a document have a number twice.
///
/// Of a message that is not at `message.rev` any more, the statement finds nothing, and would insert a document whose
/// `_id` is taken: that error, which a statement without upsert would not be, stops the ordered command before a later
/// statement leaves a hole behind.
pub(super) fn revision(message: &Message, terms: TermsChange, head: Head) -> BsonResult<Document> {
    let mut set = serialize_to_document(&MessageDocument::bare(message))?;
    for fixed in ["_id", "v", "conversation_id", "seq", "ordinal"] {
        set.remove(fixed);
    }
    let mut unset: Document = OPTIONAL
        .into_iter()
        .filter(|field| !set.contains_key(field))
        .map(|field| (field.to_owned(), Bson::from("")))
        .collect();
    let rev = long(head.rev.0);
    set.insert("rev", rev);
    set.insert("head", serialize_to_document(&HeadDocument::from(head))?);
    if terms == TermsChange::Replace {
        let tokens = tokens(&IndexTerms::of(message));
        if tokens.is_empty() {
            unset.insert("tokens", "");
        } else {
            set.insert("tokens", tokens);
        }
    }
    let key = MessageKey::of(message);
    let mut statement = doc! {
        "q": {
            "_id": key,
            "conversation_id": key.conversation,
            "seq": long(message.seq.0),
            "rev": long(message.rev.0),
        },
        "u": {"$set": set, "$push": {"revs": {"$each": [rev], "$slice": -MAX_REVS}}},
        "upsert": true,
    };
    if let (false, Ok(update)) = (unset.is_empty(), statement.get_document_mut("u")) {
        update.insert("$unset", unset);
    }
    Ok(statement)
}

impl From<&Attachment> for AttachmentDocument {
    fn from(attachment: &Attachment) -> Self {
        Self {
            id: attachment.id.to_bson(),
            file_name: attachment.file_name.clone(),
            content_type: attachment.content_type.clone(),
            size: long(attachment.size),
            width: attachment.width.map(i64::from),
            height: attachment.height.map(i64::from),
            duration: attachment.duration.map(long),
            thumbnail: attachment.thumbnail.as_ref().map(|thumbnail| ThumbnailDocument {
                width: i64::from(thumbnail.width),
                height: i64::from(thumbnail.height),
                blurhash: thumbnail.blurhash.clone(),
            }),
        }
    }
}

impl AttachmentDocument {
    fn into_attachment(self) -> Result<Attachment, RepositoryError> {
        let pixels = |long: i64| u32::try_from(long).map_err(RepositoryError::internal);
        let thumbnail = |thumbnail: ThumbnailDocument| {
            Ok::<_, RepositoryError>(Thumbnail {
                width: pixels(thumbnail.width)?,
                height: pixels(thumbnail.height)?,
                blurhash: thumbnail.blurhash,
            })
        };
        Ok(Attachment {
            id: MediaId::from_bson(self.id),
            file_name: self.file_name,
            content_type: self.content_type,
            size: count(self.size),
            width: self.width.map(pixels).transpose()?,
            height: self.height.map(pixels).transpose()?,
            duration: self.duration.map(count),
            thumbnail: self.thumbnail.map(thumbnail).transpose()?,
        })
    }
}

impl From<&Reaction> for ReactionDocument {
    fn from(reaction: &Reaction) -> Self {
        Self {
            user_id: reaction.user_id.to_bson(),
            emoji: reaction.emoji.as_str().to_owned(),
        }
    }
}

impl From<ReactionDocument> for Reaction {
    fn from(document: ReactionDocument) -> Self {
        Self {
            user_id: UserId::from_bson(document.user_id),
            emoji: Emoji::from_stored(document.emoji),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
