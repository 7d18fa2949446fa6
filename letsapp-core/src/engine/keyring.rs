//! The server's keys: those in use, and reading them again when another server has added one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::domain::key::{Key, KeyPurpose, Kid};
use crate::domain::page::CursorKey;
use crate::domain::timestamp::Timestamp;
use crate::engine::error::AuthError;
use crate::engine::media::SignedLink;
use crate::engine::tokens::{AccessTokens, Claims, RefreshToken, TokenFault};
use crate::ports::{Clock, IdSource, KeyRepository, RepositoryError};

/// The keys of the server, kept up to date with those in the store.
///
/// Several servers share their keys. When a key is added, the servers begin to use it one after the other; each accepts
/// what the others have made with it, because a key that is not known makes it read the keys again.
pub(crate) struct Keyring {
    repository: Arc<dyn KeyRepository>,
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<Keys>>,
    /// The last attempt to read the keys. Locked while they are read, so that concurrent callers share one attempt.
    last: tokio::sync::Mutex<Attempt>,
}

/// The keys as they were read from the store.
pub(crate) struct Keys {
    /// Signs and checks access tokens.
    pub(crate) access: AccessTokens,
    /// Keys that derive refresh tokens, the newest first.
    refresh: Vec<Key>,
    /// Seals the cursors of lists.
    pub(crate) cursor: Arc<CursorKey>,
    /// Keys that sign links to files, the newest first.
    media: Vec<Key>,
}

/// An attempt to read the keys.
struct Attempt {
    at: Timestamp,
    failed: bool,
}

/// Shortest time between two readings of the keys. Anybody can send a token that names an unknown key, and must not make
/// the server read at every one.
const READ_INTERVAL: Duration = Duration::from_secs(1);

impl Keyring {
    /// Reads the keys. A store that has none yet keeps the new random ones that it is offered; servers that start at the
    /// same time all get the same.
    ///
    /// # Errors
    /// [`RepositoryError`] when the keys can't be read or created.
    pub(crate) async fn read(
        repository: Arc<dyn KeyRepository>,
        ids: Arc<dyn IdSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RepositoryError> {
        let keys = Keys::read(&*repository, &*ids, &*clock).await?;
        let at = clock.now();
        Ok(Self {
            repository,
            ids,
            clock,
            current: RwLock::new(Arc::new(keys)),
            last: tokio::sync::Mutex::new(Attempt { at, failed: false }),
        })
    }

    /// Returns the keys in use.
    pub(crate) fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks an access token and returns its claims.
    ///
    /// # Errors
    /// [`AuthError::TokenExpired`] if only the time is wrong, [`AuthError::Unauthenticated`] if the token is not valid,
    /// [`AuthError::Store`] if it names an unknown key and the keys can't be read.
    pub(crate) async fn check(&self, token: &str, now: Timestamp) -> Result<Claims, AuthError> {
        let keys = self.current();
        let checked = match keys.access.check(token, now) {
            Err(TokenFault::UnknownKey) => match self.newer_than(&keys).await? {
                Some(keys) => keys.access.check(token, now),
                None => Err(TokenFault::UnknownKey),
            },
            checked => checked,
        };
        Ok(checked?)
    }

    /// Decodes a refresh token that was derived from one of the keys.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] if it was not, [`AuthError::Store`] if the keys can't be read to find out.
    pub(crate) async fn decode(&self, token: &str) -> Result<RefreshToken, AuthError> {
        let keys = self.current();
        // A refresh token does not name its key.
        let decoded = match RefreshToken::read(token, &keys.refresh) {
            None if RefreshToken::is_one(token) => {
                let keys = self.newer_than(&keys).await?;
                keys.and_then(|keys| RefreshToken::read(token, &keys.refresh))
            }
            decoded => decoded,
        };
        decoded.ok_or(AuthError::Unauthenticated)
    }

    /// Derives the refresh token of a session's generation once more, from the key with which it was derived first.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] if that key is gone, [`AuthError::Store`] if the keys can't be read.
    pub(crate) async fn derive(&self, token: RefreshToken, kid: &Kid) -> Result<String, AuthError> {
        let keys = self.current();
        if let Some(key) = keys.refresh_key(kid) {
            return Ok(token.token(key));
        }
        let keys = self.newer_than(&keys).await?.ok_or(AuthError::Unauthenticated)?;
        let key = keys.refresh_key(kid).ok_or(AuthError::Unauthenticated)?;
        Ok(token.token(key))
    }

    /// Reports whether one of the keys has signed a link to a file.
    ///
    /// # Errors
    /// [`RepositoryError`] if the link names an unknown key and the keys can't be read.
    pub(crate) async fn has_signed(&self, link: &SignedLink) -> Result<bool, RepositoryError> {
        let keys = self.current();
        if keys.knows(&link.kid) {
            return Ok(keys.has_signed(link));
        }
        let newer = self.newer_than(&keys).await?;
        Ok(newer.is_some_and(|keys| keys.has_signed(link)))
    }

    /// Returns keys that are newer than the `known` ones: those that were read meanwhile, or else those in the store.
    /// `None` if they were read less than [`READ_INTERVAL`] ago.
    async fn newer_than(&self, known: &Arc<Keys>) -> Result<Option<Arc<Keys>>, RepositoryError> {
        let mut last = self.last.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, known) {
            return Ok(Some(current));
        }
        let now = self.clock.now();
        if now.since(last.at) < READ_INTERVAL {
            // After a failure, nobody knows whether the token is valid, so it must not be refused for good.
            return if last.failed {
                Err(RepositoryError::unavailable("the keys could not be read a moment ago"))
            } else {
                Ok(None)
            };
        }
        *last = Attempt { at: now, failed: true };
        let keys = Keys::read(&*self.repository, &*self.ids, &*self.clock).await?;
        last.failed = false;
        Ok(Some(self.replace(keys)))
    }

    /// Reads the keys again, so that a removed key is no longer accepted.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. The former keys stay in use.
    pub(crate) async fn reload(&self) -> Result<(), RepositoryError> {
        let mut last = self.last.lock().await;
        let at = self.clock.now();
        *last = Attempt { at, failed: true };
        let keys = Keys::read(&*self.repository, &*self.ids, &*self.clock).await?;
        last.failed = false;
        self.replace(keys);
        Ok(())
    }

    fn replace(&self, keys: Keys) -> Arc<Keys> {
        let keys = Arc::new(keys);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        keys
    }
}

impl Keys {
    async fn read(
        repository: &dyn KeyRepository,
        ids: &dyn IdSource,
        clock: &dyn Clock,
    ) -> Result<Self, RepositoryError> {
        let read = |purpose| read(repository, purpose, ids, clock);
        let access = read(KeyPurpose::Access).await?;
        let refresh = read(KeyPurpose::Refresh).await?;
        let mut cursor = read(KeyPurpose::Cursor).await?.into_iter().map(|key| key.secret);
        let newest = cursor.next().expect("there is at least one");
        Ok(Self {
            access: AccessTokens::new(&access),
            refresh,
            cursor: Arc::new(CursorKey::new(newest).also_opening(cursor)),
            media: read(KeyPurpose::Media).await?,
        })
    }

    /// Returns the newest key that derives refresh tokens.
    pub(crate) fn newest_refresh_key(&self) -> &Key {
        self.refresh.first().expect("there is at least one")
    }

    /// Returns the newest key that signs links to files.
    pub(crate) fn newest_media_key(&self) -> &Key {
        self.media.first().expect("there is at least one")
    }

    fn has_signed(&self, link: &SignedLink) -> bool {
        self.media.iter().any(|key| link.is_from(key))
    }

    fn knows(&self, kid: &Kid) -> bool {
        self.media.iter().any(|key| key.kid == *kid)
    }

    fn refresh_key(&self, kid: &Kid) -> Option<&Key> {
        self.refresh.iter().find(|key| key.kid == *kid)
    }
}

/// Reads the keys of a purpose, at least one.
async fn read(
    repository: &dyn KeyRepository,
    purpose: KeyPurpose,
    ids: &dyn IdSource,
    clock: &dyn Clock,
) -> Result<Vec<Key>, RepositoryError> {
    let mut secret = [0; 32];
    ids.fill(&mut secret);
    let candidate = Key {
        kid: Kid(ids.random().simple().to_string()),
        purpose,
        secret,
        created_at: clock.now(),
    };
    let keys = repository.keys(purpose, candidate).await?;
    if keys.is_empty() {
        let cause = format!("the store has no {} key", purpose.as_str());
        return Err(RepositoryError::internal(cause));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::id::{SessionId, UserId};
    use crate::engine::fixtures::NOW;
    use crate::ports::{ManualClock, MockKeyRepository, SystemIds};

    /// A repository whose keys can be changed, and which counts the readings.
    #[derive(Clone, Default)]
    struct Stored {
        keys: Arc<Mutex<Option<Vec<&'static str>>>>,
        readings: Arc<AtomicUsize>,
    }

    impl Stored {
        fn set(&self, kids: impl Into<Option<Vec<&'static str>>>) {
            *self.keys.lock().unwrap() = kids.into();
        }

        fn repository(&self) -> Arc<dyn KeyRepository> {
            let mut repository = MockKeyRepository::new();
            let stored = self.clone();
            repository.expect_keys().returning(move |purpose, _| {
                if purpose == KeyPurpose::Access {
                    stored.readings.fetch_add(1, Ordering::SeqCst);
                }
                let kids = stored.keys.lock().unwrap().clone();
                let kids = kids.ok_or_else(|| RepositoryError::unavailable("out for lunch"))?;
                Ok(kids.into_iter().map(|kid| key(kid, purpose)).collect())
            });
            Arc::new(repository)
        }

        fn readings(&self) -> usize {
            self.readings.load(Ordering::SeqCst)
        }
    }

    fn key(kid: &str, purpose: KeyPurpose) -> Key {
        Key {
            kid: Kid(kid.to_owned()),
            purpose,
            secret: [kid.as_bytes()[0]; 32],
            created_at: NOW,
        }
    }

    async fn keyring(kids: Vec<&'static str>) -> (Keyring, Stored, Arc<ManualClock>) {
        let (stored, clock) = (Stored::default(), Arc::new(ManualClock::at(NOW)));
        stored.set(kids);
        let keyring = Keyring::read(stored.repository(), Arc::new(SystemIds), clock.clone()).await;
        (keyring.unwrap(), stored, clock)
    }

    fn signed_with(kid: &str) -> String {
        AccessTokens::new(&[key(kid, KeyPurpose::Access)]).sign(Claims {
            sub: UserId::from_bytes([1; 16]),
            sid: SessionId::from_bytes([2; 16]),
            generation: 1,
            exp: i64::MAX / 2_000,
        })
    }

    const REFRESHING: RefreshToken = RefreshToken {
        session_id: SessionId::from_bytes([2; 16]),
        number: 3,
    };

    fn derived_from(kid: &str) -> String {
        REFRESHING.token(&key(kid, KeyPurpose::Refresh))
    }

    #[tokio::test]
    async fn a_key_that_another_server_added_is_picked_up_by_the_first_token_made_with_it() {
        let (keyring, stored, clock) = keyring(vec!["a"]).await;
        stored.set(vec!["b", "a"]);
        clock.advance(READ_INTERVAL);
        assert!(keyring.check(&signed_with("b"), NOW).await.is_ok());
        assert!(
            keyring.check(&signed_with("a"), NOW).await.is_ok(),
            "the former key is still good"
        );
        assert_eq!(stored.readings(), 2);
        let own = keyring.current().access.sign(Claims {
            sub: UserId::from_bytes([1; 16]),
            sid: SessionId::from_bytes([2; 16]),
            generation: 1,
            exp: i64::MAX / 2_000,
        });
        let only_new = AccessTokens::new(&[key("b", KeyPurpose::Access)]);
        assert!(
            only_new.check(&own, NOW).is_ok(),
            "and it signs with the new key from then on"
        );
    }

    #[tokio::test]
    async fn refresh_tokens_and_their_successors_are_made_with_a_key_that_was_added() {
        let (keyring, stored, clock) = keyring(vec!["a"]).await;
        stored.set(vec!["b", "a"]);
        clock.advance(READ_INTERVAL);
        assert_eq!(keyring.decode(&derived_from("b")).await.unwrap(), REFRESHING);
        stored.set(vec!["c", "b", "a"]);
        clock.advance(READ_INTERVAL);
        let again = keyring.derive(REFRESHING, &Kid("c".to_owned())).await.unwrap();
        assert_eq!(again, derived_from("c"), "the token that the other server has issued");
        let gone = keyring.derive(REFRESHING, &Kid("x".to_owned())).await;
        assert!(matches!(gone, Err(AuthError::Unauthenticated)));
    }

    #[tokio::test]
    async fn a_flood_of_unknown_keys_reads_once_a_second() {
        let (keyring, stored, clock) = keyring(vec!["a"]).await;
        clock.advance(READ_INTERVAL);
        for _ in 0..50 {
            let refused = keyring.check(&signed_with("x"), NOW).await;
            assert!(matches!(refused, Err(AuthError::Unauthenticated)));
            let refused = keyring.decode(&derived_from("y")).await;
            assert!(matches!(refused, Err(AuthError::Unauthenticated)));
        }
        assert_eq!(stored.readings(), 2, "at the start and once");
        clock.advance(READ_INTERVAL);
        let flood = (0..50).map(|_| keyring.check("not a token", NOW));
        assert!(futures_util::future::join_all(flood).await.iter().all(Result::is_err));
        assert_eq!(stored.readings(), 2, "something else than a token names no key");
    }

    #[tokio::test]
    async fn an_unknown_key_is_not_refused_for_good_while_the_keys_cannot_be_read() {
        let (keyring, stored, clock) = keyring(vec!["a"]).await;
        stored.set(None);
        clock.advance(READ_INTERVAL);
        for _ in 0..3 {
            let unknown = keyring.check(&signed_with("b"), NOW).await;
            assert!(matches!(
                unknown,
                Err(AuthError::Store(RepositoryError::Unavailable(_)))
            ));
        }
        assert!(
            keyring.check(&signed_with("a"), NOW).await.is_ok(),
            "the known keys stay good"
        );
        assert_eq!(stored.readings(), 2);
        stored.set(vec!["b"]);
        clock.advance(READ_INTERVAL);
        assert!(keyring.check(&signed_with("b"), NOW).await.is_ok());
    }

    #[tokio::test]
    async fn a_removed_key_is_refused_after_the_keys_were_read_again() {
        let (keyring, stored, _) = keyring(vec!["b", "a"]).await;
        let sealed = CursorKey::new([b'a'; 32]).seal("list", &7_u64);
        assert_eq!(keyring.current().cursor.open::<u64>("list", &sealed), Ok(7));
        stored.set(vec!["b"]);
        keyring.reload().await.unwrap();
        assert!(keyring.check(&signed_with("a"), NOW).await.is_err());
        assert!(keyring.decode(&derived_from("a")).await.is_err());
        assert!(keyring.current().cursor.open::<u64>("list", &sealed).is_err());
    }
}
