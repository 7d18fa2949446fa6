//! Messages that look like people's: the same ones in every run, and for ours and bare alike.

use std::{
    fmt::Write,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

const BODIES: usize = 1_024;
const WORDS: usize = 4_000;
const SYLLABLES: [&str; 24] = [
    "ka", "lo", "mi", "ten", "ra", "su", "ve", "no", "hal", "be", "dor", "fi", "gen", "ja", "pol", "qui", "sta", "tu",
    "wen", "xa", "yo", "zed", "cor", "mu",
];

/// A fixed set of message bodies with their search terms; a clone is another handle on it.
#[derive(Debug, Clone)]
pub struct Sample {
    texts: Arc<[Text]>,
}

/// A body and its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What a person wrote: 4 to 20 words, free of anything that JSON would escape.
    pub body: String,
    /// The words as the stores index them: lower-case hex behind a letter, separated by spaces.
    pub terms: String,
    /// The same as MongoDB indexes them: each once, with where it is behind it.
    pub tokens: Vec<String>,
}

/// One message as a store keeps it.
#[derive(Debug, Clone, Copy)]
pub struct MessageRow<'a> {
    /// Its conversation.
    pub conversation: Uuid,
    /// The id that its sender chose.
    pub id: Uuid,
    /// Its place in the conversation; `rev` and `ordinal` are the same number while nothing but sending happens.
    pub seq: i64,
    /// Who sent it.
    pub sender: Uuid,
    /// The SHA-256 over the request, or anything as long and as random.
    pub fingerprint: [u8; 32],
    /// When, in milliseconds since 1970.
    pub sent_at: i64,
    /// What it says.
    pub text: &'a Text,
}

/// Messages without end, spread evenly over conversations, each dense from 1 on.
#[derive(Debug)]
pub struct Rows<'a> {
    sample: &'a Sample,
    random: SplitMix,
    conversations: Vec<(Uuid, [Uuid; 2])>,
    written: u64,
}

/// A small, fast, seeded generator (SplitMix64): the same messages in every run.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl Sample {
    /// Makes the set.
    pub fn new() -> Self {
        let mut random = SplitMix::new(1);
        let words: Vec<String> = (0..WORDS).map(|_| word(&mut random)).collect();
        Self {
            texts: (0..BODIES).map(|_| text(&words, &mut random)).collect(),
        }
    }

    /// Returns the text of the `n`th message; after all have been used they come again.
    pub fn text(&self, n: u64) -> &Text {
        &self.texts[(n % BODIES as u64) as usize]
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Rows<'a> {
    /// Starts with empty conversations. Different seeds make different ids.
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
    /// Starts from a seed.
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

/// Makes a UUID of version 7, as a good client would: ordered by time, unlike any other.
pub fn uuid_v7(unix_milliseconds: u64, random: u64, counter: u64) -> Uuid {
    let mut tail = [0; 10];
    tail[..2].copy_from_slice(&counter.to_be_bytes()[6..]);
    tail[2..].copy_from_slice(&random.wrapping_add(counter.rotate_left(32)).to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(unix_milliseconds, &tail).into_uuid()
}

/// Returns the time now, in milliseconds since 1970.
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

/// Squaring a uniform number favours the first words, as language does: some are in every other message, most are rare.
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
