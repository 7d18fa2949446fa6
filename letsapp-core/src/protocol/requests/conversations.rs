//! Making and changing conversations.

use serde::Serialize;
use serde_json::Value;

use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, MediaId, UserId};
use crate::domain::member::PreferencesPatch;
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;
use crate::protocol::fields::{Fault, Fields, FromFields, Scalar, text};

/// The most users that one request names: as many as a group holds.
pub(super) const USERS_MAX: usize = 1024;

/// `POST /v1/conversations`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CreateConversation {
    /// The one conversation with somebody.
    Direct {
        /// With whom.
        user_id: UserId,
    },
    /// A group, with the caller as its owner.
    Group {
        /// The client's choice of an id: a UUID of version 4 or 7.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<ConversationId>,
        /// What it is called.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        title: Title,
        /// What it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        about: Option<About>,
        /// Who else is in from the start.
        #[cfg_attr(feature = "openapi", schema(required = false))]
        member_ids: Vec<UserId>,
    },
}

/// `PATCH /v1/conversations/{id}`: what is missing stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateConversation {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub title: Option<Title>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub about: Option<About>,
    /// Its picture; null takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<MediaId>))]
    pub avatar_media_id: Option<Option<MediaId>>,
}

/// `PATCH /v1/conversations/{id}/me`: what is missing stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMyConversation {
    /// No notifications until then; null ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Timestamp>))]
    pub muted_until: Option<Option<Timestamp>>,
    /// Whether it is put away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = bool, required = false))]
    pub archived: Option<bool>,
    /// Whether it is kept on top.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = bool, required = false))]
    pub pinned: Option<bool>,
}

/// `POST /v1/conversations/{id}/members`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddMembers {
    /// Who comes in.
    pub user_ids: Vec<UserId>,
}

/// `PATCH /v1/conversations/{id}/members/{user_id}`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeRole {
    /// What they may do from now on; `owner` hands ownership over.
    pub role: Role,
}

impl FromFields for CreateConversation {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        match fields.required("kind") {
            None => {
                // Whichever it is, what can be neither's is named as well.
                fields.optional::<UserId>("user_id");
                fields.client_id::<ConversationId>("id");
                fields.optional::<Title>("title");
                fields.optional::<About>("about");
                fields.list::<UserId>("member_ids", USERS_MAX);
                None
            }
            Some(Kind::Direct) => Some(Self::Direct {
                user_id: fields.required("user_id")?,
            }),
            Some(Kind::Group) => {
                let id = fields.client_id("id");
                let title = fields.required("title");
                let about = fields.optional("about");
                let member_ids = fields.list("member_ids", USERS_MAX);
                Some(Self::Group {
                    id: id?,
                    title: title?,
                    about: about?,
                    member_ids: member_ids?,
                })
            }
        }
    }
}

impl FromFields for UpdateConversation {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let title = fields.changed("title");
        let about = fields.changed("about");
        let avatar_media_id = fields.cleared("avatar_media_id");
        Some(Self {
            title: title?,
            about: about?,
            avatar_media_id: avatar_media_id?,
        })
    }
}

impl FromFields for UpdateMyConversation {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let muted_until = fields.cleared("muted_until");
        let archived = fields.changed("archived");
        let pinned = fields.changed("pinned");
        Some(Self {
            muted_until: muted_until?,
            archived: archived?,
            pinned: pinned?,
        })
    }
}

impl FromFields for AddMembers {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            user_ids: fields.required_list("user_ids", USERS_MAX)?,
        })
    }
}

impl FromFields for ChangeRole {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            role: fields.required("role")?,
        })
    }
}

impl From<UpdateMyConversation> for PreferencesPatch {
    fn from(request: UpdateMyConversation) -> Self {
        Self {
            muted_until: request.muted_until,
            archived: request.archived,
            pinned: request.pinned,
        }
    }
}

impl Scalar for Kind {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::from_word(text(value)?).ok_or(Fault::Word("direct, group"))
    }
}

impl Scalar for Role {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::from_word(text(value)?).ok_or(Fault::Word("owner, admin, member"))
    }
}
