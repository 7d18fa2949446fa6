//! Load of pairs: one user sends, another receives, each pair in a conversation of its own.

use std::{
    collections::VecDeque,
    io,
    task::{Context, Poll},
    time::Instant,
};

use futures_util::future::try_join_all;
use tokio::{sync::mpsc::UnboundedReceiver, task::unconstrained, time::timeout, try_join};

use super::{
    DRAIN_TIMEOUT, Endpoint, FIRST_REQUEST, Outcome, Socket, Span,
    frame::{Incoming, ten_digits},
    meter::Meter,
    schedule::Schedule,
};
use crate::{
    process::Process,
    sample::{Sample, unix_milliseconds, uuid_v7},
};

/// Two users and their conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Id of the conversation, as it is written in frames.
    pub conversation: String,
    /// Socket of the user who sends.
    pub sender: Endpoint,
    /// Socket of the user who receives.
    pub receiver: Endpoint,
}

/// Pace at which messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Messages that each pair keeps in flight: the next is sent as soon as one is complete (a closed loop).
    InFlight(u64),
    /// Messages per second of all pairs together, sent at times fixed beforehand (an open loop). Latency counts
    /// from when a message was due, so that a server that stalls is charged for all messages that wait meanwhile.
    PerSecond(f64),
}

/// Receipts that receivers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// Receivers send none.
    None,
    /// Receivers acknowledge each message as delivered and read, by a request of its own.
    EachMessage,
}

/// Load of pairs, for a runtime of one thread.
#[derive(Debug, Clone, Copy)]
pub struct PairLoad<'a> {
    /// Pairs that talk.
    pub pairs: &'a [Pair],
    /// Pace at which messages are sent.
    pub pace: Pace,
    /// Receipts that receivers send.
    pub receipts: Receipts,
    /// Length of the load.
    pub span: Span,
    /// Texts of the messages.
    pub sample: &'a Sample,
    /// Process whose CPU time is counted.
    pub server: Process,
}

impl PairLoad<'_> {
    /// Connects all pairs, lets them talk, and waits until every message has arrived.
    ///
    /// # Errors
    /// Fails if a connection fails, a request is refused, or a message is missing, duplicated or out of order.
    pub async fn run(&self) -> io::Result<Outcome> {
        let meter = Meter::default();
        let (schedule, due_times) = Schedule::new(self.pace, self.pairs.len());
        let mut tasks = Vec::new();
        for ((number, pair), due) in (0..).zip(self.pairs).zip(due_times) {
            tasks.push(PairTask::new(self, number, pair, due, &meter).await?);
        }
        let running = schedule.start();
        let talking = unconstrained(try_join_all(tasks.iter_mut().map(PairTask::run)));
        let watching = async {
            let outcome = meter.watch(self.span, self.server).await;
            running.stop();
            outcome
        };
        let limit = self.span.warm_up + self.span.measure + DRAIN_TIMEOUT;
        let Ok(ended) = timeout(limit, async { try_join!(watching, talking) }).await else {
            let missing: u64 = tasks.iter().map(PairTask::in_flight).sum();
            return Err(io::Error::other(format!(
                "{missing} messages or receipts did not arrive"
            )));
        };
        Ok(ended?.0)
    }
}

/// State of a pair. Both its sockets belong to one task, so that either can wake it.
struct PairTask<'a> {
    sender: Socket,
    receiver: Socket,
    pace: Pace,
    receipts: Receipts,
    due: UnboundedReceiver<Instant>,
    meter: &'a Meter,
    sample: &'a Sample,
    number: u64,
    /// Parts of the frames that never change, prepared once.
    before_id: Vec<u8>,
    before_seq: Vec<u8>,
    /// Messages that are not yet both acknowledged and delivered, from message number `settled` on.
    sent: VecDeque<Sent>,
    /// Messages that were acknowledged and delivered, and all before them too.
    settled: u64,
    delivered: u64,
    /// Messages whose receipt was acknowledged; without receipts, messages that were delivered.
    receipted: u64,
    last_seq: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    due: Instant,
    is_acknowledged: bool,
}

impl<'a> PairTask<'a> {
    async fn new(
        load: &PairLoad<'a>,
        number: u64,
        pair: &Pair,
        due: UnboundedReceiver<Instant>,
        meter: &'a Meter,
    ) -> io::Result<Self> {
        let conversation = &pair.conversation;
        let before_id = format!(r#","op":"message.send","data":{{"conversation_id":"{conversation}","id":""#);
        let before_seq = format!(r#","op":"receipt","data":{{"conversation_id":"{conversation}","delivered":"#);
        Ok(Self {
            sender: Socket::connect(&pair.sender).await?,
            receiver: Socket::connect(&pair.receiver).await?,
            pace: load.pace,
            receipts: load.receipts,
            due,
            meter,
            sample: load.sample,
            number,
            before_id: before_id.into_bytes(),
            before_seq: before_seq.into_bytes(),
            sent: VecDeque::new(),
            settled: 0,
            delivered: 0,
            receipted: 0,
            last_seq: None,
        })
    }

    async fn run(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_run(cx)).await
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.poll_send(cx).is_ready() && self.in_flight() == 0 {
                return Poll::Ready(Ok(()));
            }
            // Bytes that can't be written now are written when the socket wakes this task.
            let _ = self.sender.poll_flush(cx)?;
            let _ = self.receiver.poll_flush(cx)?;
            let has_replies = self.sender.poll_fill(cx)?.is_ready();
            if has_replies {
                self.handle_replies()?;
            }
            let has_messages = self.receiver.poll_fill(cx)?.is_ready();
            if has_messages {
                self.handle_messages()?;
            }
            if !has_replies && !has_messages {
                return Poll::Pending;
            }
        }
    }

    /// Queues all messages that are due. Ready once no more will be.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.pace {
            Pace::InFlight(_) if self.meter.is_draining() => return Poll::Ready(()),
            Pace::InFlight(most) => {
                let free = most.saturating_sub(self.in_flight());
                if free > 0 {
                    let now = Instant::now();
                    (0..free).for_each(|_| self.send(now));
                }
            }
            Pace::PerSecond(_) => {
                while let Some(due) = std::task::ready!(self.due.poll_recv(cx)) {
                    self.send(due);
                }
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn send(&mut self, due: Instant) {
        let message = self.sent_count();
        let id = uuid_v7(unix_milliseconds(), self.number, message);
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = id.as_hyphenated().encode_lower(&mut buffer);
        self.sender.push(&[
            br#"{"id":"#,
            &ten_digits(FIRST_REQUEST + message),
            &self.before_id,
            id.as_bytes(),
            br#"","body":""#,
            self.sample.text(self.number + message).body.as_bytes(),
            br#""}}"#,
        ]);
        self.sent.push_back(Sent {
            due,
            is_acknowledged: false,
        });
    }

    fn handle_replies(&mut self) -> io::Result<()> {
        while let Some(incoming) = self.sender.next_incoming()? {
            let Incoming::Ok(request) = incoming else { continue };
            let index = request.checked_sub(FIRST_REQUEST + self.settled).unwrap_or(u64::MAX) as usize;
            match self.sent.get_mut(index) {
                Some(sent) if !sent.is_acknowledged => {
                    sent.is_acknowledged = true;
                    self.meter.acknowledged();
                }
                _ => {
                    return Err(io::Error::other(format!(
                        "request {request} got two replies, or was never made"
                    )));
                }
            }
        }
        self.settle();
        Ok(())
    }

    fn handle_messages(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(incoming) = self.receiver.next_incoming()? {
            match incoming {
                Incoming::Created(seq) => {
                    if self.last_seq.is_some_and(|last| last + 1 != seq) {
                        return Err(io::Error::other(format!("message {seq} after {:?}", self.last_seq)));
                    }
                    self.last_seq = Some(seq);
                    let sent = self.sent.get((self.delivered - self.settled) as usize);
                    let sent = sent.ok_or_else(|| io::Error::other("a message was delivered that was never sent"))?;
                    self.meter.delivered(now - sent.due);
                    self.delivered += 1;
                    self.acknowledge(seq);
                }
                Incoming::Ok(_) => {
                    self.receipted += 1;
                    self.meter.receipted();
                }
                _ => {}
            }
        }
        self.settle();
        Ok(())
    }

    /// Queues the receipt of a message, if receipts are sent.
    fn acknowledge(&mut self, seq: u64) {
        if self.receipts == Receipts::None {
            self.receipted += 1;
            return;
        }
        let seq = seq.to_string();
        self.receiver.push(&[
            br#"{"id":"#,
            &ten_digits(FIRST_REQUEST + self.delivered),
            &self.before_seq,
            seq.as_bytes(),
            br#","read":"#,
            seq.as_bytes(),
            b"}}",
        ]);
    }

    /// Forgets the messages at the front that are complete.
    fn settle(&mut self) {
        while self.settled < self.delivered && self.sent.front().is_some_and(|sent| sent.is_acknowledged) {
            self.sent.pop_front();
            self.settled += 1;
        }
    }

    fn sent_count(&self) -> u64 {
        self.settled + self.sent.len() as u64
    }

    /// Returns the number of messages that are not yet acknowledged, delivered, and their receipts acknowledged.
    fn in_flight(&self) -> u64 {
        self.sent_count() - self.settled.min(self.receipted)
    }
}
