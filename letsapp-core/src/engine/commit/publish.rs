//! Who hears of a change, and what.

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

/// A committed change that is to be recipients.
pub(super) struct Publication {
    pub(super) update: Update,
    conversation_id: ConversationId,
    rev: Rev,
    /// The roster that it was decided on; of a change of membership, the one before.
    known: Option<Arc<CachedRoster>>,
    /// Who learns of it by a reply.
    pub(super) excluded: ExcludedConnection,
}

/// What a change is to those who hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpdateKind {
    Appended,
    Revised,
    GroupUpdated,
}

/// What there is to tell.
pub(super) enum Update {
    /// A user's new message, as the event that tells of it.
    Appended(Arc<EncodedEvent>),
    /// This message is another now.
    Revised(Arc<Message>),
    /// The group changed as this system message says.
    GroupUpdated(Arc<Message>),
}

impl Publication {
    /// Makes what tells of a change where it landed.
    pub(super) fn new(message: Arc<Message>, at: Position, kind: UpdateKind, known: Option<&Arc<CachedRoster>>) -> Self {
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

    /// Addresses an event to all who are in and were not told yet.
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

/// Tells the connected what was committed.
pub(crate) struct Publisher {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) views: Arc<Views>,
}

impl Publisher {
    /// Publishes what one commit did, each conversation's changes in order of `rev`.
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
                        tracing::warn!(%error, conversation.id = %conversation, "a change was not told; clients are to sync");
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
        let rev = Event::ConversationRev {
            conversation_id: message.conversation_id,
            rev: message.rev,
        };
        self.bus.publish(Envelope::to_users(ids(blind), None, rev));
    }

    /// Tells a change of the group itself: the system message to all who see it, and to each whom it brings in, puts
    /// out or shows something new what the conversation now is to them.
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
        // Those who were in when it was decided, whatever has come of them since, and those whom it brings in.
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

    /// Tells all who were in a group that it is no more; of what happened in it last, nobody reads.
    fn ended(&self, publication: &Publication) {
        let Some(known) = &publication.known else { return };
        let removed = Event::ConversationRemoved {
            id: publication.conversation_id,
        };
        self.bus
            .publish(publication.to_everyone(known, Arc::new(EncodedEvent::new(removed))));
    }

    /// Has those whom a change concerns ask for it, because it could not be recipients.
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

/// Whom a change of a group concerns beyond those who read its system message.
struct Recipients {
    /// Those for whom the conversation is new.
    newcomers: Vec<UserId>,
    /// Those who are shown what it now is.
    others: Vec<UserId>,
    /// The one for whom it is over.
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
            // Of what one is oneself, the actor's part changes too when ownership is handed over.
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
