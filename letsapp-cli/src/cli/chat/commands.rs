//! The commands of a chat: each sends a request over the live connection.

use futures_util::future::{BoxFuture, FutureExt};
use letsapp_core::domain::id::{MessageId, Seq};
use letsapp_core::domain::{body::Body, emoji::Emoji};
use letsapp_core::protocol::Message;
use letsapp_core::protocol::requests::{EditMessage, SendMessage};

use super::input::Input;
use super::session::ChatSession;
use crate::ClientError;
use crate::client::new_id;

impl ChatSession<'_> {
    /// Starts to carry out a line of input. Returns a message for the user if it is not possible.
    pub(super) fn execute(&mut self, input: Input) -> Result<(), String> {
        let (live, id) = (self.live.clone(), self.id);
        let own = |seq: Option<Seq>| {
            let latest = || self.view.latest_own_message().map(|message| message.seq);
            seq.or_else(latest)
                .ok_or_else(|| "you have sent no message here: give the number, as #N".to_owned())
        };
        let others = |seq: Option<Seq>| {
            let latest = || self.view.latest_other_message().map(|message| message.seq);
            seq.or_else(latest)
                .ok_or_else(|| "there is no message of others here: give the number, as #N".to_owned())
        };
        let pending = match input {
            Input::Send(text) => self.send(text, None)?,
            Input::Reply(seq, text) => self.send(text, Some(seq))?,
            Input::Edit(seq, text) => {
                let seq = own(seq)?;
                let body = Body::parse(text).map_err(|error| format!("the text {error}"))?;
                async move {
                    live.edit(
                        id,
                        seq,
                        EditMessage {
                            body,
                            mentions: Vec::new(),
                            attachments: None,
                        },
                    )
                    .await
                }
                .boxed()
            }
            Input::Delete(seq) => {
                let seq = own(seq)?;
                async move { live.delete(id, seq).await }.boxed()
            }
            Input::React(seq, emoji) => {
                let seq = others(seq)?;
                async move { live.react(id, seq, emoji).await }.boxed()
            }
            Input::Unreact(seq) => {
                let seq = others(seq)?;
                let emoji = self
                    .own_reaction(seq)
                    .ok_or_else(|| format!("you have not reacted to #{seq}"))?;
                async move { live.unreact(id, seq, emoji).await }.boxed()
            }
            Input::Help | Input::Quit | Input::Empty => return Ok(()),
        };
        self.pending.push(pending);
        Ok(())
    }

    fn send(
        &mut self,
        text: String,
        reply_to: Option<Seq>,
    ) -> Result<BoxFuture<'static, Result<Message, ClientError>>, String> {
        let message_id = MessageId::from_uuid(new_id());
        let request = SendMessage::text(text).map_err(|error| format!("the text {error}"))?;
        let request = SendMessage {
            reply_to,
            ..request.with_id(message_id)
        };
        self.view.expect_echo(message_id);
        let (live, id) = (self.live.clone(), self.id);
        Ok(async move { live.send(id, request).await }.boxed())
    }

    /// Returns the user's own reaction to a message, since removing it takes the emoji.
    fn own_reaction(&self, seq: Seq) -> Option<Emoji> {
        let message = self.view.find(seq)?;
        let mut own = message
            .reactions
            .iter()
            .filter(|one| one.user_ids.iter().any(|id| self.view.names.is_me(*id)));
        own.next().and_then(|reaction| Emoji::parse(&reaction.emoji).ok())
    }
}
