//! LetsApp in this process, on a store, with people who talk.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use letsapp_core::{
    LetsApp,
    adapters::{memory::MemoryStore, mongodb::MongoStore, sqlite::SqliteStore},
    auth::{PasswordHash, Principal},
    id::{ConversationId, SessionId, UserId},
    protocol::requests::{CreateConversation, SendMessage},
    storage::{BoxError, Repositories},
    text::Title,
    users::{About, DisplayName, Settings, User, Username},
};
use tempfile::TempDir;

use crate::{
    bare::Inserted,
    sample::{Sample, SplitMix, unix_milliseconds},
    target::{Store, scratch_directory},
};

const FILE: &str = "letsapp.sqlite";

/// LetsApp, built on a store of its own.
pub struct Embedded {
    app: LetsApp,
    store: Arc<dyn Repositories>,
    people: AtomicU64,
    // Last, so that the store lets go of its file first.
    directory: TempDir,
}

/// Someone in a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Talker {
    /// Who it is.
    pub principal: Principal,
    /// Where they talk.
    pub conversation: ConversationId,
}

impl Embedded {
    /// Builds it on an empty store.
    ///
    /// # Errors
    /// When the store can't be opened.
    pub async fn on(store: &Store) -> Result<Self, BoxError> {
        // Beside the build: a system's directory for temporary files may be in memory, where a sync costs nothing.
        let directory = TempDir::new_in(scratch_directory()?)?;
        let store: Arc<dyn Repositories> = match store {
            Store::Memory => Arc::new(MemoryStore::new()),
            Store::Sqlite => Arc::new(SqliteStore::open(directory.path().join(FILE))?),
            Store::MongoDb(uri) => Arc::new(MongoStore::connect(uri).await?),
        };
        let app = LetsApp::builder().shared_store(Arc::clone(&store)).build().await?;
        Ok(Self {
            app,
            store,
            people: AtomicU64::new(0),
            directory,
        })
    }

    /// Returns the application.
    pub const fn app(&self) -> &LetsApp {
        &self.app
    }

    /// Returns the store under it.
    pub fn store(&self) -> &dyn Repositories {
        &*self.store
    }

    /// Returns the SQLite file under it, if that is its store.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    /// Makes people who each have a direct conversation of their own with one and the same person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn apart(&self, count: usize) -> Result<Vec<Talker>, BoxError> {
        Ok(self.around(count).await?.1)
    }

    /// Makes a person, and people who each have a direct conversation of their own with that one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn around(&self, count: usize) -> Result<(Principal, Vec<Talker>), BoxError> {
        let center = self.person().await?;
        let mut talkers = Vec::with_capacity(count);
        for _ in 0..count {
            let user_id = center.user_id;
            let principal = self.person().await?;
            talkers.push(self.talker(principal, CreateConversation::Direct { user_id }).await?);
        }
        Ok((center, talkers))
    }

    /// Makes people who are all in one group.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn together(&self, count: usize) -> Result<Vec<Talker>, BoxError> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            people.push(self.person().await?);
        }
        let group = CreateConversation::Group {
            id: None,
            title: Title::parse("Everyone")?,
            about: None,
            member_ids: people[1..].iter().map(|person| person.user_id).collect(),
        };
        let Talker { conversation, .. } = self.talker(people[0], group).await?;
        let talker = |principal| Talker {
            principal,
            conversation,
        };
        Ok(people.into_iter().map(talker).collect())
    }

    /// Has everyone send one message after the other for about so long, and counts those that were acknowledged.
    ///
    /// # Errors
    /// When one is refused.
    ///
    /// # Panics
    /// When one of its tasks did.
    pub async fn send_for(
        &self,
        duration: Duration,
        talkers: &[Talker],
        sample: &Sample,
    ) -> Result<Inserted, BoxError> {
        let start = Instant::now();
        let talk = |(place, talker): (usize, &Talker)| {
            let (app, talker, sample, count) = (self.app.clone(), *talker, sample.clone(), talkers.len());
            tokio::spawn(async move {
                let mut sent = 0;
                while start.elapsed() < duration {
                    let text = sample.text(sent * count as u64 + place as u64);
                    let request = SendMessage::text(text.body.as_str())?;
                    app.messages()
                        .send(&talker.principal, talker.conversation, request, None)
                        .await?;
                    sent += 1;
                }
                Ok::<_, BoxError>(sent)
            })
        };
        let talking: Vec<_> = talkers.iter().enumerate().map(talk).collect();
        let mut rows = 0;
        for task in talking {
            rows += task.await??;
        }
        Ok(Inserted {
            rows,
            elapsed: start.elapsed(),
        })
    }

    /// Ends it, and lets go of the store.
    pub async fn shutdown(self) {
        self.app.shutdown().await;
    }

    /// Makes someone without a password: none is asked for in here, and hashing one takes as long as a thousand messages.
    async fn person(&self) -> Result<Principal, BoxError> {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let mut random = SplitMix::new(unix_milliseconds().wrapping_mul(4_096) + number);
        let username = Username::parse(format!("person_{number}"))?;
        let user = User {
            id: UserId::from_uuid(random.uuid_v4()),
            display_name: DisplayName::from(&username),
            username,
            about: About::parse("")?,
            email: None,
            avatar_media_id: None,
            settings: Settings::default(),
            created_at: self.app.clock().now(),
            last_seen_at: None,
            deleted_at: None,
        };
        let principal = Principal {
            user_id: user.id,
            session_id: SessionId::from_uuid(random.uuid_v4()),
        };
        self.store.users().create(user, PasswordHash::from_phc("")).await?;
        Ok(principal)
    }

    async fn talker(&self, principal: Principal, request: CreateConversation) -> Result<Talker, BoxError> {
        let (conversation, _) = self.app.conversations().create(&principal, request, None).await?;
        Ok(Talker {
            principal,
            conversation: conversation.id,
        })
    }
}
