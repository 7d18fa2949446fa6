//! Publishing committed changes: which users receive which events.

use std::sync::Arc;

use crate::domain::conversation::Roster;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::message::{Content, Message, Position, SystemEvent};
use crate::domain::role::Role;
use crate::engine::events::{EncodedEvent, ExcludedConnection};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::engine::views::Views;
use crate::ports::{Audience, Envelope, EventBus, RepositoryError};
use crate::protocol;
use crate::protocol::Event;

/// A committed change that is to be published.
pub(super) struct Publication {
    pub(super) update: Update,
    conversation_id: ConversationId,
    rev: Rev,
    /// The roster that the change was decided from; for a change of membership, the one before the change.
    known: Option<Arc<CachedRoster>>,
    /// The connections that learn of the change by a reply.
    pub(super) excluded: ExcludedConnection,
}

/// The kind of a change, which decides who receives which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpdateKind {
    Appended,
    Revised,
    GroupUpdated,
}

/// A committed change with its content.
pub(super) enum Update {
    /// A user's new message, as the event that announces it.
    Appended(Arc<EncodedEvent>),
    /// An edited or deleted message, or one with other reactions, in its new state.
    Revised(Arc<Message>),
    /// A change of the group, described by this system message.
    GroupUpdated(Arc<Message>),
}

impl Publication {
    /// Makes the publication of a change that was committed at this position.
    pub(super) fn new(
        message: Arc<Message>,
        at: Position,
        kind: UpdateKind,
        known: Option<&Arc<CachedRoster>>,
    ) -> Self {
        let landed = |message: Arc<Message>| Arc::new(Arc::unwrap_or_clone(message).at(at));
        Self {
            conversation_id: message.conversation_id,
            rev: at.rev,
            update: match kind {
                UpdateKind::Appended => {
                    let created = protocol::Message {
                        seq: at.seq,
                        rev: at.rev,
                        ..protocol::Message::from(&*message)
                    };
                    Update::Appended(Arc::new(EncodedEvent::new(Event::MessageCreated(created))))
                }
                UpdateKind::Revised => Update::Revised(landed(message)),
                UpdateKind::GroupUpdated => Update::GroupUpdated(landed(message)),
            },
            known: known.cloned(),
            excluded: ExcludedConnection::default(),
        }
    }

    /// Addresses an event to all members of the roster, except the connection that learns of it by a reply.
    fn to_everyone(&self, known: &CachedRoster, event: Arc<EncodedEvent>) -> Envelope {
        Envelope {
            audience: Audience::Users {
                ids: Arc::clone(&known.member_ids),
                except: self.excluded.except(),
            },
            payload: event,
        }
    }
}

/// Publishes committed changes to the connected users.
pub(crate) struct Publisher {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) views: Arc<Views>,
}

impl Publisher {
    /// Publishes the changes of one commit, those of each conversation in order of `rev`.
    pub(super) async fn publish(&self, mut publications: Vec<Publication>, rosters: &Rosters) {
        publications.sort_by_key(|publication| publication.rev);
        for publication in publications {
            match &publication.update {
                Update::Appended(event) => {
                    if let Some(known) = &publication.known {
                        self.bus.publish(publication.to_everyone(known, Arc::clone(event)));
                    }
                }
                Update::Revised(message) => self.revised(&publication, message),
                Update::GroupUpdated(message) => {
                    if let Err(error) = self.group_updated(&publication, message, rosters).await {
                        let conversation = publication.conversation_id;
                        tracing::warn!(%error, conversation.id = %conversation, "a group change was not published");
                        // Clients that miss the event would show an outdated group, so they are asked to sync.
                        self.unsettle(&publication, message);
                    }
                }
            }
        }
    }

    fn revised(&self, publication: &Publication, message: &Message) {
        let Some(known) = &publication.known else { return };
        let event = Event::MessageUpdated(protocol::Message::from(message));
        let (see, blind): (Vec<_>, Vec<_>) = known.roster.members.iter().partition(|member| member.sees(message.seq));
        if blind.is_empty() {
            self.bus
                .publish(publication.to_everyone(known, Arc::new(EncodedEvent::new(event))));
            return;
        }
        let ids = |members: Vec<&crate::domain::member::Member>| -> Vec<UserId> {
            members.into_iter().map(|member| member.user_id).collect()
        };
        self.bus
            .publish(Envelope::to_users(ids(see), publication.excluded.except(), event));
        // Members who may not see the message still get its `rev`: without it they would take the next one for a gap.
        let rev = Event::ConversationRev {
            conversation_id: message.conversation_id,
            rev: message.rev,
        };
        self.bus.publish(Envelope::to_users(ids(blind), None, rev));
    }

    /// Publishes a change of a group: the system message to all who see it, and the resulting conversation to each user
    /// whom the change adds, removes or shows something new.
    async fn group_updated(
        &self,
        publication: &Publication,
        message: &Message,
        rosters: &Rosters,
    ) -> Result<(), RepositoryError> {
        let Content::System(event) = &message.content else {
            return Ok(());
        };
        if *event == SystemEvent::GroupDeleted {
            // No roster can be read of a deleted group.
            self.ended(publication);
            return Ok(());
        }
        let Some(known) = rosters.reload(message.conversation_id).await? else {
            return Ok(());
        };
        let recipients = Recipients::of(event, message.sender_id, &known.roster);
        self.show(
            &known.roster,
            &recipients.newcomers,
            publication,
            Event::ConversationCreated,
        )
        .await?;
        // The members when the change was decided, whatever happened to them since, and the new members.
        let before = publication.known.as_ref().map_or(&[][..], |known| &known.member_ids);
        let newcomers = recipients.newcomers.iter().filter(|user_id| !before.contains(user_id));
        let audience: Vec<_> = before.iter().chain(newcomers).copied().collect();
        let created = Event::MessageCreated(protocol::Message::from(message));
        self.bus
            .publish(Envelope::to_users(audience, publication.excluded.except(), created));
        self.show(
            &known.roster,
            &recipients.others,
            publication,
            Event::ConversationUpdated,
        )
        .await?;
        if let Some(gone) = recipients.gone {
            let removed = Event::ConversationRemoved {
                id: message.conversation_id,
            };
            self.bus
                .publish(Envelope::to_users([gone], publication.excluded.except(), removed));
        }
        Ok(())
    }

    /// Tells all members that the group is deleted. Its last system message is not published, since nobody can read the
    /// group any more.
    fn ended(&self, publication: &Publication) {
        let Some(known) = &publication.known else { return };
        let removed = Event::ConversationRemoved {
            id: publication.conversation_id,
        };
        self.bus
            .publish(publication.to_everyone(known, Arc::new(EncodedEvent::new(removed))));
    }

    /// Asks the clients concerned to sync, because the change could not be published.
    fn unsettle(&self, publication: &Publication, message: &Message) {
        let mut audience = publication
            .known
            .as_ref()
            .map_or_else(Vec::new, |known| known.member_ids.to_vec());
        if let Content::System(SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids }) =
            &message.content
        {
            audience.extend(user_ids);
        }
        self.bus.publish(Envelope::to_users(audience, None, Event::Resync {}));
    }

    async fn show(
        &self,
        roster: &Roster,
        viewers: &[UserId],
        publication: &Publication,
        event: impl Fn(Box<protocol::Conversation>) -> Event,
    ) -> Result<(), RepositoryError> {
        for (viewer, conversation) in self.views.of_group(roster, viewers).await? {
            self.bus.publish(Envelope::to_users(
                [viewer],
                publication.excluded.except(),
                event(Box::new(conversation)),
            ));
        }
        Ok(())
    }
}

/// The users concerned by a change of a group, beyond the readers of its system message.
struct Recipients {
    /// The users for whom the conversation is new.
    newcomers: Vec<UserId>,
    /// The users who receive the conversation in its new state.
    others: Vec<UserId>,
    /// The user for whom the conversation ends.
    gone: Option<UserId>,
}

impl Recipients {
    fn of(event: &SystemEvent, actor: UserId, roster: &Roster) -> Self {
        let nobody = Self {
            newcomers: Vec::new(),
            others: Vec::new(),
            gone: None,
        };
        match event {
            SystemEvent::GroupCreated { user_ids } | SystemEvent::MembersAdded { user_ids } => Self {
                newcomers: user_ids.clone(),
                ..nobody
            },
            SystemEvent::MemberRemoved { user_id } | SystemEvent::MemberLeft { user_id } => Self {
                gone: Some(*user_id),
                ..nobody
            },
            // When ownership is handed over, the actor's role changes too.
            SystemEvent::RoleChanged { user_id, role } => Self {
                others: match role {
                    Role::Owner => vec![*user_id, actor],
                    Role::Admin | Role::Member => vec![*user_id],
                },
                ..nobody
            },
            SystemEvent::TitleChanged { .. }
            | SystemEvent::AboutChanged { .. }
            | SystemEvent::PictureChanged { .. } => Self {
                others: roster.members.iter().map(|member| member.user_id).collect(),
                ..nobody
            },
            SystemEvent::GroupDeleted | SystemEvent::Call { .. } => nobody,
        }
    }
}
