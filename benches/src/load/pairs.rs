//! Sender → receiver pairs, each in a conversation of its own.

use std::{
    collections::VecDeque,
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::{sync::mpsc::UnboundedReceiver, task::unconstrained, time::timeout, try_join};

use super::{
    Outcome, Seat, Socket, Span,
    frame::{Said, ten_digits},
    meter::Meter,
    pacer::Pacer,
};
use crate::{
    process::Process,
    sample::{Sample, unix_milliseconds, uuid_v7},
};

/// After the measured span, what is on its way has this long to arrive.
const DRAIN: Duration = Duration::from_secs(30);
/// Request numbers of ten digits each.
const FIRST_REQUEST: u64 = 1_000_000_000;

/// Two people and their conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The conversation's id, as it goes into frames.
    pub conversation: String,
    /// Who sends.
    pub sender: Seat,
    /// Who receives.
    pub receiver: Seat,
}

/// When the next message is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as fewer than so many of the pair's messages are on their way: as fast as the server can.
    InFlight(u64),
    /// So many a second from all pairs together, at times fixed beforehand. Latency counts from when a message was
    /// due, so a server that stalls is charged for all that waited meanwhile.
    PerSecond(f64),
}

/// Whether receivers send receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// They do not.
    None,
    /// Each message is acknowledged as delivered and read, by a request of its own.
    EachMessage,
}

/// A load of pairs. Run it on a runtime of one thread.
#[derive(Debug, Clone, Copy)]
pub struct PairLoad<'a> {
    /// Who talks to whom.
    pub pairs: &'a [Pair],
    /// When.
    pub pace: Pace,
    /// Whether receivers send receipts.
    pub receipts: Receipts,
    /// How long.
    pub span: Span,
    /// What they say.
    pub sample: &'a Sample,
    /// Whose CPU time is counted.
    pub server: Process,
}

impl PairLoad<'_> {
    /// Connects all pairs, lets them talk, and waits until all that was sent has arrived.
    ///
    /// # Errors
    /// When a connection fails, a request is refused, or a message is missing, doubled or out of order.
    pub async fn run(&self) -> io::Result<Outcome> {
        let meter = Meter::default();
        let (pacer, dues) = Pacer::new(self.pace, self.pairs.len());
        let mut talks = Vec::new();
        for ((number, pair), due) in (0..).zip(self.pairs).zip(dues) {
            talks.push(Talk::new(self, number, pair, due, &meter).await?);
        }
        let pacing = pacer.start();
        let talking = unconstrained(try_join_all(talks.iter_mut().map(Talk::run)));
        let watching = async {
            let outcome = meter.watch(self.span, self.server).await;
            pacing.stop();
            outcome
        };
        let limit = self.span.warm_up + self.span.measure + DRAIN;
        let Ok(ended) = timeout(limit, async { try_join!(watching, talking) }).await else {
            let missing: u64 = talks.iter().map(Talk::on_their_way).sum();
            return Err(io::Error::other(format!(
                "{missing} messages or receipts did not arrive"
            )));
        };
        Ok(ended?.0)
    }
}

/// One pair at work. Both its sockets belong to one task, so that either can wake it.
struct Talk<'a> {
    sender: Socket,
    receiver: Socket,
    pace: Pace,
    receipts: Receipts,
    due: UnboundedReceiver<Instant>,
    meter: &'a Meter,
    sample: &'a Sample,
    number: u64,
    /// What stands between the numbers of the frames: prepared once.
    before_id: Vec<u8>,
    before_seq: Vec<u8>,
    /// What is not yet both acknowledged and delivered; the first of it is message number `settled`.
    sent: VecDeque<Sent>,
    settled: u64,
    delivered: u64,
    receipted: u64,
    last_seq: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    due: Instant,
    is_acknowledged: bool,
}

impl<'a> Talk<'a> {
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
            if self.poll_send(cx).is_ready() && self.on_their_way() == 0 {
                return Poll::Ready(Ok(()));
            }
            // One that cannot be written now is written when its socket wakes this task.
            let _ = self.sender.poll_flush(cx)?;
            let _ = self.receiver.poll_flush(cx)?;
            let has_replies = self.sender.poll_fill(cx)?.is_ready();
            if has_replies {
                self.take_replies()?;
            }
            let has_messages = self.receiver.poll_fill(cx)?.is_ready();
            if has_messages {
                self.take_messages()?;
            }
            if !has_replies && !has_messages {
                return Poll::Pending;
            }
        }
    }

    /// Queues all messages that are due; ready once there will be no more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.pace {
            Pace::InFlight(_) if self.meter.is_draining() => return Poll::Ready(()),
            Pace::InFlight(most) => {
                let room = most.saturating_sub(self.on_their_way());
                if room > 0 {
                    let now = Instant::now();
                    (0..room).for_each(|_| self.send(now));
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

    fn take_replies(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(said) = self.sender.next_said()? {
            let Said::Ok(request) = said else { continue };
            let index = request.checked_sub(FIRST_REQUEST + self.settled).unwrap_or(u64::MAX) as usize;
            match self.sent.get_mut(index) {
                Some(sent) if !sent.is_acknowledged => {
                    sent.is_acknowledged = true;
                    self.meter.acknowledged(now - sent.due);
                }
                _ => {
                    return Err(io::Error::other(format!(
                        "request {request} was answered twice, or never made"
                    )));
                }
            }
        }
        self.settle();
        Ok(())
    }

    fn take_messages(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(said) = self.receiver.next_said()? {
            match said {
                Said::Created(seq) => {
                    if self.last_seq.is_some_and(|last| last + 1 != seq) {
                        return Err(io::Error::other(format!("message {seq} after {:?}", self.last_seq)));
                    }
                    self.last_seq = Some(seq);
                    let sent = self.sent.get((self.delivered - self.settled) as usize);
                    let sent = sent.ok_or_else(|| io::Error::other("a message that nobody sent"))?;
                    self.meter.delivered(now - sent.due);
                    self.delivered += 1;
                    self.acknowledge(seq);
                }
                Said::Ok(_) => {
                    self.receipted += 1;
                    self.meter.receipted();
                }
                _ => {}
            }
        }
        self.settle();
        Ok(())
    }

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

    fn settle(&mut self) {
        while self.settled < self.delivered && self.sent.front().is_some_and(|sent| sent.is_acknowledged) {
            self.sent.pop_front();
            self.settled += 1;
        }
    }

    fn sent_count(&self) -> u64 {
        self.settled + self.sent.len() as u64
    }

    /// Messages that are not acknowledged, delivered, and where asked for, acknowledged by their receiver.
    fn on_their_way(&self) -> u64 {
        self.sent_count() - self.settled.min(self.receipted)
    }
}
