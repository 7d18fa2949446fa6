use std::collections::{BTreeMap, BTreeSet};

use letsapp_core::conversations::{Kind, Role};
use letsapp_core::id::{MessageId, UserId};
use letsapp_core::protocol::{ConversationHead, Me, MessageKind};

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

fn answer() -> Sync {
    Sync {
        conversations: Vec::new(),
        removed: Vec::new(),
        changes: Vec::new(),
        positions: BTreeMap::new(),
        reset: Vec::new(),
        more: false,
        server_time: Timestamp::from_millis(5_000),
    }
}

/// A follower that has synced, and knows `CHAT` up to `seq` and `rev`.
fn following(seq: u64, rev: u64) -> Follow {
    let position = Position {
        rev: Rev(rev),
        seq: Seq(seq),
    };
    let positions = Positions {
        since: Some(JOINED),
        conversations: BTreeMap::from([(CHAT, position)]),
    };
    let mut follow = Follow::new(&positions);
    follow.sync();
    follow.synced(
        Sync {
            positions: BTreeMap::from([(CHAT, Rev(rev))]),
            ..answer()
        },
        NOW,
    );
    follow.take_steps().for_each(drop);
    follow
}

/// What was handed over, in short: `+5@7` is new message 5 as of rev 7, `~` a changed one.
fn told(follow: &mut Follow) -> Vec<String> {
    let updates = follow.take_steps().filter_map(|step| step.update);
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
fn what_follows_on_is_told_at_once() {
    let mut follow = following(5, 7);
    follow.event(created(6, 8), NOW);
    follow.event(updated(2, 9), NOW);
    assert_eq!(told(&mut follow), ["+6@8", "~2@9"]);
    assert_eq!(follow.deadline(), None);
}

#[test]
fn what_is_known_is_not_told_again() {
    let mut follow = following(5, 7);
    follow.event(created(6, 8), NOW);
    follow.event(created(6, 8), NOW);
    follow.event(updated(3, 4), NOW);
    follow.message(message(6, 8), NOW);
    assert_eq!(told(&mut follow), ["+6@8"]);
}

#[test]
fn events_that_overtook_each_other_are_told_in_order() {
    let mut follow = following(5, 7);
    follow.event(created(7, 10), NOW);
    follow.event(updated(6, 9), NOW);
    assert_eq!(told(&mut follow), [""; 0]);
    follow.event(created(6, 8), NOW);
    assert_eq!(told(&mut follow), ["+6@8", "~6@9", "+7@10"]);
    assert_eq!(follow.deadline(), None, "the hole is gone");
}

#[test]
fn the_reply_to_ones_own_message_fills_the_hole_that_it_is() {
    let mut follow = following(5, 7);
    follow.event(created(7, 9), NOW);
    follow.message(message(6, 8), NOW);
    assert_eq!(told(&mut follow), ["+6@8", "+7@9"]);
}

#[test]
fn a_change_that_is_not_ours_to_see_leaves_no_hole() {
    let mut follow = following(5, 7);
    follow.event(created(6, 9), NOW);
    follow.event(
        Event::ConversationRev {
            conversation_id: CHAT,
            rev: Rev(8),
        },
        NOW,
    );
    assert_eq!(told(&mut follow), ["+6@9"]);
}

#[test]
fn a_hole_is_asked_for_after_a_second() {
    let mut follow = following(5, 7);
    follow.event(created(8, 10), NOW);
    assert_eq!(follow.deadline(), Some(NOW + PATIENCE));
    assert_eq!(follow.fetches(NOW + PATIENCE / 2), []);
    assert_eq!(follow.fetches(NOW + PATIENCE), [(CHAT, Rev(7))]);
    assert_eq!(follow.fetches(NOW + PATIENCE), [], "once");
    // Meanwhile life goes on, and message 6 was edited.
    follow.event(created(9, 12), NOW + PATIENCE);
    let items = vec![message(7, 9), message(8, 10), message(6, 11)];
    follow.fetched(CHAT, Ok(Fetched { items, rev: Rev(11) }), NOW + PATIENCE);
    assert_eq!(told(&mut follow), ["+7@9", "+8@10", "+6@11", "+9@12"]);
    assert_eq!(follow.deadline(), None);
}

#[test]
fn changes_that_are_not_to_be_had_are_asked_for_again() {
    let mut follow = following(5, 7);
    follow.event(created(7, 9), NOW);
    let later = NOW + PATIENCE;
    follow.fetches(later);
    follow.fetched(CHAT, Err(FetchError::Later), later);
    assert_eq!(follow.deadline(), Some(later + PATIENCE));
    assert_eq!(follow.fetches(later + PATIENCE), [(CHAT, Rev(7))]);
    follow.fetched(CHAT, Err(FetchError::Gone), later + PATIENCE);
    assert_eq!(follow.deadline(), None);
}

#[test]
fn at_the_very_beginning_what_is_there_is_history() {
    let mut follow = Follow::new(&Positions::default());
    assert_eq!(follow.sync(), SyncRequest::default());
    follow.event(created(4, 6), NOW);
    follow.event(created(5, 7), NOW);
    let conversations = vec![conversation(CHAT, 4, 6)];
    follow.synced(
        Sync {
            conversations,
            positions: BTreeMap::from([(CHAT, Rev(6))]),
            ..answer()
        },
        NOW,
    );
    assert_eq!(told(&mut follow), ["chat", "+5@7", "caught up"]);
}

#[test]
fn what_was_missed_is_told_as_if_live_and_once() {
    let mut follow = following(5, 7);
    follow.lose();
    follow.event(created(6, 8), NOW);
    assert_eq!(told(&mut follow), [""; 0], "nothing counts while away");
    let request = follow.sync();
    assert_eq!(request.conversations, BTreeMap::from([(CHAT, Rev(7))]));
    assert_eq!(request.since, Some(answer().server_time));
    // Subscribed already, so some of it comes twice.
    follow.event(created(7, 10), NOW);
    follow.event(created(8, 11), NOW);
    let changes = vec![message(6, 8), message(2, 9), message(7, 10)];
    let conversations = vec![conversation(CHAT, 7, 10)];
    follow.synced(
        Sync {
            conversations,
            changes,
            positions: BTreeMap::from([(CHAT, Rev(10))]),
            ..answer()
        },
        NOW,
    );
    assert_eq!(
        told(&mut follow),
        ["chat", "+6@8", "~2@9", "+7@10", "+8@11", "caught up"]
    );
    assert_eq!(follow.deadline(), None);
}

#[test]
fn a_sync_in_parts_is_asked_for_to_its_end() {
    let mut follow = following(5, 7);
    follow.lose();
    let since = follow.sync().since;
    let part = Sync {
        changes: vec![message(6, 8)],
        positions: BTreeMap::from([(CHAT, Rev(8))]),
        ..answer()
    };
    follow.synced(
        Sync {
            more: true,
            server_time: Timestamp::from_millis(9_000),
            ..part
        },
        NOW,
    );
    assert!(follow.wants_sync());
    follow.event(created(8, 10), NOW);
    let request = follow.sync();
    assert_eq!(request.conversations, BTreeMap::from([(CHAT, Rev(8))]));
    assert_eq!(request.since, since, "the last sync is the last whole one");
    follow.synced(
        Sync {
            changes: vec![message(7, 9)],
            positions: BTreeMap::from([(CHAT, Rev(9))]),
            ..answer()
        },
        NOW,
    );
    assert_eq!(told(&mut follow), ["+6@8", "+7@9", "+8@10", "caught up"]);
}

#[test]
fn too_much_to_list_is_a_reset() {
    let mut follow = following(5, 7);
    follow.lose();
    follow.sync();
    let conversations = vec![conversation(CHAT, 9_000, 9_999)];
    let positions = BTreeMap::from([(CHAT, Rev(9_999))]);
    follow.synced(
        Sync {
            conversations,
            positions,
            reset: vec![CHAT],
            ..answer()
        },
        NOW,
    );
    follow.event(created(9_001, 10_000), NOW);
    assert_eq!(told(&mut follow), ["chat", "reset", "caught up", "+9001@10000"]);
}

#[test]
fn a_conversation_made_while_we_were_away_is_read_from_its_beginning() {
    let mut follow = Follow::new(&Positions {
        since: Some(JOINED),
        ..Positions::default()
    });
    follow.sync();
    let conversations = vec![conversation(CHAT, 2, 2)];
    follow.synced(
        Sync {
            conversations,
            positions: BTreeMap::from([(CHAT, Rev(2))]),
            ..answer()
        },
        NOW,
    );
    assert_eq!(told(&mut follow), ["chat", "caught up"]);
    assert_eq!(follow.fetches(NOW), [(CHAT, Rev(0))]);
    follow.event(created(3, 3), NOW);
    follow.fetched(
        CHAT,
        Ok(Fetched {
            items: vec![message(1, 1), message(2, 2)],
            rev: Rev(2),
        }),
        NOW,
    );
    assert_eq!(told(&mut follow), ["+1@1", "+2@2", "+3@3"]);
}

#[test]
fn a_new_conversation_whose_picture_was_taken_late_loses_no_message() {
    let mut follow = following(0, 0);
    // The event was made when the first message was already there; that one's own event comes after it.
    let new = Conversation {
        id: OTHER,
        ..conversation(OTHER, 1, 1)
    };
    follow.event(Event::ConversationCreated(Box::new(new)), NOW);
    let first = Message {
        conversation_id: OTHER,
        ..message(1, 1)
    };
    follow.event(Event::MessageCreated(first.clone()), NOW);
    assert_eq!(told(&mut follow), ["other", "+1@1"]);
    assert_eq!(follow.fetches(NOW), [(OTHER, Rev(1))]);
    follow.fetched(
        OTHER,
        Ok(Fetched {
            items: vec![first],
            rev: Rev(1),
        }),
        NOW,
    );
    assert_eq!(told(&mut follow), [""; 0]);
}

#[test]
fn an_empty_new_conversation_needs_no_asking() {
    let mut follow = following(0, 0);
    follow.event(Event::ConversationCreated(Box::new(conversation(OTHER, 0, 0))), NOW);
    assert_eq!(follow.deadline(), None);
    follow.event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(1, 1)
        }),
        NOW,
    );
    assert_eq!(told(&mut follow), ["other", "+1@1"]);
}

#[test]
fn what_was_before_one_joined_is_no_news() {
    let mut follow = following(0, 0);
    follow.event(Event::ConversationCreated(Box::new(conversation(OTHER, 9, 9))), NOW);
    follow.fetches(NOW);
    let old = Message {
        conversation_id: OTHER,
        sent_at: Timestamp::from_millis(500),
        ..message(8, 8)
    };
    let join = Message {
        conversation_id: OTHER,
        ..message(9, 9)
    };
    follow.fetched(
        OTHER,
        Ok(Fetched {
            items: vec![old, join],
            rev: Rev(9),
        }),
        NOW,
    );
    assert_eq!(told(&mut follow), ["other", "+9@9"]);
}

#[test]
fn one_who_left_and_came_back_gets_what_is_new() {
    let mut follow = following(5, 7);
    follow.event(created(6, 8), NOW);
    follow.event(Event::ConversationRemoved { id: CHAT }, NOW);
    follow.event(Event::ConversationRemoved { id: CHAT }, NOW);
    assert_eq!(told(&mut follow), ["+6@8", "removed"]);
    assert!(follow.sync().conversations.is_empty());
    follow.synced(answer(), NOW);
    follow.event(Event::ConversationCreated(Box::new(conversation(CHAT, 20, 30))), NOW);
    assert_eq!(told(&mut follow), ["caught up", "chat"]);
    assert_eq!(follow.fetches(NOW), [(CHAT, Rev(8))]);
    follow.fetched(
        CHAT,
        Ok(Fetched {
            items: vec![message(20, 30)],
            rev: Rev(30),
        }),
        NOW,
    );
    assert_eq!(told(&mut follow), ["+20@30"]);
}

#[test]
fn a_message_of_an_unknown_conversation_asks_for_a_sync_but_not_for_ever() {
    let mut follow = following(5, 7);
    follow.event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(3, 3)
        }),
        NOW,
    );
    assert!(follow.wants_sync());
    follow.sync();
    follow.synced(answer(), NOW);
    assert!(!follow.wants_sync(), "the server knows nothing of it");
    follow.event(
        Event::MessageCreated(Message {
            conversation_id: OTHER,
            ..message(3, 3)
        }),
        NOW,
    );
    follow.sync();
    let conversations = vec![conversation(OTHER, 3, 3)];
    follow.synced(
        Sync {
            conversations,
            positions: BTreeMap::from([(OTHER, Rev(3))]),
            ..answer()
        },
        NOW,
    );
    assert_eq!(follow.fetches(NOW), [(OTHER, Rev(0))]);
}

#[test]
fn a_server_that_may_have_missed_events_is_asked() {
    let mut follow = following(5, 7);
    follow.event(Event::Resync {}, NOW);
    assert!(follow.wants_sync());
    follow.sync();
    follow.event(Event::Resync {}, NOW);
    follow.synced(answer(), NOW);
    assert!(follow.wants_sync(), "it was said again after the question");
}

/// A server with one conversation, a network that loses, doubles and swaps events and breaks, and a consumer. Whatever
/// happens, the consumer has heard of every message once, in order of `rev`, and has the server's state in the end.
#[test]
fn no_network_makes_the_consumer_miss_anything() {
    for seed in 1..=300 {
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut server: BTreeMap<u64, Message> = BTreeMap::new();
    let (mut rev, mut now) = (0, NOW);
    let mut wire: Vec<Event> = Vec::new();
    let mut follow = following(0, 0);
    let mut seen: BTreeMap<u64, Message> = BTreeMap::new();
    let mut new = BTreeSet::new();
    let mut last = 0;
    let mut positions = Positions {
        since: Some(JOINED),
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
                follow.lose();
                let request = follow.sync();
                let changes = changes(request.conversations[&CHAT]);
                follow.synced(
                    Sync {
                        changes,
                        positions: BTreeMap::from([(CHAT, Rev(rev))]),
                        ..answer()
                    },
                    now,
                );
            }
            _ => {}
        }
        if dice.roll(3) == 0 || is_last {
            wire.drain(..).for_each(|event| follow.event(event, now));
        }
        now += PATIENCE / 3;
        if is_last {
            now += PATIENCE;
            follow.event(
                Event::ConversationRev {
                    conversation_id: CHAT,
                    rev: Rev(rev + 1),
                },
                now,
            );
            now += PATIENCE;
        }
        for (id, after) in follow.fetches(now) {
            let rev = if is_last { rev + 1 } else { rev };
            follow.fetched(
                id,
                Ok(Fetched {
                    items: changes(after),
                    rev: Rev(rev),
                }),
                now,
            );
        }
        for step in follow.take_steps() {
            if let Some((_, Some(position))) = step.moved {
                positions.conversations.insert(CHAT, position);
            }
            let (is_new, message) = match step.update {
                Some(Update::Message(message)) => (true, message),
                Some(Update::MessageChanged(message)) => (false, message),
                _ => continue,
            };
            assert!(message.rev.0 > last, "seed {seed}: {} after {last}", message.rev);
            last = message.rev.0;
            assert_eq!(
                is_new,
                new.insert(message.seq.0),
                "seed {seed}: message {} is new once",
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

/// Chance that comes out the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
