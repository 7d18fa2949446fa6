//! The types that most programs need first, for one `use letsapp_core::prelude::*`.
//!
//! Everything here is re-exported; each type is documented where it is defined. Rarer types are imported from their
//! layers.
//!
//! ```
//! use letsapp_core::prelude::*;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let app = LetsApp::in_memory().await?;
//! let ana: Principal = app.sign_up("ana", "a long password").await?;
//! let ben: Principal = app.sign_up("ben", "a long password").await?;
//!
//! let phone = app.hub().connect(ben, ConnectionId::from_uuid(app.ids().random()));
//! let direct = CreateConversation::Direct { user_id: ben.user_id };
//! let (chat, _) = app.conversations().create(&ana, direct, None).await?;
//! app.messages().send(&ana, chat.id, SendMessage::text("Hello, Ben!")?, None).await?;
//!
//! let mut events = Vec::new();
//! phone.drain(&mut events).await.unwrap();
//! assert!(matches!(events[0].event()?, Event::ConversationCreated(_)));
//! # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
//! ```

pub use crate::app::LetsApp;
pub use crate::domain::id::{ConnectionId, ConversationId, MessageId, Seq, UserId};
pub use crate::domain::page::Limit;
pub use crate::domain::principal::Principal;
pub use crate::domain::rules::Rules;
pub use crate::domain::user::Username;
pub use crate::engine::events::Hub;
pub use crate::ports::Range;
pub use crate::protocol::Event;
pub use crate::protocol::requests::{CreateConversation, Password, Register, SendMessage};
