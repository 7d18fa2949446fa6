//! A typed client for LetsApp, for bots and other programs, and the implementation of the command line `letsapp`.
//!
//! [`Client`] has one method per route of the server's HTTP API. [`Client::live`] opens a WebSocket connection and
//! keeps it open: [`Updates`] is a stream of everything that happens in the account, each change once and in order even
//! when the network fails in between, and [`Live`] sends messages without losing or duplicating any.
//!
//! A bot that repeats every message it receives:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use letsapp_cli::requests::{Login, Password};
//! use letsapp_cli::{Client, FileTokens, Update};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://chat.example.org")
//!     .tokens(Arc::new(FileTokens::new("echo-bot/tokens.json")))
//!     .user_agent("echo-bot/1.0")
//!     .build()?;
//! let me = match client.me().await {
//!     Ok(profile) => profile.user,
//!     Err(_) => {
//!         let password = Password::presented(std::env::var("PASSWORD")?).map_err(|_| "too long")?;
//!         client.login(&Login { username: "echo".to_owned(), password, device_name: None }).await?
//!     }
//! };
//! let (live, mut updates) = client.live().start();
//! while let Some(update) = updates.next().await {
//!     if let Update::Message(message) = update
//!         && message.sender_id != me.id
//!     {
//!         live.send_text(message.conversation_id, message.body).await?;
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! The crate is not a message store. It keeps tokens ([`TokenStore`]) and, on request, how far each conversation has
//! been followed ([`Positions`]); the program that uses it decides whether to keep the messages.

pub mod cli;
mod client;

pub use client::live::{Backoff, Live, LiveBuilder, Position, Positions, Update, Updates};
pub use client::{
    Client, ClientBuilder, ClientError, Download, Existing, FileTokens, HistoryRange, MemoryTokens, Page, Progress,
    Server, TokenStore, Upload, collect_pages,
};
pub use letsapp_core::domain::media::Variant;
pub use letsapp_core::protocol::requests;
pub use letsapp_core::{
    domain::{id, timestamp},
    protocol,
};
