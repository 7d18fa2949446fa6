//! LetsApp embedded in this process, on a store of its own, with users who send messages.

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
    domain::{
        credential::PasswordHash,
        id::{ConversationId, SessionId, UserId},
        principal::Principal,
        text::Title,
        timestamp::Timestamp,
        user::{About, DisplayName, Settings, User, Username},
    },
    ports::{BoxError, Repositories},
    protocol::requests::{CreateConversation, SendMessage},
};
use tempfile::TempDir;

use crate::{
    compare::Throughput,
    sample::{Sample, SplitMix, unix_milliseconds},
    target::{Store, scratch_directory},
};

const FILE: &str = "letsapp.sqlite";

/// LetsApp in this process, with a store that nothing else uses.
pub struct Embedded {
    app: LetsApp,
    store: Arc<dyn Repositories>,
    /// Users created so far, for unique names.
    users: AtomicU64,
    // Dropped last, after the store has closed its file.
    directory: TempDir,
}

/// User in a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Participant {
    /// User, as if signed in.
    pub principal: Principal,
    /// Conversation that the user is a member of.
    pub conversation: ConversationId,
}

impl Embedded {
    /// Starts LetsApp on an empty store.
    ///
    /// # Errors
    /// Fails if the store can't be opened.
    pub async fn on(store: &Store) -> Result<Self, BoxError> {
        // Not in the system's directory for temporary files, which may be in memory, where a sync costs nothing.
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
            users: AtomicU64::new(0),
            directory,
        })
    }

    /// Returns the application.
    pub const fn app(&self) -> &LetsApp {
        &self.app
    }

    /// Returns the store.
    pub fn store(&self) -> &dyn Repositories {
        &*self.store
    }

    /// Returns the path of the SQLite file, which exists if that is the store.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    /// Creates a user, and `count` others who each have a direct conversation with that one.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn direct_conversations(&self, count: usize) -> Result<(Principal, Vec<Participant>), BoxError> {
        let center = self.create_user().await?;
        let mut participants = Vec::with_capacity(count);
        for _ in 0..count {
            let user_id = center.user_id;
            let principal = self.create_user().await?;
            participants.push(
                self.participant(principal, CreateConversation::Direct { user_id })
                    .await?,
            );
        }
        Ok((center, participants))
    }

    /// Creates `count` users who are all members of one group.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn group(&self, count: usize) -> Result<Vec<Participant>, BoxError> {
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(self.create_user().await?);
        }
        let group = CreateConversation::Group {
            id: None,
            title: Title::parse("Everyone")?,
            about: None,
            member_ids: members[1..].iter().map(|member| member.user_id).collect(),
        };
        let Participant { conversation, .. } = self.participant(members[0], group).await?;
        let participant = |principal| Participant {
            principal,
            conversation,
        };
        Ok(members.into_iter().map(participant).collect())
    }

    /// Has each participant send one message after the other for about `duration`, and counts the messages stored.
    ///
    /// # Errors
    /// Fails if a message is refused.
    ///
    /// # Panics
    /// Panics if a sender's task did.
    pub async fn send_for(
        &self,
        duration: Duration,
        participants: &[Participant],
        sample: &Sample,
    ) -> Result<Throughput, BoxError> {
        let start = Instant::now();
        let send = |(index, participant): (usize, &Participant)| {
            let (app, participant, sample, senders) =
                (self.app.clone(), *participant, sample.clone(), participants.len());
            tokio::spawn(async move {
                let mut sent = 0;
                while start.elapsed() < duration {
                    let text = sample.text(sent * senders as u64 + index as u64);
                    let request = SendMessage::text(text.body.as_str())?;
                    app.messages()
                        .send(&participant.principal, participant.conversation, request, None)
                        .await?;
                    sent += 1;
                }
                Ok::<_, BoxError>(sent)
            })
        };
        let tasks: Vec<_> = participants.iter().enumerate().map(send).collect();
        let mut count = 0;
        for task in tasks {
            count += task.await??;
        }
        Ok(Throughput {
            count,
            elapsed: start.elapsed(),
        })
    }

    /// Shuts LetsApp down, and closes the store.
    pub async fn shutdown(self) {
        self.app.shutdown().await;
    }

    async fn create_user(&self) -> Result<Principal, BoxError> {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        let mut random = SplitMix::new(unix_milliseconds().wrapping_mul(4_096) + number);
        create_user(&*self.store, &mut random, number, self.app.clock().now()).await
    }

    async fn participant(&self, principal: Principal, request: CreateConversation) -> Result<Participant, BoxError> {
        let (conversation, _) = self.app.conversations().create(&principal, request, None).await?;
        Ok(Participant {
            principal,
            conversation: conversation.id,
        })
    }
}

/// Creates the user `user_<number>`, with the id of a session that isn't stored.
///
/// The user has no password: none is needed in here, and hashing one takes as long as a thousand messages.
///
/// # Errors
/// Fails if the store does.
pub async fn create_user(
    store: &dyn Repositories,
    random: &mut SplitMix,
    number: u64,
    now: Timestamp,
) -> Result<Principal, BoxError> {
    let username = Username::parse(format!("user_{number}"))?;
    let user = User {
        id: UserId::from_uuid(random.uuid_v4()),
        display_name: DisplayName::from(&username),
        username,
        about: About::default(),
        email: None,
        avatar_media_id: None,
        settings: Settings::default(),
        created_at: now,
        last_seen_at: None,
        deleted_at: None,
    };
    let principal = Principal {
        user_id: user.id,
        session_id: SessionId::from_uuid(random.uuid_v4()),
    };
    store.users().create(user, PasswordHash::from_phc("")).await?;
    Ok(principal)
}
