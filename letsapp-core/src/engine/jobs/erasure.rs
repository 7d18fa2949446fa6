//! The steps that follow the erasure of an account.

use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::media::Holder;
use crate::domain::member::{Member, Preferences, PreferencesPatch};
use crate::engine::Engine;
use crate::engine::commit::{Command, GroupChange, Submission};
use crate::engine::error::{AuthError, ConversationError, Forbidden};
use crate::engine::unopened;
use crate::ports::{Envelope, RepositoryError, Revoke};
use crate::protocol::Event;

/// Maximum number of conversations handled at once: bounds the size of the queries, and how much of the commit path one
/// erasure occupies.
const CONVERSATION_BATCH: usize = 64;

/// Maximum number of files handled at once.
const FILE_BATCH: usize = 500;

/// Carries out all steps that follow the erasure of an account, in order. Every step can be repeated: a repetition
/// finds nothing left to do.
pub(crate) async fn carry_out(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    forget_rosters(engine, user_id).await?;
    end_sessions(engine, user_id).await?;
    leave_groups(engine, user_id).await?;
    engine.stores.contacts.forget(user_id).await?;
    notify_peers(engine, user_id).await?;
    release_files(engine, user_id).await
}

/// Has the account's files looked at: those that no message carries go, and so does the picture of the profile.
async fn release_files(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    let (media, now) = (&engine.stores.media, engine.runtime.clock.now());
    let mut after = None;
    loop {
        let files = media.of_owner(user_id, after, FILE_BATCH).await?;
        let Some(last) = files.last() else { return Ok(()) };
        after = Some(last.id);
        let ids: Vec<_> = files.iter().map(|file| file.id).collect();
        let profile: Vec<_> = ids.iter().map(|id| (*id, Holder::Profile(user_id))).collect();
        media.release(&profile, now).await?;
    }
}

/// Makes this server's commit path notice at once that nobody can write to the user any more, by dropping the cached rosters.
async fn forget_rosters(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    for member in engine.stores.conversations.memberships(user_id).await? {
        engine.rosters.forget(member.conversation_id);
    }
    Ok(())
}

/// Ends all sessions of the account. Nobody can sign in to it any more.
async fn end_sessions(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    let ended = engine.sessions.end(user_id, Revoke::All, "account_deleted").await;
    ended.map(drop).map_err(|error| match error {
        AuthError::Store(error) => error,
        error => RepositoryError::internal(error),
    })
}

/// Leaves every group like a member who leaves: with a system message and, for an owner, a successor.
async fn leave_groups(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    let mut members = engine.stores.conversations.memberships(user_id).await?;
    members.retain(Member::is_in);
    let ids: Vec<_> = members.iter().map(|member| member.conversation_id).collect();
    for part in ids.chunks(CONVERSATION_BATCH) {
        let mut groups = engine.stores.conversations.find(part).await?;
        groups.retain(|conversation| conversation.kind == Kind::Group);
        let leaving: Vec<_> = groups
            .iter()
            .map(|group| engine.committer.submit(leave(engine, group.id, user_id)))
            .collect();
        for left in leaving {
            match left.await {
                // A user who is no longer a member has nothing to leave.
                Ok(_) | Err(ConversationError::NotFound | ConversationError::Forbidden(Forbidden::NotAMember)) => {}
                Err(ConversationError::Store(error)) => return Err(error),
                Err(error) => return Err(RepositoryError::internal(error)),
            }
        }
    }
    Ok(())
}

fn leave(engine: &Engine, conversation_id: ConversationId, user_id: UserId) -> Submission {
    let mut operation = [0; 16];
    engine.runtime.ids.fill(&mut operation);
    Submission {
        conversation_id,
        actor: user_id,
        origin: None,
        at: engine.runtime.clock.now(),
        operation,
        command: Command::UpdateGroup(GroupChange::RemoveMember(user_id)),
    }
}

/// Shows the erased user to the other members of their direct conversations: to the connected ones by an event now, to
/// the others when they sync, because the erased user's member record changes here. The preferences in that record are
/// cleared with it.
async fn notify_peers(engine: &Engine, user_id: UserId) -> Result<(), RepositoryError> {
    let user = engine.stores.users.find(&[user_id]).await?.pop();
    let Some(deleted_at) = user.and_then(|user| user.deleted_at) else {
        return Ok(());
    };
    let mut members = engine.stores.conversations.memberships(user_id).await?;
    // Skip the conversations that are done already. A receipt under way may move `changed_at` too, but it does not
    // clear preferences.
    members.retain(|member| member.changed_at <= deleted_at || member.preferences != Preferences::default());
    let ids: Vec<_> = members.iter().map(|member| member.conversation_id).collect();
    for part in ids.chunks(CONVERSATION_BATCH) {
        let conversations = engine.stores.conversations.find(part).await?;
        let peers = conversations
            .iter()
            .filter_map(|conversation| Some((conversation.id, conversation.peer_of(user_id)?)));
        let peers: Vec<_> = peers.collect();
        if peers.is_empty() {
            continue;
        }
        let theirs = engine.stores.conversations.members(&peers).await?;
        for (peer, view) in engine.views.of(theirs).await? {
            let empty = (view.head.rev == Rev::ZERO).then_some(view.id);
            let hidden = unopened::hidden(&*engine.stores.conversations, peer, empty.as_slice()).await?;
            if !hidden.is_empty() {
                continue;
            }
            let event = Event::ConversationUpdated(Box::new(view));
            engine.runtime.sink.publish(Envelope::to_users([peer], None, event));
        }
        for (id, _) in peers {
            let now = engine.runtime.clock.now();
            let blank = PreferencesPatch::blank();
            engine
                .stores
                .conversations
                .update_preferences(id, user_id, blank, now)
                .await?;
        }
    }
    Ok(())
}
