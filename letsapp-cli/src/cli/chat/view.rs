//! Text of a chat. Updates go in, lines come out; lines are only appended, never changed. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};

use letsapp_core::domain::id::{MessageId, Seq, UserId};
use letsapp_core::protocol::{Message, MessageKind, Receipt, ReceiptStatus, Watermarks};

use crate::cli::output::{Colours, Style};
use crate::cli::render::{self, Names};
use crate::cli::sanitize::sanitize;

/// Whether typed lines stay visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// Yes, on a terminal.
    On,
    /// No, from a pipe.
    Off,
}

/// The messages of a conversation, and the lines that show them.
#[derive(Debug)]
pub(super) struct View {
    pub(super) names: Names,
    colours: Colours,
    echo: Echo,
    messages: BTreeMap<Seq, Message>,
    /// Watermarks of the other members.
    watermarks: HashMap<UserId, Watermarks>,
    /// Number of the last message that was reported as read.
    read: Seq,
    /// Ids of messages sent from here whose update has not arrived yet.
    expected_echoes: HashSet<MessageId>,
    /// The latest own message whose ticks are shown, with its status.
    shown_status: Option<(Seq, ReceiptStatus)>,
}

impl View {
    /// Makes an empty view. `read` is the number of the last message that the user has read.
    pub(super) fn new(names: Names, colours: Colours, echo: Echo, read: Seq) -> Self {
        Self {
            names,
            colours,
            echo,
            messages: BTreeMap::new(),
            watermarks: HashMap::new(),
            read,
            expected_echoes: HashSet::new(),
            shown_status: None,
        }
    }

    /// Forgets the messages and receipts, because the server may have gone back to an older state: what comes next may
    /// have the same numbers. `read` is the number of the last message that the user has read there.
    pub(super) fn reset(&mut self, read: Seq) {
        self.messages.clear();
        self.watermarks.clear();
        self.read = read;
        self.shown_status = None;
    }

    /// Returns the lines for a part of the history.
    pub(super) fn history(&mut self, messages: Vec<Message>) -> Vec<String> {
        let lines = messages.iter().map(|message| self.format_message(message)).collect();
        self.messages
            .extend(messages.into_iter().map(|message| (message.seq, message)));
        self.shown_status = self.latest_own_status();
        lines
    }

    /// Marks a message as sent from here, so that its text is not repeated on a terminal.
    pub(super) fn expect_echo(&mut self, id: MessageId) {
        self.expected_echoes.insert(id);
    }

    /// Returns the lines for a new message, or for the changes of a known one.
    pub(super) fn message(&mut self, message: Message) -> Vec<String> {
        let sender = message.sender_id;
        // Members who write have read what was written before.
        if message.kind == MessageKind::User && !self.names.is_me(sender) {
            let known = self.watermarks.entry(sender).or_default();
            known.delivered_seq = known.delivered_seq.max(message.seq);
            known.read_seq = known.read_seq.max(message.seq);
        }
        let lines = match self.messages.get(&message.seq) {
            Some(known) if known.rev >= message.rev => return Vec::new(),
            Some(known) => self.format_changes(known, &message),
            None if self.expected_echoes.remove(&message.id) && self.echo == Echo::On => {
                let status = self.status(&message).unwrap_or(ReceiptStatus::Sent);
                vec![self.indented(&format!("{} #{}", render::ticks(status, self.colours), message.seq))]
            }
            None => vec![self.format_message(&message)],
        };
        self.messages.insert(message.seq, message);
        self.shown_status = self.latest_own_status().max(self.shown_status);
        lines
    }

    /// Applies receipts of other members. Returns a line if they change the ticks of the latest own message.
    pub(super) fn receipts(&mut self, items: &[Receipt]) -> Vec<String> {
        for Receipt { user_id, watermarks } in items {
            if !self.names.is_me(*user_id) {
                let known = self.watermarks.entry(*user_id).or_default();
                known.delivered_seq = known.delivered_seq.max(watermarks.delivered_seq);
                known.read_seq = known.read_seq.max(watermarks.read_seq);
            }
        }
        let latest = self.latest_own_status();
        if latest <= self.shown_status {
            return Vec::new();
        }
        self.shown_status = latest;
        let line = |(seq, status)| self.indented(&format!("{} #{seq}", render::ticks(status, self.colours)));
        latest.map(line).into_iter().collect()
    }

    /// Returns a line about the connection or the conversation.
    pub(super) fn notice(&self, text: &str) -> String {
        self.colours.apply(Style::Dim, &format!("— {text}"))
    }

    /// Returns a line about a failure.
    pub(super) fn failure(&self, text: &str) -> String {
        format!("{} {}", self.colours.apply(Style::Error, "✗"), sanitize(text))
    }

    /// Returns the latest message that the user has sent and not deleted.
    pub(super) fn latest_own_message(&self) -> Option<&Message> {
        let mut latest = self.messages.values().rev();
        latest.find(|message| self.names.is_me(message.sender_id) && is_undeleted_user_message(message))
    }

    /// Returns the latest message of another member that is not deleted.
    pub(super) fn latest_other_message(&self) -> Option<&Message> {
        let mut latest = self.messages.values().rev();
        latest.find(|message| !self.names.is_me(message.sender_id) && is_undeleted_user_message(message))
    }

    pub(super) fn find(&self, seq: Seq) -> Option<&Message> {
        self.messages.get(&seq)
    }

    /// Returns the number of the last message of another member, if it has not been reported as read.
    pub(super) fn unreported_read(&self) -> Option<Seq> {
        let mut latest = self.messages.values().rev();
        let last = latest.find(|message| !self.names.is_me(message.sender_id))?;
        Some(last.seq).filter(|seq| *seq > self.read)
    }

    /// Notes that the messages up to this one are reported as read.
    pub(super) fn report_read(&mut self, seq: Seq) {
        self.read = seq;
    }

    fn latest_own_status(&self) -> Option<(Seq, ReceiptStatus)> {
        let message = self.latest_own_message()?;
        Some((message.seq, self.status(message)?))
    }

    /// Returns the lowest status of an own message among the other members.
    fn status(&self, message: &Message) -> Option<ReceiptStatus> {
        if !self.names.is_me(message.sender_id) || !is_undeleted_user_message(message) {
            return None;
        }
        let of = |marks: &Watermarks| match message.seq {
            seq if seq <= marks.read_seq => ReceiptStatus::Read,
            seq if seq <= marks.delivered_seq => ReceiptStatus::Delivered,
            _ => ReceiptStatus::Sent,
        };
        Some(self.watermarks.values().map(of).min().unwrap_or(ReceiptStatus::Sent))
    }

    fn format_message(&self, message: &Message) -> String {
        render::message(message, &self.names, self.colours, self.status(message))
    }

    fn format_changes(&self, known: &Message, now: &Message) -> Vec<String> {
        let (seq, who) = (now.seq, self.names.name(now.sender_id));
        if now.deleted_at.is_some() {
            return if known.deleted_at.is_some() {
                Vec::new()
            } else {
                vec![self.notice(&format!("#{seq} was deleted"))]
            };
        }
        let mut lines = Vec::new();
        if now.body != known.body {
            lines.push(format!(
                "{} {}",
                self.notice(&format!("#{seq} by {who} was edited:")),
                sanitize(&now.body)
            ));
        }
        let ids = |message: &Message| message.attachments.iter().map(|file| file.id).collect::<Vec<_>>();
        if ids(now) != ids(known) {
            let files = if now.attachments.is_empty() {
                "no files"
            } else {
                "these files:"
            };
            lines.push(self.notice(&format!("#{seq} by {who} has {files}")));
            let attachments = now.attachments.iter();
            lines.extend(attachments.map(|file| render::attachment(file, self.colours)));
        }
        if now.reactions != known.reactions {
            let reactions = render::reactions(now);
            let reactions = if reactions.is_empty() {
                "no reactions".to_owned()
            } else {
                reactions
            };
            lines.push(self.notice(&format!("#{seq} has {reactions}")));
        }
        lines
    }

    fn indented(&self, text: &str) -> String {
        format!("    {text}")
    }
}

fn is_undeleted_user_message(message: &Message) -> bool {
    message.kind == MessageKind::User && message.deleted_at.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::{ANA, BEN, file, message_from, names};
    use letsapp_core::domain::timestamp::Timestamp;
    use letsapp_core::protocol::ReactionSummary;

    fn view() -> View {
        View::new(names(), Colours::Off, Echo::On, Seq::ZERO)
    }

    fn ben(delivered: u64, read: u64) -> [Receipt; 1] {
        let watermarks = Watermarks {
            delivered_seq: Seq(delivered),
            read_seq: Seq(read),
        };
        [Receipt {
            user_id: BEN,
            watermarks,
        }]
    }

    #[test]
    fn an_own_message_gets_a_tick_and_is_not_repeated() {
        let mut view = view();
        view.receipts(&ben(0, 0));
        let message = message_from(ANA, 1, 1, "hello");
        view.expect_echo(message.id);
        assert_eq!(view.message(message), ["    ✓ #1"]);
        let elsewhere = view.message(message_from(ANA, 2, 2, "from my phone"));
        assert!(elsewhere[0].ends_with("#2 you: from my phone ✓"), "{elsewhere:?}");
    }

    #[test]
    fn ticks_of_the_latest_own_message_are_shown_as_they_advance() {
        let mut view = view();
        view.receipts(&ben(0, 0));
        view.message(message_from(ANA, 1, 1, "one"));
        view.message(message_from(ANA, 2, 2, "two"));
        assert_eq!(view.receipts(&ben(1, 1)), [""; 0], "only the latest one is shown");
        assert_eq!(view.receipts(&ben(2, 1)), ["    ✓✓ #2"]);
        assert_eq!(view.receipts(&ben(2, 2)), ["    ✓✓ read #2"]);
        assert_eq!(view.receipts(&ben(2, 2)), [""; 0]);
        assert_eq!(view.receipts(&ben(1, 1)), [""; 0], "watermarks only advance");
    }

    #[test]
    fn a_reply_counts_as_a_read_receipt() {
        let mut view = view();
        view.receipts(&ben(0, 0));
        view.message(message_from(ANA, 1, 1, "one"));
        view.message(message_from(BEN, 2, 2, "two"));
        assert_eq!(view.status(view.find(Seq(1)).unwrap()), Some(ReceiptStatus::Read));
    }

    #[test]
    fn in_a_group_the_lowest_status_is_shown() {
        let mut view = view();
        let carol = UserId::from_bytes([3; 16]);
        view.receipts(&ben(0, 0));
        view.receipts(&[Receipt {
            user_id: carol,
            watermarks: Watermarks::default(),
        }]);
        view.message(message_from(ANA, 1, 1, "one"));
        assert_eq!(view.receipts(&ben(1, 1)), [""; 0]);
        let read = Watermarks {
            delivered_seq: Seq(1),
            read_seq: Seq(1),
        };
        assert_eq!(
            view.receipts(&[Receipt {
                user_id: carol,
                watermarks: read
            }]),
            ["    ✓✓ read #1"]
        );
    }

    #[test]
    fn changes_of_a_message_are_shown() {
        let mut view = view();
        let first = message_from(BEN, 1, 1, "helo");
        view.message(first.clone());
        let edited = Message {
            body: "hello".to_owned(),
            ..message_from(BEN, 1, 2, "")
        };
        assert_eq!(view.message(edited.clone()), ["— #1 by Ben was edited: hello"]);
        assert_eq!(view.message(edited.clone()), [""; 0], "once");
        let with_file = Message {
            attachments: vec![file(1, "cat.png", 10)],
            ..message_from(BEN, 1, 2, "hello")
        };
        assert_eq!(
            view.format_changes(&edited, &with_file),
            [
                "— #1 by Ben has these files:",
                "    [cat.png] 10 B 01010101-0101-0101-0101-010101010101"
            ]
        );
        assert_eq!(view.format_changes(&with_file, &edited), ["— #1 by Ben has no files"]);
        let heart = ReactionSummary {
            emoji: "❤".to_owned(),
            count: 1,
            user_ids: vec![ANA],
        };
        let liked = Message {
            reactions: vec![heart],
            ..message_from(BEN, 1, 3, "hello")
        };
        assert_eq!(view.message(liked), ["— #1 has [❤ 1]"]);
        assert_eq!(
            view.message(message_from(BEN, 1, 4, "hello")),
            ["— #1 has no reactions"]
        );
        let gone = Message {
            deleted_at: Some(Timestamp::from_millis(9)),
            ..message_from(BEN, 1, 5, "")
        };
        assert_eq!(view.message(gone), ["— #1 was deleted"]);
    }

    #[test]
    fn commands_without_a_number_refer_to_the_latest_message() {
        let mut view = view();
        view.history(vec![
            message_from(ANA, 1, 1, "a"),
            message_from(BEN, 2, 2, "b"),
            message_from(ANA, 3, 3, "c"),
            message_from(BEN, 4, 4, "d"),
        ]);
        assert_eq!(view.latest_own_message().unwrap().seq, Seq(3));
        assert_eq!(view.latest_other_message().unwrap().seq, Seq(4));
        view.message(Message {
            deleted_at: Some(Timestamp::from_millis(9)),
            ..message_from(ANA, 3, 5, "")
        });
        assert_eq!(view.latest_own_message().unwrap().seq, Seq(1));
        assert_eq!(view.unreported_read(), Some(Seq(4)));
    }

    #[test]
    fn after_a_reset_new_messages_are_shown_and_reported_as_read_whatever_their_numbers() {
        let mut view = view();
        view.receipts(&ben(9, 9));
        view.history(vec![
            message_from(ANA, 8, 8, "yes"),
            message_from(BEN, 9, 9, "before the restore"),
        ]);
        view.report_read(Seq(9));
        assert_eq!(view.unreported_read(), None, "once");
        view.reset(Seq(2));
        view.history(vec![message_from(BEN, 2, 2, "old")]);
        assert_eq!(view.unreported_read(), None);
        let lines = view.message(message_from(BEN, 3, 3, "after the restore"));
        assert!(lines[0].ends_with("#3 Ben: after the restore"), "{lines:?}");
        assert_eq!(view.unreported_read(), Some(Seq(3)));
        let own = message_from(ANA, 4, 4, "good");
        assert_eq!(view.status(&own), Some(ReceiptStatus::Sent), "nobody has read it yet");
    }
}
