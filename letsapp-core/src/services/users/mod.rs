//! Reading, changing and searching user profiles.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::id::{MediaId, UserId};
use crate::domain::media::Holder;
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{NamePosition, ProfilePatch};
use crate::engine::Engine;
use crate::engine::detached::run_detached;
use crate::ports::{Fact, RepositoryError, Update};
use crate::protocol;
use crate::protocol::MyProfile;

/// The service for user profiles.
///
/// ```
/// # use letsapp_core::LetsApp;
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let ana = app.sign_up("ana", "a long password").await?;
/// let found = app.users().search(&ana, "AN", None, Default::default()).await?;
/// assert_eq!(found.items[0].id, ana.user_id);
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct UserService {
    engine: Arc<Engine>,
}

/// The reason why a profile was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No user has this id, or the account to be changed was erased.
    #[error("there is no such user")]
    NotFound,
    /// Another account has the email address.
    #[error("this email address belongs to another account")]
    EmailTaken,
    /// The caller has uploaded no picture with this id.
    #[error("there is no such picture")]
    UnknownPicture,
    /// The store failed; the change may or may not have been made.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

/// Refers to the new picture of a profile, if there is one. Returns the present one, if it will not be needed any more,
/// and the time of the change.
async fn replacing(
    engine: &Engine,
    user_id: UserId,
    picture: Option<MediaId>,
) -> Result<Option<(MediaId, Timestamp)>, UserError> {
    let Some(files) = &engine.files else {
        return picture.map_or(Ok(None), |_| Err(UserError::UnknownPicture));
    };
    if let Some(id) = picture
        && !files.refer_to_picture(user_id, id, Holder::Profile(user_id)).await?
    {
        return Err(UserError::UnknownPicture);
    }
    let user = engine.stores.users.find(&[user_id]).await?.pop();
    let before = user
        .and_then(|user| user.avatar_media_id)
        .filter(|id| Some(*id) != picture);
    match before {
        Some(before) => Ok(Some((before, files.replacing_picture(before).await?))),
        None => Ok(None),
    }
}

impl UserService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Returns the profile of the caller, with its private fields.
    ///
    /// # Errors
    /// [`UserError::NotFound`] when there is no such account.
    pub async fn me(&self, principal: &Principal) -> Result<MyProfile, UserError> {
        let user = self.engine.stores.users.find(&[principal.user_id]).await?.pop();
        user.as_ref().map(MyProfile::from).ok_or(UserError::NotFound)
    }

    /// Changes the profile of the caller and returns it. Fields that `patch` leaves out keep their values.
    ///
    /// # Errors
    /// - [`UserError::EmailTaken`] when another account has the address;
    /// - [`UserError::UnknownPicture`] when the patch sets a picture;
    /// - [`UserError::NotFound`] when the account was erased.
    pub async fn update_me(&self, principal: &Principal, patch: ProfilePatch) -> Result<MyProfile, UserError> {
        let (engine, user_id) = (Arc::clone(&self.engine), principal.user_id);
        let update = async move {
            let picture = patch.avatar_media_id;
            let replaced = match picture {
                Some(picture) => replacing(&engine, user_id, picture).await?,
                None => None,
            };
            let shows_otherwise = patch.last_seen.is_some();
            let updated = engine.stores.users.update(user_id, patch).await;
            // Also after an error, because the store may have made the change before it failed.
            if shows_otherwise {
                engine.presence.settings_changed(user_id);
            }
            engine.runtime.sink.announce(Fact::UserChanged { user_id });
            if let (Ok(_), Some((before, decided)), Some(files)) = (&updated, replaced, &engine.files) {
                files.release_picture(Holder::Profile(user_id), before, decided).await;
            }
            updated.map_err(UserError::from)
        };
        match run_detached(update).await? {
            Update::Done(user) => Ok(MyProfile::from(&user)),
            Update::EmailTaken => Err(UserError::EmailTaken),
            Update::Missing => Err(UserError::NotFound),
        }
    }

    /// Returns the profile of a user, with the last-seen time only if the caller may see it.
    ///
    /// # Errors
    /// [`UserError::NotFound`] when no user has this id.
    pub async fn find(&self, principal: &Principal, id: UserId) -> Result<protocol::User, UserError> {
        let found = self.engine.stores.users.find(&[id]).await?;
        let mut shown = self.engine.visibility.show(principal.user_id, &found).await?;
        shown.pop().ok_or(UserError::NotFound)
    }

    /// Returns users whose username or display name begins with `query`, ordered by the name that does. Case and
    /// accents are ignored. An empty query matches no one.
    ///
    /// `after` is the position at which the previous page of the same query ended.
    ///
    /// # Errors
    /// [`UserError::Store`] when the store fails.
    pub async fn search(
        &self,
        principal: &Principal,
        query: &str,
        after: Option<&NamePosition>,
        limit: Limit,
    ) -> Result<Page<protocol::User, NamePosition>, UserError> {
        let prefix = text::fold(query.trim());
        if prefix.is_empty() {
            return Ok(Page::empty());
        }
        let found = self.engine.stores.users.search(&prefix, after, limit.get() + 1).await?;
        let positions = found
            .iter()
            .map(|user| NamePosition::of(user, &prefix).unwrap_or_else(|| NamePosition::by_username(user)));
        let shown = self.engine.visibility.show(principal.user_id, &found).await?;
        Ok(Page::cut(positions.zip(shown), limit))
    }
}
