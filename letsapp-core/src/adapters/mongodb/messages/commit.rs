//! Driver of the [`Sequencer`]: sends its requests to the database, hands it the replies, and returns the outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::head_cache::HeadCache;
use super::isolated::IsolatedConversations;
use super::requests;
use super::sequencer::{Isolation, Learned, MAX_COMMAND_DOCUMENTS, Recalled, Reply, Request, RequestId, Sequencer};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::retry;
use crate::ports::{Change, Outcomes, RepositoryError, Settled};

/// State that the commits of this server share.
#[derive(Debug)]
pub(super) struct Committer {
    connection: Arc<Connection>,
    /// Newest known head of each conversation that this server writes to.
    heads: HeadCache,
    isolated: IsolatedConversations,
    /// Maximum number of documents per command at present.
    command_documents: AtomicUsize,
    /// Permits for commands of merely suspected conversations, and of stuck ones. The sequencer has the same limits for
    /// one commit.
    suspected: Semaphore,
    stuck: Semaphore,
}

/// A commit under way.
struct Commit {
    committer: Arc<Committer>,
    /// Connection that keeps the store open until the commit has ended.
    connection: Arc<Connection>,
    sequencer: Sequencer,
    began: Instant,
    in_flight: FuturesUnordered<BoxFuture<'static, (RequestId, Reply)>>,
}

impl Committer {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            heads: HeadCache::default(),
            isolated: IsolatedConversations::default(),
            command_documents: AtomicUsize::new(MAX_COMMAND_DOCUMENTS),
            suspected: Semaphore::new(Isolation::Suspected.max_commands()),
            stuck: Semaphore::new(Isolation::Stuck.max_commands()),
        }
    }

    /// Carries out changes; see [`MessageRepository::commit`](crate::ports::MessageRepository::commit).
    pub(super) fn commit(self: &Arc<Self>, changes: Vec<Change>) -> Outcomes {
        let begin = Self::begin(Arc::clone(self), changes);
        Outcomes::new(stream::once(begin).flat_map(|begun| match begun {
            Ok(commit) => stream::unfold(commit, Commit::next).boxed(),
            Err(refused) => refused.boxed(),
        }))
    }

    async fn begin(
        self: Arc<Self>,
        changes: Vec<Change>,
    ) -> Result<Box<Commit>, impl stream::Stream<Item = Settled> + Send> {
        let connection = match self.connection.admit().await {
            Ok(connection) => connection,
            Err(closed) => {
                let closed = closed.to_string();
                let refused = move |index| (index, Err(RepositoryError::unavailable(closed.clone())));
                return Err(stream::iter((0..changes.len()).map(refused)));
            }
        };
        let recall = |id| Recalled {
            head: self.heads.recall(id),
            is_isolated: self.isolated.contains(id),
        };
        let command_documents = self.command_documents.load(Ordering::Relaxed);
        let topology = connection.topology();
        let sequencer = Sequencer::new(changes, topology, command_documents, recall, Duration::ZERO);
        Ok(Box::new(Commit {
            committer: self,
            connection,
            sequencer,
            began: retry::now(),
            in_flight: FuturesUnordered::new(),
        }))
    }

    /// Keeps knowledge for later commits.
    fn learn(&self, learned: Learned) {
        match learned {
            Learned::Head(id, head) => self.heads.remember(id, head),
            Learned::HeadLost(id) => self.heads.forget(id),
            Learned::Isolated(id) => {
                tracing::debug!(conversation.id = %id, "commands may wait for this conversation, so it goes alone");
                self.isolated.insert(id);
            }
            Learned::Rejoined(id) => self.isolated.remove(id),
        }
    }

    /// Sends a request, and returns the reply.
    async fn answer(&self, connection: &Arc<Connection>, request: Request) -> Reply {
        let isolation = match &request {
            Request::Insert { isolation, .. } | Request::Update { isolation, .. } => *isolation,
            _ => Isolation::None,
        };
        let permits = match isolation {
            Isolation::None => None,
            Isolation::Suspected => Some(&self.suspected),
            Isolation::Stuck => Some(&self.stuck),
        };
        let _permit = match permits {
            Some(permits) => Some(permits.acquire().await.expect("the semaphores are never closed")),
            None => None,
        };
        requests::answer(connection, request).await
    }
}

impl Commit {
    /// Returns the next outcome, and the commit to go on with; `None` after the last one.
    async fn next(mut self: Box<Self>) -> Option<(Settled, Box<Self>)> {
        loop {
            if let Some(settled) = self.sequencer.next_settled() {
                return Some((settled, self));
            }
            if self.sequencer.is_done() {
                return None;
            }
            self.step().await;
        }
    }

    /// Sends what is due, and waits for a reply or the next deadline.
    async fn step(&mut self) {
        for (id, request) in self.sequencer.poll(self.began.elapsed()) {
            let (committer, connection) = (Arc::clone(&self.committer), Arc::clone(&self.connection));
            let answer = async move { (id, committer.answer(&connection, request).await) };
            self.in_flight.push(answer.boxed());
        }
        let deadline = self.sequencer.deadline().map(|deadline| self.began + deadline);
        tokio::select! {
            Some((id, reply)) = self.in_flight.next() => self.handle(id, reply),
            () = retry::until(deadline) => {}
        }
    }

    /// Hands over a reply, and those that have arrived with it, so that what follows goes out together.
    fn handle(&mut self, id: RequestId, reply: Reply) {
        let now = self.began.elapsed();
        self.sequencer.handle(id, reply, now);
        while let Some(Some((id, reply))) = self.in_flight.next().now_or_never() {
            self.sequencer.handle(id, reply, now);
        }
        for learned in self.sequencer.take_learned() {
            self.committer.learn(learned);
        }
        let documents = self.sequencer.command_documents();
        self.committer.command_documents.store(documents, Ordering::Relaxed);
    }
}
