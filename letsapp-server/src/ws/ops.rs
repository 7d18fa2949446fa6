//! The operations of the socket. Each calls the same service method as its HTTP route.
//!
//! To add an operation, add it to `Op` in the core, to [`OpHandler::handle`], to `Operation::of` in `asyncapi.rs` and to
//! `class_of_op` in `rate_limits/mod.rs`. The compiler asks for all of them.

use std::pin::Pin;
use std::sync::Arc;

use letsapp_core::domain::id::ConnectionId;
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::typing::Typing;
use letsapp_core::protocol::fields::FromFields;
use letsapp_core::protocol::requests::{
    AtMessage, EditMessage, InConversation, Nothing, React, ReceiptRequest, SendMessage, SetTyping, WatchPresence,
};
use letsapp_core::protocol::{Items, Op, SyncRequest};
use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;

use super::codec::{self, Pinged, SocketRequest};
use crate::error::ApiError;
use crate::server_context::ServerContext;

/// A future that completes with the reply to a request.
pub(super) type PendingReply = Pin<Box<dyn Future<Output = Message> + Send>>;

/// Carries out the operations of one connection.
pub(super) struct OpHandler {
    /// State that all requests share.
    pub(super) server: Arc<ServerContext>,
    /// User and session of the connection.
    pub(super) principal: Principal,
    /// Connection that requests come from: events of its own changes are not sent to it, since it gets the reply.
    pub(super) connection_id: ConnectionId,
}

impl OpHandler {
    /// Starts an operation and returns its pending reply.
    ///
    /// A change to a conversation is queued before this returns; the future only waits for its outcome. So the messages
    /// of one socket get their `seq` in the order in which they were sent, although their replies are polled
    /// concurrently.
    pub(super) fn handle(&self, request: &SocketRequest<'_>) -> PendingReply {
        let started = match request.op {
            Op::MessageSend => self.send(request),
            Op::MessageEdit => self.edit(request),
            Op::MessageDelete => self.delete(request),
            Op::MessageReact => self.react(request),
            Op::Receipt => self.receipt(request),
            Op::Typing => self.typing(request),
            Op::PresenceWatch => self.watch(request),
            Op::Sync => self.sync(request),
            Op::Ping => Ok(self.ping(request.id)),
        };
        started.unwrap_or_else(|error| ready(codec::reply::<()>(request.id, Err(error))))
    }

    fn send(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let InConversation {
            conversation_id,
            request: message,
        } = InConversation::<SendMessage>::parse_json(request.data())?;
        let messages = self.server.app.messages();
        let sent = messages.send_shared(&self.principal, conversation_id, message, Some(self.connection_id));
        let id = request.id;
        Ok(Box::pin(async move {
            match sent.await {
                Ok(sent) => codec::reply_with(id, |frame| sent.write_json(frame)),
                Err(error) => codec::reply::<()>(id, Err(ApiError::from(error))),
            }
        }))
    }

    fn edit(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let AtMessage {
            conversation_id,
            seq,
            request: edit,
        } = AtMessage::<EditMessage>::parse_json(request.data())?;
        let messages = self.server.app.messages();
        let edited = messages.edit(&self.principal, conversation_id, seq, edit, Some(self.connection_id));
        Ok(reply_when_done(request.id, edited))
    }

    fn delete(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let AtMessage {
            conversation_id, seq, ..
        } = AtMessage::<Nothing>::parse_json(request.data())?;
        let messages = self.server.app.messages();
        let deleted = messages.delete(&self.principal, conversation_id, seq, Some(self.connection_id));
        Ok(reply_when_done(request.id, deleted))
    }

    fn react(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let AtMessage {
            conversation_id,
            seq,
            request: react,
        } = AtMessage::<React>::parse_json(request.data())?;
        let (messages, origin) = (self.server.app.messages(), Some(self.connection_id));
        if react.remove {
            let removed = messages.unreact(&self.principal, conversation_id, seq, react.emoji, origin);
            return Ok(reply_when_done(request.id, removed));
        }
        let reacted = messages.react(&self.principal, conversation_id, seq, Some(react.emoji), origin);
        Ok(reply_when_done(request.id, reacted))
    }

    fn receipt(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let InConversation {
            conversation_id,
            request: receipt,
        } = InConversation::<ReceiptRequest>::parse_json(request.data())?;
        let (server, principal, origin) = (Arc::clone(&self.server), self.principal, self.connection_id);
        let to = Watermarks::from(receipt);
        Ok(reply_when_done(request.id, async move {
            server
                .app
                .messages()
                .advance(&principal, conversation_id, to, Some(origin))
                .await
        }))
    }

    fn typing(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let InConversation {
            conversation_id,
            request: SetTyping { typing },
        } = InConversation::<SetTyping>::parse_json(request.data())?;
        let typing = if typing { Typing::Started } else { Typing::Stopped };
        let (server, principal) = (Arc::clone(&self.server), self.principal);
        Ok(reply_when_done(request.id, async move {
            let set = server.app.typing().set(&principal, conversation_id, typing).await;
            set.map(|()| Nothing {})
        }))
    }

    fn watch(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let WatchPresence { user_ids } = WatchPresence::parse_json(request.data())?;
        let (server, principal, connection_id) = (Arc::clone(&self.server), self.principal, self.connection_id);
        Ok(reply_when_done(request.id, async move {
            let presence = server.app.presence();
            let watched = presence.watch(&principal, connection_id, &user_ids).await;
            watched.map(|items| Items { items })
        }))
    }

    fn sync(&self, request: &SocketRequest<'_>) -> Result<PendingReply, ApiError> {
        let held = SyncRequest::parse_json(request.data())?;
        let (server, principal) = (Arc::clone(&self.server), self.principal);
        Ok(reply_when_done(request.id, async move {
            server.app.conversations().sync(&principal, held).await
        }))
    }

    fn ping(&self, id: u64) -> PendingReply {
        ready(codec::reply(
            id,
            Ok(Pinged {
                server_time: self.server.app.clock().now(),
            }),
        ))
    }
}

/// Returns a reply that waits for an outcome.
fn reply_when_done<T: Serialize, E: Into<ApiError>>(
    id: u64,
    outcome: impl Future<Output = Result<T, E>> + Send + 'static,
) -> PendingReply {
    Box::pin(async move { codec::reply(id, outcome.await.map_err(Into::into)) })
}

fn ready(message: Message) -> PendingReply {
    Box::pin(std::future::ready(message))
}
