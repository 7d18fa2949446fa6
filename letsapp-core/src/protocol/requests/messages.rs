//! Requests to send and edit messages, and to report what was received.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::body::Body;
use crate::domain::conversation::MAX_MEMBERS;
use crate::domain::id::{ConversationId, MediaId, MessageId, Seq, UserId};
use crate::domain::member::Watermarks;
use crate::domain::text::TextError;
use crate::protocol::fields::{ClientId, Fault, Fields, FromFields};

/// Maximum number of files in one message. Bounds its size, since each file's metadata is stored with the message.
const MAX_ATTACHMENTS: usize = 10;

/// Body of `POST /v1/conversations/{id}/messages`: sends a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendMessage {
    /// Id of the message, chosen by the client: a UUID of version 4 or 7. Makes the request safe to retry. Assigned by
    /// the server if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::protocol::schemas::ClientChosenId>))]
    pub id: Option<MessageId>,
    /// Text of 1–4,096 characters; may be empty if there are attachments.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::protocol::schemas::Caption))]
    pub body: Body,
    /// Seq of the message that this one answers, in the same conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// Whether the message is forwarded from elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>))]
    pub forwarded: bool,
    /// Ids of the mentioned members, at most 1,024.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<UserId>>, max_items = 1024))]
    pub mentions: Vec<UserId>,
    /// Ids of files that the sender has uploaded or, if the message is forwarded, may see; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<MediaId>>, max_items = 10))]
    pub attachments: Vec<MediaId>,
}

/// Body of `PATCH /v1/conversations/{id}/messages/{seq}`: changes the text of the caller's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditMessage {
    /// New text of 1–4,096 characters.
    pub body: Body,
    /// Ids of the mentioned members from now on, at most 1,024; replaces the earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<UserId>>, max_items = 1024))]
    pub mentions: Vec<UserId>,
    /// Ids of the files that the message carries from now on, at most 10: files that it carries already, or others of the
    /// sender. The files stay as they are if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<MediaId>>, max_items = 10))]
    pub attachments: Option<Vec<MediaId>>,
}

/// Body of `POST /v1/conversations/{id}/receipts`: reports received and read messages. At least one of the fields is
/// required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptRequest {
    /// Seq up to which all messages have been received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Seq>,
    /// Seq up to which all messages have been read, and therefore received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Seq>,
}

impl SendMessage {
    /// Creates a request to send a text.
    ///
    /// # Errors
    /// Returns [`TextError`] if the text is not a valid [`Body`].
    pub fn text(body: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            id: None,
            body: Body::parse(body)?,
            reply_to: None,
            forwarded: false,
            mentions: Vec::new(),
            attachments: Vec::new(),
        })
    }

    /// Sets the id of the message, so that sending it again does not create a second one.
    #[must_use]
    pub fn with_id(self, id: MessageId) -> Self {
        Self { id: Some(id), ..self }
    }
}

impl FromFields for SendMessage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.client_id("id");
        let body = fields.required::<String>("body");
        let reply_to = fields.optional("reply_to");
        let forwarded = fields.optional("forwarded");
        let mentions = fields.list("mentions", MAX_MEMBERS);
        let attachments = fields.list::<MediaId>("attachments", MAX_ATTACHMENTS);
        let alone = attachments.as_ref().is_none_or(Vec::is_empty);
        let body = body.and_then(|body| match words(body, alone) {
            Ok(body) => Some(body),
            Err(error) => fields.fault("body", &Fault::Text(error)),
        });
        Some(Self {
            id: id?,
            body: body?,
            reply_to: reply_to?,
            forwarded: forwarded?.unwrap_or_default(),
            mentions: mentions?,
            attachments: attachments?,
        })
    }

    fn quick(json: &str) -> Option<(Option<ConversationId>, Self)> {
        let sent: QuickSend<'_> = serde_json::from_str(json).ok()?;
        // The same rules as in `from_fields`, without the names of the fields. Whatever fails here is read again there,
        // for the errors.
        let usual = sent.id.is_none_or(|id| id.is_for_clients())
            && sent.mentions.len() <= MAX_MEMBERS
            && sent.attachments.len() <= MAX_ATTACHMENTS;
        let request = Self {
            id: sent.id,
            body: words(sent.body.into_owned(), sent.attachments.is_empty()).ok()?,
            reply_to: sent.reply_to,
            forwarded: sent.forwarded,
            mentions: sent.mentions,
            attachments: sent.attachments,
        };
        usual.then_some((sent.conversation_id, request))
    }
}

impl FromFields for EditMessage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        // A message that keeps its files may have an empty body; without any it is refused later.
        let body = fields.required::<String>("body");
        let body = body.and_then(|body| match words(body, false) {
            Ok(body) => Some(body),
            Err(error) => fields.fault("body", &Fault::Text(error)),
        });
        let mentions = fields.list("mentions", MAX_MEMBERS);
        let attachments = fields.optional_list::<MediaId>("attachments", MAX_ATTACHMENTS);
        Some(Self {
            body: body?,
            mentions: mentions?,
            attachments: attachments?,
        })
    }
}

impl FromFields for ReceiptRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let delivered = fields.optional("delivered");
        let read = fields.optional("read");
        match (delivered?, read?) {
            (None, None) => fields.fault("read", &Fault::Required),
            (delivered, read) => Some(Self { delivered, read }),
        }
    }

    fn quick(json: &str) -> Option<(Option<ConversationId>, Self)> {
        let QuickReceipt {
            conversation_id,
            delivered,
            read,
        } = serde_json::from_str(json).ok()?;
        delivered.or(read)?;
        Some((conversation_id, Self { delivered, read }))
    }
}

impl From<ReceiptRequest> for Watermarks {
    fn from(request: ReceiptRequest) -> Self {
        let read = request.read.unwrap_or_default();
        Self {
            delivered: request.delivered.unwrap_or_default().max(read),
            read,
        }
    }
}

/// Parses the body of a message, which may be empty unless `alone`, that is without attachments.
fn words(text: String, alone: bool) -> Result<Body, TextError> {
    if alone {
        Body::parse(text)
    } else {
        Body::parse_caption(text)
    }
}

/// A request without errors to send a message, as serde reads it in one pass.
#[derive(Deserialize)]
struct QuickSend<'a> {
    conversation_id: Option<ConversationId>,
    id: Option<MessageId>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    reply_to: Option<Seq>,
    #[serde(default)]
    forwarded: bool,
    #[serde(default)]
    mentions: Vec<UserId>,
    #[serde(default)]
    attachments: Vec<MediaId>,
}

/// A receipt without errors, as serde reads it in one pass.
#[derive(Deserialize)]
struct QuickReceipt {
    conversation_id: Option<ConversationId>,
    delivered: Option<Seq>,
    read: Option<Seq>,
}
