//! Requests to create and change conversations.

use serde::Serialize;
use serde_json::Value;

use crate::domain::conversation::{Kind, MAX_MEMBERS};
use crate::domain::id::{ConversationId, MediaId, UserId};
use crate::domain::member::PreferencesPatch;
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;
use crate::protocol::fields::{Fault, Fields, FromFields, Scalar, text};

/// Body of `POST /v1/conversations`: creates a group, or returns the direct conversation with a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CreateConversation {
    /// The direct conversation with a user, created unless it exists.
    Direct {
        /// The other user.
        user_id: UserId,
    },
    /// A new group, owned by the caller.
    Group {
        /// Id of the group, chosen by the client: a UUID of version 4 or 7. Makes the request safe to retry. Assigned
        /// by the server if omitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::protocol::schemas::ClientChosenId>))]
        id: Option<ConversationId>,
        /// Title: one line of 1–100 characters.
        title: Title,
        /// Description of at most 500 characters.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<About>,
        /// Initial members besides the caller.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<UserId>>, max_items = 1024))]
        member_ids: Vec<UserId>,
    },
}

/// Body of `PATCH /v1/conversations/{id}`: changes a group. Omitted fields are unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateConversation {
    /// New title: one line of 1–100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Title, required = false))]
    pub title: Option<Title>,
    /// New description of at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = About, required = false))]
    pub about: Option<About>,
    /// New picture, as the id of an uploaded file; null removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<MediaId>))]
    pub avatar_media_id: Option<Option<MediaId>>,
}

/// Body of `PATCH /v1/conversations/{id}/me`: changes the caller's preferences for a conversation. Omitted fields are
/// unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMyConversation {
    /// End of the time without notifications; null unmutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Timestamp>))]
    pub muted_until: Option<Option<Timestamp>>,
    /// Whether the conversation is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = bool, required = false))]
    pub archived: Option<bool>,
    /// Whether the conversation is pinned to the top of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = bool, required = false))]
    pub pinned: Option<bool>,
}

/// Body of `POST /v1/conversations/{id}/members`: adds members to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddMembers {
    /// Users to add, at most 1,024.
    #[cfg_attr(feature = "openapi", schema(max_items = 1024))]
    pub user_ids: Vec<UserId>,
}

/// Body of `PATCH /v1/conversations/{id}/members/{user_id}`: changes the role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeRole {
    /// New role. `owner` transfers ownership: the caller becomes an admin.
    pub role: Role,
}

impl FromFields for CreateConversation {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        match fields.required("kind") {
            None => {
                // The kind is unknown, but fields that are invalid for both kinds are still listed.
                fields.optional::<UserId>("user_id");
                fields.client_id::<ConversationId>("id");
                fields.optional::<Title>("title");
                fields.optional::<About>("about");
                fields.list::<UserId>("member_ids", MAX_MEMBERS);
                None
            }
            Some(Kind::Direct) => Some(Self::Direct {
                user_id: fields.required("user_id")?,
            }),
            Some(Kind::Group) => {
                let id = fields.client_id("id");
                let title = fields.required("title");
                let about = fields.optional("about");
                let member_ids = fields.list("member_ids", MAX_MEMBERS);
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
            user_ids: fields.required_list("user_ids", MAX_MEMBERS)?,
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
