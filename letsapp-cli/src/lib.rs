//! A typed client for LetsApp: bots are written with it, and so is the command line `letsapp`.
//!
//! [`Client`] is the way to a server, with a method for each route of its HTTP API. [`Client::live`] opens a connection
//! that stays: [`Updates`] is a stream of what happens, each change once and in order, whatever the network does in
//! between, and [`Live`] sends messages that are never lost and never doubled.
//!
//! A bot that answers whoever writes to it:
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
//! What this crate is not: a store. It remembers tokens ([`TokenStore`]) and, if asked to, how far it has followed
//! ([`Positions`]); messages are the consumer's to keep.

pub mod cli;
mod client;

pub use client::live::{Backoff, Live, LiveBuilder, Position, Positions, Update, Updates};
pub use client::{
    Client, ClientBuilder, ClientError, FileTokens, HistoryRange, MemoryTokens, Page, Server, TokenStore, collect_pages,
};
pub use letsapp_core::protocol::requests;
pub use letsapp_core::{id, protocol, time};
