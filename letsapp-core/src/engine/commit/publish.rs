//! Publishing committed changes: which users receive which events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::cache::Cache;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::{Content, Message, Position, SystemEvent};
use crate::engine::commit::recipients::Recipients;
use crate::engine::events::{EncodedEvent, ExcludedConnection};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::engine::views::Views;
use crate::ports::{
    Audience, Connections, ConversationRepository, Envelope, EventSink, Fact, Members, News, Part, RepositoryError,
    Runtime, Stores,
};
use crate::protocol;
use crate::protocol::Event;

/// A committed change that is to be published.
pub(super) struct Publication {
    pub(super) update: Update,
    conversation_id: ConversationId,
    message_id: MessageId,
    seq: Seq,
    rev: Rev,
    /// The roster that the change was decided from; for a change of membership, the one before the change.
    known: Option<Arc<CachedRoster>>,
    /// The member of a direct conversation who learns of the conversation by this message, the first in it: the one who
    /// did not begin it.
    newcomer: Option<UserId>,
    /// The connections that learn of the change by a reply.
    pub(super) excluded: ExcludedConnection,
}

/// A committed change with its content.
pub(super) enum Update {
    /// A user's new message, as the event that announces it.
    Appended(Arc<EncodedEvent>),
    /// An edited or deleted message, or one with other reactions, in its new state.
    Revised(Arc<Message>),
    /// A new or changed group.
    GroupUpdated {
        /// The system messages right before the last one, in order, if the change adds several.
        preceding: Vec<Message>,
        /// The system message that describes the change.
        message: Arc<Message>,
        /// The roster after the change; `None` if it has to be read.
        after: Option<Arc<CachedRoster>>,
    },
}

impl Publication {
    /// Makes the publication of a user's new message.
    pub(super) fn appended(message: &Message, known: Option<&Arc<CachedRoster>>) -> Self {
        Self::appended_at(message, message.position(), known)
    }

    /// Makes the publication of a user's new message that was committed at this position.
    pub(super) fn appended_at(message: &Message, position: Position, known: Option<&Arc<CachedRoster>>) -> Self {
        let created = Event::MessageCreated(protocol::Message {
            seq: position.seq,
            rev: position.rev,
            sent_at: position.sent_at,
            ..protocol::Message::from(message)
        });
        let update = Update::Appended(Arc::new(EncodedEvent::new(created)));
        let first = known.filter(|_| position.seq == Seq(1));
        Self {
            seq: position.seq,
            rev: position.rev,
            newcomer: first.and_then(|known| {
                let conversation = &known.roster.conversation;
                conversation.peer_of(conversation.created_by)
            }),
            ..Self::new(message, update, known)
        }
    }

    /// Makes the publication of a message that was changed.
    pub(super) fn revised(message: Arc<Message>, known: Option<&Arc<CachedRoster>>) -> Self {
        Self::new(&Arc::clone(&message), Update::Revised(message), known)
    }

    /// Makes the publication of a new or changed group.
    pub(super) fn group_updated(
        preceding: Vec<Message>,
        message: Arc<Message>,
        known: Option<&Arc<CachedRoster>>,
        after: Option<Arc<CachedRoster>>,
    ) -> Self {
        let shared = Arc::clone(&message);
        let update = Update::GroupUpdated {
            preceding,
            message,
            after,
        };
        Self::new(&shared, update, known)
    }

    fn new(message: &Message, update: Update, known: Option<&Arc<CachedRoster>>) -> Self {
        Self {
            update,
            conversation_id: message.conversation_id,
            message_id: message.id,
            seq: message.seq,
            rev: message.rev,
            known: known.cloned(),
            newcomer: None,
            excluded: ExcludedConnection::default(),
        }
    }

    /// Tells whether publishing it may have to read from the store.
    pub(super) const fn reads(&self) -> bool {
        matches!(self.update, Update::GroupUpdated { .. }) || self.newcomer.is_some()
    }

    /// Addresses an event to all members of the roster, except the connection that learns of it by a reply.
    fn to_everyone(&self, known: &CachedRoster, event: Arc<EncodedEvent>) -> Envelope {
        Envelope {
            audience: Audience::Users {
                ids: Arc::clone(&known.member_ids),
                except: self.excluded.except(),
                members: None,
            },
            payload: event,
        }
    }

    /// Names a part of the members of the roster.
    fn members(&self, known: &CachedRoster, part: Part) -> Members {
        Members {
            conversation_id: self.conversation_id,
            fence: known.roster.fence,
            part,
            also: None,
        }
    }
}

/// Publishes committed changes to the connected users.
pub(crate) struct Publisher {
    sink: Arc<dyn EventSink>,
    /// Delivers to this server's connections what each of them sees otherwise.
    local: Arc<dyn EventSink>,
    connections: Arc<dyn Connections>,
    conversations: Arc<dyn ConversationRepository>,
    views: Arc<Views>,
    rosters: Arc<Rosters>,
    /// The last `rev` of messages that this server has published.
    published: Mutex<Cache<(ConversationId, MessageId), Rev>>,
    /// Bounds how many publications read from the store at once, so that many changes of groups don't keep it from
    /// others.
    reading: Semaphore,
}

/// Capacity of each generation of the cache of published messages; it holds at most twice as many, at 80 bytes each. A
/// message that has left it may be published again on a late retry, which clients ignore.
const PUBLISHED_MESSAGES: usize = 16_384;

/// Maximum number of publications that read from the store at the same time.
const CONCURRENT_READS: usize = 4;

impl Publisher {
    pub(crate) fn new(stores: &Stores, runtime: &Runtime, views: Arc<Views>, rosters: Arc<Rosters>) -> Self {
        Self {
            sink: runtime.sink.clone(),
            local: runtime.local.clone(),
            connections: runtime.connections.clone(),
            conversations: stores.conversations.clone(),
            views,
            rosters,
            published: Mutex::new(Cache::new(PUBLISHED_MESSAGES)),
            reading: Semaphore::new(CONCURRENT_READS),
        }
    }

    /// Tells whether this server has published a message in this state or a later one.
    pub(super) fn has_published(&self, message: &Message) -> bool {
        let published = self.lock().lookup(&(message.conversation_id, message.id));
        published.is_some_and(|rev| rev >= message.rev)
    }

    /// Publishes a change that needs nothing from the store: a new or changed message.
    pub(super) fn publish(&self, publication: &Publication) {
        self.note(publication);
        match &publication.update {
            Update::Appended(event) => {
                if let Some(known) = &publication.known {
                    let seeing = publication.members(known, Part::Seeing(publication.seq));
                    let envelope = publication.to_everyone(known, Arc::clone(event));
                    self.sink.publish(envelope.named(seeing));
                }
            }
            Update::Revised(message) => self.revised(publication, message),
            Update::GroupUpdated { .. } => debug_assert!(false, "publishing a change of a group may read"),
        }
    }

    /// Publishes a change, after reading from the store what the connected members need.
    pub(super) async fn publish_reading(&self, publication: &Publication) {
        let Update::GroupUpdated {
            preceding,
            message,
            after,
        } = &publication.update
        else {
            if let Some(newcomer) = publication.newcomer {
                self.introduce(newcomer, publication).await;
            }
            return self.publish(publication);
        };
        self.note(publication);
        let _permit = self.permit().await;
        if let Err(error) = self.group_updated(publication, preceding, message, after.clone()).await {
            let conversation = publication.conversation_id;
            tracing::warn!(%error, conversation.id = %conversation, "a group change was not published");
            // Clients that miss the event would show an outdated group, so they are asked to sync.
            self.request_resync(publication, message);
        }
    }

    /// Publishes a direct conversation to the member who learns of it by its first message.
    async fn introduce(&self, newcomer: UserId, publication: &Publication) {
        self.announce(&[newcomer], publication, News::Created);
        if self.connections.local(&[newcomer]).is_empty() {
            return;
        }
        let _permit = self.permit().await;
        if let Err(error) = self.show(&[newcomer], publication, Event::ConversationCreated).await {
            let conversation = publication.conversation_id;
            tracing::warn!(%error, conversation.id = %conversation, "a new direct conversation was not published");
            self.sink
                .publish(Envelope::to_users([newcomer], None, Event::Resync {}));
        }
    }

    /// Waits for the permit to read from the store.
    async fn permit(&self) -> SemaphorePermit<'_> {
        self.reading.acquire().await.expect("the semaphore is never closed")
    }

    /// Asks all members to sync, because too many changes of a conversation have an unknown outcome.
    pub(super) fn publish_resync(&self, known: &CachedRoster) {
        self.sink.publish(Envelope::to_users(
            Arc::clone(&known.member_ids),
            None,
            Event::Resync {},
        ));
    }

    /// Keeps changes of groups from being published until the permits are dropped.
    #[cfg(test)]
    pub(super) async fn hold_reads(&self) -> SemaphorePermit<'_> {
        let all = u32::try_from(CONCURRENT_READS).expect("it is small");
        self.reading
            .acquire_many(all)
            .await
            .expect("the semaphore is never closed")
    }

    /// Notes that a message was published.
    pub(super) fn note(&self, publication: &Publication) {
        let key = (publication.conversation_id, publication.message_id);
        self.lock().insert(key, publication.rev);
    }

    fn lock(&self) -> MutexGuard<'_, Cache<(ConversationId, MessageId), Rev>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revised(&self, publication: &Publication, message: &Message) {
        let Some(known) = &publication.known else { return };
        let event = Event::MessageUpdated(protocol::Message::from(message));
        let (see, blind): (Vec<_>, Vec<_>) = known.roster.members.iter().partition(|member| member.sees(message.seq));
        if blind.is_empty() {
            let all = publication.members(known, Part::Seeing(message.seq));
            let envelope = publication.to_everyone(known, Arc::new(EncodedEvent::new(event)));
            self.sink.publish(envelope.named(all));
            return;
        }
        let ids = |members: Vec<&Member>| -> Vec<UserId> { members.into_iter().map(|member| member.user_id).collect() };
        let seeing = publication.members(known, Part::Seeing(message.seq));
        let envelope = Envelope::to_users(ids(see), publication.excluded.except(), event);
        self.sink.publish(envelope.named(seeing));
        // Members who may not see the message still get its `rev`: without it they would take the next one for a gap.
        let rev = Event::ConversationRev {
            conversation_id: message.conversation_id,
            rev: message.rev,
        };
        let blind_members = publication.members(known, Part::Blind(message.seq));
        let envelope = Envelope::to_users(ids(blind), None, rev);
        self.sink.publish(envelope.named(blind_members));
    }

    /// Publishes a change of a group: its system messages to all who see them, and the resulting conversation to each
    /// connected user whom the change adds, removes or shows something new, once for all messages.
    async fn group_updated(
        &self,
        publication: &Publication,
        preceding: &[Message],
        message: &Message,
        after: Option<Arc<CachedRoster>>,
    ) -> Result<(), RepositoryError> {
        if matches!(message.content, Content::System(SystemEvent::GroupDeleted)) {
            // No roster can be read of a deleted group.
            self.group_deleted(publication);
            return Ok(());
        }
        let known = match after {
            Some(known) => known,
            None => match self.rosters.reload(message.conversation_id).await? {
                Some(known) => known,
                None => return Ok(()),
            },
        };
        let recipients = Recipients::of(preceding.iter().chain([message]), &known.roster);
        self.sink.announce(Fact::RosterChanged {
            conversation_id: message.conversation_id,
            fence: known.roster.fence,
        });
        self.announce(&recipients.newcomers, publication, News::Created);
        self.show(&recipients.newcomers, publication, Event::ConversationCreated)
            .await?;
        // The members when the change was decided, whatever happened to them since, and the new members.
        let before = publication.known.as_ref().map_or(&[][..], |known| &known.member_ids);
        let newcomers = recipients.newcomers.iter().filter(|user_id| !before.contains(user_id));
        let audience: Arc<[_]> = before.iter().chain(newcomers).copied().collect();
        // The reply tells of the last message only.
        let preceding = preceding.iter().map(|message| (message, None));
        for (message, except) in preceding.chain([(message, publication.excluded.except())]) {
            let created = Event::MessageCreated(protocol::Message::from(message));
            let envelope = Envelope::to_users(Arc::clone(&audience), except, created);
            let seeing = Members {
                // The roster after the change does not list them, and this message is the last that they see.
                also: recipients.gone,
                ..publication.members(&known, Part::Seeing(message.seq))
            };
            self.sink.publish(envelope.named(seeing));
        }
        self.announce(&recipients.others, publication, News::Updated);
        self.show(&recipients.others, publication, Event::ConversationUpdated)
            .await?;
        if let Some(gone) = recipients.gone {
            let removed = Event::ConversationRemoved {
                id: message.conversation_id,
            };
            self.sink
                .publish(Envelope::to_users([gone], publication.excluded.except(), removed));
        }
        Ok(())
    }

    /// Notifies all members that the group is deleted. Its last system message is not published, since nobody can read
    /// the group any more.
    fn group_deleted(&self, publication: &Publication) {
        let Some(known) = &publication.known else { return };
        let removed = Event::ConversationRemoved {
            id: publication.conversation_id,
        };
        self.sink
            .publish(publication.to_everyone(known, Arc::new(EncodedEvent::new(removed))));
    }

    /// Asks the clients concerned to sync, because the change could not be published.
    fn request_resync(&self, publication: &Publication, message: &Message) {
        let mut audience = publication
            .known
            .as_ref()
            .map_or_else(Vec::new, |known| known.member_ids.to_vec());
        if let Content::System(SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids }) =
            &message.content
        {
            audience.extend(user_ids);
        }
        self.sink.publish(Envelope::to_users(audience, None, Event::Resync {}));
    }

    /// Has other servers show the conversation to those of these users who are connected to them.
    fn announce(&self, viewers: &[UserId], publication: &Publication, news: News) {
        if !viewers.is_empty() {
            self.sink.announce(Fact::ConversationShown {
                conversation_id: publication.conversation_id,
                viewers: viewers.into(),
                news,
                except: publication.excluded.except(),
            });
        }
    }

    /// Publishes the conversation to each of these users who is connected to this server, as that user sees it.
    async fn show(
        &self,
        viewers: &[UserId],
        publication: &Publication,
        event: impl Fn(Box<protocol::Conversation>) -> Event,
    ) -> Result<(), RepositoryError> {
        let connected = self.connections.local(viewers);
        if connected.is_empty() {
            return Ok(());
        }
        // Read again, because rosters are cached without regard to receipts and preferences.
        let records: Vec<_> = connected
            .into_iter()
            .map(|user_id| (publication.conversation_id, user_id))
            .collect();
        let members = self.conversations.members(&records).await?;
        let members = members.into_iter().filter(Member::is_in).collect();
        for (viewer, conversation) in self.views.of(members).await? {
            self.local.publish(Envelope::to_users(
                [viewer],
                publication.excluded.except(),
                event(Box::new(conversation)),
            ));
        }
        Ok(())
    }
}
