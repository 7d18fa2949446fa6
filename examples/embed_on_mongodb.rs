//! LetsApp embedded in two programs that share a MongoDB replica set: a message sent through one is read through the
//! other.
//!
//! Run it with `cargo run -p letsapp-examples --example embed_on_mongodb --
//! 'mongodb://127.0.0.1/example?replicaSet=rs0'`.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use letsapp_core::LetsApp;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{CreateConversation, SendMessage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let uri = std::env::args()
        .nth(1)
        .ok_or("expected the URL of a replica set, such as mongodb://HOST/DATABASE")?;
    let here = LetsApp::builder()
        .store(MongoStore::connect(&uri).await?)
        .build()
        .await?;
    let there = LetsApp::builder()
        .store(MongoStore::connect(&uri).await?)
        .build()
        .await?;

    let run = here.ids().random().simple().to_string();
    let ana = here
        .sign_up(&format!("ana.{}", &run[..8]), "correct horse battery")
        .await?;
    let ben = there
        .sign_up(&format!("ben.{}", &run[..8]), "staple and so forth")
        .await?;
    let direct = CreateConversation::Direct { user_id: ben.user_id };
    let (chat, _) = here.conversations().create(&ana, direct, None).await?;
    here.messages()
        .send(&ana, chat.id, SendMessage::text("Sent here, read there.")?, None)
        .await?;

    let history = there
        .messages()
        .history(&ben, chat.id, Range::Newest, Default::default())
        .await?;
    println!("Ben reads: {}", history.items[0].body);
    here.shutdown().await;
    there.shutdown().await;
    Ok(())
}
