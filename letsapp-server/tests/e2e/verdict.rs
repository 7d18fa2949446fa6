//! Checks after a load: every acknowledged message exists once, at its `seq`, in its last acknowledged state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Write, stderr};

use serde_json::Value;

use crate::follower::Followed;
use crate::http::number;
use crate::load::{Acknowledged, Ledger};
use crate::people::Person;

/// Numbers of messages in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    acknowledged: usize,
    found: usize,
    doubled: usize,
    lost: usize,
}

/// Compares the acknowledged messages with the stored ones, prints the counts, and returns the number of acknowledged
/// messages.
///
/// # Panics
/// If a message is missing, stored twice, at another `seq`, or in another state.
pub(crate) async fn settle(run: &str, ledgers: &[Ledger], followed: &Followed) -> usize {
    let mut conversations = BTreeMap::<&str, Vec<(&String, &Acknowledged)>>::new();
    for (id, message) in ledgers.iter().flat_map(|ledger| &ledger.messages) {
        conversations
            .entry(&message.conversation)
            .or_default()
            .push((id, message));
    }
    let mut counts = Counts::default();
    let mut histories = HashMap::new();
    for (&conversation, expected) in &conversations {
        let reader = ledgers.iter().find(|ledger| ledger.changes.contains_key(conversation));
        let reader = &reader.expect("whoever wrote so much has changed something").person;
        let history = reader.history(conversation).await;
        count(&mut counts, expected, &history);
        histories.insert(conversation, history);
    }
    let Counts {
        acknowledged,
        found,
        doubled,
        lost,
    } = counts;
    let line = format!("{run}: acknowledged {acknowledged}, found {found}, doubled {doubled}, lost {lost}");
    // Written to standard error directly, because the test harness hides the output of tests that pass.
    let _ = writeln!(stderr().lock(), "{line}");
    let refused: Vec<_> = ledgers.iter().flat_map(|ledger| &ledger.refused).collect();
    assert_eq!(
        (found, doubled, lost),
        (acknowledged, 0, 0),
        "{line}; refused: {refused:#?}"
    );
    assert!(refused.is_empty(), "{refused:#?}");

    for (conversation, expected) in &conversations {
        let history = &histories[conversation];
        every_message_is_as_it_was_left(expected, history);
        let changes = ledgers
            .iter()
            .filter_map(|ledger| ledger.changes.get(*conversation))
            .sum();
        let members: Vec<_> = ledgers
            .iter()
            .filter(|ledger| ledger.changes.contains_key(*conversation))
            .collect();
        numbers_are_dense(&members[0].person, conversation, history, changes).await;
        for ledger in members {
            watermarks_are_plausible(ledger, conversation, history).await;
        }
    }
    let theirs: Vec<_> = followed.messages.values().map(without_own_view).collect();
    let truth: Vec<_> = histories[&*followed.conversation]
        .iter()
        .map(without_own_view)
        .collect();
    assert_eq!(theirs, truth, "who only listened knows the same");
    acknowledged
}

fn count(counts: &mut Counts, expected: &[(&String, &Acknowledged)], history: &[Value]) {
    let mut places = HashMap::<&str, Vec<u64>>::new();
    for message in users(history) {
        places
            .entry(text(&message["id"]))
            .or_default()
            .push(number(&message["seq"]));
    }
    counts.acknowledged += expected.len();
    for (id, message) in expected {
        match places.remove(id.as_str()).as_deref() {
            Some([seq]) if *seq == message.seq => counts.found += 1,
            None | Some([_]) => counts.lost += 1,
            Some(_) => counts.doubled += 1,
        }
    }
    // Every message was acknowledged in the end, so there must be no others.
    counts.doubled += places.len();
}

fn every_message_is_as_it_was_left(expected: &[(&String, &Acknowledged)], history: &[Value]) {
    let bodies: HashMap<_, _> = history.iter().map(|it| (text(&it["id"]), text(&it["body"]))).collect();
    for (id, message) in expected {
        assert_eq!(bodies[id.as_str()], message.body, "the body of {id}");
    }
    let distinct: HashSet<_> = users(history)
        .map(|it| text(&it["body"]))
        .filter(|body| !body.is_empty())
        .collect();
    let written = users(history).filter(|it| it["deleted_at"].is_null()).count();
    assert_eq!(distinct.len(), written, "nothing is there twice under another id");
}

async fn numbers_are_dense(reader: &Person, conversation: &str, history: &[Value], changes: u64) {
    let seqs: Vec<_> = history.iter().map(|message| number(&message["seq"])).collect();
    let total = u64::try_from(history.len()).expect("it is counted");
    assert!(seqs.iter().copied().eq(1..=total), "seq is dense: {seqs:?}");

    let head = &reader.get(&format!("/v1/conversations/{conversation}")).await["head"];
    assert_eq!(number(&head["seq"]), total, "the head is the last message");
    assert_eq!(
        number(&head["rev"]),
        total + changes,
        "every change took one number, and nothing else did"
    );
    assert_eq!(
        without_own_view(&head["last_message"]),
        without_own_view(history.last().expect("there are some"))
    );

    let changed = reader.changes(conversation).await;
    let revs: Vec<_> = changed.iter().map(|message| number(&message["rev"])).collect();
    assert!(revs.is_sorted_by(|one, next| one < next), "changes come in order");
    assert_eq!(revs.last(), Some(&(total + changes)), "the last change is the head");
    let mut by_seq: Vec<_> = changed.iter().map(without_own_view).collect();
    by_seq.sort_by_key(|message| number(&message["seq"]));
    let history: Vec<_> = history.iter().map(without_own_view).collect();
    assert_eq!(by_seq, history, "changes tell the same as history");
}

async fn watermarks_are_plausible(ledger: &Ledger, conversation: &str, history: &[Value]) {
    let me = &ledger.person.get(&format!("/v1/conversations/{conversation}")).await["me"];
    let (read, delivered) = (number(&me["read_seq"]), number(&me["delivered_seq"]));
    let own = |message: &&Value| message["sender_id"] == *ledger.person.id;
    let last_own = history.iter().rfind(own).map_or(0, |message| number(&message["seq"]));
    let told = ledger.read.get(conversation).copied().unwrap_or_default().max(last_own);
    assert!(read >= told, "read up to {read}, but {told} was acknowledged");
    let total = u64::try_from(history.len()).expect("it is counted");
    assert!(
        read <= delivered && delivered <= total,
        "read {read}, delivered {delivered} of {total}"
    );
    let unread = users(history)
        .filter(|message| number(&message["seq"]) > read && !own(message) && message["deleted_at"].is_null());
    assert_eq!(
        number(&me["unread"]),
        u64::try_from(unread.count()).expect("it is counted"),
        "unread"
    );
}

fn users(history: &[Value]) -> impl Iterator<Item = &Value> {
    history.iter().filter(|message| message["kind"] == "user")
}

/// Returns a message without fields that depend on the reader or that events do not contain.
fn without_own_view(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        fields.remove("my_reaction");
    }
    message
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}
