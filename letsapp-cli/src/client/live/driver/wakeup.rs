//! The driver's wait for the next thing that needs handling.

use futures_util::StreamExt;
use futures_util::future::OptionFuture;
use letsapp_core::id::ConversationId;
use tokio::time::Instant;

use super::{Command, Driver, Link, Sync};
use crate::client::live::socket::{Disconnect, Incoming, Socket};
use crate::client::live::tracker::{FetchError, Fetched};

/// Something that the task waits for.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it goes nowhere")]
pub(super) enum Wakeup {
    Command(Option<Command>),
    Dialed(Result<Box<Socket>, Disconnect>),
    Received(Result<Incoming, Disconnect>),
    Fetched(ConversationId, Result<Fetched, FetchError>),
    BacklogSent,
    ConsumerGone,
    Timer,
}

impl Driver {
    /// Waits for one thing to happen. Loses nothing: what has not happened is waited for again.
    pub(super) async fn wait(&mut self) -> Wakeup {
        let deadline = self.deadline();
        let (dialing, socket) = match &mut self.link {
            Link::None => (None, None),
            Link::Dialing(dialing) => (Some(dialing), None),
            Link::Open(socket) => (None, Some(socket)),
        };
        let time: OptionFuture<_> = deadline.map(tokio::time::sleep_until).into();
        let dialed: OptionFuture<_> = dialing.into();
        let received: OptionFuture<_> = socket.map(|socket| socket.next()).into();
        tokio::select! {
            command = self.commands.recv(), if !self.has_no_handles => Wakeup::Command(command),
            Some(dialed) = dialed => Wakeup::Dialed(dialed),
            Some(received) = received => Wakeup::Received(received),
            Some((id, result)) = self.fetching.next() => Wakeup::Fetched(id, result),
            room = self.deliveries.reserve(), if !self.backlog.is_empty() => match room {
                Ok(room) => {
                    if let Some(delivery) = self.backlog.pop_front() {
                        room.send(delivery);
                    }
                    Wakeup::BacklogSent
                }
                Err(_) => Wakeup::ConsumerGone,
            },
            // Without handles, the consumer's end is the task's.
            () = self.deliveries.closed(), if self.has_no_handles => Wakeup::ConsumerGone,
            Some(()) = time => Wakeup::Timer,
        }
    }

    /// The next moment at which something is to be done without anyone's saying so.
    fn deadline(&self) -> Option<Instant> {
        let now = self.now();
        let mut machines = vec![self.reconnect.deadline()];
        let mut silence_deadline = None;
        if let Link::Open(socket) = &self.link {
            silence_deadline = Some(socket.deadline());
            machines.extend([self.request_queue.deadline(now), self.tracker.deadline()]);
            if let Sync::RetryAt(at) = self.sync {
                machines.push(Some(at));
            }
        }
        let next = machines.into_iter().flatten().min().map(|at| self.started_at + at);
        next.into_iter().chain(silence_deadline).min()
    }
}
