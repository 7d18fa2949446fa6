//! The command `listen`.

use clap::Args;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::protocol::Event;
use letsapp_core::protocol::requests::ReceiptRequest;
use serde_json::{Value, json};
use std::collections::HashMap;

use super::context::Context;
use super::failure::Failure;
use super::messages::load_name;
use super::output::{Format, Style};
use super::render::{self, Names, title_of};
use super::target::Target;
use crate::{Live, Update};

#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Show only this conversation: a username, a group's title, or an id
    #[arg(value_name = "USER|CONVERSATION")]
    only: Option<Target>,
}

impl Listen {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let me = context.client.me().await.map_err(|error| context.explain(error))?;
        let only = match self.only {
            Some(target) => Some(target.conversation(context).await?.id),
            None => None,
        };
        let mut names = Names::new(&me.user);
        let mut titles = HashMap::new();
        let (live, mut updates) = context.client.live().start();
        loop {
            let update = tokio::select! {
                update = updates.next() => update,
                _ = tokio::signal::ctrl_c() => None,
            };
            let Some(update) = update else { break };
            if let Update::Conversation(conversation) = &update {
                titles.insert(conversation.id, title_of(conversation));
                conversation.peer.iter().for_each(|peer| names.insert(peer));
            }
            if only.is_some_and(|only| conversation_of(&update).is_some_and(|id| id != only)) {
                continue;
            }
            if let Update::Message(message) = &update
                && message.sender_id != me.user.id
            {
                acknowledge(&live, message.conversation_id, message.seq);
            }
            match context.output.format() {
                Format::Json => {
                    context.output.show(&to_json(&update), String::new)?;
                }
                Format::Text => {
                    if let Update::Message(message) | Update::MessageChanged(message) = &update {
                        load_name(context, &mut names, message.sender_id).await;
                    }
                    if let Some(line) = to_line(context, &update, &names, &titles) {
                        context.output.line(&line)?;
                    }
                }
            }
            if let Update::SignedOut { .. } = update {
                return Err(Failure::SignedOut(context.client.server().clone()));
            }
        }
        live.close().await;
        Ok(())
    }
}

/// Marks a message as delivered. A failure does not matter here: the next receipt includes this one.
fn acknowledge(live: &Live, id: ConversationId, seq: Seq) {
    let live = live.clone();
    tokio::spawn(async move {
        let request = ReceiptRequest {
            delivered: Some(seq),
            read: None,
        };
        if let Err(error) = live.acknowledge(id, request).await {
            tracing::debug!(%error, "receipt failed");
        }
    });
}

/// Returns the conversation that an update belongs to.
fn conversation_of(update: &Update) -> Option<ConversationId> {
    match update {
        Update::Message(message) | Update::MessageChanged(message) => Some(message.conversation_id),
        Update::Receipts { conversation_id, .. } | Update::Typing { conversation_id, .. } => Some(*conversation_id),
        Update::Conversation(conversation) => Some(conversation.id),
        Update::ConversationRemoved(id) | Update::Reset(id) => Some(*id),
        Update::Connected(_)
        | Update::CaughtUp
        | Update::Disconnected { .. }
        | Update::Presence(_)
        | Update::MediaReady(_)
        | Update::SignedOut { .. } => None,
    }
}

/// Converts an update to JSON, in the form of the server's event if there is one.
fn to_json(update: &Update) -> Value {
    let event = |event: Event| serde_json::to_value(event).expect("events are plain data");
    match update.clone() {
        Update::Message(message) => event(Event::MessageCreated(message)),
        Update::MessageChanged(message) => event(Event::MessageUpdated(message)),
        Update::Receipts { conversation_id, items } => event(Event::ReceiptUpdated { conversation_id, items }),
        Update::Conversation(conversation) => event(Event::ConversationUpdated(conversation)),
        Update::ConversationRemoved(id) => event(Event::ConversationRemoved { id }),
        Update::Typing {
            conversation_id,
            user_id,
            typing,
        } => event(Event::Typing {
            conversation_id,
            user_id,
            typing,
        }),
        Update::Presence(presence) => event(Event::Presence(presence)),
        Update::MediaReady(media) => event(Event::MediaReady(media)),
        Update::SignedOut { reason } => event(Event::SessionRevoked { reason }),
        Update::Connected(hello) => json!({"event": "connected", "data": hello}),
        Update::CaughtUp => json!({"event": "caught_up", "data": {}}),
        Update::Disconnected { reason, retry_in } => {
            let retry_in_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
            json!({"event": "disconnected", "data": {"reason": reason, "retry_in_ms": retry_in_ms}})
        }
        Update::Reset(id) => json!({"event": "reset", "data": {"conversation_id": id}}),
    }
}

fn to_line(
    context: &Context,
    update: &Update,
    names: &Names,
    titles: &HashMap<ConversationId, String>,
) -> Option<String> {
    let colours = context.output.colours();
    let title = |id| {
        titles
            .get(&id)
            .map_or_else(|| "a conversation".to_owned(), |title| colours.apply(Style::Dim, title))
    };
    let line = match update {
        Update::Message(message) | Update::MessageChanged(message) => {
            format!(
                "{}: {}",
                title(message.conversation_id),
                render::message(message, names, colours, None)
            )
        }
        Update::ConversationRemoved(id) => format!(
            "{}: {}",
            title(*id),
            colours.apply(Style::Dim, "you are no longer a member")
        ),
        Update::Reset(id) => format!(
            "{}: {}",
            title(*id),
            colours.apply(Style::Dim, "too many messages were missed: see `letsapp history`")
        ),
        Update::CaughtUp => colours.apply(Style::Dim, "— listening; Ctrl-C ends it"),
        Update::Disconnected { reason, .. } => colours.apply(
            Style::Error,
            &format!("— no connection ({}); trying again", super::sanitize::one_line(reason)),
        ),
        // Not shown as text: the state of the connection, and events so frequent that they would drown the messages.
        Update::Connected(_)
        | Update::Receipts { .. }
        | Update::Conversation(_)
        | Update::Typing { .. }
        | Update::Presence(_)
        | Update::MediaReady(_)
        | Update::SignedOut { .. } => return None,
    };
    Some(line)
}
