//! Collections with their validators and indexes: created where they are missing, checked where they exist.

use std::sync::Arc;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, Result as DriverResult};
use mongodb::options::IndexOptions;

use super::connect_error::ConnectError;
use super::connection::{Connection, timed};
use super::index_builds;
use futures_util::TryStreamExt;

pub(super) const USERS: &str = "users";
pub(super) const SESSIONS: &str = "sessions";
pub(super) const CONTACTS: &str = "contacts";
pub(super) const BLOCKS: &str = "blocks";
pub(super) const CONVERSATIONS: &str = "conversations";
pub(super) const PAIRS: &str = "pairs";
pub(super) const MEMBERS: &str = "members";
pub(super) const MEMBERSHIPS: &str = "memberships";
pub(super) const MESSAGES: &str = "messages";
pub(super) const MEDIA: &str = "media";
pub(super) const MEDIA_REFS: &str = "media_refs";
pub(super) const UPLOADS: &str = "uploads";
pub(super) const KEYS: &str = "keys";
pub(super) const MIGRATIONS: &str = "migrations";
pub(super) const META: &str = "meta";
/// Files of GridFS. Named as the bucket `media`, so that programs which know GridFS find them.
pub(super) const BLOBS: &str = "media.files";
/// Chunks of the files. To be sharded by `files_id`, which every statement names.
pub(super) const CHUNKS: &str = "media.chunks";

/// Unique index that assigns each `seq` to one message, and the order in which histories are read.
pub(super) const BY_SEQ: &str = "conversation_seq";
/// Unique index that assigns each `rev` to one change. Indexes all numbers that a message ever had, not the last alone:
/// a number must stay taken after its message has moved on, or a server that has missed changes could assign it again.
const BY_REVS: &str = "conversation_revs";
/// Index for reading changes in order. Its last entry of a conversation is the head. Separate from [`BY_REVS`], which
/// holds several entries of one message.
pub(super) const BY_REV: &str = "conversation_rev";
/// Index of messages by their sender: the newest of each, and whether there are any in a span. The type of the content
/// comes last, so that system messages are passed over without being read.
const BY_SENDER: &str = "conversation_sender";
/// Partial index of deleted messages, for unread counts.
pub(super) const DELETED: &str = "conversation_deleted";
/// Index of messages by their search tokens. MongoDB's text index was rejected: it finds no prefixes of words, asks
/// every shard, and looks through the conversations of other users too.
pub(super) const TOKENS: &str = "conversation_tokens";

/// Index of sessions by their end, by which MongoDB removes them.
pub(super) const EXPIRY: &str = "expiry";
/// Partial index of deleted conversations whose members and messages are not all removed yet.
pub(super) const REMAINS: &str = "remains";
/// Unique index of usernames, and an order of users for searches.
pub(super) const USERNAME: &str = "username";
/// Index of users by their folded display names, the other order for searches.
pub(super) const FOLDED: &str = "folded_username";
/// Unique index of chunks, named as programs that know GridFS name it. Without it, two writers of one blob could mix
/// their chunks.
const BY_CHUNK: &str = "files_id_1_n_1";
/// Partial index of blobs that are being written or removed, by the time of the last sign of life.
const PENDING: &str = "pending";
/// Partial index of users whose data is being erased.
pub(super) const ERASING: &str = "erasing";

/// Index of files by their owner, with all that counting a user's files reads.
pub(super) const OWNER: &str = "owner";
/// Partial index of live files by their owner and the hash of their bytes, the oldest first.
pub(super) const CONTENT: &str = "owner_content";
/// Partial index of files that are to be checked at some time.
pub(super) const DUE: &str = "due";
/// Partial index of files whose facts are not known yet.
pub(super) const PROCESSING: &str = "processing";

/// Version of the collections and their validators that this code creates. To be raised with every change of a
/// validator: a server of an older version refuses to start then, instead of putting its own validators in place of the
/// newer ones.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// Beginning of the title of a validator, followed by its version.
const TITLE: &str = "LetsApp schema ";

/// Time limit for each step other than building an index. Changing a validator waits for all operations on the
/// collection.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// Error code of creating a collection that exists.
const NAMESPACE_EXISTS: i32 = 48;

/// A collection as this version needs it.
struct Blueprint {
    name: &'static str,
    validator: Document,
    indexes: Vec<IndexModel>,
}

/// Whether a collection exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Missing,
    Present,
}

/// Creates missing collections and indexes, and updates validators that differ. Waits for new indexes to be built.
///
/// # Errors
/// [`ConnectError::Newer`] if a newer version has been here; [`ConnectError::Schema`] if an index of the same name has
/// other keys or options, or the server refuses a step.
pub(super) async fn prepare(connection: &Arc<Connection>) -> Result<(), ConnectError> {
    let failed = |cause: Error| ConnectError::Schema {
        database: connection.database().name().to_owned(),
        cause: cause.into(),
    };
    // All before the first change, so that a database of a newer version stays as it is.
    let present = validators(connection, doc! {}).await.map_err(failed)?;
    check_version(connection, &present)?;
    for blueprint in blueprints() {
        let Blueprint {
            name,
            validator,
            indexes,
        } = blueprint;
        if !present
            .iter()
            .any(|(present, there)| present == name && there.as_ref() == Some(&validator))
        {
            // Once more: a newer version may be starting at the same time, and its validator must stay.
            let present = validators(connection, doc! {"name": name}).await.map_err(failed)?;
            check_version(connection, &present)?;
            let presence = if present.is_empty() {
                Presence::Missing
            } else {
                Presence::Present
            };
            put_validator(connection, name, validator, presence)
                .await
                .map_err(failed)?;
        }
        if !indexes.is_empty() {
            index_builds::create(connection, name, indexes).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// Returns the collections that a filter selects, with their validators.
async fn validators(connection: &Connection, filter: Document) -> DriverResult<Vec<(String, Option<Document>)>> {
    let list = async {
        let collections = connection.database().list_collections().filter(filter).await?;
        collections
            .map_ok(|collection| (collection.name, collection.options.validator))
            .try_collect()
            .await
    };
    timed(STEP_TIMEOUT, list).await
}

/// Refuses collections of a newer version.
fn check_version(connection: &Connection, present: &[(String, Option<Document>)]) -> Result<(), ConnectError> {
    let versions = present
        .iter()
        .filter_map(|(_, validator)| version_of(validator.as_ref()?));
    match versions.max() {
        Some(found) if found > SCHEMA_VERSION => {
            Err(ConnectError::newer(connection.database().name(), found, SCHEMA_VERSION))
        }
        _ => Ok(()),
    }
}

/// Returns the version in the title of a validator; `None` for one of another program, or from before there were
/// versions.
fn version_of(validator: &Document) -> Option<i64> {
    let schema = validator.get_document("$jsonSchema").ok()?;
    schema.get_str("title").ok()?.strip_prefix(TITLE)?.parse().ok()
}

/// Creates a collection, or changes its validator.
async fn put_validator(
    connection: &Connection,
    name: &str,
    validator: Document,
    presence: Presence,
) -> DriverResult<()> {
    let database = connection.database();
    match presence {
        // Only where it differs, because `collMod` takes an exclusive lock, which would hold up servers that are
        // running.
        Presence::Present => {
            let change = doc! {"collMod": name, "validator": validator, "validationLevel": "strict"};
            timed(STEP_TIMEOUT, database.run_command(change)).await.map(drop)
        }
        Presence::Missing => {
            let made = timed(STEP_TIMEOUT, database.create_collection(name).validator(validator)).await;
            made.or_else(|error| if exists(&error) { Ok(()) } else { Err(error) })
        }
    }
}

/// Reports whether another server, which starts at the same time, has created the collection first.
fn exists(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == NAMESPACE_EXISTS)
}

/// Returns all collections.
fn blueprints() -> Vec<Blueprint> {
    vec![
        Blueprint {
            name: USERS,
            validator: with_options(
                validator(doc! {
                    "_id": ID, "username": TEXT, "folded": TEXT, "display_name": TEXT, "created_at": DATE,
                }),
                // Optional: an erased user has no password, and the others have no date of deletion.
                doc! {"password": TEXT, "deleted_at": DATE, "erasing": TRUTH},
            ),
            indexes: vec![
                unique(USERNAME, doc! {"username": 1}),
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
                index(FOLDED, doc! {"folded": 1, "username": 1}),
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
                            .name(EXPIRY.to_owned())
                            // Counted from `expires_at`, so no further time is added.
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
            name: PAIRS,
            validator: validator(doc! {"_id": OBJECT, "conversation_id": ID}),
            indexes: Vec::new(),
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
            validator: with_options(
                validator(doc! {
                    "_id": OBJECT, "user_id": ID, "conversation_id": ID, "role": TEXT, "joined_at": DATE,
                    "windows": ARRAY, "watermarks": OBJECT, "preferences": OBJECT, "changed_at": DATE,
                }),
                doc! {"departure": OBJECT},
            ),
            // By the user alone: a receipt changes the time of change, and would move an entry that holds it.
            indexes: vec![index("user", doc! {"user_id": 1})],
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
                index(
                    BY_SENDER,
                    doc! {"conversation_id": 1, "sender_id": 1, "seq": 1, "content.type": 1},
                ),
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
            name: MEDIA,
            validator: with_options(
                validator(doc! {
                    "_id": ID, "owner_id": ID, "state": TEXT, "status": TEXT, "file_name": TEXT, "content_type": TEXT,
                    "size": COUNT, "sha256": ID, "request": ID, "blob": ID, "facts": OBJECT, "created_at": DATE,
                }),
                doc! {"scanned_at": DATE, "check_at": DATE},
            ),
            indexes: vec![
                index(OWNER, doc! {"owner_id": 1, "_id": 1, "state": 1, "size": 1}),
                partial(
                    CONTENT,
                    doc! {"owner_id": 1, "sha256": 1, "created_at": 1, "_id": 1},
                    doc! {"state": "live"},
                ),
                index("blob", doc! {"blob": 1}),
                partial(
                    "thumbnail_blob",
                    doc! {"facts.thumbnail.blob": 1},
                    doc! {"facts.thumbnail.blob": {"$exists": true}},
                ),
                partial(
                    DUE,
                    doc! {"check_at": 1, "_id": 1},
                    doc! {"check_at": {"$exists": true}},
                ),
                partial(PROCESSING, doc! {"status": 1, "_id": 1}, doc! {"status": "processing"}),
            ],
        },
        Blueprint {
            name: MEDIA_REFS,
            validator: with_options(
                validator(doc! {"_id": OBJECT, "media_id": ID, "at": DATE}),
                doc! {"conversation_id": ID},
            ),
            indexes: vec![
                index("media", doc! {"media_id": 1}),
                // Without the references by profiles, which are in no conversation.
                partial(
                    "conversation",
                    doc! {"conversation_id": 1},
                    doc! {"conversation_id": {"$exists": true}},
                ),
            ],
        },
        Blueprint {
            name: UPLOADS,
            validator: with_options(
                validator(doc! {
                    "_id": ID, "owner_id": ID, "file_name": TEXT, "offset": COUNT, "parts": ARRAY, "reserved": ARRAY,
                    "created_at": DATE, "expires_at": DATE,
                }),
                doc! {"content_type": TEXT, "length": COUNT},
            ),
            // No TTL: the bytes of an upload that is given up are removed with it.
            indexes: vec![
                index("end", doc! {"expires_at": 1, "_id": 1}),
                index(OWNER, doc! {"owner_id": 1, "length": 1, "offset": 1}),
            ],
        },
        Blueprint {
            name: MIGRATIONS,
            validator: validator(doc! {"_id": TEXT, "finished_at": DATE}),
            indexes: Vec::new(),
        },
        Blueprint {
            name: KEYS,
            validator: validator(doc! {"_id": TEXT, "purpose": TEXT, "secret": ID, "created_at": DATE}),
            indexes: vec![
                index("purpose", doc! {"purpose": 1, "created_at": -1}),
                // When several servers find no key at the same time, one of them creates the first.
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
        Blueprint {
            name: META,
            validator: validator(doc! {"_id": TEXT, "epoch": ID, "schema": COUNT, "analysis": COUNT}),
            indexes: vec![],
        },
        Blueprint {
            name: BLOBS,
            validator: with_options(
                validator(doc! {
                    "_id": ID, "length": COUNT, "chunkSize": {"bsonType": "int"}, "uploadDate": DATE,
                    "token": {"bsonType": "objectId"},
                }),
                doc! {"pending": OBJECT},
            ),
            indexes: vec![partial(
                PENDING,
                doc! {"pending.renewed_at": 1},
                doc! {"pending.renewed_at": {"$exists": true}},
            )],
        },
        Blueprint {
            name: CHUNKS,
            validator: validator(doc! {"files_id": ID, "n": {"bsonType": "int"}, "data": ID}),
            indexes: vec![unique(BY_CHUNK, doc! {"files_id": 1, "n": 1})],
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

/// Builds a validator that requires these fields with these types, and the version. Other fields are allowed, so that a
/// later version may add fields while servers of an earlier one are running.
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
    let title = format!("{TITLE}{SCHEMA_VERSION}");
    doc! {"$jsonSchema": {"title": title, "bsonType": "object", "required": required, "properties": properties}}
}

/// Adds optional fields with their types to a validator.
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

/// Describes an index over the documents that the filter `of` selects.
fn partial(name: &str, keys: Document, of: Document) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .partial_filter_expression(of)
        .build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Describes a plain index.
fn index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Describes a unique index.
fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}
