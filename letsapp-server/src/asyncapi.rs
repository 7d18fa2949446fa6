//! The AsyncAPI document of the socket, generated from the types that are sent on it.

use std::collections::BTreeMap;

use letsapp_core::protocol::requests::{
    AtMessage, EditMessage, InConversation, Nothing, React, ReceiptRequest, SendMessage, SetTyping, WatchPresence,
};
use letsapp_core::protocol::{Event, Items, Message, Op, Presence, Problem, Sync, SyncRequest, Watermarks};
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::ws::codec::{HEARTBEAT_INTERVAL, MAX_FRAME_BYTES, Pinged};

/// Returns the AsyncAPI document.
pub(crate) fn document() -> Value {
    let mut schemas = Schemas::default();
    // Added by hand: a type lists the schemas of its fields, but not those of flattened ones, which it refers to as
    // well.
    schemas.add::<SendMessage>();
    schemas.add::<EditMessage>();
    schemas.add::<React>();
    schemas.add::<ReceiptRequest>();
    schemas.add::<SetTyping>();
    schemas.add::<Nothing>();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for op in all_operations() {
        Operation::of(op).describe(&mut schemas, &mut messages, &mut operations);
    }
    messages.insert(
        "event".to_owned(),
        json!({
            "name": "event",
            "summary": "An event from the server; the first on a socket is `hello`.",
            "payload": schemas.add::<Event>(),
        }),
    );
    messages.insert(
        "error".to_owned(),
        json!({
            "name": "error",
            "summary": "The reply to a request that failed.",
            "payload": object(&[("id", id()), ("error", schemas.add::<Problem>())]),
        }),
    );
    let named = |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let channel: Map<_, _> = messages.keys().map(named).collect();
    operations.insert(
        "events".to_owned(),
        json!({
            "action": "send",
            "channel": {"$ref": "#/channels/socket"},
            "messages": [{"$ref": "#/channels/socket/messages/event"}],
        }),
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "LetsApp socket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description(),
        },
        "defaultContentType": "application/json",
        "channels": {"socket": {
            "address": "/v1/ws",
            "bindings": {"ws": {"method": "GET"}},
            "messages": channel,
        }},
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas.0, "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
        }},
    })
}

/// Returns every operation. The schema of [`Op`] lists them, as it is derived from the enum.
fn all_operations() -> Vec<Op> {
    let mut schema = serde_json::to_value(Op::schema()).expect("schemas are plain data");
    serde_json::from_value(schema["enum"].take()).expect("the schema lists the names of the operations")
}

/// An operation of the socket, with the types of its data and its result.
struct Operation {
    op: Op,
    summary: &'static str,
    data: fn(&mut Schemas) -> Value,
    ok: fn(&mut Schemas) -> Value,
}

/// The schemas of the document, by name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Operation {
    /// Returns the description of an operation.
    fn of(op: Op) -> Self {
        // Without a wildcard, so that an operation that isn't described is a compile error.
        match op {
            Op::MessageSend => Self::new::<InConversation<SendMessage>, Message>(
                op,
                "Sends a message; it is durable once the reply arrives.",
            ),
            Op::MessageEdit => Self::new::<AtMessage<EditMessage>, Message>(op, "Edits a message of the current user."),
            Op::MessageDelete => Self::new::<AtMessage<Nothing>, Message>(op, "Deletes a message for everyone."),
            Op::MessageReact => Self::new::<AtMessage<React>, Message>(op, "Sets or removes a reaction to a message."),
            Op::Receipt => Self::new::<InConversation<ReceiptRequest>, Watermarks>(
                op,
                "Advances how far the current user has received and read.",
            ),
            Op::Typing => Self::new::<InConversation<SetTyping>, Nothing>(
                op,
                "Reports that the current user types, or has stopped. May be sent with every key: others are notified \
                 once in three seconds at most.",
            ),
            Op::PresenceWatch => Self::new::<WatchPresence, Items<Presence>>(
                op,
                "Returns the presence of users, and subscribes the socket to their presence in addition to the users \
                 that it watches already. A socket watches at most 1,024 users: those that it named last.",
            ),
            Op::Sync => Self::new::<SyncRequest, Sync>(op, "Returns the changes since the client was last connected."),
            Op::Ping => Self::new::<Nothing, Pinged>(op, "Returns the present time of the server's clock."),
        }
    }

    fn new<D: ToSchema, T: ToSchema>(op: Op, summary: &'static str) -> Self {
        Self {
            op,
            summary,
            data: Schemas::inline::<D>,
            ok: Schemas::add::<T>,
        }
    }

    fn describe(&self, schemas: &mut Schemas, messages: &mut Map<String, Value>, operations: &mut Map<String, Value>) {
        let op = serde_json::to_value(self.op).expect("an operation is a word");
        let name = op.as_str().unwrap_or_default().to_owned();
        let reply = format!("{name}.reply");
        let data = (self.data)(schemas);
        let ok = (self.ok)(schemas);
        messages.insert(
            name.clone(),
            json!({
                "name": name,
                "summary": self.summary,
                "payload": object(&[("id", id()), ("op", json!({"const": op})), ("data", data)]),
            }),
        );
        messages.insert(
            reply.clone(),
            json!({"name": reply, "payload": object(&[("id", id()), ("ok", ok)])}),
        );
        operations.insert(
            name.clone(),
            json!({
                "action": "receive",
                "channel": {"$ref": "#/channels/socket"},
                "summary": self.summary,
                "messages": [{"$ref": format!("#/channels/socket/messages/{name}")}],
                "reply": {
                    "channel": {"$ref": "#/channels/socket"},
                    "messages": [
                        {"$ref": format!("#/channels/socket/messages/{reply}")},
                        {"$ref": "#/channels/socket/messages/error"},
                    ],
                },
            }),
        );
    }
}

impl Schemas {
    /// Adds the schemas that a type refers to, and returns its own: for generic types, whose names are not unique.
    fn inline<T: ToSchema>(&mut self) -> Value {
        let mut referred = Vec::new();
        T::schemas(&mut referred);
        self.insert(referred);
        serde_json::to_value(T::schema()).expect("schemas are plain data")
    }

    /// Adds a type's schema and those that it refers to, and returns a reference to it.
    fn add<T: ToSchema>(&mut self) -> Value {
        let mut all = Vec::new();
        T::schemas(&mut all);
        all.push((T::name().into_owned(), T::schema()));
        self.insert(all);
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    fn insert(&mut self, all: Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in all {
            self.0
                .entry(name)
                .or_insert_with(|| serde_json::to_value(schema).expect("schemas are plain data"));
        }
    }
}

fn object(properties: &[(&str, Value)]) -> Value {
    let required: Vec<_> = properties.iter().map(|(name, _)| name).collect();
    let properties: Map<_, _> = properties
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn id() -> Value {
    json!({"type": "integer", "minimum": 0, "description": "Id chosen by the client, repeated in the reply."})
}

fn description() -> String {
    format!(
        "Each frame is a text frame with one JSON object of at most {MAX_FRAME_BYTES} bytes. The subprotocol is \
         `letsapp.v1`; the access token is sent in `Authorization`, or as a second subprotocol `bearer.<token>`. The \
         server pings every {} ms and drops a socket on which nothing was received for two and a half times as long. \
         Messages sent on one socket get their `seq` in the order sent; replies may arrive in any order. Close \
         codes: 4000 protocol error, 4001 session ended, 4002 too slow (reconnect and sync), 4003 too many frames, \
         or too many sockets of one user (the oldest is closed), 1001 server shutting down.",
        HEARTBEAT_INTERVAL.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described() {
        let all = all_operations();
        assert!(all.contains(&Op::MessageSend) && all.contains(&Op::Ping), "{all:?}");
        let document = document();
        for op in all {
            let name = serde_json::to_value(op).unwrap();
            let name = name.as_str().unwrap();
            assert!(document["operations"][name].is_object(), "{name} is described");
        }
    }
}
