//! The collections of the bus, and their indexes.

use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;

use crate::adapters::mongodb::connect_error::ConnectError;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::index_builds;

/// Messages under way: `{to, at, bytes}`. In a sharded cluster the collection stays on one shard, or is sharded by
/// `{to: "hashed"}`: the order of a channel is that of one shard's log.
pub(super) const MESSAGES: &str = "bus_messages";
/// The servers of each user who is connected: `{_id: user, servers: […]}`. Shard key: `{_id: "hashed"}`.
pub(super) const DIRECTORY: &str = "bus_directory";
/// The leases: `{_id: server, until}`. A few documents.
pub(super) const LEASES: &str = "bus_leases";

/// Index of users by their servers, in the order of [`users_of`](crate::ports::EventBus::users_of).
const BY_SERVER: &str = "server_user";
/// Index of messages by their time, by which MongoDB removes them.
const EXPIRY: &str = "expiry";

/// Time after which a message is removed. Change streams read the log and not the collection, so that it could be any.
const MESSAGE_LIFETIME: Duration = Duration::from_secs(60);

/// Creates or checks the collections and their indexes.
///
/// # Errors
/// [`ConnectError::Schema`] if an index of the same name has other keys or options, or the server refuses a step.
pub(super) async fn prepare(connection: &Connection) -> Result<(), ConnectError> {
    let options = |name: &str| IndexOptions::builder().name(name.to_owned());
    let indexes = [
        (
            MESSAGES,
            doc! {"at": 1},
            options(EXPIRY).expire_after(MESSAGE_LIFETIME).build(),
        ),
        (DIRECTORY, doc! {"servers": 1, "_id": 1}, options(BY_SERVER).build()),
    ];
    for (collection, keys, options) in indexes {
        let index = IndexModel::builder().keys(keys).options(options).build();
        let created = index_builds::create(connection, collection, vec![index]).await;
        created.map_err(|cause| ConnectError::Schema {
            database: connection.database().name().to_owned(),
            cause: cause.into(),
        })?;
    }
    Ok(())
}
