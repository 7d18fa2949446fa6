//! SQLite store with real processes: a process that is killed at any moment, and a second process on the same file.
//!
//! The child processes are this test binary, started again with the role in an environment variable.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic fails the test, and child processes report on standard output"
)]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::domain::conversation::{Conversation, Kind};
use letsapp_core::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use letsapp_core::domain::message::{Content, Fingerprint, Message};
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::domain::user::About;
use letsapp_core::domain::window::Window;
use letsapp_core::ports::{Change, MessageRepository, Outcome, Range, Repositories, TermsChange};

/// Environment variable with the role of a child process: `open`, or the number of a round of sending.
const ROLE: &str = "LETSAPP_TEST_SQLITE_ROLE";

/// Environment variable with the path of the database file.
const FILE: &str = "LETSAPP_TEST_SQLITE_FILE";

/// Number of times that a sending process is killed.
const ROUNDS: u64 = 8;

/// Number of tasks that send at the same time.
const SENDERS: u64 = 16;
/// Number of conversations, each shared by several senders.
const CONVERSATIONS: u64 = 4;

/// Runs the role of a child process. Does nothing when it runs as a normal test.
#[test]
fn role() {
    let (Ok(role), Ok(file)) = (std::env::var(ROLE), std::env::var(FILE)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match role.as_str() {
        "open" => match SqliteStore::open(&file) {
            Ok(_) => println!("opened"),
            Err(error) => println!("refused: {error}"),
        },
        round => runtime.block_on(send_for_ever(Path::new(&file), round.parse().unwrap())),
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("letsapp.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acknowledged: HashMap<MessageId, (ConversationId, Seq)> = HashMap::new();
    let mut edited: Vec<MessageId> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = start(&round.to_string(), &file);
        let mut lines = lines(&mut child);
        let mut note = |line: String| match line.split(' ').collect::<Vec<_>>()[..] {
            // The full stop marks a complete line; the kill may cut one off.
            ["sent", id, conversation, seq, "."] => {
                let place = (conversation.parse().unwrap(), Seq(seq.parse().unwrap()));
                acknowledged.insert(id.parse().unwrap(), place);
            }
            ["edited", id, "."] => edited.push(id.parse().unwrap()),
            _ => {}
        };
        // A different number of acknowledgements each time, so that kills hit different points of a transaction.
        let wanted = usize::try_from(200 + round * 137).unwrap();
        lines.by_ref().take(wanted).for_each(&mut note);
        child.kill().unwrap();
        lines.for_each(note);
        child.wait().unwrap();

        let (found, doubled) = runtime.block_on(read_all(&file));
        let lost = acknowledged
            .iter()
            .filter(|(id, place)| found.get(*id).map(place_of) != Some(**place));
        let unedited = edited
            .iter()
            .filter(|id| found.get(*id).is_none_or(|message| message.edited_at.is_none()));
        let (lost, unedited) = (lost.count(), unedited.count());
        println!(
            "round {round}: acknowledged {} sent and {} edited, found {}, doubled {doubled}, lost {lost} and {unedited}",
            acknowledged.len(),
            edited.len(),
            found.len(),
        );
        assert_eq!((doubled, lost, unedited), (0, 0, 0));
        assert!(acknowledged.len() as u64 > round * 100, "the processes did send");
    }
}

#[test]
fn a_second_process_is_refused_while_the_first_lives_and_no_longer() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("letsapp.db");
    let mut first = start("0", &file);
    let mut at_work = lines(&mut first);
    assert!(at_work.any(|line| line.starts_with("sent ")), "the first is at work");

    // Reads to the end: the child would panic if it printed to a closed pipe.
    let answer = |child: &mut Child| {
        let answers = lines(child).filter(|line| line.starts_with("opened") || line.starts_with("refused"));
        answers.last()
    };
    let mut second = start("open", &file);
    let refusal = answer(&mut second).unwrap();
    assert!(
        refusal.contains("letsapp.db is in use: another process has it open"),
        "{refusal}"
    );
    second.wait().unwrap();

    first.kill().unwrap();
    first.wait().unwrap();
    let mut third = start("open", &file);
    assert_eq!(answer(&mut third).unwrap(), "opened");
    third.wait().unwrap();
}

/// Starts this test binary as a child process with a role.
fn start(role: &str, file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the lines that a child process prints until it ends, without the prefix that the test runner prints on the
/// first line.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(|line| line.unwrap().rsplit("... ").next().unwrap_or_default().to_owned())
}

/// Sends and edits messages from many tasks until the process is killed.
async fn send_for_ever(file: &Path, round: u64) {
    let store = SqliteStore::open(file).unwrap();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let conversation = conversation(sender % CONVERSATIONS);
        let (conversations, messages) = (store.conversations(), store.messages());
        senders.spawn(async move {
            let at = conversation.created_at;
            conversations.create_direct(conversation.clone(), at).await.unwrap();
            for n in 0.. {
                let number = round << 40 | sender << 32 | n;
                send(&messages, message(conversation.id, number)).await;
            }
        });
    }
    senders.join_all().await;
}

/// Sends a message and edits every third one. Prints each only after the store has acknowledged it.
async fn send(messages: &Arc<dyn MessageRepository>, message: Message) {
    let (id, conversation_id) = (message.id, message.conversation_id);
    let sent = message.clone();
    let change = Change::Append {
        message: Arc::new(message),
        fence: Seq::ZERO,
    };
    let Outcome::Committed(position) = messages.commit(vec![change]).in_order(1).await.remove(0).unwrap() else {
        panic!("a new message is committed");
    };
    println!("sent {id} {conversation_id} {} .", position.seq);
    if position.seq.0.is_multiple_of(3) {
        let edited = Message {
            content: Content::Text("edited".to_owned()),
            edited_at: Some(Timestamp::from_millis(3)),
            ..sent.at(position)
        };
        let change = Change::Revise {
            message: Arc::new(edited),
            terms: TermsChange::Replace,
            fence: Seq::ZERO,
        };
        let outcome = messages.commit(vec![change]).in_order(1).await.remove(0).unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)));
        println!("edited {id} .");
    }
}

/// Opens the file and returns all messages, and the number of those that are stored twice. Checks that `seq` has no
/// gaps, that every `rev` is unique, and that the head is the newest `rev`.
async fn read_all(file: &Path) -> (HashMap<MessageId, Message>, usize) {
    let store = SqliteStore::open(file).unwrap();
    let ids: Vec<_> = (0..CONVERSATIONS).map(|n| conversation(n).id).collect();
    let heads: HashMap<_, _> = store.conversations().heads(&ids).await.unwrap().into_iter().collect();
    let (mut all, mut doubled) = (HashMap::new(), 0);
    for id in ids {
        let (messages, whole) = (store.messages(), [Window::WHOLE]);
        let newest = Range::After(Seq::ZERO);
        let by_seq = messages.history(id, &whole, newest, usize::MAX >> 1).await.unwrap();
        assert!(by_seq.iter().map(|m| m.seq.0).eq(1..=by_seq.len() as u64), "dense");
        let by_rev = messages.changes(id, &whole, Rev::ZERO, usize::MAX >> 1).await.unwrap();
        assert_eq!(by_rev.len(), by_seq.len());
        assert!(
            by_rev.windows(2).all(|pair| pair[0].rev < pair[1].rev),
            "each change has a number of its own"
        );
        assert_eq!(by_rev.last().map_or(Rev::ZERO, |message| message.rev), heads[&id].rev);
        for message in by_seq {
            doubled += usize::from(all.insert(message.id, message).is_some());
        }
    }
    store.close().await;
    (all, doubled)
}

fn place_of(message: &Message) -> (ConversationId, Seq) {
    (message.conversation_id, message.seq)
}

fn conversation(n: u64) -> Conversation {
    let (low, high) = (
        UserId::from_bytes([0; 16]),
        UserId::from_bytes([u8::try_from(n).unwrap() + 1; 16]),
    );
    Conversation {
        id: ConversationId::from_bytes(*high.as_bytes()),
        kind: Kind::Direct,
        title: None,
        about: About::default(),
        avatar_media_id: None,
        created_by: low,
        created_at: Timestamp::from_millis(1),
        pair: Some((low, high)),
        fingerprint: None,
        deleted_at: None,
    }
}

fn message(conversation_id: ConversationId, number: u64) -> Message {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Message {
        conversation_id,
        id: MessageId::from_bytes(id),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: UserId::from_bytes([0; 16]),
        content: Content::Text(format!("message number {number}, and some words more")),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: Timestamp::from_millis(2),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [0; 32],
        },
    }
}
