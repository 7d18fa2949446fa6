//! Collections, their validators and indexes: made where they are missing, compared where they are there.

use std::sync::Arc;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, Result as DriverResult};
use mongodb::options::IndexOptions;

use super::connection::{ConnectError, Connection, timed};
use futures_util::TryStreamExt;

pub(super) const USERS: &str = "users";
pub(super) const SESSIONS: &str = "sessions";
pub(super) const CONTACTS: &str = "contacts";
pub(super) const BLOCKS: &str = "blocks";
pub(super) const CONVERSATIONS: &str = "conversations";
pub(super) const MEMBERS: &str = "members";
pub(super) const MEMBERSHIPS: &str = "memberships";
pub(super) const MESSAGES: &str = "messages";
pub(super) const KEYS: &str = "keys";

/// The index that hands out `seq`, and leads through a history.
pub(super) const BY_SEQ: &str = "conversation_seq";
/// The index that hands out `rev`. It lies over all the numbers that a message ever had: one that it has moved on from
/// must stay taken, or a server that has missed some changes could give it out again.
const BY_REVS: &str = "conversation_revs";
/// The index that leads through the changes; its last entry of a conversation is the head.
pub(super) const BY_REV: &str = "conversation_rev";
/// The index that finds the deleted messages.
pub(super) const DELETED: &str = "conversation_deleted";
/// The index that finds messages by what they say. The server's own text index knows no beginnings of words, asks every
/// shard, and goes through what others write too.
pub(super) const TOKENS: &str = "conversation_tokens";

/// The index that finds the deleted conversations of which something is left.
pub(super) const REMAINS: &str = "remains";
/// The index that finds the users who are being erased.
pub(super) const ERASING: &str = "erasing";

/// How long making indexes and validators may take in all; there may be much to index.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(600);
const NAMESPACE_EXISTS: i32 = 48;

/// A collection as it shall be.
struct Blueprint {
    name: &'static str,
    validator: Document,
    indexes: Vec<IndexModel>,
}

/// Makes what is missing, and compares what is there.
pub(super) async fn prepare(connection: &Arc<Connection>) -> Result<(), ConnectError> {
    let prepared = timed(SCHEMA_TIMEOUT, async {
        let present = validators(connection).await?;
        for blueprint in blueprints() {
            prepare_one(connection, blueprint, &present).await?;
        }
        Ok(())
    });
    prepared.await.map_err(|cause| ConnectError::Schema {
        database: connection.database().name().to_owned(),
        cause: cause.into(),
    })
}

/// Returns each collection that there is, with its validator.
async fn validators(connection: &Connection) -> DriverResult<Vec<(String, Option<Document>)>> {
    let collections = connection.database().list_collections().await?;
    collections
        .map_ok(|collection| (collection.name, collection.options.validator))
        .try_collect()
        .await
}

async fn prepare_one(
    connection: &Connection,
    blueprint: Blueprint,
    present: &[(String, Option<Document>)],
) -> DriverResult<()> {
    let Blueprint {
        name,
        validator,
        indexes,
    } = blueprint;
    let database = connection.database();
    match present.iter().find(|(present, _)| present == name) {
        Some((_, Some(there))) if *there == validator => {}
        Some(_) => {
            let change = doc! {"collMod": name, "validator": validator, "validationLevel": "strict"};
            database.run_command(change).await?;
        }
        None => {
            let made = database.create_collection(name).validator(validator).await;
            made.or_else(|error| if exists(&error) { Ok(()) } else { Err(error) })?;
        }
    }
    if !indexes.is_empty() {
        // An index of this name that is another one is an error of the server's, which names both.
        connection.collection::<Document>(name).create_indexes(indexes).await?;
    }
    Ok(())
}

/// Tells whether another server, which starts at the same time, was quicker.
fn exists(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == NAMESPACE_EXISTS)
}

fn blueprints() -> Vec<Blueprint> {
    vec![
        Blueprint {
            name: USERS,
            validator: with_options(
                validator(doc! {
                    "_id": ID, "username": TEXT, "folded": TEXT, "display_name": TEXT, "created_at": DATE,
                }),
                // Of a user who is erased there is none.
                doc! {"password": TEXT, "deleted_at": DATE, "erasing": TRUTH},
            ),
            indexes: vec![
                unique("username", doc! {"username": 1}),
                IndexModel::builder()
                    .keys(doc! {"email_key": 1})
                    .options(
                        IndexOptions::builder()
                            .name("email".to_owned())
                            .unique(true)
                            .partial_filter_expression(doc! {"email_key": {"$exists": true}})
                            .build(),
                    )
                    .build(),
                index("folded", doc! {"folded": 1}),
                partial(ERASING, doc! {"deleted_at": 1, "_id": 1}, doc! {"erasing": true}),
            ],
        },
        Blueprint {
            name: SESSIONS,
            validator: validator(doc! {
                "_id": ID, "user_id": ID, "created_at": DATE, "last_used_at": DATE, "expires_at": DATE,
                "refresh": OBJECT,
            }),
            indexes: vec![
                index("user", doc! {"user_id": 1}),
                IndexModel::builder()
                    .keys(doc! {"expires_at": 1})
                    .options(
                        IndexOptions::builder()
                            .name("expiry".to_owned())
                            .expire_after(Duration::ZERO)
                            .build(),
                    )
                    .build(),
            ],
        },
        Blueprint {
            name: CONTACTS,
            validator: validator(doc! {"_id": OBJECT, "owner_id": ID, "user_id": ID, "added_at": DATE}),
            indexes: vec![index("owner_user", doc! {"owner_id": 1, "user_id": 1})],
        },
        Blueprint {
            name: BLOCKS,
            validator: validator(doc! {"_id": OBJECT, "owner_id": ID, "user_id": ID, "blocked_at": DATE}),
            indexes: vec![index("owner_user", doc! {"owner_id": 1, "user_id": 1})],
        },
        Blueprint {
            name: CONVERSATIONS,
            validator: with_options(
                validator(doc! {"_id": ID, "kind": TEXT, "created_by": ID, "created_at": DATE}),
                doc! {"deleted_at": DATE, "remains": TRUTH},
            ),
            indexes: vec![partial(
                REMAINS,
                doc! {"deleted_at": 1, "_id": 1},
                doc! {"remains": true},
            )],
        },
        Blueprint {
            name: MEMBERS,
            validator: validator(doc! {
                "_id": OBJECT, "conversation_id": ID, "user_id": ID, "role": TEXT, "joined_at": DATE,
                "windows": ARRAY, "present": {"bsonType": "bool"},
            }),
            indexes: vec![index("conversation", doc! {"conversation_id": 1, "present": 1})],
        },
        Blueprint {
            name: MEMBERSHIPS,
            validator: validator(doc! {
                "_id": OBJECT, "user_id": ID, "conversation_id": ID, "role": TEXT, "joined_at": DATE,
                "windows": ARRAY, "watermarks": OBJECT, "preferences": OBJECT, "changed_at": DATE,
            }),
            indexes: vec![index("user_changed", doc! {"user_id": 1, "changed_at": 1})],
        },
        Blueprint {
            name: MESSAGES,
            validator: validator(doc! {
                "_id": OBJECT, "conversation_id": ID, "seq": COUNT, "rev": COUNT, "revs": ARRAY, "ordinal": COUNT,
                "head": OBJECT, "sender_id": ID, "content": OBJECT, "sent_at": DATE, "fingerprint": OBJECT,
            }),
            indexes: vec![
                unique(BY_SEQ, doc! {"conversation_id": 1, "seq": 1}),
                unique(BY_REVS, doc! {"conversation_id": 1, "revs": 1}),
                index(BY_REV, doc! {"conversation_id": 1, "rev": 1}),
                IndexModel::builder()
                    .keys(doc! {"conversation_id": 1, "seq": 1})
                    .options(
                        IndexOptions::builder()
                            .name(DELETED.to_owned())
                            .partial_filter_expression(doc! {"deleted_at": {"$exists": true}})
                            .build(),
                    )
                    .build(),
                index(TOKENS, doc! {"conversation_id": 1, "tokens": 1}),
            ],
        },
        Blueprint {
            name: KEYS,
            validator: validator(doc! {"_id": TEXT, "purpose": TEXT, "secret": ID, "created_at": DATE}),
            indexes: vec![
                index("purpose", doc! {"purpose": 1, "created_at": -1}),
                // Of several servers that find no key, one makes the first.
                IndexModel::builder()
                    .keys(doc! {"first_of": 1})
                    .options(
                        IndexOptions::builder()
                            .name("first_of".to_owned())
                            .unique(true)
                            .partial_filter_expression(doc! {"first_of": {"$exists": true}})
                            .build(),
                    )
                    .build(),
            ],
        },
    ]
}

const ID: &str = "binData";
const TEXT: &str = "string";
const DATE: &str = "date";
const COUNT: &str = "long";
const OBJECT: &str = "object";
const ARRAY: &str = "array";
const TRUTH: &str = "bool";

/// Makes a validator that wants these fields, of these types, and the version. What else a document has is left open,
/// so that a later version may add fields while an earlier one still runs.
fn validator(fields: Document) -> Document {
    let mut required = vec!["v".to_owned()];
    let mut properties = doc! {"v": {"bsonType": "int"}};
    for (field, kind) in fields {
        required.push(field.clone());
        match kind.as_str() {
            Some(kind) => properties.insert(field, doc! {"bsonType": kind}),
            None => properties.insert(field, kind),
        };
    }
    doc! {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}
}

/// Adds to a validator what types these fields have, where they are.
fn with_options(mut validator: Document, fields: Document) -> Document {
    if let Ok(properties) = validator
        .get_document_mut("$jsonSchema")
        .and_then(|schema| schema.get_document_mut("properties"))
    {
        properties.extend(
            fields
                .into_iter()
                .map(|(field, kind)| (field, doc! {"bsonType": kind}.into())),
        );
    }
    validator
}

fn partial(name: &str, keys: Document, of: Document) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .partial_filter_expression(of)
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}
