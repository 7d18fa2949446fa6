//! Connection strings.

use std::fmt;
use std::time::{Duration, SystemTime};

use mongodb::Client;
use mongodb::bson::oid::ObjectId;

/// Start of the names of databases for tests.
const PREFIX: &str = "letsapp_test_";

/// Age from which a database can't belong to a test that still runs.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);

/// Connection string of a deployment, without a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    authority: String,
    options: Option<String>,
}

impl Uri {
    /// Parses a connection string, and leaves out its database.
    pub(super) fn new(connection_string: &str) -> Self {
        let (start, options) = match connection_string.split_once('?') {
            Some((start, options)) => (start, Some(options.to_owned())),
            None => (connection_string, None),
        };
        let scheme = start.find("://").map_or(0, |position| position + 3);
        let end = start[scheme..]
            .find('/')
            .map_or(start.len(), |position| scheme + position);
        Self {
            authority: start[..end].to_owned(),
            options,
        }
    }

    /// Returns the connection string for the database with this name.
    pub fn database_uri(&self, name: &str) -> String {
        match &self.options {
            Some(options) => format!("{}/{name}?{options}", self.authority),
            None => format!("{}/{name}", self.authority),
        }
    }

    /// Returns the connection string for a new database that no other test uses.
    pub fn unique_database_uri(&self) -> String {
        self.database_uri(&format!("{PREFIX}{}", ObjectId::new().to_hex()))
    }

    /// Drops the databases that earlier runs left on a server that isn't started by the tests.
    pub(super) fn drop_abandoned_databases(&self) {
        let uri = self.to_string();
        let cleaned = crate::block_on(async move {
            let client = Client::with_uri_str(uri).await?;
            for name in client.list_database_names().await? {
                let made = name.strip_prefix(PREFIX).and_then(|id| ObjectId::parse_str(id).ok());
                let age = made.and_then(|id| SystemTime::now().duration_since(id.timestamp().to_system_time()).ok());
                if age.is_some_and(|age| age > ABANDONED_AFTER) {
                    client.database(&name).drop().await?;
                }
            }
            mongodb::error::Result::Ok(())
        });
        if let Err(failure) = cleaned {
            panic!("the server named by LETSAPP_TEST_MONGODB_URI: {failure}");
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.database_uri(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_goes_between_hosts_and_options() {
        for (given, expected) in [
            ("mongodb://h1:1,h2:2", "mongodb://h1:1,h2:2/chat"),
            ("mongodb://h1:1/", "mongodb://h1:1/chat"),
            (
                "mongodb://h1:1/other?replicaSet=rs",
                "mongodb://h1:1/chat?replicaSet=rs",
            ),
            (
                "mongodb://user:pass@h1/?tls=true",
                "mongodb://user:pass@h1/chat?tls=true",
            ),
        ] {
            assert_eq!(Uri::new(given).database_uri("chat"), expected);
        }
    }

    #[test]
    fn no_two_databases_are_the_same() {
        let uri = Uri::new("mongodb://localhost");
        assert_ne!(uri.unique_database_uri(), uri.unique_database_uri());
    }
}
