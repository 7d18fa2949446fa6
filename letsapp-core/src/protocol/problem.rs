//! Errors on the wire: RFC 9457 problem details with a stable error code.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:tt $status:literal $title:literal,)*) => {
        /// Stable, machine-readable error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the code as it is on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns the HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Returns a short sentence for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request is malformed.
    InvalidRequest = "invalid_request" 400 "The request can't be read",
    /// Credentials are missing or invalid, or the session has ended.
    Unauthenticated = "unauthenticated" 401 "You are not signed in",
    /// The access token has expired; refresh it and try again.
    TokenExpired = "token_expired" 401 "The access token has expired",
    /// The caller may see the resource, but not do this with it.
    Forbidden = "forbidden" 403 "You may not do this",
    /// The resource does not exist, or is not visible to the caller.
    NotFound = "not_found" 404 "There is nothing here",
    /// The resource does not support this HTTP method.
    MethodNotAllowed = "method_not_allowed" 405 "This method is not supported here",
    /// The request conflicts with the current state, such as a username that is taken.
    Conflict = "conflict" 409 "This contradicts what is already there",
    /// The request body is too large.
    PayloadTooLarge = "payload_too_large" 413 "The request is too large",
    /// The content type is not supported.
    UnsupportedMediaType = "unsupported_media_type" 415 "This content type is not supported here",
    /// The requested range is outside the content.
    RangeNotSatisfiable = "range_not_satisfiable" 416 "The range lies outside the content",
    /// Fields are missing, of the wrong type or out of bounds; `errors` lists each.
    ValidationFailed = "validation_failed" 422 "Some fields are not valid",
    /// A scanner found malware in the file.
    Infected = "infected" 422 "The file was found to be harmful",
    /// The upload goes on at another offset.
    UploadConflict = "upload_conflict" 409 "The upload goes on elsewhere",
    /// The bytes do not have the checksum that came with them; they were not kept.
    ChecksumMismatch = "checksum_mismatch" 460 "The bytes are not those that were sent",
    /// Too many requests; wait before trying again.
    RateLimited = "rate_limited" 429 "Too many requests",
    /// The server failed unexpectedly.
    Internal = "internal" 500 "Something went wrong on the server",
    /// The server cannot answer at the moment; try again later.
    Unavailable = "unavailable" 503 "The service is unavailable for the moment",
}

/// An error: the body of an HTTP response (`application/problem+json`), or `error` in a reply on the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Kind of problem, as a URI.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// Short sentence for people, the same for all problems with this code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable error code.
    pub code: Code,
    /// Explanation of this occurrence, for people; the title if there is nothing to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Invalid fields, if the code is `validation_failed`; the people whom the caller may not add to groups, if that is
    /// what is `forbidden`; otherwise empty. At most 50, even if there are more.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub errors: Vec<FieldError>,
    /// Seconds to wait, if the code is `rate_limited`, in replies on the socket. HTTP responses have the header
    /// `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// An invalid field of a request, or an item of it for which the request is forbidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Name of the field, with dots between levels: `settings.last_seen`, `mentions.1`.
    pub field: String,
    /// Stable, machine-readable reason.
    pub code: String,
    /// Explanation for people.
    pub detail: String,
}

impl Problem {
    /// Returns the problem with the title and the status of a code.
    pub fn new(code: Code) -> Self {
        Self {
            kind: blank(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: Some(code.title().to_owned()),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Replaces the explanation of this occurrence.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }
}

/// Maximum number of invalid fields that an error lists. A person corrects a few, a program none; a request can have
/// thousands.
pub const MAX_ERRORS: usize = 50;

/// Maximum number of characters of a request that an error repeats: more than any name of a field has, ids included.
pub const MAX_ECHO: usize = 64;

/// Returns the beginning of a text from a request, as much of it as an error may repeat.
///
/// ```
/// # use letsapp_core::protocol::echo;
/// assert_eq!(echo("message.sned"), "message.sned");
/// assert_eq!(echo(&"x".repeat(1_000)).chars().count(), 65, "with an ellipsis");
/// ```
pub fn echo(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_ECHO) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

impl FieldError {
    /// Creates an error for the field `field`. The name is shortened as by [`echo`], since parts of it can come from
    /// the request.
    pub fn new(field: impl AsRef<str>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: echo(field.as_ref()).into_owned(),
            code: code.into(),
            detail: detail.into(),
        }
    }
}

/// Returns the type of a problem that is explained by its status alone (RFC 9457, section 4.2.1).
fn blank() -> String {
    "about:blank".to_owned()
}
