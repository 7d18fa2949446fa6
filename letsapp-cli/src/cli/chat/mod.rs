//! The command `chat`: shows the latest messages, then new ones as they arrive, and sends what is typed.

mod commands;
mod input;
mod participants;
mod session;
mod terminal;
mod view;

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::messages::{load_names, read_history};
use super::output::Format;
use super::target::Target;
use crate::{ClientError, HistoryRange, Update, Updates};
use session::ChatSession;
use terminal::Terminal;
use view::View;

#[derive(Debug, Args)]
pub(super) struct Chat {
    /// The other user or the group: a username, a group's title, or an id
    #[arg(value_name = "USER|CONVERSATION")]
    with: Target,
    /// Number of earlier messages to show first
    #[arg(long, value_name = "N", default_value_t = 20)]
    history: u16,
}

impl Chat {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if context.output.format() == Format::Json {
            let line = "a chat has no JSON output: use `letsapp listen --json` and `letsapp send --json`";
            return Err(Failure::Usage(line.to_owned()));
        }
        let conversation = self.with.conversation(context).await?;
        let limit = usize::from(self.history);
        let (live, mut updates) = context.client.live().start();
        caught_up(context, &mut updates).await?;
        // Updates are received from here on. Reading the history only now leaves no gap between the two.
        let messages = read_history(context, &conversation, HistoryRange::Newest, limit.max(1)).await?;
        let names = load_names(context, &conversation, &messages).await?;
        let terminal = Terminal::open(context.output)?;
        let read = conversation.me.read_seq;
        let view = View::new(names, context.output.colours(), terminal.echo(), read);
        let session = ChatSession::new(context, &conversation, live, terminal, view);
        session.run(&conversation, messages, limit, updates).await
    }
}

/// Waits until the connection is open and updates are being received.
async fn caught_up(context: &Context, updates: &mut Updates) -> Result<(), Failure> {
    loop {
        match updates.next().await {
            Some(Update::CaughtUp) => return Ok(()),
            Some(Update::Disconnected { reason, .. }) => {
                return Err(ClientError::unreachable(context.client.server(), reason).into());
            }
            Some(Update::SignedOut { .. }) | None => {
                return Err(Failure::SignedOut(context.client.server().clone()));
            }
            Some(
                Update::Connected(_)
                | Update::Message(_)
                | Update::MessageChanged(_)
                | Update::Receipts { .. }
                | Update::Conversation(_)
                | Update::ConversationRemoved(_)
                | Update::Reset(_)
                | Update::Typing { .. }
                | Update::Presence(_)
                | Update::MediaReady(_),
            ) => {}
        }
    }
}
