//! Creating direct conversations and groups.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::conversation::{Conversation, Kind, MAX_MEMBERS};
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::domain::principal::Principal;
use crate::domain::text::Title;
use crate::domain::user::{About, User};
use crate::engine::Engine;
use crate::engine::adding::UsersField;
use crate::engine::commit::{Command, CommitReply, Submission};
use crate::engine::error::ConversationError;
use crate::ports::{Creation, Envelope};
use crate::protocol::Event;
use crate::services::made::Made;

/// A request to create a group.
pub(super) struct Group {
    /// Chosen by the client, so that a retry finds the group; `None` has the server choose one.
    pub(super) id: Option<ConversationId>,
    pub(super) title: Title,
    pub(super) about: Option<About>,
    pub(super) member_ids: Vec<UserId>,
}

/// Creates the direct conversation of the caller and `peer`, or finds it.
pub(super) async fn create_direct(
    engine: &Engine,
    principal: &Principal,
    peer: UserId,
    origin: Option<ConnectionId>,
) -> Result<(ConversationId, Made), ConversationError> {
    let me = principal.user_id;
    if peer == me {
        let detail = "a direct conversation needs another user";
        return Err(ConversationError::invalid("user_id", "is_self", detail));
    }
    let pair = Conversation::pair_of(me, peer);
    if let Err(error) = check_users(engine, "user_id", &[peer]).await {
        // No conversation can be started with an erased user, but an existing one stays.
        let found = engine.stores.conversations.direct(&[pair]).await?;
        return found.first().map_or(Err(error), |(_, id)| Ok((*id, Made::Before)));
    }
    let now = engine.runtime.clock.now();
    let conversation = Conversation {
        id: ConversationId::from_uuid(engine.runtime.ids.random()),
        kind: Kind::Direct,
        title: None,
        about: About::default(),
        avatar_media_id: None,
        created_by: me,
        created_at: now,
        pair: Some(pair),
        fingerprint: None,
        deleted_at: None,
    };
    match engine.stores.conversations.create_direct(conversation, now).await? {
        Creation::Created(made) => {
            // Only the one who begins it gets the event. The peer gets it with the first message: a user must not draw
            // attention by a conversation alone, and one who is blocked can't write.
            let members = engine.stores.conversations.members(&[(made.id, me)]).await?;
            for (viewer, view) in engine.views.of(members).await? {
                let event = Event::ConversationCreated(Box::new(view));
                engine.runtime.sink.publish(Envelope::to_users([viewer], origin, event));
            }
            Ok((made.id, Made::Now))
        }
        Creation::Existing(found) => Ok((found.id, Made::Before)),
    }
}

/// Creates a group, or finds the one that an earlier attempt of the same request has created.
pub(super) async fn create_group(
    engine: &Arc<Engine>,
    principal: &Principal,
    group: Group,
    origin: Option<ConnectionId>,
) -> Result<(ConversationId, Made), ConversationError> {
    let Group {
        id: chosen,
        title,
        about,
        member_ids,
    } = group;
    let mut user_ids = member_ids.clone();
    user_ids.retain(|user_id| *user_id != principal.user_id);
    user_ids.sort_unstable();
    user_ids.dedup();
    user_ids.insert(0, principal.user_id);
    if user_ids.len() > MAX_MEMBERS {
        let detail = format!("a group holds at most {MAX_MEMBERS} members");
        return Err(ConversationError::invalid("member_ids", "too_many", detail));
    }
    let fingerprint = fingerprint(title.as_str(), about.as_ref(), &user_ids);
    // Looked up before anything is counted or refused: a retry finds the group, whatever was changed since.
    let is_retry = match chosen {
        Some(id) => was_made(engine, id, principal.user_id, fingerprint).await?,
        None => false,
    };
    if !is_retry {
        let field = UsersField {
            name: "member_ids",
            ids: &member_ids,
        };
        check_addition(engine, principal.user_id, field, &user_ids).await?;
    }
    let id = chosen.unwrap_or_else(|| ConversationId::from_uuid(engine.runtime.ids.random()));
    // A retry writes nothing, and is submitted all the same: the first attempt may have notified nobody.
    let members = if is_retry { 0 } else { user_ids.len() };
    let created_by = principal.user_id;
    let creation = {
        let engine = Arc::clone(engine);
        async move {
            // The group is dated when its turn has come.
            let now = engine.runtime.clock.now();
            let conversation = Conversation {
                id,
                kind: Kind::Group,
                title: Some(title),
                about: about.unwrap_or_default(),
                avatar_media_id: None,
                created_by,
                created_at: now,
                pair: None,
                fingerprint: Some(fingerprint),
                deleted_at: None,
            };
            let submission = Submission {
                conversation_id: id,
                actor: created_by,
                origin,
                at: now,
                operation: *id.as_bytes(),
                command: Command::Create {
                    conversation: Box::new(conversation),
                    user_ids,
                },
            };
            engine.committer.submit(submission).await
        }
    };
    match engine.large_changes.pace(members, creation).await {
        Ok(CommitReply::Exists(found)) if is_same(&found, principal.user_id, fingerprint) => Ok((id, Made::Before)),
        Ok(CommitReply::Exists(_)) => Err(ConversationError::Conflict),
        Ok(CommitReply::Changed(_) | CommitReply::Sent(_)) => Ok((id, Made::Now)),
        Ok(CommitReply::Unchanged(_) | CommitReply::Nothing) => Ok((id, Made::Before)),
        Err(error) => Err(error),
    }
}

/// Checks that a user may add these users to a group, of whom the user may be one.
pub(super) async fn check_addition(
    engine: &Engine,
    adder: UserId,
    field: UsersField<'_>,
    ids: &[UserId],
) -> Result<(), ConversationError> {
    let mut users = check_users(engine, field.name, ids).await?;
    users.retain(|user| user.id != adder);
    engine.adding.check(adder, field, &users).await
}

/// Checks that all users exist and are not erased, and returns them; `field` names the field of the request in the
/// error.
pub(super) async fn check_users(engine: &Engine, field: &str, ids: &[UserId]) -> Result<Vec<User>, ConversationError> {
    let users = engine.stores.users.find(ids).await?;
    let known: HashSet<_> = users
        .iter()
        .filter(|user| user.deleted_at.is_none())
        .map(|user| user.id)
        .collect();
    match ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(ConversationError::invalid(
            field,
            "unknown_user",
            format!("there is no user {id}"),
        )),
        None => Ok(users),
    }
}

async fn was_made(
    engine: &Engine,
    id: ConversationId,
    by: UserId,
    fingerprint: [u8; 32],
) -> Result<bool, ConversationError> {
    let found = engine.stores.conversations.find(&[id]).await?;
    Ok(found.iter().any(|found| is_same(found, by, fingerprint)))
}

fn is_same(found: &Conversation, by: UserId, fingerprint: [u8; 32]) -> bool {
    found.created_by == by && found.fingerprint == Some(fingerprint)
}

/// Computes the fingerprint of a request, which differs between requests with the same id unless one is a retry of the
/// other.
fn fingerprint(title: &str, about: Option<&About>, user_ids: &[UserId]) -> [u8; 32] {
    let mut hash = Sha256::new();
    // Each text is preceded by its length, so that no two requests hash the same bytes.
    for text in [title, about.map_or("", About::as_str)] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    for user_id in user_ids {
        hash.update(user_id.as_bytes());
    }
    hash.finalize().into()
}
