//! LetsApp embedded in a program, without any setup: one user sends a message to another.
//!
//! Run it with `cargo run -p letsapp-examples --example embed_in_memory`.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use letsapp_core::LetsApp;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{CreateConversation, SendMessage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let app = LetsApp::in_memory().await?;
    let ana = app.sign_up("ana", "correct horse battery").await?;
    let ben = app.sign_up("ben", "staple and so forth").await?;

    let direct = CreateConversation::Direct { user_id: ben.user_id };
    let (chat, _) = app.conversations().create(&ana, direct, None).await?;
    app.messages()
        .send(&ana, chat.id, SendMessage::text("Hello, Ben!")?, None)
        .await?;

    let history = app
        .messages()
        .history(&ben, chat.id, Range::Newest, Default::default())
        .await?;
    println!("Ben reads: {}", history.items[0].body);
    Ok(())
}
