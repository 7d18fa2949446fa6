//! Requests to change the caller's own profile.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::domain::id::MediaId;
use crate::domain::user::{About, Adders, Audience, DisplayName, Email, ProfilePatch};
use crate::protocol::fields::{Fault, Fields, FromFields, Scalar, text};

/// Body of `PATCH /v1/me`: changes the caller's profile. Omitted fields are unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMe {
    /// New name to show: one line of 1–64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = DisplayName, required = false))]
    pub display_name: Option<DisplayName>,
    /// New self-description of at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = About, required = false))]
    pub about: Option<About>,
    /// New email address; null removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Email>))]
    pub email: Option<Option<Email>>,
    /// New profile picture, as the id of an uploaded file; null removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<MediaId>))]
    pub avatar_media_id: Option<Option<MediaId>>,
    /// Changes to the privacy settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = SettingsPatch, required = false))]
    pub settings: Option<SettingsPatch>,
}

/// Changes to the privacy settings: omitted fields are unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsPatch {
    /// Audience of the online status and the time of the last connection: `everyone`, `contacts` or `nobody`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "word")]
    #[cfg_attr(feature = "openapi", schema(value_type = Audience, required = false))]
    pub last_seen: Option<Audience>,
    /// Whether others see how far the user has read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = bool, required = false))]
    pub read_receipts: Option<bool>,
    /// Users who may add the caller to groups: `everyone` or `contacts`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "adders_word")]
    #[cfg_attr(feature = "openapi", schema(value_type = Adders, required = false))]
    pub groups: Option<Adders>,
}

impl FromFields for UpdateMe {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let display_name = fields.changed("display_name");
        let about = fields.changed("about");
        let email = fields.cleared("email");
        let avatar_media_id = fields.cleared("avatar_media_id");
        let settings = fields.nested("settings", SettingsPatch::from_fields);
        Some(Self {
            display_name: display_name?,
            about: about?,
            email: email?,
            avatar_media_id: avatar_media_id?,
            settings: settings?,
        })
    }
}

impl FromFields for SettingsPatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let last_seen = fields.changed("last_seen");
        let read_receipts = fields.changed("read_receipts");
        let groups = fields.changed("groups");
        Some(Self {
            last_seen: last_seen?,
            read_receipts: read_receipts?,
            groups: groups?,
        })
    }
}

impl From<UpdateMe> for ProfilePatch {
    fn from(request: UpdateMe) -> Self {
        let settings = request.settings.unwrap_or_default();
        Self {
            display_name: request.display_name,
            about: request.about,
            email: request.email,
            avatar_media_id: request.avatar_media_id,
            last_seen: settings.last_seen,
            read_receipts: settings.read_receipts,
            groups: settings.groups,
        }
    }
}

impl Scalar for Audience {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::from_word(text(value)?).ok_or(Fault::Word("everyone, contacts, nobody"))
    }
}

impl Scalar for Adders {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::from_word(text(value)?).ok_or(Fault::Word("everyone, contacts"))
    }
}

/// Serialises the set of users who may add somebody as its word.
#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
fn adders_word<S: Serializer>(adders: &Option<Adders>, serializer: S) -> Result<S::Ok, S::Error> {
    adders.map(Adders::as_str).serialize(serializer)
}

/// Serialises an audience as its word.
#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
fn word<S: Serializer>(audience: &Option<Audience>, serializer: S) -> Result<S::Ok, S::Error> {
    audience.map(Audience::as_str).serialize(serializer)
}
