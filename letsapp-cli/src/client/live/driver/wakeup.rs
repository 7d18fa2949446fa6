//! The events that the driver waits for.

use futures_util::StreamExt;
use futures_util::future::OptionFuture;
use letsapp_core::domain::id::ConversationId;
use tokio::time::Instant;

use super::{Command, Driver, Link, Sync};
use crate::client::live::socket::{Disconnect, Incoming, Socket};
use crate::client::live::tracker::{FetchError, Fetched};

/// An event for the driver to handle.
#[expect(
    clippy::large_enum_variant,
    reason = "there is only one at a time, and it is not moved far"
)]
pub(super) enum Wakeup {
    /// A handle has sent a command. `None` once all handles have been dropped.
    Command(Option<Command>),
    /// The attempt to connect has ended.
    Dialed(Result<Box<Socket>, Disconnect>),
    /// A frame has arrived, or the connection was lost.
    Received(Result<Incoming, Disconnect>),
    /// A fetch has ended.
    Fetched(ConversationId, Result<Fetched, FetchError>),
    /// The consumer has room for another update, which was sent.
    BacklogSent,
    /// The stream of updates has been dropped.
    ConsumerGone,
    /// The deadline of a state machine has passed.
    Timer,
}

impl Driver {
    /// Waits for the next event. Nothing is lost in the futures that are dropped here: all of them are cancel safe.
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
            // Without handles, only the consumer of the updates keeps the task running.
            () = self.deliveries.closed(), if self.has_no_handles => Wakeup::ConsumerGone,
            Some(()) = time => Wakeup::Timer,
        }
    }

    /// Returns the earliest time at which one of the state machines has something to do.
    fn deadline(&self) -> Option<Instant> {
        let now = self.now();
        let mut machines = vec![self.reconnect.deadline()];
        let mut silence_deadline = None;
        if let Link::Open(socket) = &self.link {
            silence_deadline = Some(socket.deadline());
            machines.extend([self.request_queue.deadline(now), self.tracker.deadline()]);
            if let Sync::DueAt(at) = self.sync {
                machines.push(Some(at));
            }
        }
        let next = machines.into_iter().flatten().min().map(|at| self.started_at + at);
        next.into_iter().chain(silence_deadline).min()
    }
}
