//! Sample messages that resemble people's: the same in every run, and for LetsApp and its baselines.

use std::{
    fmt::Write,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

/// Number of different texts.
const TEXTS: usize = 1_024;

/// Number of different words in the texts: many more than a text has, so that most of them are rare.
const WORDS: usize = 4_000;

const SYLLABLES: [&str; 24] = [
    "ka", "lo", "mi", "ten", "ra", "su", "ve", "no", "hal", "be", "dor", "fi", "gen", "ja", "pol", "qui", "sta", "tu",
    "wen", "xa", "yo", "zed", "cor", "mu",
];

/// Fixed set of message texts; a clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct Sample {
    texts: Arc<[Text]>,
}

/// Body of a message with its search terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// 4 to 20 words, without any character that JSON would escape.
    pub body: String,
    /// Words as the SQLite store indexes them: each in lower-case hex behind a letter, separated by spaces.
    pub terms: String,
    /// Words as the MongoDB store indexes them: each once, followed by the field that it is in.
    pub tokens: Vec<String>,
}

/// Message as a store keeps it.
#[derive(Debug, Clone, Copy)]
pub struct MessageRow<'a> {
    /// Conversation that the message is in.
    pub conversation: Uuid,
    /// Id that the sender chose.
    pub id: Uuid,
    /// Number in the conversation, from 1. `rev` and `ordinal` are the same while nothing but sending happens.
    pub seq: i64,
    /// User who sent the message.
    pub sender: Uuid,
    /// Stands for the SHA-256 over the request: as long and as random.
    pub fingerprint: [u8; 32],
    /// Milliseconds since the Unix epoch.
    pub sent_at: i64,
    /// Body and search terms.
    pub text: &'a Text,
}

/// Endless messages, spread evenly over conversations, and numbered from 1 in each.
#[derive(Debug)]
pub struct Rows<'a> {
    sample: &'a Sample,
    random: SplitMix,
    conversations: Vec<(Uuid, [Uuid; 2])>,
    written: u64,
}

/// Small, fast generator of random numbers (SplitMix64). The same seed gives the same numbers.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl Sample {
    /// Generates the texts.
    pub fn new() -> Self {
        let mut random = SplitMix::new(1);
        let words: Vec<String> = (0..WORDS).map(|_| word(&mut random)).collect();
        Self {
            texts: (0..TEXTS).map(|_| text(&words, &mut random)).collect(),
        }
    }

    /// Returns the text of the `n`th message. After the last text, the first follows.
    pub fn text(&self, n: u64) -> &Text {
        &self.texts[(n % TEXTS as u64) as usize]
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Rows<'a> {
    /// Starts with empty conversations. Different seeds give different ids.
    pub fn new(sample: &'a Sample, conversations: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let conversations = (0..conversations)
            .map(|_| (random.uuid_v4(), [random.uuid_v4(), random.uuid_v4()]))
            .collect();
        Self {
            sample,
            random,
            conversations,
            written: 0,
        }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = MessageRow<'a>;

    fn next(&mut self) -> Option<MessageRow<'a>> {
        let count = self.conversations.len() as u64;
        let (conversation, members) = self.conversations[(self.written % count) as usize];
        let seq = self.written / count + 1;
        let sent_at = unix_milliseconds();
        let mut fingerprint = [0; 32];
        for part in fingerprint.chunks_exact_mut(8) {
            part.copy_from_slice(&self.random.next_u64().to_le_bytes());
        }
        let row = MessageRow {
            conversation,
            id: uuid_v7(sent_at, self.random.next_u64(), self.written),
            seq: seq as i64,
            sender: members[(seq % 2) as usize],
            fingerprint,
            sent_at: sent_at as i64,
            text: self.sample.text(self.written),
        };
        self.written += 1;
        Some(row)
    }
}

impl SplitMix {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random UUID of version 4.
    pub fn uuid_v4(&mut self) -> Uuid {
        let bytes = (u128::from(self.next_u64()) << 64 | u128::from(self.next_u64())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }
}

/// Makes a UUID of version 7, as clients should: ordered by time, and unique by `random` and `counter`.
pub fn uuid_v7(unix_milliseconds: u64, random: u64, counter: u64) -> Uuid {
    let mut tail = [0; 10];
    tail[..2].copy_from_slice(&counter.to_be_bytes()[6..]);
    tail[2..].copy_from_slice(&random.wrapping_add(counter.rotate_left(32)).to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(unix_milliseconds, &tail).into_uuid()
}

/// Returns the current time, in milliseconds since the Unix epoch.
pub fn unix_milliseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    since.as_millis() as u64
}

fn word(random: &mut SplitMix) -> String {
    let syllables = 1 + random.below(3);
    (0..=syllables)
        .map(|_| SYLLABLES[random.below(SYLLABLES.len())])
        .collect()
}

/// Generates a text. Squaring a uniform number favours the first words, as languages do: a few words are in every other
/// message, most are rare.
fn text(words: &[String], random: &mut SplitMix) -> Text {
    let (mut body, mut terms) = (String::new(), String::new());
    for n in 0..4 + random.below(17) {
        let uniform = random.below(1 << 20) as f64 / f64::from(1 << 20);
        let word = &words[(uniform * uniform * words.len() as f64) as usize];
        if n > 0 {
            body.push(' ');
            terms.push(' ');
        }
        body.push_str(word);
        terms.push('t');
        for byte in word.bytes() {
            write!(terms, "{byte:02x}").expect("a String takes everything");
        }
    }
    let mut tokens: Vec<_> = terms.split(' ').map(|term| [term, ":b"].concat()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    Text { body, terms, tokens }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_run_has_the_same_texts() {
        assert_eq!(Sample::new().texts, Sample::new().texts);
    }

    #[test]
    fn conversations_are_dense_and_ids_unique() {
        let sample = Sample::new();
        let rows: Vec<_> = Rows::new(&sample, 7, 3).take(70_000).collect();
        assert_eq!(rows.iter().map(|row| row.id).collect::<HashSet<_>>().len(), rows.len());
        for conversation in rows.iter().map(|row| row.conversation).collect::<HashSet<_>>() {
            let seqs = rows
                .iter()
                .filter(|row| row.conversation == conversation)
                .map(|row| row.seq);
            assert!(seqs.eq(1..=10_000));
        }
    }

    #[test]
    fn ids_are_of_version_seven() {
        let id = uuid_v7(unix_milliseconds(), 5, 6);
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
    }

    #[test]
    fn bodies_need_no_escaping() {
        for text in Sample::new().texts.iter() {
            assert_eq!(
                serde_json::to_string(&text.body).expect("a string"),
                format!("\"{}\"", text.body)
            );
        }
    }
}
