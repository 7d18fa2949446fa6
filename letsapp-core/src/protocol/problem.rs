//! Errors on the wire: RFC 9457 problem details with a stable machine word.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:tt $status:literal $title:literal,)*) => {
        /// What went wrong, as a stable machine word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns the HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Returns a short sentence for a person.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request can't be read.
    InvalidRequest = "invalid_request" 400 "The request can't be read",
    /// No valid credentials.
    Unauthenticated = "unauthenticated" 401 "You are not signed in",
    /// The access token has expired: refresh it.
    TokenExpired = "token_expired" 401 "The access token has expired",
    /// Seen, but not allowed.
    Forbidden = "forbidden" 403 "You may not do this",
    /// Not there, or not to be seen.
    NotFound = "not_found" 404 "There is nothing here",
    /// No such method here.
    MethodNotAllowed = "method_not_allowed" 405 "This method is not supported here",
    /// Something else is already there.
    Conflict = "conflict" 409 "This contradicts what is already there",
    /// Too large.
    PayloadTooLarge = "payload_too_large" 413 "The request is too large",
    /// Not a type that is taken here.
    UnsupportedMediaType = "unsupported_media_type" 415 "This content type is not supported here",
    /// No such range.
    RangeNotSatisfiable = "range_not_satisfiable" 416 "The range lies outside the content",
    /// A field is missing, ill-typed or out of bounds; `errors` names each.
    ValidationFailed = "validation_failed" 422 "Some fields are not valid",
    /// A scanner found something.
    Infected = "infected" 422 "The file was found to be harmful",
    /// Too many requests.
    RateLimited = "rate_limited" 429 "Too many requests",
    /// A fault of the server.
    Internal = "internal" 500 "Something went wrong on the server",
    /// The server can't serve now: try again later.
    Unavailable = "unavailable" 503 "The service is unavailable for the moment",
}

/// An error, over HTTP as `application/problem+json`, on the socket in a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Names the kind of problem as a URI.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// A short sentence for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The machine word.
    pub code: Code,
    /// What it is about this time, for a person; the title where there is no more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which fields, of `validation_failed`; else none.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Seconds to wait, of `rate_limited` on the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Which, with dots between levels.
    pub field: String,
    /// A machine word.
    pub code: String,
    /// Words for a person.
    pub detail: String,
}

impl Problem {
    /// Makes the problem that a code stands for.
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

    /// Says what it is about this time.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }
}

impl FieldError {
    /// Names what is wrong with a field.
    pub fn new(field: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: code.into(),
            detail: detail.into(),
        }
    }
}

/// The type of a problem that needs no more than its status to be understood (RFC 9457, section 4.2.1).
fn blank() -> String {
    "about:blank".to_owned()
}
