//! Links to files as addresses: the signature and what it covers are in the query string.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::key::Kid;
use letsapp_core::domain::media::Variant;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::engine::media::{Link, SignedLink};

use crate::api::query::Query;

/// Writes a link as a path with its query string.
pub(super) fn write(signed: &SignedLink) -> String {
    let Link {
        media_id,
        variant,
        expires_at,
    } = signed.link;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("variant", variant.as_str())
        .append_pair("expires", &(expires_at.as_millis() / 1000).to_string())
        .append_pair("key", &signed.kid.0)
        .append_pair("signature", &URL_SAFE_NO_PAD.encode(signed.signature))
        .finish();
    format!("/v1/media/{media_id}/content?{query}")
}

/// Reads a link; `None` if it is not complete. Whether it is one of ours is not checked.
pub(super) fn read(media_id: MediaId, query: &Query<'_>) -> Option<SignedLink> {
    let seconds: i64 = query.text("expires")?.parse().ok()?;
    let signature = URL_SAFE_NO_PAD.decode(query.text("signature")?).ok()?;
    Some(SignedLink {
        link: Link {
            media_id,
            variant: Variant::from_word(query.text("variant")?)?,
            expires_at: Timestamp::from_millis(seconds.checked_mul(1000)?),
        },
        kid: Kid(query.text("key")?.to_owned()),
        signature: signature.try_into().ok()?,
    })
}
