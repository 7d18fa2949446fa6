//! The command `sessions`.

use clap::{Args, Subcommand};
use letsapp_core::domain::id::SessionId;

use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render::local_time;
use super::sanitize::one_line;

#[derive(Debug, Args)]
pub(super) struct Sessions {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the devices that are signed in (the default)
    List,
    /// Sign a device out
    Revoke {
        /// The id of the session
        id: SessionId,
    },
}

impl Sessions {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self.action {
            None | Some(Action::List) => list(context).await,
            Some(Action::Revoke { id }) => {
                context
                    .client
                    .revoke_session(id)
                    .await
                    .map_err(|error| context.explain(error))?;
                context.output.status("signed out")
            }
        }
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let sessions = context
        .client
        .sessions()
        .await
        .map_err(|error| context.explain(error))?;
    for session in sessions {
        context.output.show(&session, || {
            let device = session
                .device_name
                .as_deref()
                .map_or_else(|| "a device".to_owned(), one_line);
            let here = if session.current { " (this one)" } else { "" };
            let used = local_time(session.last_used_at);
            let id = context.output.colours().apply(Style::Dim, &session.id.to_string());
            format!("{id}  {device}{here}, last used {used}")
        })?;
    }
    Ok(())
}
