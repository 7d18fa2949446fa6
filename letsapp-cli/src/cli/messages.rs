//! The commands `send` and `history`, and what other commands need of messages and names.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use letsapp_core::domain::body::Body;
use letsapp_core::domain::id::{MessageId, Seq, UserId};
use letsapp_core::protocol::requests::SendMessage;
use letsapp_core::protocol::{Conversation, Message};

use super::context::Context;
use super::failure::Failure;
use super::files;
use super::output::Format;
use super::render::{self, Names};
use super::target::Target;
use crate::client::new_id;
use crate::{ClientError, HistoryRange, Page};

/// Number of attempts of a request that is safe to repeat. Spans three seconds, enough for a network to reconnect.
/// Longer failures are for the user to decide on.
const ATTEMPTS: u32 = 4;

/// Delay after the first attempt. Longer after later ones, in proportion to their number.
const RETRY_DELAY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Send {
    /// The recipient: a username, a group's title, or an id
    #[arg(value_name = "USER|CONVERSATION")]
    to: Target,
    /// The text. Use - to read it from standard input, and -- before a text that starts with a hyphen
    #[arg(value_name = "TEXT", required_unless_present = "files")]
    words: Vec<String>,
    /// A file to send, with the text as its caption. May be given ten times
    #[arg(long = "file", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// The number of the message to reply to
    #[arg(long, value_name = "SEQ")]
    reply_to: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct History {
    /// The conversation: a username, a group's title, or an id
    #[arg(value_name = "USER|CONVERSATION")]
    with: Target,
    /// Show at most this many messages
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show only messages before this one
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// Show only messages after this one
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
}

impl Send {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut text = self.words.join(" ");
        if self.words == ["-"] {
            text.clear();
            std::io::stdin().read_to_string(&mut text)?;
            let length = text.trim_end_matches(['\n', '\r']).len();
            text.truncate(length);
        }
        let body = if self.files.is_empty() {
            Body::parse(text)
        } else {
            Body::parse_caption(text)
        };
        let body = body.map_err(ClientError::from)?;
        // All that can fail on this computer comes before anything is sent.
        let uploads = files::check(self.files)?;
        let conversation = self.to.conversation(context).await?;
        let request = SendMessage {
            id: Some(MessageId::from_uuid(new_id())),
            body,
            reply_to: self.reply_to.map(Seq),
            forwarded: false,
            mentions: Vec::new(),
            attachments: files::upload(context, &uploads).await?,
        };
        // The message's id keeps it from being stored twice.
        let message = with_retries(async || context.client.send(conversation.id, request.clone()).await)
            .await
            .map_err(|error| context.explain(error))?;
        context.output.show(&message, || format!("✓ #{}", message.seq))
    }
}

impl History {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let conversation = self.with.conversation(context).await?;
        let range = match (self.before.map(Seq), self.after.map(Seq)) {
            (Some(before), Some(after)) => HistoryRange::Between { after, before },
            (Some(seq), None) => HistoryRange::Before(seq),
            (None, Some(seq)) => HistoryRange::After(seq),
            (None, None) => HistoryRange::Newest,
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let messages = read_history(context, &conversation, range, limit).await?;
        let names = match context.output.format() {
            Format::Json => Names::default(),
            Format::Text => load_names(context, &conversation, &messages).await?,
        };
        for message in &messages {
            context.output.show(message, || {
                render::message(message, &names, context.output.colours(), None)
            })?;
        }
        Ok(())
    }
}

/// Returns up to `limit` messages of a conversation's history, the oldest first.
pub(super) async fn read_history(
    context: &Context,
    conversation: &Conversation,
    range: HistoryRange,
    limit: usize,
) -> Result<Vec<Message>, Failure> {
    let mut messages = Vec::new();
    let mut page = Page::of(limit.min(200));
    loop {
        let part = context.client.history(conversation.id, range, page.clone()).await;
        let part = part.map_err(|error| context.explain(error))?;
        messages.extend(part.items);
        match part.next_cursor {
            Some(cursor) if messages.len() < limit => page = page.after(cursor),
            _ => break,
        }
    }
    messages.truncate(limit);
    messages.sort_by_key(|message| message.seq);
    Ok(messages)
}

/// Loads the names of the senders of some messages.
pub(super) async fn load_names(
    context: &Context,
    conversation: &Conversation,
    messages: &[Message],
) -> Result<Names, Failure> {
    let me = context.client.me().await.map_err(|error| context.explain(error))?;
    let mut names = Names::new(&me.user);
    if let Some(peer) = &conversation.peer {
        names.insert(peer);
    }
    for message in messages {
        load_name(context, &mut names, message.sender_id).await;
    }
    Ok(names)
}

/// Loads the name of a user, unless it is known. A failure is ignored: the message can be shown without the name.
pub(super) async fn load_name(context: &Context, names: &mut Names, id: UserId) {
    if !names.contains(id)
        && let Ok(user) = context.client.user(id).await
    {
        names.insert(&user);
    }
}

/// Makes a request that is safe to repeat, repeatedly if the server can't be reached.
pub(super) async fn with_retries<T>(request: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    for attempt in 1..ATTEMPTS {
        match request().await {
            Err(ClientError::Unreachable { .. }) => tokio::time::sleep(RETRY_DELAY * attempt).await,
            result => return result,
        }
    }
    request().await
}
