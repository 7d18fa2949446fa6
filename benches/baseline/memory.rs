//! Messages in a map behind a lock: the least code that numbers messages and finds them by their id.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{compare::Throughput, sample::MessageRow};

/// Messages of all conversations.
#[derive(Debug, Default)]
pub struct Map(Mutex<HashMap<Uuid, Conversation>>);

#[derive(Debug, Default)]
struct Conversation {
    messages: Vec<Message>,
    by_id: HashMap<Uuid, usize>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "stored, as the memory store stores it")]
struct Message {
    id: Uuid,
    sender: Uuid,
    sent_at: i64,
    body: String,
    terms: String,
    fingerprint: [u8; 32],
}

impl Map {
    /// Adds a message unless one with its id exists, and returns its index in the conversation.
    ///
    /// # Panics
    /// Panics if another thread panicked while it held the lock, which no code here can.
    pub fn insert(&self, row: &MessageRow<'_>) -> usize {
        let mut conversations = self.0.lock().expect("no thread panics while it holds the map");
        let conversation = conversations.entry(row.conversation).or_default();
        let next = conversation.messages.len();
        let index = *conversation.by_id.entry(row.id).or_insert(next);
        if index == next {
            conversation.messages.push(Message {
                id: row.id,
                sender: row.sender,
                sent_at: row.sent_at,
                body: row.text.body.clone(),
                terms: row.text.terms.clone(),
                fingerprint: row.fingerprint,
            });
        }
        index
    }

    /// Inserts one row after the other for about `duration`.
    pub fn insert_for<'a>(&self, duration: Duration, rows: &mut impl Iterator<Item = MessageRow<'a>>) -> Throughput {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < duration {
            // Reading the clock for every row would be a good part of its cost.
            for row in rows.by_ref().take(64) {
                self.insert(&row);
                count += 1;
            }
        }
        Throughput {
            count,
            elapsed: start.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Rows, Sample};

    #[test]
    fn a_message_keeps_its_index() {
        let (map, sample) = (Map::default(), Sample::new());
        let rows: Vec<_> = Rows::new(&sample, 1, 1).take(3).collect();
        assert_eq!(rows.iter().map(|row| map.insert(row)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(map.insert(&rows[1]), 1, "it is stored already");
    }
}
