//! A chat that goes on.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use futures_util::stream::FuturesUnordered;
use letsapp_core::id::{ConversationId, MessageId, Rev, Seq};
use letsapp_core::messages::{Body, Emoji};
use letsapp_core::protocol::requests::{EditMessage, ReceiptRequest, SendMessage};
use letsapp_core::protocol::{Conversation, Message, MessageKind, Receipt};

use super::input::{HELP, Input};
use super::participants::Participants;
use super::terminal::Terminal;
use super::view::View;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::messages::{learn, read};
use crate::cli::render::title_of;
use crate::cli::text::one_line;
use crate::client::mint;
use crate::{ClientError, Cut, Live, Update, Updates};

/// How long to try, before leaving, to show all that was said and to tell that it was read.
const GOODBYE: Duration = Duration::from_secs(1);

/// How much of the history is shown where too much was missed.
const RELOAD: usize = 20;

/// One conversation, open on the screen.
pub(super) struct Room<'a> {
    context: &'a Context,
    id: ConversationId,
    live: Live,
    participants: Participants,
    terminal: Terminal,
    view: View,
    /// What was asked and is not answered.
    asked: FuturesUnordered<BoxFuture<'static, Result<Message, ClientError>>>,
    /// What the latest answer was about, and where that stood.
    answered: Option<(Seq, Rev)>,
    receipt: Option<BoxFuture<'static, ()>>,
    /// How far one has read, and said so.
    read: Seq,
    outage: Outage,
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

impl<'a> Room<'a> {
    pub(super) fn enter(
        context: &'a Context,
        conversation: &Conversation,
        live: Live,
        terminal: Terminal,
        view: View,
    ) -> Self {
        Self {
            context,
            id: conversation.id,
            participants: Participants::new(conversation, &live, terminal.echo()),
            live,
            terminal,
            view,
            asked: FuturesUnordered::new(),
            answered: None,
            receipt: None,
            read: conversation.me.read_seq,
            outage: Outage::No,
        }
    }

    /// Shows the latest messages, then carries what is typed and what happens, until one leaves.
    pub(super) async fn talk(
        mut self,
        conversation: &Conversation,
        messages: Vec<Message>,
        shown: usize,
        mut updates: Updates,
    ) -> Result<(), Failure> {
        let skipped = messages.len().saturating_sub(shown);
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
                    Some(line) if self.typed(&line)? == Next::GoOn => {}
                    _ => {
                        is_open = false;
                        self.leave()?;
                    }
                },
                update = updates.next() => match update {
                    Some(Update::SignedOut { .. }) | None => return self.signed_out().await,
                    Some(update) => self.update(update).await?,
                },
                Some(answer) = self.asked.next() => self.heed(answer)?,
                Some(()) = receipt => {
                    self.receipt = None;
                    self.acknowledge();
                }
            }
        }
        let last_words = self.last_words(&mut updates);
        let _ = tokio::time::timeout(GOODBYE, last_words).await;
        if let Some(receipt) = self.receipt.take() {
            // Worth a moment, and no more where there is no connection.
            let _ = tokio::time::timeout(GOODBYE, receipt).await;
        }
        self.live.close().await;
        Ok(())
    }

    /// Shows what was answered before it was told.
    async fn last_words(&mut self, updates: &mut Updates) -> Result<(), Failure> {
        while let Some((seq, rev)) = self.answered
            && self.view.find(seq).is_none_or(|message| message.rev < rev)
            && let Some(update) = updates.next().await
        {
            self.update(update).await?;
        }
        Ok(())
    }

    /// Says what is still waited for.
    fn leave(&self) -> Result<(), Failure> {
        match (self.asked.is_empty(), self.outage) {
            (true, _) | (false, Outage::No) => Ok(()),
            (false, Outage::Told) => self.show([self.view.notice("not everything is sent yet: waiting, until Ctrl-C")]),
        }
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
                async move {
                    live.edit(
                        id,
                        seq,
                        EditMessage {
                            body,
                            mentions: Vec::new(),
                        },
                    )
                    .await
                }
                .boxed()
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

    fn heed(&mut self, answer: Result<Message, ClientError>) -> Result<(), Failure> {
        match answer {
            // It is shown when the stream tells of it, in its place among the others.
            Ok(message) => {
                self.answered = Some((message.seq, message.rev));
                Ok(())
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    async fn update(&mut self, update: Update) -> Result<(), Failure> {
        if let Some(words) = self.participants.apply(&update, &self.view.names) {
            self.show([self.view.notice(&words)])?;
        }
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
        let messages = read(self.context, &conversation, Cut::Newest, RELOAD).await?;
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
        let Some(last) = self.view.last_of_others().filter(|last| *last > self.read) else {
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
