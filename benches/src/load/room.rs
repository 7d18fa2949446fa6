//! One sender, and a room full of people who all get what is said.

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
    Outcome, Seat, Socket, Span,
    frame::{Said, ten_digits},
    meter::Meter,
};
use crate::{
    process::Process,
    sample::{Sample, unix_milliseconds, uuid_v7},
};

const DRAIN: Duration = Duration::from_secs(30);
const FIRST_REQUEST: u64 = 1_000_000_000;

/// A conversation of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The conversation's id, as it goes into frames.
    pub conversation: String,
    /// Who is in it; the first one speaks.
    pub members: Vec<Seat>,
}

/// A load of one room. Run it on a runtime of one thread.
#[derive(Debug, Clone, Copy)]
pub struct RoomLoad<'a> {
    /// Where.
    pub room: &'a Room,
    /// How many messages are on their way at once; a message is until its last receiver has it.
    pub in_flight: u64,
    /// How long.
    pub span: Span,
    /// What is said.
    pub sample: &'a Sample,
    /// Whose CPU time is counted.
    pub server: Process,
}

impl RoomLoad<'_> {
    /// Connects everyone, lets the first one talk, and waits until all that was sent has arrived everywhere.
    ///
    /// # Errors
    /// When a connection fails, a request is refused, or a message is missing, doubled or out of order.
    ///
    /// # Panics
    /// When the room has fewer than two members.
    pub async fn run(&self) -> io::Result<Outcome> {
        let [first, others @ ..] = &self.room.members[..] else {
            panic!("a room without members")
        };
        assert!(!others.is_empty(), "a room in which nobody listens");
        let shared = Shared {
            listeners: others.len() as u64,
            ..Shared::default()
        };
        let mut listeners = Vec::new();
        for seat in others {
            listeners.push(Listener {
                socket: Socket::connect(seat).await?,
                heard: 0,
                last_seq: None,
                shared: &shared,
            });
        }
        let mut speaker = Speaker {
            socket: Socket::connect(first).await?,
            acknowledged: 0,
            load: self,
            shared: &shared,
        };
        let speaking = poll_fn(|cx| speaker.poll_run(cx));
        let watched = async { try_join!(shared.meter.watch(self.span, self.server), speaking) };
        let listening = try_join_all(listeners.iter_mut().map(Listener::run));
        let running = select(Box::pin(watched), Box::pin(listening));
        let limit = self.span.warm_up + self.span.measure + DRAIN;
        match timeout(limit, unconstrained(running)).await {
            Ok(Either::Left((watched, _))) => Ok(watched?.0),
            Ok(Either::Right((listened, _))) => Err(listened.expect_err("listeners do not stop by themselves")),
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
    listeners: u64,
    /// When each message was sent, and by whose hearing the speaker may go on.
    sent: RefCell<Vec<Instant>>,
    delivered: Cell<u64>,
    speaker: Cell<Option<Waker>>,
}

struct Speaker<'a> {
    socket: Socket,
    acknowledged: u64,
    load: &'a RoomLoad<'a>,
    shared: &'a Shared,
}

struct Listener<'a> {
    socket: Socket,
    heard: usize,
    last_seq: Option<u64>,
    shared: &'a Shared,
}

impl Speaker<'_> {
    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let on_their_way = self.sent() - self.acknowledged.min(self.shared.heard_by_all());
            match self.shared.meter.is_draining() {
                true if on_their_way == 0 => return Poll::Ready(Ok(())),
                true => {}
                false => (on_their_way..self.load.in_flight).for_each(|_| self.send()),
            }
            let _ = self.socket.poll_flush(cx)?;
            if self.socket.poll_fill(cx)?.is_pending() {
                self.shared.speaker.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            self.take_replies()?;
        }
    }

    fn send(&mut self) {
        let message = self.sent();
        let id = uuid_v7(unix_milliseconds(), 0, message).to_string();
        self.socket.push(&[
            br#"{"id":"#,
            &ten_digits(FIRST_REQUEST + message),
            br#","op":"message.send","data":{"conversation_id":""#,
            self.load.room.conversation.as_bytes(),
            br#"","id":""#,
            id.as_bytes(),
            br#"","body":""#,
            self.load.sample.text(message).body.as_bytes(),
            br#""}}"#,
        ]);
        self.shared.sent.borrow_mut().push(Instant::now());
    }

    fn take_replies(&mut self) -> io::Result<()> {
        while let Some(said) = self.socket.next_said()? {
            let Said::Ok(request) = said else { continue };
            let sent = self
                .shared
                .sent
                .borrow()
                .get(request.wrapping_sub(FIRST_REQUEST) as usize)
                .copied();
            let sent = sent.ok_or_else(|| io::Error::other(format!("request {request} was never made")))?;
            self.acknowledged += 1;
            self.shared.meter.acknowledged(sent.elapsed());
        }
        Ok(())
    }

    fn sent(&self) -> u64 {
        self.shared.sent.borrow().len() as u64
    }
}

impl Listener<'_> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            poll_fn(|cx| {
                let _ = self.socket.poll_flush(cx)?;
                self.socket.poll_fill(cx)
            })
            .await?;
            let now = Instant::now();
            while let Some(said) = self.socket.next_said()? {
                let Said::Created(seq) = said else { continue };
                if self.last_seq.is_some_and(|last| last + 1 != seq) {
                    return Err(io::Error::other(format!("message {seq} after {:?}", self.last_seq)));
                }
                self.last_seq = Some(seq);
                let sent = self.shared.sent.borrow().get(self.heard).copied();
                let sent = sent.ok_or_else(|| io::Error::other("a message that nobody sent"))?;
                self.heard += 1;
                self.shared.heard(now - sent);
            }
        }
    }
}

impl Shared {
    /// Counts the lot: messages reach all listeners in one order, so the speaker may go on when the sum says so.
    fn heard(&self, latency: Duration) {
        self.meter.delivered(latency);
        self.delivered.set(self.delivered.get() + 1);
        if self.delivered.get().is_multiple_of(self.listeners)
            && let Some(speaker) = self.speaker.take()
        {
            speaker.wake();
        }
    }

    fn heard_by_all(&self) -> u64 {
        self.delivered.get() / self.listeners
    }
}
