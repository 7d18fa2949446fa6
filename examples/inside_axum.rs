//! LetsApp behind the routes of an axum server, which authenticates users in its own way and uses LetsApp for messages.
//!
//! Run it with `cargo run -p letsapp-examples --example inside_axum`, then send a message with `curl -X POST -H
//! 'X-User: ana' --data 'Hello!' http://127.0.0.1:3000/to/ben` and read it with `curl -H 'X-User: ben'
//! http://127.0.0.1:3000/from/ana`.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use axum::routing::{get, post};
use letsapp_core::LetsApp;
use letsapp_core::domain::id::ConversationId;
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::Range;
use letsapp_core::protocol::Message;
use letsapp_core::protocol::requests::{CreateConversation, SendMessage};
use letsapp_core::services::ConversationError;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Refusal = (StatusCode, String);

/// State of the server: LetsApp, and the users that the server has authenticated.
struct Application {
    letsapp: LetsApp,
    people: HashMap<&'static str, Principal>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router().await?).await?;
    Ok(())
}

async fn router() -> Result<axum::Router, Error> {
    let letsapp = LetsApp::in_memory().await?;
    let mut people = HashMap::new();
    for name in ["ana", "ben"] {
        people.insert(name, letsapp.sign_up(name, "a long password").await?);
    }
    Ok(axum::Router::new()
        .route("/to/{name}", post(send))
        .route("/from/{name}", get(history))
        .with_state(Arc::new(Application { letsapp, people })))
}

async fn send(
    State(application): State<Arc<Application>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Message>, Refusal> {
    let (me, chat) = application.chat(&headers, &name).await?;
    let request = SendMessage::text(body).map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let (message, _) = application
        .letsapp
        .messages()
        .send(&me, chat, request, None)
        .await
        .map_err(refuse)?;
    Ok(Json(message))
}

async fn history(
    State(application): State<Arc<Application>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Vec<Message>>, Refusal> {
    let (me, chat) = application.chat(&headers, &name).await?;
    let messages = application.letsapp.messages();
    let page = messages
        .history(&me, chat, Range::Newest, Default::default())
        .await
        .map_err(refuse)?;
    Ok(Json(page.items))
}

impl Application {
    /// Authenticates the request and returns the user's direct conversation with `name`.
    async fn chat(&self, headers: &HeaderMap, name: &str) -> Result<(Principal, ConversationId), Refusal> {
        let me = headers
            .get("x-user")
            .and_then(|value| value.to_str().ok())
            .and_then(|me| self.people.get(me));
        let me = me.ok_or((
            StatusCode::UNAUTHORIZED,
            "set the header X-User to ana or ben".to_owned(),
        ))?;
        let peer = self
            .people
            .get(name)
            .ok_or((StatusCode::NOT_FOUND, format!("there is no user {name}")))?;
        let direct = CreateConversation::Direct { user_id: peer.user_id };
        let (chat, _) = self
            .letsapp
            .conversations()
            .create(me, direct, None)
            .await
            .map_err(refuse)?;
        Ok((*me, chat.id))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the signature that map_err needs")]
fn refuse(error: ConversationError) -> Refusal {
    let status = match error {
        ConversationError::NotFound => StatusCode::NOT_FOUND,
        ConversationError::Forbidden(_) | ConversationError::NotAddable(_) => StatusCode::FORBIDDEN,
        ConversationError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
        ConversationError::Conflict => StatusCode::CONFLICT,
        ConversationError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ConversationError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, error.to_string())
}
