//! The lane of receipts: rises of watermarks, merged in memory while the store is busy with the last ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::cache::Cache;
use crate::conversations::rosters::Rosters;
use crate::conversations::{Advance, Advanced, ConversationRepository, Kind, Member, Span, Watermarks};
use crate::event::{Envelope, Event, EventBus};
use crate::id::{ConnectionId, ConversationId, UserId};
use crate::messages::{Message, MessageRepository};
use crate::protocol::{self, Receipt};
use crate::storage::RepositoryError;
use crate::time::{Clock, Timestamp};
use crate::users::UserRepository;

/// Raises watermarks in batches: of each member, one rise to the highest that was asked for. What is asked for while a
/// batch is in flight makes the next one.
pub(crate) struct Receipts {
    ports: Ports,
    waiting: Mutex<Waiting>,
    wake: Notify,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the lane works with.
pub(crate) struct Ports {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
}

type Whose = (ConversationId, UserId);

#[derive(Default)]
struct Waiting {
    next: HashMap<Whose, Rise>,
    /// What the store is being told at the moment.
    in_flight: HashMap<Whose, (Watermarks, Timestamp)>,
    closed: bool,
}

/// The highest that was asked for of one member, and by whom.
#[derive(Default)]
struct Rise {
    to: Watermarks,
    at: Timestamp,
    /// The connections that asked, which have the reply; `None` of one that is no connection.
    origins: Vec<Option<ConnectionId>>,
    replies: Vec<oneshot::Sender<Result<Watermarks, RepositoryError>>>,
}

/// In groups, the senders of what was newly received or read are told at most this often.
const GROUP_INTERVAL: Duration = Duration::from_secs(1);

/// How many users' wish to show receipts is remembered, twice over, and for how long.
const SHOWING: usize = 8_192;
const SHOWING_BELIEVED: Duration = Duration::from_secs(5);

impl Receipts {
    /// Starts the lane as a task of the present runtime.
    pub(crate) fn start(ports: Ports) -> Arc<Self> {
        let receipts = Arc::new(Self {
            ports,
            waiting: Mutex::default(),
            wake: Notify::new(),
            task: Mutex::default(),
        });
        let task = tokio::spawn(Arc::clone(&receipts).run());
        *receipts.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        receipts
    }

    /// Raises a member's watermarks and returns them as they are then; `None` if the store knows no such member.
    pub(crate) async fn advance(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        to: Watermarks,
        origin: Option<ConnectionId>,
    ) -> Result<Watermarks, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        self.rise((conversation_id, user_id), to, |rise| {
            rise.origins.push(origin);
            rise.replies.push(reply);
        });
        outcome
            .await
            .unwrap_or_else(|_| Err(RepositoryError::unavailable("the application is shutting down")))
    }

    /// Raises a sender's own watermarks to the message that they sent. Nobody waits for it, and nobody is told: the
    /// message says so itself.
    pub(crate) fn sent(&self, message: &Message) {
        self.rise(
            (message.conversation_id, message.sender_id),
            Watermarks::read(message.seq),
            |_| (),
        );
    }

    /// Adds to a record that was read what the store is yet to be told of it.
    pub(crate) fn overlay(&self, members: &mut [Member]) {
        let waiting = self.lock();
        if waiting.next.is_empty() && waiting.in_flight.is_empty() {
            return;
        }
        for member in members {
            let whose = (member.conversation_id, member.user_id);
            let next = waiting.next.get(&whose).map(|rise| (rise.to, rise.at));
            let in_flight = waiting.in_flight.get(&whose).copied();
            for (to, at) in next.into_iter().chain(in_flight) {
                member.watermarks = member.watermarks.merge(to);
                member.changed_at = member.changed_at.max(at);
            }
        }
    }

    /// Takes no more rises, and waits until those taken are stored.
    pub(crate) async fn close(&self) {
        self.stop();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the lane of receipts ended badly");
        }
    }

    /// Takes no more rises; those taken are stored while the runtime lasts.
    pub(crate) fn stop(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    fn rise(&self, whose: Whose, to: Watermarks, note: impl FnOnce(&mut Rise)) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        let rise = waiting.next.entry(whose).or_default();
        rise.to = rise.to.merge(to);
        rise.at = self.ports.clock.now();
        note(rise);
        drop(waiting);
        self.wake.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut teller = Teller::default();
        let mut tick = tokio::time::interval(GROUP_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.wake.notified() => (),
                _ = tick.tick(), if teller.has_news() => teller.tell_groups(&self.ports).await,
            }
            let (batch, closed) = {
                let mut waiting = self.lock();
                let batch = std::mem::take(&mut waiting.next);
                waiting.in_flight = batch.iter().map(|(whose, rise)| (*whose, (rise.to, rise.at))).collect();
                (batch, waiting.closed)
            };
            if !batch.is_empty() {
                self.store(batch, &mut teller).await;
            }
            if closed {
                teller.tell_groups(&self.ports).await;
                return;
            }
        }
    }

    async fn store(&self, batch: HashMap<Whose, Rise>, teller: &mut Teller) {
        let (whose, rises): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let advances = whose
            .iter()
            .zip(&rises)
            .map(|((conversation_id, user_id), rise)| Advance {
                conversation_id: *conversation_id,
                user_id: *user_id,
                to: rise.to,
                at: rise.at,
            });
        let advanced = match self.ports.conversations.advance(advances.collect()).await {
            Ok(advanced) => advanced,
            Err(error) => {
                tracing::warn!(%error, "receipts were not stored");
                self.give_back(whose, rises, &error);
                return;
            }
        };
        self.lock().in_flight.clear();
        let mut news = Vec::new();
        for ((whose, rise), advanced) in whose.into_iter().zip(rises).zip(advanced) {
            let to = advanced.map_or(rise.to, |advanced| advanced.to);
            let told = !rise.replies.is_empty();
            for reply in rise.replies {
                let _ = reply.send(Ok(to));
            }
            if let Some(advanced) = advanced.filter(|advanced| told && advanced.from != advanced.to) {
                let except = match *rise.origins {
                    [origin] => origin,
                    _ => None,
                };
                news.push(News {
                    whose,
                    advanced,
                    except,
                });
            }
        }
        if let Err(error) = teller.tell(news, &self.ports).await {
            tracing::warn!(%error, "receipts were not told; clients will sync");
        }
    }

    /// After a failure, tells those who wait, and keeps what senders' own messages imply for the next batch.
    fn give_back(&self, whose: Vec<Whose>, rises: Vec<Rise>, error: &RepositoryError) {
        let mut waiting = self.lock();
        waiting.in_flight.clear();
        for (whose, rise) in whose.into_iter().zip(rises) {
            if rise.replies.is_empty() {
                let kept = waiting.next.entry(whose).or_default();
                kept.to = kept.to.merge(rise.to);
                kept.at = kept.at.max(rise.at);
            }
            for reply in rise.replies {
                let _ = reply.send(Err(RepositoryError::unavailable(error.to_string())));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rise that somebody is to be told of.
struct News {
    whose: Whose,
    advanced: Advanced,
    except: Option<ConnectionId>,
}

/// Tells the connected of rises.
struct Teller {
    groups: HashMap<Whose, Advanced>,
    showing: Cache<UserId, (bool, Timestamp)>,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            showing: Cache::new(SHOWING),
        }
    }
}

impl Teller {
    fn has_news(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Tells the reader's own other connections, and in direct conversations the peer, if the reader shows receipts;
    /// what concerns groups waits for its time.
    async fn tell(&mut self, news: Vec<News>, ports: &Ports) -> Result<(), RepositoryError> {
        if news.is_empty() {
            return Ok(());
        }
        let showing = self.showing(news.iter().map(|news| news.whose.1), ports).await?;
        let rosters = ports.rosters.load(news.iter().map(|news| news.whose.0)).await?;
        for News {
            whose,
            advanced,
            except,
        } in news
        {
            let (conversation_id, user_id) = whose;
            let mut audience = vec![user_id];
            if showing.get(&user_id) == Some(&true)
                && let Some(known) = rosters.get(&conversation_id)
            {
                match known.roster.conversation.kind {
                    Kind::Direct => audience.extend(known.roster.peer(user_id)),
                    Kind::Group => {
                        self.groups.entry(whose).or_insert(advanced).to = advanced.to;
                    }
                }
            }
            ports
                .bus
                .publish(Envelope::to_users(audience, except, updated(whose, advanced.to)));
        }
        Ok(())
    }

    /// Tells the senders of what was newly received or read in groups.
    async fn tell_groups(&mut self, ports: &Ports) {
        for (whose, advanced) in std::mem::take(&mut self.groups) {
            let after = advanced.from.read.min(advanced.from.delivered);
            let span = Span {
                conversation_id: whose.0,
                after,
                through: advanced.to.delivered,
            };
            match ports.messages.senders(span).await {
                Ok(mut senders) => {
                    senders.retain(|sender| *sender != whose.1);
                    ports
                        .bus
                        .publish(Envelope::to_users(senders, None, updated(whose, advanced.to)));
                }
                Err(error) => tracing::warn!(%error, "receipts were not told; clients will sync"),
            }
        }
    }

    async fn showing(
        &mut self,
        ids: impl Iterator<Item = UserId>,
        ports: &Ports,
    ) -> Result<HashMap<UserId, bool>, RepositoryError> {
        let now = ports.clock.now();
        let mut showing = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match self.showing.lookup(&id) {
                Some((shows, at)) if now.since(at) < SHOWING_BELIEVED => drop(showing.insert(id, shows)),
                _ => missing.push(id),
            }
        }
        if !missing.is_empty() {
            for user in ports.users.find(&missing).await? {
                let shows = user.settings.read_receipts;
                self.showing.insert(user.id, (shows, now));
                showing.insert(user.id, shows);
            }
        }
        Ok(showing)
    }
}

fn updated((conversation_id, user_id): Whose, to: Watermarks) -> Event {
    let watermarks = protocol::Watermarks::from(to);
    Event::ReceiptUpdated {
        conversation_id,
        items: vec![Receipt { user_id, watermarks }],
    }
}
