//! Users with their password hashes, one document each.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, Uuid, doc};
use mongodb::options::{FindOneOptions, FindOptions, Hint, ReturnDocument};
use serde::{Deserialize, Serialize};

use super::command;
use super::connection::{Connection, Session};
use super::error::{Key, duplicate_of};
use super::fields::{DocumentVersion, Id, Keyed, VERSION, date, limited, moment, uuids, word};
use super::schema::{ERASING, FOLDED, USERNAME, USERS};
use crate::domain::credential::{Credential, PasswordHash};
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{
    About, Adders, Audience, DisplayName, Email, NamePosition, NameSearch, ProfilePatch, Settings, User, Username,
};
use crate::ports::{Claim, Login, RepositoryError, Update, UserRepository};

/// User repository on the collection `users`.
#[derive(Debug)]
pub(super) struct MongoUsers {
    connection: Arc<Connection>,
}

/// A document of `users`.
#[derive(Debug, Serialize, Deserialize)]
struct UserDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: DocumentVersion,
    /// Unique, in lower case.
    username: String,
    display_name: String,
    /// Display name without case and accents, for search by prefix.
    folded: String,
    about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Email address without its case. Unique among the users who have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<Uuid>,
    settings: SettingsDocument,
    created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    /// Password hash in PHC format. Left out when profiles are read; removed when the user is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Settings, embedded in a user.
#[derive(Debug, Serialize, Deserialize)]
struct SettingsDocument {
    /// Word of the [`Audience`] that sees when the user was last online.
    last_seen: String,
    read_receipts: bool,
    /// Word of the [`Adders`]; absent in documents of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<String>,
}

/// A document of `users`, read for a login.
#[derive(Debug, Deserialize)]
struct CredentialDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    password: String,
}

impl MongoUsers {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Returns the collection, with documents read as `D`.
    fn collection<D: Send + Sync>(&self) -> Collection<D> {
        self.connection.collection(USERS)
    }
}

#[async_trait]
impl UserRepository for MongoUsers {
    async fn create(&self, user: User, password: PasswordHash) -> Result<Claim, RepositoryError> {
        let document = UserDocument::new(&user, &password);
        match self.connection.insert(USERS, &document).await? {
            None => Ok(Claim::Done),
            Some(Key::Field(field)) if field == "email_key" => Ok(Claim::EmailTaken),
            Some(Key::Field(_)) => Ok(Claim::UsernameTaken),
            Some(Key::Id) => Err(RepositoryError::internal("another user already has this id")),
        }
    }

    async fn find(&self, ids: &[UserId]) -> Result<Vec<User>, RepositoryError> {
        let filter = doc! {"_id": {"$in": uuids(ids)}};
        self.read(filter, FindOptions::default()).await
    }

    async fn search<'a>(
        &self,
        prefix: &'a str,
        after: Option<&'a NamePosition>,
        limit: usize,
    ) -> Result<Vec<User>, RepositoryError> {
        let mut search = NameSearch::new(prefix, after, limit);
        while let Some((after, count)) = search.next_read() {
            let (named, called) = tokio::try_join!(
                self.by_username(prefix, after, count),
                self.by_display_name(prefix, after, count),
            )?;
            search.add(named, called);
        }
        Ok(search.into_users())
    }

    async fn update(&self, id: UserId, patch: ProfilePatch) -> Result<Update, RepositoryError> {
        let mut session = self.connection.session().await?;
        let present = doc! {"_id": id.to_bson(), "deleted_at": {"$exists": false}};
        let collection = self.collection::<UserDocument>();
        let update = collection
            .find_one_and_update(present, changes(&patch))
            .projection(without_password())
            .return_document(ReturnDocument::After)
            .session(&mut *session);
        match Session::step(update).await {
            Ok(Some(document)) => Ok(Update::Done(document.into_user()?)),
            Ok(None) => Ok(Update::Missing),
            Err(error) => match duplicate_of(&error) {
                Some(Key::Field(field)) if field == "email_key" => Ok(Update::EmailTaken),
                _ => Err(error.into()),
            },
        }
    }

    async fn seen(&self, times: &[(UserId, Timestamp)]) -> Result<(), RepositoryError> {
        if times.is_empty() {
            return Ok(());
        }
        let statements = times.iter().map(|(id, at)| {
            doc! {
                "q": {"_id": id.to_bson(), "deleted_at": {"$exists": false}},
                "u": {"$max": {"last_seen_at": date(*at)}},
            }
        });
        let command = command::update(USERS, statements, command::Order::Any).map_err(RepositoryError::internal)?;
        self.connection.admit().await?.persist(command).await
    }

    async fn credential(&self, login: &Login) -> Result<Option<Credential>, RepositoryError> {
        let mut filter = match login {
            Login::Username(username) => doc! {"username": username.as_str()},
            Login::Email(email) => doc! {"email_key": email.key()},
            Login::Id(id) => doc! {"_id": id.to_bson()},
        };
        filter.insert("deleted_at", doc! {"$exists": false});
        let mut session = self.connection.session().await?;
        let options = FindOneOptions::builder().projection(doc! {"password": 1}).build();
        let collection = self.collection::<CredentialDocument>();
        let found = collection.find_one(filter).with_options(options).session(&mut *session);
        let found = Session::step(found).await?;
        Ok(found.map(|document| Credential {
            user_id: UserId::from_bson(document.id),
            password: PasswordHash::from_phc(document.password),
        }))
    }

    async fn replace_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, RepositoryError> {
        let mut session = self.connection.session().await?;
        // Matches only while `from` is the stored hash, so that a change from elsewhere is not overwritten.
        let unchanged = doc! {"_id": id.to_bson(), "password": from.as_phc(), "deleted_at": {"$exists": false}};
        let collection = self.collection::<UserDocument>();
        let update = collection
            .update_one(unchanged, doc! {"$set": {"password": to.as_phc()}})
            .session(&mut *session);
        Ok(Session::step(update).await?.matched_count == 1)
    }

    async fn erase(&self, id: UserId, proven: &PasswordHash, at: Timestamp) -> Result<bool, RepositoryError> {
        let mut session = self.connection.session().await?;
        // Matches only while the password that the user has proven is still the stored one.
        let unchanged = doc! {"_id": id.to_bson(), "password": proven.as_phc(), "deleted_at": {"$exists": false}};
        let collection = self.collection::<UserDocument>();
        let update = collection.update_one(unchanged, erasure(at)).session(&mut *session);
        Ok(Session::step(update).await?.matched_count == 1)
    }

    async fn erasing(&self, before: Timestamp, limit: usize) -> Result<Vec<UserId>, RepositoryError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let filter = doc! {"erasing": true, "deleted_at": {"$lt": date(before)}};
        let options = FindOptions::builder()
            .projection(doc! {"_id": 1})
            .sort(doc! {"deleted_at": 1, "_id": 1})
            .limit(limited(limit))
            .hint(Hint::Name(ERASING.to_owned()))
            .build();
        let found: Vec<Keyed<Uuid>> = self.connection.find(USERS, filter, options).await?;
        Ok(found.into_iter().map(|found| UserId::from_bson(found.key)).collect())
    }

    async fn finish_erasing(&self, id: UserId) -> Result<(), RepositoryError> {
        let mut session = self.connection.session().await?;
        let collection = self.collection::<UserDocument>();
        let update = collection
            .update_one(doc! {"_id": id.to_bson()}, doc! {"$unset": {"erasing": ""}})
            .session(&mut *session);
        Ok(Session::step(update).await.map(drop)?)
    }
}

impl MongoUsers {
    /// Returns at most `count` users whose username begins with a prefix, in the order of usernames after a position.
    async fn by_username(
        &self,
        prefix: &str,
        after: &NamePosition,
        count: usize,
    ) -> Result<Vec<User>, RepositoryError> {
        // The position may be that of a user whose display name is another's username; then their usernames decide.
        let past = if after.username < after.name { "$gte" } else { "$gt" };
        let filter = doc! {
            "username": {past: &after.name, "$lt": end(prefix)},
            "deleted_at": {"$exists": false},
        };
        let options = FindOptions::builder()
            .sort(doc! {"username": 1})
            .limit(limited(count))
            .hint(Hint::Name(USERNAME.to_owned()))
            .build();
        self.read(filter, options).await
    }

    /// Returns at most `count` users whose display name begins with a prefix, in the order of the folded display names
    /// after a position.
    async fn by_display_name(
        &self,
        prefix: &str,
        after: &NamePosition,
        count: usize,
    ) -> Result<Vec<User>, RepositoryError> {
        let filter = doc! {
            "$or": [{"folded": {"$gt": &after.name}}, {"username": {"$gt": &after.username}}],
            "deleted_at": {"$exists": false},
        };
        // The range is given by the bounds, since a filter would make the server go through all users with the name of
        // the position. The lower bound is included, which the filter corrects.
        let options = FindOptions::builder()
            .min(doc! {"folded": &after.name, "username": &after.username})
            .max(doc! {"folded": end(prefix), "username": ""})
            .sort(doc! {"folded": 1, "username": 1})
            .limit(limited(count))
            .hint(Hint::Name(FOLDED.to_owned()))
            .build();
        self.read(filter, options).await
    }

    /// Reads users, without their password hashes.
    async fn read(&self, filter: Document, mut options: FindOptions) -> Result<Vec<User>, RepositoryError> {
        options.projection = Some(without_password());
        let found: Vec<UserDocument> = self.connection.find(USERS, filter, options).await?;
        found.into_iter().map(UserDocument::into_user).collect()
    }
}

impl UserDocument {
    /// Returns the document of a new user.
    fn new(user: &User, password: &PasswordHash) -> Self {
        Self {
            id: user.id.to_bson(),
            v: VERSION,
            username: user.username.as_str().to_owned(),
            display_name: user.display_name.as_str().to_owned(),
            folded: user.display_name.folded(),
            about: user.about.as_str().to_owned(),
            email: user.email.as_ref().map(|email| email.as_str().to_owned()),
            email_key: user.email.as_ref().map(Email::key),
            avatar_media_id: user.avatar_media_id.map(Id::to_bson),
            settings: SettingsDocument {
                last_seen: user.settings.last_seen.as_str().to_owned(),
                read_receipts: user.settings.read_receipts,
                groups: Some(user.settings.groups.as_str().to_owned()),
            },
            created_at: date(user.created_at),
            last_seen_at: user.last_seen_at.map(date),
            deleted_at: user.deleted_at.map(date),
            password: Some(password.as_phc().to_owned()),
        }
    }

    fn into_user(self) -> Result<User, RepositoryError> {
        Ok(User {
            id: UserId::from_bson(self.id),
            username: Username::from_stored(self.username),
            display_name: DisplayName::from_stored(self.display_name),
            about: About::from_stored(self.about),
            email: self.email.map(Email::from_stored),
            avatar_media_id: self.avatar_media_id.map(Id::from_bson),
            settings: Settings {
                last_seen: word(&self.settings.last_seen, Audience::from_word)?,
                read_receipts: self.settings.read_receipts,
                groups: match &self.settings.groups {
                    Some(groups) => word(groups, Adders::from_word)?,
                    None => Settings::default().groups,
                },
            },
            created_at: moment(self.created_at),
            last_seen_at: self.last_seen_at.map(moment),
            deleted_at: self.deleted_at.map(moment),
        })
    }
}

/// Returns the end of the range of names that begin with a prefix. No name contains the last code point. A range uses
/// the index without escaping, which a regular expression would need.
fn end(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Builds the update that does what [`User::erase`] does, removes the password, and marks the user as being erased. The
/// mark stays until everything else of the user is gone, so that a crash in between is made up for.
fn erasure(at: Timestamp) -> Document {
    let mut erasure = changes(&ProfilePatch::blank());
    let more = [
        ("$set", doc! {"deleted_at": date(at), "erasing": true}),
        ("$unset", doc! {"last_seen_at": "", "password": ""}),
    ];
    for (operator, fields) in more {
        match erasure.get_document_mut(operator) {
            Ok(known) => known.extend(fields),
            Err(_) => _ = erasure.insert(operator, fields),
        }
    }
    erasure
}

/// Returns the projection that leaves out the password hash.
fn without_password() -> Document {
    doc! {"password": 0}
}

/// Builds the update that a patch describes.
fn changes(patch: &ProfilePatch) -> Document {
    let (mut set, mut unset) = (doc! {}, doc! {});
    if let Some(display_name) = &patch.display_name {
        set.insert("display_name", display_name.as_str());
        set.insert("folded", display_name.folded());
    }
    if let Some(about) = &patch.about {
        set.insert("about", about.as_str());
    }
    match &patch.email {
        Some(Some(email)) => {
            set.insert("email", email.as_str());
            set.insert("email_key", email.key());
        }
        Some(None) => {
            unset.insert("email", "");
            unset.insert("email_key", "");
        }
        None => {}
    }
    match patch.avatar_media_id {
        Some(Some(avatar)) => _ = set.insert("avatar_media_id", avatar.to_bson()),
        Some(None) => _ = unset.insert("avatar_media_id", ""),
        None => {}
    }
    if let Some(last_seen) = patch.last_seen {
        set.insert("settings.last_seen", last_seen.as_str());
    }
    if let Some(read_receipts) = patch.read_receipts {
        set.insert("settings.read_receipts", read_receipts);
    }
    if let Some(groups) = patch.groups {
        set.insert("settings.groups", groups.as_str());
    }
    // Keeps an empty patch from making an empty update, which MongoDB refuses. Never lowers the version: a server of a
    // later version may have written the rest of the document.
    let mut changes = doc! {"$max": {"v": VERSION}};
    for (operator, fields) in [("$set", set), ("$unset", unset)] {
        if !fields.is_empty() {
            changes.insert(operator, fields);
        }
    }
    changes
}
