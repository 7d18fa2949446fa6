//! The command `presence`.

use std::collections::HashMap;

use clap::Args;
use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::{self, PresenceStatus};

use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render;
use super::target::Target;
use crate::{Live, Update};

#[derive(Debug, Args)]
pub(super) struct Presence {
    /// The users: usernames or ids
    #[arg(value_name = "USER", required = true)]
    users: Vec<Target>,
    /// Keep running and show changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Names of the users to show, and the presence that was shown last.
#[derive(Default)]
struct PresenceView {
    names: HashMap<UserId, String>,
    last: HashMap<UserId, protocol::Presence>,
}

impl Presence {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut view = PresenceView::default();
        let mut user_ids = Vec::new();
        for target in &self.users {
            let user_id = target.user(context).await?;
            let user = context
                .client
                .user(user_id)
                .await
                .map_err(|error| context.explain(error))?;
            view.names.insert(user_id, render::name_of(&user));
            user_ids.push(user_id);
        }
        if self.watch {
            return view.watch(context, &user_ids).await;
        }
        let found = context.client.presence(&user_ids).await;
        for presence in found.map_err(|error| context.explain(error))? {
            view.show(context, presence)?;
        }
        Ok(())
    }
}

impl PresenceView {
    async fn watch(mut self, context: &Context, user_ids: &[UserId]) -> Result<(), Failure> {
        let (live, mut updates) = context.client.live().start();
        loop {
            let update = tokio::select! {
                update = updates.next() => update,
                _ = tokio::signal::ctrl_c() => None,
            };
            match update {
                // The server forgets the watch when a connection ends.
                Some(Update::Connected(_)) => watch(&live, user_ids),
                Some(Update::Presence(presence)) => self.show(context, presence)?,
                Some(Update::Disconnected { reason, .. }) => {
                    let line = format!("— no connection ({}); trying again", super::sanitize::one_line(&reason));
                    context
                        .output
                        .status(&context.output.colours().apply(Style::Error, &line))?;
                }
                Some(Update::SignedOut { .. }) => return Err(Failure::SignedOut(context.client.server().clone())),
                Some(
                    Update::CaughtUp
                    | Update::Message(_)
                    | Update::MessageChanged(_)
                    | Update::Receipts { .. }
                    | Update::Conversation(_)
                    | Update::ConversationRemoved(_)
                    | Update::Reset(_)
                    | Update::Typing { .. }
                    | Update::MediaReady(_),
                ) => {}
                None => break,
            }
        }
        live.close().await;
        Ok(())
    }

    /// Shows a presence if it differs from the one shown before. Contacts that were not asked for are ignored.
    fn show(&mut self, context: &Context, presence: protocol::Presence) -> Result<(), Failure> {
        let Some(name) = self.names.get(&presence.user_id) else {
            return Ok(());
        };
        let before = self.last.insert(presence.user_id, presence);
        // For users who are online, the time is that of the event and always differs.
        let is_known = |before: protocol::Presence| match presence.status {
            PresenceStatus::Online => before.status == PresenceStatus::Online,
            PresenceStatus::Offline => before == presence,
        };
        if before.is_some_and(is_known) {
            return Ok(());
        }
        context
            .output
            .show(&presence, || format!("{name}: {}", render::presence(&presence)))
    }
}

/// Watches the presence of some users, which arrives as updates.
fn watch(live: &Live, user_ids: &[UserId]) {
    let (live, user_ids) = (live.clone(), user_ids.to_vec());
    tokio::spawn(async move {
        if let Err(error) = live.watch_presence(user_ids).await {
            tracing::warn!(%error, "can't watch presence");
        }
    });
}
