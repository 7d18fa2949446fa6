//! The command `chats`.

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render::{Names, local_time, summary, title_of};
use super::sanitize::excerpt;
use crate::{Page, collect_pages};

/// Number of characters to show of the latest message. Leaves room for the title and the id on a wide terminal.
const EXCERPT_CHARS: usize = 60;

#[derive(Debug, Args)]
pub(super) struct Chats {
    /// List only conversations with unread messages
    #[arg(long)]
    unread: bool,
    /// List only groups that you have left
    #[arg(long)]
    left: bool,
    /// List at most this many conversations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Chats {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let all = collect_pages(|page: Page| context.client.conversations(page)).await;
        let all = all.map_err(|error| context.explain(error))?;
        let limit = self
            .limit
            .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let shown = all
            .into_iter()
            .filter(|conversation| !self.unread || conversation.me.unread > 0)
            .filter(|conversation| !self.left || conversation.me.left_at.is_some())
            .take(limit);
        let names = Names::default();
        let colours = context.output.colours();
        for conversation in shown {
            context.output.show(&conversation, || {
                let title = colours.apply(Style::Name, &title_of(&conversation));
                let left = match conversation.me.left_at {
                    Some(_) => colours.apply(Style::Dim, " (left)"),
                    None => String::new(),
                };
                let unread = match conversation.me.unread {
                    0 => String::new(),
                    unread => colours.apply(Style::Read, &format!(" ({unread})")),
                };
                let last = conversation
                    .head
                    .last_message
                    .as_ref()
                    .map_or_else(String::new, |message| {
                        let when = colours.apply(Style::Dim, &local_time(message.sent_at));
                        format!("  {when} {}", excerpt(&summary(message, &names), EXCERPT_CHARS))
                    });
                let id = colours.apply(Style::Dim, &conversation.id.to_string());
                format!("{title}{left}{unread}{last}  {id}")
            })?;
        }
        Ok(())
    }
}
