//! Identifiers: a newtype for each kind of thing, so that the compiler refuses an id of another kind.
//!
//! New ids come from an [`IdSource`](crate::ports::IdSource), so that tests can predict them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// Returns the sixteen bytes, as stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Wraps sixteen stored bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// UUID of a user. Assigned by the server and never reused.
    UserId
);
id!(
    /// UUID of a session, which is one signed-in device. Assigned by the server.
    SessionId
);
id!(
    /// UUID of a conversation. Random; the one of a group may be chosen by the client that creates it.
    ConversationId
);
id!(
    /// UUID of a message, unique within its conversation. Chosen by the sender or, if omitted, by the server; makes a
    /// retry recognisable.
    MessageId
);
id!(
    /// UUID of an uploaded file.
    MediaId
);
id!(
    /// UUID of stored bytes: of an uploaded file, a part of one, or a preview. Random, and never used again.
    BlobId
);
id!(
    /// UUID of a call.
    CallId
);
id!(
    /// UUID of a store's history, random. A store that was restored from a backup has another one than before.
    Epoch
);
id!(
    /// UUID of one connection of a session, such as a WebSocket. Assigned by the server.
    ConnectionId
);
id!(
    /// UUID of one run of a server, random: a server that starts again has another one.
    ServerId
);

impl MessageId {
    /// Derives the id of the system message for `operation` in a conversation, so that an operation carried out twice
    /// results in one message.
    pub fn of_operation(conversation: ConversationId, operation: &[u8]) -> Self {
        Self(Uuid::new_v5(conversation.as_uuid(), operation))
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(
            feature = "openapi",
            schema(minimum = 0, maximum = 18_446_744_073_709_551_615_usize, format = "uint64")
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Number before the first.
            pub const ZERO: Self = Self(0);

            /// Returns the next number.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// Position of a message in its conversation: 1, 2, 3 …, without gaps, the same for all members, and never changed.
    Seq
);
counter!(
    /// Number of a change in a conversation: 1, 2, 3 …, incremented by each new message, edit, deletion and reaction.
    /// Clients sync by it.
    Rev
);
