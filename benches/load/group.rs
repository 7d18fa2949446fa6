//! Load of a group: one member sends, and all others receive.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_util::future::{Either, select, try_join_all};
use tokio::{task::unconstrained, time::timeout, try_join};

use super::{
    DRAIN_TIMEOUT, Endpoint, FIRST_REQUEST, Outcome, Socket, Span,
    frame::{Incoming, ten_digits},
    meter::Meter,
};
use crate::{
    process::Process,
    sample::{Sample, unix_milliseconds, uuid_v7},
};

/// Group conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Id of the conversation, as it is written in frames.
    pub conversation: String,
    /// Sockets of its members. The first one sends.
    pub members: Vec<Endpoint>,
}

/// Load of one group, for a runtime of one thread.
#[derive(Debug, Clone, Copy)]
pub struct GroupLoad<'a> {
    /// Group that receives the messages.
    pub group: &'a Group,
    /// Messages in flight at any time. A message is, until its last recipient has it.
    pub in_flight: u64,
    /// Length of the load.
    pub span: Span,
    /// Texts of the messages.
    pub sample: &'a Sample,
    /// Process whose CPU time is counted.
    pub server: Process,
}

impl GroupLoad<'_> {
    /// Connects all members, lets the first one send, and waits until every message has reached every other member.
    ///
    /// # Errors
    /// Fails if a connection fails, a request is refused, or a message is missing, duplicated or out of order.
    ///
    /// # Panics
    /// Panics if the group has fewer than two members.
    pub async fn run(&self) -> io::Result<Outcome> {
        let [first, others @ ..] = &self.group.members[..] else {
            panic!("a group has members")
        };
        assert!(!others.is_empty(), "a group has members who receive");
        let shared = Shared {
            receivers: others.len() as u64,
            ..Shared::default()
        };
        let mut receivers = Vec::new();
        for endpoint in others {
            receivers.push(GroupReceiver {
                socket: Socket::connect(endpoint).await?,
                received: 0,
                last_seq: None,
                shared: &shared,
            });
        }
        let mut sender = GroupSender {
            socket: Socket::connect(first).await?,
            acknowledged: 0,
            load: self,
            shared: &shared,
        };
        let sending = poll_fn(|cx| sender.poll_run(cx));
        let watched = async { try_join!(shared.meter.watch(self.span, self.server), sending) };
        let receiving = try_join_all(receivers.iter_mut().map(GroupReceiver::run));
        let running = select(Box::pin(watched), Box::pin(receiving));
        let limit = self.span.warm_up + self.span.measure + DRAIN_TIMEOUT;
        match timeout(limit, unconstrained(running)).await {
            Ok(Either::Left((watched, _))) => Ok(watched?.0),
            Ok(Either::Right((received, _))) => Err(received.expect_err("receivers don't stop by themselves")),
            Err(_) => Err(io::Error::other(format!(
                "only {} deliveries arrived",
                shared.delivered.get()
            ))),
        }
    }
}

#[derive(Default)]
struct Shared {
    meter: Meter,
    receivers: u64,
    /// Time at which each message was sent.
    sent: RefCell<Vec<Instant>>,
    /// Deliveries to all receivers together.
    delivered: Cell<u64>,
    /// Wakes the sender once a message has reached all.
    sender: Cell<Option<Waker>>,
}

struct GroupSender<'a> {
    socket: Socket,
    acknowledged: u64,
    load: &'a GroupLoad<'a>,
    shared: &'a Shared,
}

struct GroupReceiver<'a> {
    socket: Socket,
    received: usize,
    last_seq: Option<u64>,
    shared: &'a Shared,
}

impl GroupSender<'_> {
    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let in_flight = self.sent() - self.acknowledged.min(self.shared.received_by_all());
            match self.shared.meter.is_draining() {
                true if in_flight == 0 => return Poll::Ready(Ok(())),
                true => {}
                false => (in_flight..self.load.in_flight).for_each(|_| self.send()),
            }
            let _ = self.socket.poll_flush(cx)?;
            if self.socket.poll_fill(cx)?.is_pending() {
                self.shared.sender.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            self.handle_replies()?;
        }
    }

    fn send(&mut self) {
        let message = self.sent();
        let id = uuid_v7(unix_milliseconds(), 0, message).to_string();
        self.socket.push(&[
            br#"{"id":"#,
            &ten_digits(FIRST_REQUEST + message),
            br#","op":"message.send","data":{"conversation_id":""#,
            self.load.group.conversation.as_bytes(),
            br#"","id":""#,
            id.as_bytes(),
            br#"","body":""#,
            self.load.sample.text(message).body.as_bytes(),
            br#""}}"#,
        ]);
        self.shared.sent.borrow_mut().push(Instant::now());
    }

    fn handle_replies(&mut self) -> io::Result<()> {
        while let Some(incoming) = self.socket.next_incoming()? {
            let Incoming::Ok(request) = incoming else { continue };
            if request.wrapping_sub(FIRST_REQUEST) >= self.sent() {
                return Err(io::Error::other(format!("request {request} was never made")));
            }
            self.acknowledged += 1;
            self.shared.meter.acknowledged();
        }
        Ok(())
    }

    fn sent(&self) -> u64 {
        self.shared.sent.borrow().len() as u64
    }
}

impl GroupReceiver<'_> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            poll_fn(|cx| {
                let _ = self.socket.poll_flush(cx)?;
                self.socket.poll_fill(cx)
            })
            .await?;
            let now = Instant::now();
            while let Some(incoming) = self.socket.next_incoming()? {
                let Incoming::Created(seq) = incoming else { continue };
                if self.last_seq.is_some_and(|last| last + 1 != seq) {
                    return Err(io::Error::other(format!("message {seq} after {:?}", self.last_seq)));
                }
                self.last_seq = Some(seq);
                let sent = self.shared.sent.borrow().get(self.received).copied();
                let sent = sent.ok_or_else(|| io::Error::other("a message was delivered that was never sent"))?;
                self.received += 1;
                self.shared.received(now - sent);
            }
        }
    }
}

impl Shared {
    /// Counts a delivery. All receivers get the messages in one order, so the sum shows when a message has reached all.
    fn received(&self, latency: Duration) {
        self.meter.delivered(latency);
        self.delivered.set(self.delivered.get() + 1);
        if self.delivered.get().is_multiple_of(self.receivers)
            && let Some(sender) = self.sender.take()
        {
            sender.wake();
        }
    }

    fn received_by_all(&self) -> u64 {
        self.delivered.get() / self.receivers
    }
}
