//! Documents of `messages`, and their conversion to and from the domain's types.

use mongodb::bson::error::Result as BsonResult;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, Uuid, doc, serialize_to_document};
use serde::{Deserialize, Serialize};

use super::content::ContentDocument;
use super::tokens::tokens;
use crate::adapters::mongodb::fields::{
    DocumentVersion, Id, VERSION, array, binary, count, date, ids, long, moment, uuids,
};
use crate::domain::conversation::Head;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use crate::domain::media::{Attachment, Thumbnail, Waveform};
use crate::domain::message::{Fingerprint, Message, Reaction};
use crate::domain::search::IndexTerms;
use crate::ports::{RepositoryError, TermsChange};

/// A message. Reads leave out the fields that only the store needs, see [`MessageDocument::projection`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageDocument {
    #[serde(rename = "_id")]
    key: MessageKey,
    v: DocumentVersion,
    conversation_id: Uuid,
    /// Place in the history; never changes.
    seq: i64,
    /// Number of the message's last change.
    rev: i64,
    /// Numbers of all its changes, the last one last; at most the newest [`MAX_REVS`]. A unique index keeps them
    /// from being assigned again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revs: Vec<i64>,
    /// Number of messages of users up to this one, included.
    ordinal: i64,
    /// Head of the conversation after the change that assigned `rev`. The one with the highest `rev` is the present
    /// head, so that a change and the head it leads to are one write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadDocument>,
    sender_id: Uuid,
    content: ContentDocument,
    /// `seq` of the message that this one replies to.
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
    /// Hash of the request that sent the message, which tells a retry from another request with the same id.
    fingerprint: FingerprintDocument,
    /// Search tokens; none for system messages and deleted messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<String>,
}

/// Key of a message, whose id is unique within its conversation only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct MessageKey {
    pub(super) conversation: Uuid,
    pub(super) message: Uuid,
}

/// Head of a conversation without its `rev`, which is that of the document.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct HeadDocument {
    /// `seq` of the newest message.
    seq: i64,
    /// Number of messages of users.
    ordinal: i64,
    /// `seq` of the newest system message about anything but a call.
    fence: i64,
    /// Time of the newest message; absent in documents of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<DateTime>,
}

/// An attachment, embedded in a message.
#[derive(Debug, Serialize, Deserialize)]
struct AttachmentDocument {
    id: Uuid,
    file_name: String,
    content_type: String,
    /// Size in bytes.
    size: i64,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// Duration in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// Preview of an image or a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<ThumbnailDocument>,
    /// Loudness of a sound: 64 bytes of 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waveform: Option<Binary>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    processing: bool,
}

/// Preview of an attachment.
#[derive(Debug, Serialize, Deserialize)]
struct ThumbnailDocument {
    width: i64,
    height: i64,
    blurhash: String,
}

/// Reaction of one user, embedded in a message.
#[derive(Debug, Serialize, Deserialize)]
struct ReactionDocument {
    user_id: Uuid,
    emoji: String,
}

/// Fingerprint of a request, embedded in a message.
#[derive(Debug, Serialize, Deserialize)]
struct FingerprintDocument {
    /// Version of the rules by which the hash was computed.
    version: i32,
    hash: Binary,
}

/// Maximum number of its numbers that a message keeps. To assign one again, a server would have to miss this many
/// changes of one message within the [time](super::head_cache) for which it uses a head without reading it again.
const MAX_REVS: i32 = 4096;

/// Fields that a revision removes if the new state does not have them.
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
    /// Returns the key of a message by its ids.
    pub(super) fn new(conversation_id: ConversationId, id: MessageId) -> Self {
        Self {
            conversation: conversation_id.to_bson(),
            message: id.to_bson(),
        }
    }

    /// Returns the key of a message.
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
    /// Reports whether the head has the time of the newest message.
    pub(super) const fn is_dated(&self) -> bool {
        self.sent_at.is_some()
    }

    /// Reads the head, with the `rev` of its document.
    pub(super) fn into_head(self, rev: i64) -> Head {
        Head {
            seq: Seq(count(self.seq)),
            rev: Rev(count(rev)),
            ordinal: count(self.ordinal),
            fence: Seq(count(self.fence)),
            sent_at: self.sent_at.map(moment).unwrap_or_default(),
        }
    }
}

impl From<Head> for HeadDocument {
    fn from(head: Head) -> Self {
        Self {
            seq: long(head.seq.0),
            ordinal: long(head.ordinal),
            fence: long(head.fence.0),
            sent_at: Some(date(head.sent_at)),
        }
    }
}

impl MessageDocument {
    /// Returns the document of a new message, with the numbers and the time of the conversation's head after it.
    pub(super) fn new(message: &Message, head: Head) -> Self {
        Self {
            seq: long(head.seq.0),
            rev: long(head.rev.0),
            revs: vec![long(head.rev.0)],
            ordinal: long(head.ordinal),
            head: Some(head.into()),
            sent_at: date(head.sent_at),
            tokens: tokens(&IndexTerms::of(message)),
            ..Self::bare(message)
        }
    }

    /// Returns the document without the fields that only the store needs.
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

    /// Returns the projection that leaves out the fields that only the store needs.
    pub(super) fn projection() -> Document {
        doc! {"revs": 0, "head": 0, "tokens": 0}
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`RepositoryError`] if a stored value is not valid.
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

/// Builds the update statement that gives a message its new state and, as its next number, the `rev` of `head`. That
/// number must be greater than the present one, because a unique index lets one document have a number twice.
///
/// If the message no longer has `message.rev`, the filter matches nothing, and the upsert tries to insert a document
/// whose `_id` is taken. This error is wanted: it stops the ordered command, so that no later statement leaves a hole
/// in the numbers. A plain update that matches nothing would count as a success.
pub(super) fn revision(message: &Message, terms: TermsChange, head: Head) -> BsonResult<Document> {
    let mut set = serialize_to_document(&MessageDocument::bare(message))?;
    // Fields that never change are not set. A revision may have been computed before its message was stored, with a
    // date that the store then raised.
    for fixed in ["_id", "v", "conversation_id", "seq", "ordinal", "sent_at"] {
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
            waveform: attachment.waveform.map(|waveform| Binary {
                subtype: BinarySubtype::Generic,
                bytes: waveform.points().to_vec(),
            }),
            processing: attachment.is_processing,
        }
    }
}

impl AttachmentDocument {
    /// Reads the attachment.
    ///
    /// # Errors
    /// [`RepositoryError`] if a number of pixels is out of range.
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
            waveform: self
                .waveform
                .and_then(|stored| stored.bytes.try_into().ok())
                .map(Waveform::from_stored),
            is_processing: self.processing,
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

/// Reports whether a flag is left out of the document.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
