//! The task of a live connection. Carries out what the state machines decide, and passes them what happens.

mod wakeup;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use letsapp_core::ports::{IdSource, SystemIds};
use letsapp_core::protocol::{Code, Event, Items, Message, Op, Presence, Problem, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::fetch::{Fetching, fetch};
use super::reconnect::{Backoff, Input, Output, Reconnect};
use super::request_queue::RequestQueue;
use super::socket::{Disconnect, Incoming, Socket};
use super::tracker::Tracker;
use super::update::{Delivery, Positions, Update};
use crate::client::Http;
use crate::{Client, ClientError};
use wakeup::Wakeup;

/// Number of undelivered updates at which the driver ignores further events. It bounds the memory that a slow consumer
/// costs; a sync delivers what was ignored.
const BACKLOG_LIMIT: usize = 4_096;

/// Number of undelivered updates at which the driver resumes, with a sync. Well below the limit, so that a slow
/// consumer does not cause a sync per update.
const BACKLOG_RESUME: usize = 512;

/// Shortest pause before a failed sync is repeated. Syncs are expensive for the server, so a failing one is not
/// repeated at once.
const SYNC_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Message from a handle to the task.
#[derive(Debug)]
pub(super) enum Command {
    Request { op: Op, data: Value, reply: ReplySender },
    Close { done: oneshot::Sender<()> },
}

type ReplySender = oneshot::Sender<Result<Value, ClientError>>;
type Dialing = BoxFuture<'static, Result<Box<Socket>, Disconnect>>;

/// State of the task.
pub(super) struct Driver {
    http: Arc<Http>,
    started_at: Instant,
    commands: mpsc::UnboundedReceiver<Command>,
    deliveries: mpsc::Sender<Delivery>,
    /// Updates that do not fit into the channel.
    backlog: VecDeque<Delivery>,
    reconnect: Reconnect,
    request_queue: RequestQueue<ReplySender>,
    tracker: Tracker,
    link: Link,
    fetching: FuturesUnordered<Fetching>,
    sync: Sync,
    /// Set while events are ignored because of [`BACKLOG_LIMIT`].
    is_consumer_behind: bool,
    /// Set once all handles have been dropped. The task goes on for the stream of updates.
    has_no_handles: bool,
}

/// State of the connection, with its future or socket.
enum Link {
    None,
    Dialing(Dialing),
    Open(Box<Socket>),
}

/// State of the sync that follows each connection.
enum Sync {
    /// Not needed, unless the tracker asks for one.
    Idle,
    /// The request with this id has no reply yet.
    Requested(u64),
    /// Due at this time.
    DueAt(Duration),
}

/// The reason why the task ends.
enum End {
    SignedOut(String),
    Closed(Option<oneshot::Sender<()>>),
}

impl Driver {
    pub(super) fn new(
        http: Arc<Http>,
        positions: &Positions,
        backoff: Backoff,
        commands: mpsc::UnboundedReceiver<Command>,
        deliveries: mpsc::Sender<Delivery>,
    ) -> Self {
        Self {
            http,
            started_at: Instant::now(),
            commands,
            deliveries,
            backlog: VecDeque::new(),
            reconnect: Reconnect::new(backoff),
            request_queue: RequestQueue::new(),
            tracker: Tracker::new(positions),
            link: Link::None,
            fetching: FuturesUnordered::new(),
            sync: Sync::Idle,
            is_consumer_behind: false,
            has_no_handles: false,
        }
    }

    /// Runs until the session ends, the connection is closed, or nobody is left to use it.
    pub(super) async fn run(mut self) {
        let end = loop {
            let wakeup = self.wait().await;
            if let Err(end) = self.handle(wakeup).await {
                break end;
            }
            if let Err(disconnect) = self.send_due().await
                && let Err(end) = self.disconnected(disconnect)
            {
                break end;
            }
        };
        self.finish(end).await;
    }

    /// Returns the time since the task has started, which is the time of the state machines.
    fn now(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Passes an event on to the state machine concerned.
    async fn handle(&mut self, wakeup: Wakeup) -> Result<(), End> {
        let now = self.now();
        match wakeup {
            Wakeup::Command(Some(Command::Request { op, data, reply })) => self.request_queue.push(op, data, reply),
            Wakeup::Command(Some(Command::Close { done })) => return Err(End::Closed(Some(done))),
            Wakeup::Command(None) => self.has_no_handles = true,
            Wakeup::ConsumerGone if self.has_no_handles => return Err(End::Closed(None)),
            // Nobody reads the updates any more, but the handles still need the connection for their requests.
            Wakeup::ConsumerGone => self.backlog.clear(),
            Wakeup::Dialed(Ok(socket)) => self.opened(socket),
            Wakeup::Dialed(Err(disconnect)) | Wakeup::Received(Err(disconnect)) => {
                return self.disconnected(disconnect);
            }
            Wakeup::Received(Ok(Incoming::Event(event))) => self.tracker.apply_event(event, now),
            Wakeup::Received(Ok(Incoming::Reply(id, result))) => self.replied(id, result),
            Wakeup::Fetched(id, result) => self.tracker.apply_fetch(id, result, now),
            Wakeup::BacklogSent => {}
            Wakeup::Timer => return self.timer(),
        }
        Ok(())
    }

    /// Handles a deadline: a silent connection, or an attempt to connect that is due.
    fn timer(&mut self) -> Result<(), End> {
        if let Link::Open(socket) = &self.link
            && Instant::now() >= socket.deadline()
        {
            return self.disconnected(Disconnect::lost("the server has gone silent"));
        }
        if self.reconnect.deadline().is_some() && self.step(Input::Due) == Some(Output::Dial) {
            let http = Arc::clone(&self.http);
            self.link = Link::Dialing(Box::pin(async move { Socket::dial(&http).await.map(Box::new) }));
        }
        Ok(())
    }

    fn opened(&mut self, socket: Box<Socket>) {
        self.step(Input::Opened);
        self.backlog.push_back(Update::Connected(socket.hello.clone()).into());
        self.link = Link::Open(socket);
        // Every connection begins with a sync, which delivers what was missed.
        self.sync = Sync::DueAt(self.now());
    }

    /// Resets everything that belonged to the lost connection, and schedules the next attempt.
    fn disconnected(&mut self, disconnect: Disconnect) -> Result<(), End> {
        let (reason, retry_after) = match disconnect {
            Disconnect::SignedOut(reason) => return Err(End::SignedOut(reason)),
            Disconnect::Lost { reason, retry_after } => (reason, retry_after),
        };
        tracing::debug!(reason, "connection lost");
        self.link = Link::None;
        self.request_queue.requeue_in_flight();
        self.tracker.pause();
        self.fetching.clear();
        self.sync = Sync::Idle;
        if let Some(Output::Wait(retry_in)) = self.step(Input::Lost { retry_after }) {
            self.enqueue([Update::Disconnected { reason, retry_in }.into()]);
        }
        Ok(())
    }

    /// Passes a reply to the future that waits for it, and its content to the tracker.
    fn replied(&mut self, id: u64, result: Result<Value, Problem>) {
        let now = self.now();
        if matches!(self.sync, Sync::Requested(requested) if requested == id) {
            return self.synced(result);
        }
        let Some(completed) = self.request_queue.complete(id, result, now) else {
            return;
        };
        let is_message = matches!(
            completed.op,
            Op::MessageSend | Op::MessageEdit | Op::MessageDelete | Op::MessageReact
        );
        // The server sends no event of a change to the connection that has requested it, so the reply stands in for it.
        if let Ok(value) = &completed.result
            && is_message
            && let Ok(message) = Message::deserialize(value)
        {
            self.tracker.apply_message(message, now);
        }
        if let Ok(value) = &completed.result
            && completed.op == Op::PresenceWatch
            && let Ok(found) = Items::<Presence>::deserialize(value)
        {
            for presence in found.items {
                self.tracker.apply_event(Event::Presence(presence), now);
            }
        }
        // The future of the request may have been dropped.
        let _ = completed.waiter.send(completed.result.map_err(ClientError::from));
    }

    fn synced(&mut self, result: Result<Value, Problem>) {
        let now = self.now();
        let read = |value| {
            serde_json::from_value(value).map_err(|error| Problem::new(Code::Internal).with_detail(error.to_string()))
        };
        match result.and_then(read) {
            Ok(sync) => {
                self.sync = Sync::Idle;
                self.tracker.apply_sync(sync, now);
            }
            Err(problem) => {
                let error = ClientError::from(problem);
                tracing::warn!(%error, "sync failed; it will be repeated");
                self.sync = Sync::DueAt(now + error.retry_after().unwrap_or_default().max(SYNC_RETRY_DELAY));
            }
        }
    }

    /// Delivers updates, and sends the requests and fetches that are due.
    async fn send_due(&mut self) -> Result<(), Disconnect> {
        let now = self.now();
        let deliveries: Vec<_> = self.tracker.take_deliveries().collect();
        self.enqueue(deliveries);
        if !self.is_consumer_behind && self.backlog.len() >= BACKLOG_LIMIT {
            self.is_consumer_behind = true;
            self.tracker.pause();
            self.sync = Sync::Idle;
        }
        let Link::Open(socket) = &mut self.link else {
            return Ok(());
        };
        if self.is_consumer_behind && self.backlog.len() <= BACKLOG_RESUME {
            self.is_consumer_behind = false;
            self.sync = Sync::DueAt(now);
        }
        let mut has_fed = false;
        let is_due = match self.sync {
            Sync::DueAt(at) => at <= now,
            Sync::Idle => self.tracker.needs_sync(),
            Sync::Requested(_) => false,
        };
        if is_due && !self.is_consumer_behind {
            let id = self.request_queue.next_id();
            let data = serde_json::to_value(self.tracker.begin_sync()).expect("requests are plain data");
            socket.feed(&Request { id, op: Op::Sync, data }).await?;
            self.sync = Sync::Requested(id);
            has_fed = true;
        }
        while let Some(request) = self.request_queue.pop(now) {
            socket.feed(&request).await?;
            has_fed = true;
        }
        for (id, after) in self.tracker.take_due_fetches(now) {
            self.fetching.push(Box::pin(fetch(
                Client {
                    http: Arc::clone(&self.http),
                },
                id,
                after,
            )));
        }
        if has_fed { socket.flush().await } else { Ok(()) }
    }

    /// Adds updates to the backlog.
    fn enqueue(&mut self, deliveries: impl IntoIterator<Item = Delivery>) {
        // Without a consumer, the backlog would only grow.
        if !self.deliveries.is_closed() {
            self.backlog.extend(deliveries);
        }
    }

    /// Passes an input to the state machine of the connection.
    fn step(&mut self, input: Input) -> Option<Output> {
        let (machine, output) = self
            .reconnect
            .step(input, self.now(), random_fraction())
            .expect("the connection and its state machine change state together");
        self.reconnect = machine;
        output
    }

    /// Closes the connection, fails all requests without a reply, and delivers the remaining updates.
    async fn finish(mut self, end: End) {
        self.step(Input::Ended);
        if let Link::Open(socket) = std::mem::replace(&mut self.link, Link::None) {
            socket.close().await;
        }
        let is_signed_out = matches!(end, End::SignedOut(_));
        // Requests that are still in the channel fail like the queued ones.
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Request { op, data, reply } => self.request_queue.push(op, data, reply),
                Command::Close { done } => drop(done),
            }
        }
        for reply in self.request_queue.drain() {
            let error = if is_signed_out {
                ClientError::SignedOut
            } else {
                ClientError::Closed
            };
            let _ = reply.send(Err(error));
        }
        match end {
            End::SignedOut(reason) => {
                self.backlog.push_back(Update::SignedOut { reason }.into());
                for delivery in self.backlog {
                    if self.deliveries.send(delivery).await.is_err() {
                        break;
                    }
                }
            }
            End::Closed(done) => drop(done),
        }
    }
}

/// Returns a random number from 0 to 1.
fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    SystemIds.fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
