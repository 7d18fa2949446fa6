//! The way in: what other servers send reaches this server's connections and caches.
//!
//! Most of it is done at once. Whatever needs the store, such as a conversation as its new members see it, is read by a
//! task; later events of the same conversation wait behind it, and no others.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::domain::id::{ConnectionId, ConversationId, Seq, ServerId, UserId};
use crate::domain::member::Member;
use crate::engine::Engine;
use crate::engine::cluster::bundle::{Header, Item, MembersPart};
use crate::engine::events::Hub;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::rosters::CachedRoster;
use crate::ports::{Audience, Connections as _, Envelope, EventSink as _, Fact, News, RepositoryError};
use crate::protocol::Event;

/// Largest number of events of one conversation that wait for the store. Beyond it they are dropped, and the clients of
/// this server sync.
const MAX_WAITING: usize = 4_096;

/// Delivers what other servers send.
pub(super) struct Deliverer {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    /// The conversations for which something is read from the store, with what waits behind it.
    reading: Mutex<HashMap<ConversationId, VecDeque<Item>>>,
}

/// The rest of an item that needs the store.
enum Reading {
    Members {
        conversation_id: ConversationId,
        part: MembersPart,
        also: Option<UserId>,
        except: Option<ConnectionId>,
        frame: Bytes,
    },
    Shown {
        conversation_id: ConversationId,
        viewers: Arc<[UserId]>,
        news: News,
        except: Option<ConnectionId>,
    },
}

impl Reading {
    const fn conversation_id(&self) -> ConversationId {
        match self {
            Self::Members { conversation_id, .. } | Self::Shown { conversation_id, .. } => *conversation_id,
        }
    }
}

impl Deliverer {
    pub(super) fn new(engine: Arc<Engine>, hub: Arc<Hub>) -> Self {
        Self {
            engine,
            hub,
            reading: Mutex::default(),
        }
    }

    /// Delivers an item from another server, or queues it behind what its conversation waits for. Returns false if it
    /// had to be dropped.
    pub(super) fn deliver(self: &Arc<Self>, from: ServerId, item: Item) -> bool {
        if let Some(conversation_id) = conversation_of(&item.header)
            && let Some(waiting) = self.lock().get_mut(&conversation_id)
        {
            if waiting.len() >= MAX_WAITING {
                return false;
            }
            waiting.push_back(item);
            return true;
        }
        if let Some(reading) = self.begin(Some(from), item) {
            let conversation_id = reading.conversation_id();
            self.lock().insert(conversation_id, VecDeque::new());
            tokio::spawn(Arc::clone(self).read_on(conversation_id, reading));
        }
        true
    }

    /// Reads what an item needs, and then carries out what has come for its conversation in the meantime.
    async fn read_on(self: Arc<Self>, conversation_id: ConversationId, first: Reading) {
        let mut next = Some(first);
        loop {
            if let Some(reading) = next.take()
                && let Err(Panic(panic)) = catch_panic(self.finish(reading)).await
            {
                tracing::error!(panic, "an event from another server panicked");
            }
            let item = {
                let mut reading = self.lock();
                let Entry::Occupied(mut waiting) = reading.entry(conversation_id) else {
                    return;
                };
                let Some(item) = waiting.get_mut().pop_front() else {
                    waiting.remove();
                    return;
                };
                item
            };
            // Facts about servers have no conversation, so none waits here.
            next = self.begin(None, item);
        }
    }

    /// Carries out an item, unless it needs the store.
    fn begin(&self, from: Option<ServerId>, Item { header, frame }: Item) -> Option<Reading> {
        match header {
            Header::Users { ids, except, .. } => self.hub.publish(to_users(ids.into(), except, frame)),
            Header::Connection { user_id, connection_id } => self.hub.publish(Envelope {
                audience: Audience::Connection { user_id, connection_id },
                payload: Arc::new(frame),
            }),
            Header::Members {
                conversation_id,
                fence,
                part,
                also,
                except,
            } => match self.roster(conversation_id, fence) {
                Some(known) => self.hub.publish(to_users(members(&known, part, also), except, frame)),
                None => {
                    return Some(Reading::Members {
                        conversation_id,
                        part,
                        also,
                        except,
                        frame,
                    });
                }
            },
            Header::Lost { user_ids: Some(ids) } => self.hub.resync(&ids),
            // The receiver sees to everybody.
            Header::Lost { user_ids: None } => {}
            Header::Server { fact } => return self.learn(from, fact),
        }
        None
    }

    /// Returns a cached roster that is not older than the event.
    fn roster(&self, id: ConversationId, fence: Seq) -> Option<Arc<CachedRoster>> {
        self.engine
            .rosters
            .known(id)
            .filter(|known| known.roster.fence >= fence)
    }

    fn learn(&self, from: Option<ServerId>, fact: Fact) -> Option<Reading> {
        let Engine {
            rosters,
            presence,
            sessions,
            ..
        } = &*self.engine;
        match fact {
            Fact::RosterChanged { conversation_id, fence } => {
                if self.roster(conversation_id, fence).is_none() {
                    rosters.forget(conversation_id);
                }
            }
            Fact::ConversationShown {
                conversation_id,
                viewers,
                news,
                except,
            } => {
                return Some(Reading::Shown {
                    conversation_id,
                    viewers,
                    news,
                    except,
                });
            }
            Fact::SessionsEnded {
                user_id,
                session_ids,
                reason,
            } => {
                for id in session_ids.iter() {
                    sessions.forget(*id);
                    self.hub.publish(Envelope::end_of_session(user_id, *id, &reason));
                }
            }
            Fact::UserChanged { user_id } => presence.settings_changed(user_id),
            Fact::ContactChanged {
                owner_id,
                user_id,
                listing,
            } => presence.contact_changed(owner_id, user_id, listing),
            Fact::BlockChanged {
                owner_id,
                user_id,
                conversation_id,
            } => {
                presence.block_changed(owner_id, user_id);
                match conversation_id {
                    Some(id) => rosters.forget(id),
                    None => rosters.forget_all(),
                }
            }
            Fact::UserErased { user_id } => {
                presence.settings_changed(user_id);
                // Their direct conversations, which are not worth a query.
                rosters.forget_with(user_id);
            }
            Fact::Online { user_id } => {
                if let Some(from) = from {
                    presence.online_elsewhere(from, user_id);
                }
            }
            Fact::Offline { user_id, left_at } => {
                if let Some(from) = from {
                    presence.offline_elsewhere(from, user_id, left_at);
                }
            }
        }
        None
    }

    /// Carries out an item with what the store says. If the store fails, the clients concerned sync.
    async fn finish(&self, reading: Reading) {
        match reading {
            Reading::Members {
                conversation_id,
                part,
                also,
                except,
                frame,
            } => match self.engine.rosters.reload(conversation_id).await {
                Ok(Some(known)) => self.hub.publish(to_users(members(&known, part, also), except, frame)),
                // It is deleted, and an event of its own says so.
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, conversation.id = %conversation_id, "members of a group were not found");
                    let known = self.engine.rosters.known(conversation_id);
                    self.hub
                        .resync(known.map(|known| known.member_ids.clone()).as_deref().unwrap_or(&[]));
                }
            },
            Reading::Shown {
                conversation_id,
                viewers,
                news,
                except,
            } => {
                let connected = self.hub.local(&viewers);
                if let Err(error) = self.show(conversation_id, &connected, news, except).await {
                    tracing::warn!(%error, conversation.id = %conversation_id, "a conversation was not shown");
                    self.hub.resync(&connected);
                }
            }
        }
    }

    /// Publishes a conversation to each of these users, as that user sees it.
    async fn show(
        &self,
        id: ConversationId,
        viewers: &[UserId],
        news: News,
        except: Option<ConnectionId>,
    ) -> Result<(), RepositoryError> {
        if viewers.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = viewers.iter().map(|user_id| (id, *user_id)).collect();
        let members = self.engine.stores.conversations.members(&records).await?;
        let members = members.into_iter().filter(Member::is_in).collect();
        for (viewer, conversation) in self.engine.views.of(members).await? {
            let conversation = Box::new(conversation);
            let event = match news {
                News::Created => Event::ConversationCreated(conversation),
                News::Updated => Event::ConversationUpdated(conversation),
            };
            self.hub.publish(Envelope::to_users([viewer], except, event));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, VecDeque<Item>>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the conversation whose order an item keeps.
const fn conversation_of(header: &Header) -> Option<ConversationId> {
    match header {
        Header::Users { conversation_id, .. } => *conversation_id,
        Header::Members { conversation_id, .. }
        | Header::Server {
            fact: Fact::ConversationShown { conversation_id, .. },
        } => Some(*conversation_id),
        Header::Connection { .. } | Header::Server { .. } | Header::Lost { .. } => None,
    }
}

/// Returns the members of a part. Who has joined since sees nothing of what was before.
fn members(known: &CachedRoster, part: MembersPart, also: Option<UserId>) -> Arc<[UserId]> {
    let all = known.roster.members.iter();
    let is_in = |member: &&Member| match part {
        MembersPart::All => true,
        MembersPart::Seeing(seq) => member.sees(seq),
        MembersPart::Blind(seq) => !member.sees(seq),
        MembersPart::Without(user_id) => member.user_id != user_id,
    };
    all.filter(is_in).map(|member| member.user_id).chain(also).collect()
}

fn to_users(ids: Arc<[UserId]>, except: Option<ConnectionId>, frame: Bytes) -> Envelope {
    Envelope {
        audience: Audience::Users {
            ids,
            except,
            members: None,
        },
        payload: Arc::new(frame),
    }
}
