//! `chat`: history, then live.

mod input;
mod terminal;
mod view;

use clap::Args;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use futures_util::stream::FuturesUnordered;
use letsapp_core::id::{ConversationId, MessageId, Seq};
use letsapp_core::messages::{Body, Emoji};
use letsapp_core::protocol::requests::{EditMessage, ReceiptRequest, SendMessage};
use letsapp_core::protocol::{Conversation, Message, MessageKind, Receipt};

use super::context::Context;
use super::failure::Failure;
use super::messages::{learn, names, read};
use super::out::Format;
use super::render::title_of;
use super::target::Target;
use super::text::one_line;
use crate::client::mint;
use crate::{ClientError, Cut, Live, Update, Updates};
use input::{HELP, Input};
use terminal::Terminal;
use view::View;

#[derive(Debug, Args)]
pub(super) struct Chat {
    /// With whom: a username, a group's title, or an id
    #[arg(value_name = "USER|CONVERSATION")]
    with: Target,
    /// How much of the history to begin with
    #[arg(long, value_name = "N", default_value_t = 20)]
    history: u16,
}

impl Chat {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if context.out.format() == Format::Json {
            let line = "a chat is for people: programs use `listen --json` and `send --json`";
            return Err(Failure::Usage(line.to_owned()));
        }
        let conversation = self.with.conversation(context).await?;
        let limit = usize::from(self.history);
        let (live, mut updates) = context.client.live().start();
        caught_up(context, &mut updates).await?;
        // What comes from here on is told, so that nothing falls between history and life.
        let messages = read(context, &conversation, Cut::Newest, limit.max(1)).await?;
        let names = names(context, &conversation, &messages).await?;
        let terminal = Terminal::open(context.out)?;
        let view = View::new(names, context.out.paint(), terminal.echo());
        let room = Room {
            context,
            id: conversation.id,
            live,
            terminal,
            view,
            asked: FuturesUnordered::new(),
            receipt: None,
            read: conversation.me.read_seq,
            outage: Outage::No,
            history: limit,
        };
        room.talk(&conversation, messages, updates).await
    }
}

/// A chat that goes on.
struct Room<'a> {
    context: &'a Context,
    id: ConversationId,
    live: Live,
    terminal: Terminal,
    view: View,
    /// What was asked and is not answered.
    asked: FuturesUnordered<BoxFuture<'static, Result<Message, ClientError>>>,
    receipt: Option<BoxFuture<'static, ()>>,
    /// How far one has read, and said so.
    read: Seq,
    outage: Outage,
    history: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    No,
    /// It has been said that there is no connection.
    Told,
}

/// Whether the chat goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

impl Room<'_> {
    async fn talk(
        mut self,
        conversation: &Conversation,
        messages: Vec<Message>,
        mut updates: Updates,
    ) -> Result<(), Failure> {
        let skipped = messages.len().saturating_sub(self.history);
        self.load_receipts().await;
        let lines = self.view.history(messages);
        let title = self
            .view
            .notice(&format!("{} — /help shows what can be done", title_of(conversation)));
        self.show([title])?;
        self.show(lines.into_iter().skip(skipped))?;
        self.acknowledge();
        let mut is_open = true;
        while is_open || !self.asked.is_empty() {
            let receipt: OptionFuture<_> = self.receipt.as_mut().into();
            tokio::select! {
                line = self.terminal.line(), if is_open => match line {
                    Some(line) => is_open = self.typed(&line)? == Next::GoOn,
                    None => is_open = false,
                },
                update = updates.next() => match update {
                    Some(Update::SignedOut { .. }) | None => return self.signed_out().await,
                    Some(update) => self.update(update).await?,
                },
                Some(answer) = self.asked.next() => self.answered(answer)?,
                Some(()) = receipt => {
                    self.receipt = None;
                    self.acknowledge();
                }
            }
        }
        if let Some(receipt) = self.receipt.take() {
            // A receipt is not worth waiting for where there is no connection.
            tokio::select! {
                () = receipt => {}
                () = until_lost(&mut updates) => {}
            }
        }
        self.live.close().await;
        Ok(())
    }

    fn typed(&mut self, line: &str) -> Result<Next, Failure> {
        match Input::parse(line) {
            Ok(Input::Quit) => return Ok(Next::Leave),
            Ok(Input::Nothing) => {}
            Ok(Input::Help) => self.show(HELP.lines().map(str::to_owned).collect::<Vec<_>>())?,
            Ok(input) => {
                if let Err(words) = self.act(input) {
                    self.fail(&words)?;
                }
            }
            Err(words) => self.fail(&words)?,
        }
        Ok(Next::GoOn)
    }

    /// Begins to do what was typed, or says why not.
    fn act(&mut self, input: Input) -> Result<(), String> {
        let (live, id) = (self.live.clone(), self.id);
        let mine = |seq: Option<Seq>| {
            let latest = || self.view.latest_mine().map(|message| message.seq);
            seq.or_else(latest)
                .ok_or_else(|| "there is no message of yours here: say which, with #N".to_owned())
        };
        let theirs = |seq: Option<Seq>| {
            let latest = || self.view.latest_theirs().map(|message| message.seq);
            seq.or_else(latest)
                .ok_or_else(|| "there is no message here: say which, with #N".to_owned())
        };
        let asked = match input {
            Input::Say(words) => self.say(words, None)?,
            Input::Reply(seq, words) => self.say(words, Some(seq))?,
            Input::Edit(seq, words) => {
                let seq = mine(seq)?;
                let body = Body::parse(words).map_err(|error| format!("the text {error}"))?;
                async move { live.edit(id, seq, EditMessage { body, mentions: None }).await }.boxed()
            }
            Input::Delete(seq) => {
                let seq = mine(seq)?;
                async move { live.delete(id, seq).await }.boxed()
            }
            Input::React(seq, emoji) => {
                let seq = theirs(seq)?;
                async move { live.react(id, seq, emoji).await }.boxed()
            }
            Input::Unreact(seq) => {
                let seq = theirs(seq)?;
                let emoji = self
                    .reaction(seq)
                    .ok_or_else(|| format!("you have not reacted to #{seq}"))?;
                async move { live.unreact(id, seq, emoji).await }.boxed()
            }
            Input::Help | Input::Quit | Input::Nothing => return Ok(()),
        };
        self.asked.push(asked);
        Ok(())
    }

    fn say(
        &mut self,
        words: String,
        reply_to: Option<Seq>,
    ) -> Result<BoxFuture<'static, Result<Message, ClientError>>, String> {
        let message_id = MessageId::from_uuid(mint());
        let request = SendMessage::text(words).map_err(|error| format!("the text {error}"))?;
        let request = SendMessage {
            reply_to,
            ..request.with_id(message_id)
        };
        self.view.typed(message_id);
        let (live, id) = (self.live.clone(), self.id);
        Ok(async move { live.send(id, request).await }.boxed())
    }

    /// Finds one's own reaction to a message.
    fn reaction(&self, seq: Seq) -> Option<Emoji> {
        let message = self.view.find(seq)?;
        let mut mine = message
            .reactions
            .iter()
            .filter(|one| one.user_ids.iter().any(|id| self.view.names.is_me(*id)));
        mine.next().and_then(|reaction| Emoji::parse(&reaction.emoji).ok())
    }

    fn answered(&mut self, answer: Result<Message, ClientError>) -> Result<(), Failure> {
        match answer {
            Ok(message) => {
                let lines = self.view.message(message);
                self.show(lines)
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    async fn update(&mut self, update: Update) -> Result<(), Failure> {
        match update {
            Update::Message(message) | Update::MessageChanged(message) if message.conversation_id == self.id => {
                learn(self.context, &mut self.view.names, message.sender_id).await;
                if message.kind == MessageKind::System {
                    self.load_receipts().await;
                }
                let lines = self.view.message(message);
                self.show(lines)?;
                self.acknowledge();
            }
            Update::Receipts { conversation_id, items } if conversation_id == self.id => {
                let lines = self.view.receipts(&items);
                self.show(lines)?;
            }
            Update::Conversation(conversation) if conversation.id == self.id => {
                if let (Some(peer), Some(watermarks)) = (conversation.peer, conversation.peer_receipt) {
                    let lines = self.view.receipts(&[Receipt {
                        user_id: peer.id,
                        watermarks,
                    }]);
                    self.show(lines)?;
                }
            }
            Update::ConversationRemoved(id) if id == self.id => {
                self.show([self.view.notice("you are no longer in this conversation")])?;
            }
            Update::Reset(id) if id == self.id => self.reload().await?,
            Update::Disconnected { reason, .. } if self.outage == Outage::No => {
                self.outage = Outage::Told;
                let words = format!(
                    "no connection ({}): what you type is sent when it is back",
                    one_line(&reason)
                );
                self.show([self.view.notice(&words)])?;
            }
            Update::Connected(_) if self.outage == Outage::Told => {
                self.outage = Outage::No;
                self.show([self.view.notice("connected again")])?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Shows the latest history again: too much was missed to be told one by one.
    async fn reload(&mut self) -> Result<(), Failure> {
        let conversation = self.context.client.conversation(self.id).await?;
        let messages = read(self.context, &conversation, Cut::Newest, self.history.max(1)).await?;
        self.show([self.view.notice("much was said meanwhile; the latest:")])?;
        let lines = self.view.history(messages);
        self.show(lines)?;
        self.acknowledge();
        Ok(())
    }

    async fn load_receipts(&mut self) {
        // Ticks are not worth failing for.
        if let Ok(receipts) = self.context.client.receipts(self.id).await {
            let _told_with_the_messages = self.view.receipts(&receipts);
        }
    }

    /// Tells the others how far one has read, one receipt at a time.
    fn acknowledge(&mut self) {
        let Some(last) = self.view.last_seq().filter(|last| *last > self.read) else {
            return;
        };
        if self.receipt.is_some() {
            return;
        }
        self.read = last;
        let (live, id) = (self.live.clone(), self.id);
        let request = ReceiptRequest {
            delivered: None,
            read: Some(last),
        };
        let told = async move {
            if let Err(error) = live.acknowledge(id, request).await {
                tracing::debug!(%error, "a receipt was not taken");
            }
        };
        self.receipt = Some(told.boxed());
    }

    async fn signed_out(self) -> Result<(), Failure> {
        self.terminal
            .show(self.view.failure("signed out; press Enter to leave"))?;
        self.terminal.leave().await;
        Err(Failure::SignedOut(self.context.client.server().clone()))
    }

    fn show(&self, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.terminal.show(line))
    }

    fn fail(&self, words: &str) -> Result<(), Failure> {
        self.show([self.view.failure(words)])
    }
}

async fn until_lost(updates: &mut Updates) {
    while let Some(update) = updates.next().await {
        if let Update::Disconnected { .. } = update {
            break;
        }
    }
}

/// Waits until the connection stands and nothing that comes is missed.
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
            Some(_) => {}
        }
    }
}
