//! A bot that repeats every message it receives. It connects over the network and survives interruptions.
//!
//! Start a server, then run `cargo run -p letsapp-examples --example echo_bot` and write to `echo` in the web client.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use letsapp_cli::protocol::MessageKind;
use letsapp_cli::requests::{Login, Password, Register};
use letsapp_cli::{Client, ClientError, Update};
use letsapp_core::domain::user::Username;
use letsapp_core::protocol::Code;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let client = Client::new(server)?;
    let me = sign_in(&client).await?;
    println!("write to @{}", me.username.as_deref().unwrap_or_default());

    let (live, mut updates) = client.live().start();
    while let Some(update) = updates.next().await {
        match update {
            Update::Message(message) if message.sender_id != me.id && message.kind == MessageKind::User => {
                println!("{}", message.body);
                // If the connection breaks before the reply arrives, the message is sent again with the same id, so it
                // is stored once.
                live.send_text(message.conversation_id, message.body).await?;
            }
            Update::SignedOut { reason } => return Err(format!("signed out: {reason}").into()),
            _ => {}
        }
    }
    Ok(())
}

/// Registers the bot on the first run, and signs it in on later ones.
async fn sign_in(client: &Client) -> Result<letsapp_core::protocol::User, ClientError> {
    let username = Username::parse("echo").expect("a name of four letters");
    let password = Password::parse("echo echo echo").expect("a long password");
    match client.register(&Register::new(username, password.clone())).await {
        Err(ClientError::Problem(problem)) if problem.code == Code::Conflict => {
            let username = "echo".to_owned();
            client
                .login(&Login {
                    username,
                    password,
                    device_name: None,
                })
                .await
        }
        other => other,
    }
}
