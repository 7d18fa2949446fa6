//! An open chat: connects the keyboard, the screen and the live connection until the user leaves.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use futures_util::stream::FuturesUnordered;
use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::protocol::requests::ReceiptRequest;
use letsapp_core::protocol::{Conversation, Message, MessageKind, Receipt};

use super::input::{HELP, Input};
use super::participants::Participants;
use super::terminal::Terminal;
use super::view::View;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::messages::{load_name, read_history};
use crate::cli::render::title_of;
use crate::cli::sanitize::one_line;
use crate::{ClientError, HistoryRange, Live, Update, Updates};

/// Limit for each of the two steps of leaving, to show the last messages sent and to send the last receipt. Users
/// should not have to wait for a server that does not respond.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Number of messages to show if too many were missed to show them all. About one screen.
const RELOADED_MESSAGES: usize = 20;

/// A conversation that is open on the screen.
pub(super) struct ChatSession<'a> {
    context: &'a Context,
    pub(super) id: ConversationId,
    pub(super) live: Live,
    participants: Participants,
    terminal: Terminal,
    pub(super) view: View,
    /// Requests without a reply.
    pub(super) pending: FuturesUnordered<BoxFuture<'static, Result<Message, ClientError>>>,
    /// Position of the message in the latest reply, to wait for its update before leaving.
    last_reply: Option<(Seq, Rev)>,
    /// The receipt in progress. There is one at a time, since a later one includes the earlier.
    receipt: Option<BoxFuture<'static, ()>>,
    outage: Outage,
}

/// Whether the user has been told that the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    None,
    Announced,
}

/// Whether the chat continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    Leave,
}

impl<'a> ChatSession<'a> {
    pub(super) fn new(
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
            pending: FuturesUnordered::new(),
            last_reply: None,
            receipt: None,
            outage: Outage::None,
        }
    }

    /// Shows the latest messages, then handles input and updates until the user leaves.
    pub(super) async fn run(
        mut self,
        conversation: &Conversation,
        messages: Vec<Message>,
        visible: usize,
        mut updates: Updates,
    ) -> Result<(), Failure> {
        let hidden = messages.len().saturating_sub(visible);
        self.load_receipts().await;
        let lines = self.view.history(messages);
        let title = self
            .view
            .notice(&format!("{} — /help lists the commands", title_of(conversation)));
        self.show([title])?;
        self.show(lines.into_iter().skip(hidden))?;
        self.acknowledge();
        let mut is_open = true;
        while is_open || !self.pending.is_empty() {
            let receipt: OptionFuture<_> = self.receipt.as_mut().into();
            tokio::select! {
                line = self.terminal.next_line(), if is_open => match line {
                    Some(line) if self.handle_line(&line)? == Flow::Continue => {}
                    _ => {
                        is_open = false;
                        self.announce_wait()?;
                    }
                },
                update = updates.next() => match update {
                    Some(Update::SignedOut { .. }) | None => return self.signed_out().await,
                    Some(update) => self.handle_update(update).await?,
                },
                Some(reply) = self.pending.next() => self.handle_reply(reply)?,
                Some(()) = receipt => {
                    self.receipt = None;
                    self.acknowledge();
                }
            }
        }
        let show_replies = self.show_replies(&mut updates);
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, show_replies).await;
        if let Some(receipt) = self.receipt.take() {
            // Without a connection the receipt would never be sent, and leaving must not wait for it.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, receipt).await;
        }
        self.live.close().await;
        Ok(())
    }

    /// Shows updates until the message of the latest reply has been shown.
    async fn show_replies(&mut self, updates: &mut Updates) -> Result<(), Failure> {
        while let Some((seq, rev)) = self.last_reply
            && self.view.find(seq).is_none_or(|message| message.rev < rev)
            && let Some(update) = updates.next().await
        {
            self.handle_update(update).await?;
        }
        Ok(())
    }

    /// Tells the user that leaving has to wait for messages that are not sent yet.
    fn announce_wait(&self) -> Result<(), Failure> {
        match (self.pending.is_empty(), self.outage) {
            (true, _) | (false, Outage::None) => Ok(()),
            (false, Outage::Announced) => self.show([self
                .view
                .notice("some messages are not sent yet: waiting (Ctrl-C to give up)")]),
        }
    }

    fn handle_line(&mut self, line: &str) -> Result<Flow, Failure> {
        match Input::parse(line) {
            Ok(Input::Quit) => return Ok(Flow::Leave),
            Ok(Input::Empty) => {}
            Ok(Input::Help) => self.show(HELP.lines().map(str::to_owned).collect::<Vec<_>>())?,
            Ok(input) => {
                if let Err(text) = self.execute(input) {
                    self.show_error(&text)?;
                }
            }
            Err(text) => self.show_error(&text)?,
        }
        Ok(Flow::Continue)
    }

    fn handle_reply(&mut self, reply: Result<Message, ClientError>) -> Result<(), Failure> {
        match reply {
            // Shown when its update arrives, so that it appears in order with the messages of others.
            Ok(message) => {
                self.last_reply = Some((message.seq, message.rev));
                Ok(())
            }
            Err(error) => self.show_error(&error.to_string()),
        }
    }

    async fn handle_update(&mut self, update: Update) -> Result<(), Failure> {
        if let Some(text) = self.participants.apply(&update, &self.view.names) {
            self.show([self.view.notice(&text)])?;
        }
        match update {
            Update::Message(message) | Update::MessageChanged(message) if message.conversation_id == self.id => {
                load_name(self.context, &mut self.view.names, message.sender_id).await;
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
            Update::Disconnected { reason, .. } if self.outage == Outage::None => {
                self.outage = Outage::Announced;
                let text = format!(
                    "no connection ({}): messages are sent once it is back",
                    one_line(&reason)
                );
                self.show([self.view.notice(&text)])?;
            }
            Update::Connected(_) if self.outage == Outage::Announced => {
                self.outage = Outage::None;
                self.show([self.view.notice("connected again")])?;
            }
            // Listed one by one, so that a new kind of update doesn't compile before it is decided whether to show it.
            Update::Connected(_)
            | Update::CaughtUp
            | Update::Disconnected { .. }
            | Update::Message(_)
            | Update::MessageChanged(_)
            | Update::Receipts { .. }
            | Update::Conversation(_)
            | Update::ConversationRemoved(_)
            | Update::Reset(_)
            | Update::Typing { .. }
            | Update::Presence(_)
            | Update::MediaReady(_)
            | Update::SignedOut { .. } => {}
        }
        Ok(())
    }

    /// Shows the latest messages again, after too many were missed to show each of them.
    async fn reload(&mut self) -> Result<(), Failure> {
        let conversation = self.context.client.conversation(self.id).await?;
        self.view.reset(conversation.me.read_seq);
        self.last_reply = None;
        self.load_receipts().await;
        let messages = read_history(self.context, &conversation, HistoryRange::Newest, RELOADED_MESSAGES).await?;
        self.show([self.view.notice("many messages were missed; these are the latest:")])?;
        let lines = self.view.history(messages);
        self.show(lines)?;
        self.acknowledge();
        Ok(())
    }

    async fn load_receipts(&mut self) {
        // Only the ticks depend on the receipts, and those are not worth failing for.
        if let Ok(receipts) = self.context.client.receipts(self.id).await {
            let _shown_with_the_messages = self.view.receipts(&receipts);
        }
    }

    /// Reports the messages shown so far as read, unless a receipt is in progress.
    fn acknowledge(&mut self) {
        let Some(last) = self.view.unreported_read() else {
            return;
        };
        if self.receipt.is_some() {
            return;
        }
        self.view.report_read(last);
        let (live, id) = (self.live.clone(), self.id);
        let request = ReceiptRequest {
            delivered: None,
            read: Some(last),
        };
        let sending = async move {
            if let Err(error) = live.acknowledge(id, request).await {
                tracing::debug!(%error, "receipt failed");
            }
        };
        self.receipt = Some(sending.boxed());
    }

    async fn signed_out(self) -> Result<(), Failure> {
        self.terminal
            .show(self.view.failure("signed out; press Enter to leave"))?;
        self.terminal.close().await;
        Err(Failure::SignedOut(self.context.client.server().clone()))
    }

    fn show(&self, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.terminal.show(line))
    }

    fn show_error(&self, text: &str) -> Result<(), Failure> {
        self.show([self.view.failure(text)])
    }
}
