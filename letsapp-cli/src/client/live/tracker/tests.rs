use std::collections::{BTreeMap, BTreeSet};

use letsapp_core::domain::id::{Epoch, MessageId, UserId};
use letsapp_core::domain::mark::Mark;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::domain::{conversation::Kind, role::Role};
use letsapp_core::protocol::{ConversationHead, Me, MessageKind, Sync, SyncRequest};

use super::*;

const CHAT: ConversationId = ConversationId::from_bytes([1; 16]);
const OTHER: ConversationId = ConversationId::from_bytes([2; 16]);
const ME: UserId = UserId::from_bytes([9; 16]);
const NOW: Duration = Duration::from_secs(50);
const JOINED: Timestamp = Timestamp::from_millis(1_000);

fn message(seq: u64, rev: u64) -> Message {
    Message {
        id: MessageId::from_bytes([u8::try_from(seq % 256).unwrap(); 16]),
        conversation_id: CHAT,
        seq: Seq(seq),
        rev: Rev(rev),
        sender_id: ME,
        kind: MessageKind::User,
        body: format!("as of {rev}"),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        my_reaction: None,
        sent_at: JOINED,
        edited_at: None,
        deleted_at: None,
        system: None,
    }
}

fn created(seq: u64, rev: u64) -> Event {
    Event::MessageCreated(message(seq, rev))
}

fn updated(seq: u64, rev: u64) -> Event {
    Event::MessageUpdated(message(seq, rev))
}

fn conversation(id: ConversationId, seq: u64, rev: u64) -> Conversation {
    Conversation {
        id,
        kind: Kind::Group,
        title: None,
        about: String::new(),
        avatar_media_id: None,
        created_by: ME,
        created_at: JOINED,
        member_count: 2,
        head: ConversationHead {
            seq: Seq(seq),
            rev: Rev(rev),
            last_message: None,
        },
        me: Me {
            role: Role::Member,
            joined_at: JOINED,
            left_at: None,
            read_seq: Seq(0),
            delivered_seq: Seq(0),
            unread: 0,
            muted_until: None,
            archived: false,
            pinned: false,
        },
        peer: None,
        peer_receipt: None,
    }
}

fn empty_sync() -> Sync {
    Sync {
        conversations: Vec::new(),
        removed: Vec::new(),
        changes: Vec::new(),
        positions: BTreeMap::new(),
        reset: Vec::new(),
        more: false,
        mark: Mark(5).into(),
        server_time: Timestamp::from_millis(5_000),
        epoch: Epoch::from_bytes([1; 16]),
    }
}

/// Returns a tracker that has synced and knows `CHAT` up to `seq` and `rev`.
fn tracker_at(seq: u64, rev: u64) -> Tracker {
    let position = Position {
        rev: Rev(rev),
        seq: Seq(seq),
    };
    let positions = Positions {
        since: Some(SyncSince::Time(JOINED)),
        epoch: None,
        conversations: BTreeMap::from([(CHAT, position)]),
    };
    let mut tracker = Tracker::new(&positions);
    tracker.begin_sync();
    tracker.apply_sync(
        Sync {
            positions: BTreeMap::from([(CHAT, Rev(rev))]),
            ..empty_sync()
        },
        NOW,
    );
    tracker.take_deliveries().for_each(drop);
    tracker
}

/// Summarises the delivered updates: `+5@7` is new message 5 at rev 7, `~5@7` a changed one.
fn delivered(tracker: &mut Tracker) -> Vec<String> {
    let updates = tracker.take_deliveries().filter_map(|delivery| delivery.update);
    updates
        .map(|update| match update {
            Update::Message(message) => format!("+{}@{}", message.seq, message.rev),
            Update::MessageChanged(message) => format!("~{}@{}", message.seq, message.rev),
            Update::Conversation(conversation) if conversation.id == CHAT => "chat".to_owned(),
            Update::Conversation(_) => "other".to_owned(),
            Update::ConversationRemoved(_) => "removed".to_owned(),
            Update::Reset(_) => "reset".to_owned(),
            Update::CaughtUp => "caught up".to_owned(),
            update => format!("{update:?}"),
        })
        .collect()
}

#[test]
fn a_change_that_follows_is_delivered_at_once() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(6, 8), NOW);
    tracker.apply_event(updated(2, 9), NOW);
    assert_eq!(delivered(&mut tracker), ["+6@8", "~2@9"]);
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_known_change_is_not_delivered_again() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(6, 8), NOW);
    tracker.apply_event(created(6, 8), NOW);
    tracker.apply_event(updated(3, 4), NOW);
    tracker.apply_message(message(6, 8), NOW);
    assert_eq!(delivered(&mut tracker), ["+6@8"]);
}

#[test]
fn reordered_events_are_delivered_in_order() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(7, 10), NOW);
    tracker.apply_event(updated(6, 9), NOW);
    assert_eq!(delivered(&mut tracker), [""; 0]);
    tracker.apply_event(created(6, 8), NOW);
    assert_eq!(delivered(&mut tracker), ["+6@8", "~6@9", "+7@10"]);
    assert_eq!(tracker.deadline(), None, "the gap is filled");
}

#[test]
fn the_reply_to_an_own_request_fills_its_gap() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(7, 9), NOW);
    tracker.apply_message(message(6, 8), NOW);
    assert_eq!(delivered(&mut tracker), ["+6@8", "+7@9"]);
}

#[test]
fn a_hidden_change_leaves_no_gap() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(6, 9), NOW);
    tracker.apply_event(
        Event::ConversationRev {
            conversation_id: CHAT,
            rev: Rev(8),
        },
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["+6@9"]);
}

#[test]
fn a_gap_is_fetched_after_a_timeout() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(8, 10), NOW);
    assert_eq!(tracker.deadline(), Some(NOW + GAP_TIMEOUT));
    assert_eq!(tracker.take_due_fetches(NOW + GAP_TIMEOUT / 2), []);
    assert_eq!(tracker.take_due_fetches(NOW + GAP_TIMEOUT), [(CHAT, Rev(7))]);
    assert_eq!(tracker.take_due_fetches(NOW + GAP_TIMEOUT), [], "once");
    // Meanwhile message 9 arrives, and message 6 was edited.
    tracker.apply_event(created(9, 12), NOW + GAP_TIMEOUT);
    let items = vec![message(7, 9), message(8, 10), message(6, 11)];
    tracker.apply_fetch(CHAT, Ok(Fetched { items, rev: Rev(11) }), NOW + GAP_TIMEOUT);
    assert_eq!(delivered(&mut tracker), ["+7@9", "+8@10", "+6@11", "+9@12"]);
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_failed_fetch_is_repeated() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(7, 9), NOW);
    let later = NOW + GAP_TIMEOUT;
    tracker.take_due_fetches(later);
    tracker.apply_fetch(CHAT, Err(FetchError::Later), later);
    assert_eq!(tracker.deadline(), Some(later + GAP_TIMEOUT));
    assert_eq!(tracker.take_due_fetches(later + GAP_TIMEOUT), [(CHAT, Rev(7))]);
    tracker.apply_fetch(CHAT, Err(FetchError::Gone), later + GAP_TIMEOUT);
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn messages_before_the_first_sync_are_not_delivered() {
    let mut tracker = Tracker::new(&Positions::default());
    assert_eq!(tracker.begin_sync(), SyncRequest::default());
    tracker.apply_event(created(4, 6), NOW);
    tracker.apply_event(created(5, 7), NOW);
    let conversations = vec![conversation(CHAT, 4, 6)];
    tracker.apply_sync(
        Sync {
            conversations,
            positions: BTreeMap::from([(CHAT, Rev(6))]),
            ..empty_sync()
        },
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["chat", "+5@7", "caught up"]);
}

#[test]
fn missed_changes_are_delivered_once_after_a_sync() {
    let mut tracker = tracker_at(5, 7);
    tracker.pause();
    tracker.apply_event(created(6, 8), NOW);
    assert_eq!(delivered(&mut tracker), [""; 0], "nothing counts while away");
    let request = tracker.begin_sync();
    assert_eq!(request.conversations, BTreeMap::from([(CHAT, Rev(7))]));
    assert_eq!(request.since, Some(SyncSince::Mark(empty_sync().mark)));
    // Events arrive during the sync as well, so some changes come twice.
    tracker.apply_event(created(7, 10), NOW);
    tracker.apply_event(created(8, 11), NOW);
    let changes = vec![message(6, 8), message(2, 9), message(7, 10)];
    let conversations = vec![conversation(CHAT, 7, 10)];
    tracker.apply_sync(
        Sync {
            conversations,
            changes,
            positions: BTreeMap::from([(CHAT, Rev(10))]),
            ..empty_sync()
        },
        NOW,
    );
    assert_eq!(
        delivered(&mut tracker),
        ["chat", "+6@8", "~2@9", "+7@10", "+8@11", "caught up"]
    );
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_sync_with_several_pages_is_completed() {
    let mut tracker = tracker_at(5, 7);
    tracker.pause();
    tracker.begin_sync();
    let part = Sync {
        changes: vec![message(6, 8)],
        positions: BTreeMap::from([(CHAT, Rev(8))]),
        ..empty_sync()
    };
    tracker.apply_sync(
        Sync {
            more: true,
            mark: Mark(9).into(),
            ..part
        },
        NOW,
    );
    assert!(tracker.needs_sync());
    tracker.apply_event(created(8, 10), NOW);
    let request = tracker.begin_sync();
    assert_eq!(request.conversations, BTreeMap::from([(CHAT, Rev(8))]));
    assert_eq!(request.since, Some(SyncSince::Mark(Mark(9).into())));
    tracker.apply_sync(
        Sync {
            changes: vec![message(7, 9)],
            positions: BTreeMap::from([(CHAT, Rev(9))]),
            ..empty_sync()
        },
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["+6@8", "+7@9", "+8@10", "caught up"]);
}

#[test]
fn a_first_sync_with_several_pages_brings_history_only() {
    let mut tracker = Tracker::new(&Positions::default());
    tracker.begin_sync();
    let page = |id, more| Sync {
        conversations: vec![conversation(id, 4, 6)],
        positions: BTreeMap::from([(id, Rev(6))]),
        more,
        ..empty_sync()
    };
    tracker.apply_sync(page(CHAT, true), NOW);
    tracker.begin_sync();
    tracker.apply_sync(page(OTHER, false), NOW);
    assert_eq!(tracker.deadline(), None, "there is nothing to fetch");
}

#[test]
fn after_a_restore_of_the_server_everything_is_asked_for_anew() {
    let mut tracker = tracker_at(9, 9);
    tracker.take_deliveries().for_each(drop);
    tracker.pause();
    tracker.begin_sync();
    let restored = || Sync {
        positions: BTreeMap::from([(CHAT, Rev(2))]),
        epoch: Epoch::from_bytes([2; 16]),
        ..empty_sync()
    };
    tracker.apply_sync(restored(), NOW);
    assert!(tracker.needs_sync());
    assert_eq!(delivered(&mut tracker), ["reset"]);
    assert_eq!(tracker.begin_sync(), SyncRequest::default());
    let conversations = vec![conversation(CHAT, 2, 2)];
    tracker.apply_sync(
        Sync {
            conversations,
            ..restored()
        },
        NOW,
    );
    tracker.apply_event(created(3, 3), NOW);
    assert_eq!(delivered(&mut tracker), ["chat", "caught up", "+3@3"]);
}

#[test]
fn after_a_restore_nothing_is_reported_of_conversations_that_the_user_has_left() {
    let mut tracker = tracker_at(9, 9);
    tracker.apply_event(Event::ConversationRemoved { id: CHAT }, NOW);
    assert_eq!(delivered(&mut tracker), ["removed"]);
    tracker.begin_sync();
    tracker.apply_sync(
        Sync {
            epoch: Epoch::from_bytes([2; 16]),
            ..empty_sync()
        },
        NOW,
    );
    assert!(tracker.needs_sync());
    assert_eq!(delivered(&mut tracker), [""; 0]);
}

#[test]
fn a_left_conversation_that_is_no_longer_listed_is_reported() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(Event::ConversationRemoved { id: OTHER }, NOW);
    assert_eq!(delivered(&mut tracker), ["removed"]);
    assert!(!tracker.needs_sync());
}

#[test]
fn a_conversation_with_too_many_changes_is_reset() {
    let mut tracker = tracker_at(5, 7);
    tracker.pause();
    tracker.begin_sync();
    let conversations = vec![conversation(CHAT, 9_000, 9_999)];
    let positions = BTreeMap::from([(CHAT, Rev(9_999))]);
    tracker.apply_sync(
        Sync {
            conversations,
            positions,
            reset: vec![CHAT],
            ..empty_sync()
        },
        NOW,
    );
    tracker.apply_event(created(9_001, 10_000), NOW);
    assert_eq!(delivered(&mut tracker), ["chat", "reset", "caught up", "+9001@10000"]);
}

#[test]
fn a_conversation_created_while_offline_is_fetched_from_its_start() {
    let mut tracker = Tracker::new(&Positions {
        since: Some(SyncSince::Time(JOINED)),
        epoch: None,
        ..Positions::default()
    });
    tracker.begin_sync();
    let conversations = vec![conversation(CHAT, 2, 2)];
    tracker.apply_sync(
        Sync {
            conversations,
            positions: BTreeMap::from([(CHAT, Rev(2))]),
            ..empty_sync()
        },
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["chat", "caught up"]);
    assert_eq!(tracker.take_due_fetches(NOW), [(CHAT, Rev(0))]);
    tracker.apply_event(created(3, 3), NOW);
    tracker.apply_fetch(
        CHAT,
        Ok(Fetched {
            items: vec![message(1, 1), message(2, 2)],
            rev: Rev(2),
        }),
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["+1@1", "+2@2", "+3@3"]);
}

#[test]
fn a_new_conversation_that_already_has_messages_is_fetched() {
    let mut tracker = tracker_at(0, 0);
    // The conversation's event was created when the first message already existed; that message's own event comes after
    // it.
    let new = Conversation {
        id: OTHER,
        ..conversation(OTHER, 1, 1)
    };
    tracker.apply_event(Event::ConversationCreated(Box::new(new)), NOW);
    let first = Message {
        conversation_id: OTHER,
        ..message(1, 1)
    };
    tracker.apply_event(Event::MessageCreated(first.clone()), NOW);
    assert_eq!(delivered(&mut tracker), ["other", "+1@1"]);
    assert_eq!(tracker.take_due_fetches(NOW), [(OTHER, Rev(1))]);
    tracker.apply_fetch(
        OTHER,
        Ok(Fetched {
            items: vec![first],
            rev: Rev(1),
        }),
        NOW,
    );
    assert_eq!(delivered(&mut tracker), [""; 0]);
}

#[test]
fn an_empty_new_conversation_is_not_fetched() {
    let mut tracker = tracker_at(0, 0);
    tracker.apply_event(Event::ConversationCreated(Box::new(conversation(OTHER, 0, 0))), NOW);
    assert_eq!(tracker.deadline(), None);
    tracker.apply_event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(1, 1)
        }),
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["other", "+1@1"]);
}

#[test]
fn messages_before_joining_are_not_delivered() {
    let mut tracker = tracker_at(0, 0);
    tracker.apply_event(Event::ConversationCreated(Box::new(conversation(OTHER, 9, 9))), NOW);
    tracker.take_due_fetches(NOW);
    let old = Message {
        conversation_id: OTHER,
        sent_at: Timestamp::from_millis(500),
        ..message(8, 8)
    };
    let join = Message {
        conversation_id: OTHER,
        ..message(9, 9)
    };
    tracker.apply_fetch(
        OTHER,
        Ok(Fetched {
            items: vec![old, join],
            rev: Rev(9),
        }),
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["other", "+9@9"]);
}

#[test]
fn a_member_who_rejoins_gets_the_messages_since() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(created(6, 8), NOW);
    tracker.apply_event(Event::ConversationRemoved { id: CHAT }, NOW);
    tracker.apply_event(Event::ConversationRemoved { id: CHAT }, NOW);
    assert_eq!(delivered(&mut tracker), ["+6@8", "removed"]);
    assert!(tracker.begin_sync().conversations.is_empty());
    tracker.apply_sync(empty_sync(), NOW);
    tracker.apply_event(Event::ConversationCreated(Box::new(conversation(CHAT, 20, 30))), NOW);
    assert_eq!(delivered(&mut tracker), ["caught up", "chat"]);
    assert_eq!(tracker.take_due_fetches(NOW), [(CHAT, Rev(8))]);
    tracker.apply_fetch(
        CHAT,
        Ok(Fetched {
            items: vec![message(20, 30)],
            rev: Rev(30),
        }),
        NOW,
    );
    assert_eq!(delivered(&mut tracker), ["+20@30"]);
}

#[test]
fn a_message_of_an_unknown_conversation_requests_one_sync() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(3, 3)
        }),
        NOW,
    );
    assert!(tracker.needs_sync());
    tracker.begin_sync();
    tracker.apply_sync(empty_sync(), NOW);
    assert!(!tracker.needs_sync(), "the server does not know it");
    tracker.apply_event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(3, 3)
        }),
        NOW,
    );
    tracker.begin_sync();
    let conversations = vec![conversation(OTHER, 3, 3)];
    tracker.apply_sync(
        Sync {
            conversations,
            positions: BTreeMap::from([(OTHER, Rev(3))]),
            ..empty_sync()
        },
        NOW,
    );
    assert_eq!(tracker.take_due_fetches(NOW), [(OTHER, Rev(0))]);
}

#[test]
fn a_resync_event_requests_a_sync() {
    let mut tracker = tracker_at(5, 7);
    tracker.apply_event(Event::Resync {}, NOW);
    assert!(tracker.needs_sync());
    tracker.begin_sync();
    tracker.apply_event(Event::Resync {}, NOW);
    tracker.apply_sync(empty_sync(), NOW);
    assert!(tracker.needs_sync(), "requested again during the sync");
}

/// Simulates a server with one conversation, a network that loses, duplicates and reorders events, and a consumer. The
/// consumer must see every message once, ordered by `rev`, and have the server's state at the end.
#[test]
fn every_change_is_delivered_once_over_any_network() {
    for seed in 1..=300 {
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut server: BTreeMap<u64, Message> = BTreeMap::new();
    let (mut rev, mut now) = (0, NOW);
    let mut wire: Vec<Event> = Vec::new();
    let mut tracker = tracker_at(0, 0);
    let mut seen: BTreeMap<u64, Message> = BTreeMap::new();
    let mut new = BTreeSet::new();
    let mut last = 0;
    let mut positions = Positions {
        since: Some(SyncSince::Time(JOINED)),
        epoch: None,
        ..Positions::default()
    };
    for turn in 0..200 {
        let is_last = turn == 199;
        rev += 1;
        let seq = if dice.roll(3) == 0 && !server.is_empty() {
            1 + dice.roll(server.len() as u64)
        } else {
            server.len() as u64 + 1
        };
        let change = message(seq, rev);
        wire.push(if server.contains_key(&seq) {
            updated(seq, rev)
        } else {
            created(seq, rev)
        });
        server.insert(seq, change);
        let changes = |after: Rev| -> Vec<Message> {
            let mut items: Vec<_> = server.values().filter(|message| message.rev > after).cloned().collect();
            items.sort_by_key(|message| message.rev);
            items
        };
        match dice.roll(12) {
            0 => drop(wire.pop()),
            1 => wire.extend(wire.last().cloned()),
            2 if wire.len() > 1 => wire.swap(0, 1),
            3 => {
                wire.clear();
                tracker.pause();
                let request = tracker.begin_sync();
                let changes = changes(request.conversations[&CHAT]);
                tracker.apply_sync(
                    Sync {
                        changes,
                        positions: BTreeMap::from([(CHAT, Rev(rev))]),
                        ..empty_sync()
                    },
                    now,
                );
            }
            _ => {}
        }
        if dice.roll(3) == 0 || is_last {
            wire.drain(..).for_each(|event| tracker.apply_event(event, now));
        }
        now += GAP_TIMEOUT / 3;
        if is_last {
            now += GAP_TIMEOUT;
            tracker.apply_event(
                Event::ConversationRev {
                    conversation_id: CHAT,
                    rev: Rev(rev + 1),
                },
                now,
            );
            now += GAP_TIMEOUT;
        }
        for (id, after) in tracker.take_due_fetches(now) {
            let rev = if is_last { rev + 1 } else { rev };
            tracker.apply_fetch(
                id,
                Ok(Fetched {
                    items: changes(after),
                    rev: Rev(rev),
                }),
                now,
            );
        }
        for delivery in tracker.take_deliveries() {
            if let Some((_, Some(position))) = delivery.position_change {
                positions.conversations.insert(CHAT, position);
            }
            let (is_new, message) = match delivery.update {
                Some(Update::Message(message)) => (true, message),
                Some(Update::MessageChanged(message)) => (false, message),
                _ => continue,
            };
            assert!(message.rev.0 > last, "seed {seed}: {} after {last}", message.rev);
            last = message.rev.0;
            assert_eq!(
                is_new,
                new.insert(message.seq.0),
                "seed {seed}: message {} is new only once",
                message.seq
            );
            seen.insert(message.seq.0, message);
        }
    }
    assert_eq!(seen, server, "seed {seed}");
    assert_eq!(positions.conversations[&CHAT].rev, Rev(rev + 1), "seed {seed}");
    assert_eq!(
        positions.conversations[&CHAT].seq,
        Seq(server.len() as u64),
        "seed {seed}"
    );
}

/// Pseudorandom numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
