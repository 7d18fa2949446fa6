//! Requests about files.

use serde::Serialize;
use serde_json::Value;

use crate::domain::media::Variant;
use crate::protocol::fields::{Fault, Fields, FromFields, Scalar, text};

/// Body of `POST /v1/media/{id}/url`: asks for a link to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaUrlRequest {
    /// The file itself (`original`, the default) or its preview (`thumbnail`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// Validity of the link in seconds, 1–3,600; 3,600 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3600))]
    pub expires_in: Option<u64>,
}

impl FromFields for MediaUrlRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let variant = fields.optional("variant");
        let expires_in = fields.optional("expires_in");
        Some(Self {
            variant: variant?,
            expires_in: expires_in?,
        })
    }
}

impl Scalar for Variant {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::from_word(text(value)?).ok_or(Fault::Word("original, thumbnail"))
    }
}
