//! LetsApp embedded in a program, with its data in a SQLite file: run it twice to see the message of the first run.
//!
//! Run it with `cargo run -p letsapp-examples --example embed_on_sqlite -- chat.db`.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use letsapp_core::LetsApp;
use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::domain::id::Seq;
use letsapp_core::domain::user::Username;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{CreateConversation, Login, Password, Register, SendMessage};
use letsapp_core::{domain::principal::Principal, services::AuthError};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "letsapp-example.db".to_owned());
    let app = LetsApp::builder().store(SqliteStore::open(&path)?).build().await?;
    let (ana, ben) = (person(&app, "ana").await?, person(&app, "ben").await?);

    let direct = CreateConversation::Direct { user_id: ben.user_id };
    let (chat, _) = app.conversations().create(&ana, direct, None).await?;
    let text = format!("This is message number {}.", chat.head.seq.next());
    app.messages()
        .send(&ana, chat.id, SendMessage::text(text)?, None)
        .await?;

    let history = app
        .messages()
        .history(&ben, chat.id, Range::After(Seq::ZERO), Default::default())
        .await?;
    for message in history.items {
        println!("{} {}", message.sent_at, message.body);
    }
    app.shutdown().await;
    Ok(())
}

/// Registers a user on the first run, and signs the user in on later ones.
async fn person(app: &LetsApp, name: &str) -> Result<Principal, Error> {
    let password = Password::parse("a long password")?;
    let signed_in = match app
        .auth()
        .register(Register::new(Username::parse(name)?, password.clone()))
        .await
    {
        Err(AuthError::UsernameTaken) => {
            app.auth()
                .login(Login {
                    username: name.to_owned(),
                    password,
                    device_name: None,
                })
                .await?
        }
        other => other?,
    };
    Ok(app.auth().authenticate(&signed_in.tokens.access_token).await?)
}
