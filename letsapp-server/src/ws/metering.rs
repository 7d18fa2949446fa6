//! Meters what a client sends below the protocol: bytes that make no message are invisible to every limit of messages.
//!
//! A message may come in any number of frames, empty ones included, and tungstenite reads on until one is complete. So
//! the bytes themselves are counted, where they are read, and compared with the messages that they made.

use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::codec::MAX_FRAME_BYTES;

/// Time in which a message must be complete. At 20 KiB a second, a slow connection, the longest one takes 26 s.
pub(super) const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Size of a unit in bytes. A message counts as one frame, and as one more for each whole unit: the longest message
/// costs as much as 129 short ones, which is about the work that it makes.
const UNIT_BYTES: u64 = 4 * 1024;

/// Bytes that the frames of one message may take: the longest message in pieces of a few hundred bytes, each with its
/// header.
const MAX_MESSAGE_WIRE_BYTES: u64 = MAX_FRAME_BYTES as u64 + 64 * 1024;

/// Size of the header of a client's control frame: two bytes, and four of the mask.
const CONTROL_HEADER_BYTES: u64 = 6;

/// The bytes that one socket received.
#[derive(Debug)]
pub(super) struct Meter {
    /// All bytes received.
    received: u64,
    /// Bytes received since the last message was complete, without whole control frames.
    unfinished: u64,
    /// Bytes not yet counted against the limit of frames.
    uncounted: u64,
    /// Time when the message that is being received began.
    began: Option<Instant>,
}

impl Meter {
    /// Creates the meter of a stream that has received so many bytes before, those of the handshake.
    pub(super) const fn new(received: u64) -> Self {
        Self {
            received,
            unfinished: 0,
            uncounted: 0,
            began: None,
        }
    }

    /// Takes the number of all bytes received so far.
    pub(super) const fn received(&mut self, all: u64) {
        let more = all - self.received;
        self.received = all;
        self.unfinished += more;
        self.uncounted += more;
    }

    /// Notes that these bytes made a message. What was read beyond it is not told apart, and taken for its own: it is
    /// less than a buffer.
    pub(super) fn completed(&mut self, message: &Message) {
        match message {
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
                let frame = CONTROL_HEADER_BYTES + message.len() as u64;
                self.unfinished = self.unfinished.saturating_sub(frame);
            }
            Message::Text(_) | Message::Binary(_) | Message::Frame(_) => {
                self.unfinished = 0;
                self.began = None;
            }
        }
    }

    /// Ends a turn of reading: what is unfinished now has begun by now.
    pub(super) fn settle(&mut self) {
        if self.unfinished == 0 {
            self.began = None;
        } else if self.began.is_none() {
            self.began = Some(Instant::now());
        }
    }

    /// Stops the time of the message that is being received, as the server does not read.
    pub(super) const fn pause(&mut self) {
        self.began = None;
    }

    /// Returns the time by which the message that is being received must be complete.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.began.map(|began| began + MESSAGE_TIMEOUT)
    }

    /// Returns whether the message that is being received takes more bytes than any may.
    pub(super) const fn is_overlong(&self) -> bool {
        self.unfinished > MAX_MESSAGE_WIRE_BYTES
    }

    /// Returns whether there are units to count.
    pub(super) const fn has_units(&self) -> bool {
        self.uncounted >= UNIT_BYTES
    }

    /// Returns the whole units of bytes that were not counted yet.
    pub(super) fn take_units(&mut self) -> u32 {
        let units = self.uncounted / UNIT_BYTES;
        self.uncounted %= UNIT_BYTES;
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_has_its_time_from_its_first_byte_to_its_last() {
        let (mut meter, started) = (Meter::new(0), Instant::now());
        meter.settle();
        assert_eq!(meter.deadline(), None);
        meter.received(10);
        meter.settle();
        tokio::time::advance(Duration::from_secs(7)).await;
        // A ping amid the pieces changes nothing.
        meter.received(10 + 6 + 4);
        meter.completed(&Message::Ping("ping".into()));
        meter.settle();
        assert_eq!(meter.deadline(), Some(started + MESSAGE_TIMEOUT));
        meter.received(40);
        meter.completed(&Message::text("a message"));
        meter.settle();
        assert_eq!(meter.deadline(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_stands_still_while_nothing_is_read() {
        let mut meter = Meter::new(0);
        meter.received(10);
        meter.settle();
        meter.pause();
        assert_eq!(meter.deadline(), None);
        tokio::time::advance(MESSAGE_TIMEOUT).await;
        meter.settle();
        assert_eq!(meter.deadline(), Some(Instant::now() + MESSAGE_TIMEOUT));
    }

    #[test]
    fn bytes_that_make_no_message_are_counted_in_units() {
        let mut meter = Meter::new(0);
        meter.received(UNIT_BYTES - 1);
        assert!(!meter.has_units());
        meter.received(3 * UNIT_BYTES + 1);
        assert_eq!((meter.take_units(), meter.take_units()), (3, 0));
        assert!(!meter.is_overlong());
        meter.received(MAX_MESSAGE_WIRE_BYTES + 1);
        assert!(meter.is_overlong());
    }
}
